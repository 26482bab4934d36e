"""Mixtures of Gaussians: the prior of VaDE (Jiang et al. 2017) and of one facet of MFCVAE."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pyro
import torch
from pyro import distributions as dist
from pyro.distributions import TorchDistribution
from torch import Tensor, nn
from torch.distributions import constraints, kl_divergence

from ..distributions import cross_entropy
from ..networks import inverse_soft_clamp, soft_clamp_exp
from ..parts import Count
from .prior import MixturePrior

LOG_SCALE_RANGE = (-6.0, 6.0)
STYLE_LOG_SCALE_RANGE = (-4.0, 4.0)
VARIANCE_FLOOR = 1e-4
HALF_LOG_TAU = math.log(2 * math.pi) / 2


class GaussianMixture(MixturePrior):
    r"""A mixture of Gaussians over the latent vector.

    .. math:: p(z) = \sum_c \pi_c\, \mathcal N(z;\, \mu_c, \Sigma_c)

    The covariance is diagonal, or full through its Cholesky factor. Standard deviations (the
    factor's diagonal) are kept within e^±6.

    Args:
        n_clusters: number of components, K.
        latent_dim: dimension of z, D.
        covariance: ``"diag"`` or ``"full"``.
        learn_weights: learn p(c); otherwise it stays uniform.

    Raises:
        ValueError: an unknown covariance, or fewer than one cluster.

    Example:
        >>> prior = GaussianMixture(n_clusters=10, latent_dim=2)
        >>> prior.responsibilities(torch.zeros(5, 2)).shape
        torch.Size([5, 10])

    References:
        Jiang et al. (2017). Variational Deep Embedding. arXiv 1611.05148.
        Falck et al. (2021). Multi-Facet Clustering Variational Autoencoders. arXiv 2106.05241.
    """

    support = constraints.real

    def __init__(
        self,
        n_clusters: Count,
        latent_dim: Count,
        *,
        covariance: str = "diag",
        learn_weights: bool = True,
    ) -> None:
        super().__init__(n_clusters, learn_weights=learn_weights)
        if covariance not in ("diag", "full"):
            raise ValueError(f"covariance is {covariance!r}: use 'diag' or 'full'")
        self.latent_dim = latent_dim
        self.covariance = covariance
        self.loc = nn.Parameter(torch.randn(n_clusters, latent_dim))  # (K, D)
        self.log_scale = nn.Parameter(torch.zeros(n_clusters, latent_dim))  # (K, D)
        if covariance == "full":
            self.lower = nn.Parameter(torch.zeros(n_clusters, latent_dim, latent_dim))  # (K, D, D)

    def component(
        self, cluster: Tensor | None = None, w: Tensor | None = None
    ) -> TorchDistribution:
        """p(z | c) with batch shape ``cluster.shape``, or ``(K,)`` for all clusters at once."""
        rows = slice(None) if cluster is None else cluster
        scale = soft_clamp_exp(self.log_scale, *LOG_SCALE_RANGE)
        if self.covariance == "diag":
            diagonal: TorchDistribution = dist.Independent(_Normal(self.loc[rows], scale[rows]), 1)
            return diagonal
        scale_tril = self.lower.tril(-1) + torch.diag_embed(scale)
        return dist.MultivariateNormal(self.loc[rows], scale_tril=scale_tril[rows])

    def log_joint(self, z: Tensor, w: Tensor | None = None) -> Tensor:
        """log p(c) + log p(z | c): ``(..., D)`` to ``(..., K)``."""
        own = type(self).component is GaussianMixture.component and self.covariance == "diag"
        if torch.is_grad_enabled() or not own or z.device.type == "mps":
            return super().log_joint(z, w)
        # Answers look at many draws: two products of matrices make no tensor of all clusters and
        # dimensions, and cancel nothing that matters in double precision.
        wide, loc = z.double(), self.loc.double()
        log_scale = soft_clamp_exp(self.log_scale, *LOG_SCALE_RANGE).double().log()
        precision = (-2 * log_scale).exp()
        square = wide.square() @ precision.T - 2 * wide @ (loc * precision).T
        constant = (loc.square() * precision / 2 + log_scale + HALF_LOG_TAU).sum(-1)
        return self.log_weights() - (square / 2 + constant).to(z.dtype)

    def match_moments(self, codes: Tensor, shares: Tensor) -> None:
        """Weighted means and covariances; variances are floored at 1e-4."""
        loc = shares.T @ codes
        centred = codes - loc.unsqueeze(1)  # (K, N, D)
        self.loc.copy_(loc)
        if self.covariance == "diag":
            variance = torch.einsum("nk,knd->kd", shares, centred.square())
            log_scale = variance.clamp(min=VARIANCE_FLOOR).log() / 2
            self.log_scale.copy_(inverse_soft_clamp(log_scale, *LOG_SCALE_RANGE))
            return
        covariance = torch.einsum("nk,knd,kne->kde", shares, centred, centred)
        ridge = VARIANCE_FLOOR * torch.eye(self.latent_dim).to(covariance)
        factor = torch.linalg.cholesky(covariance + ridge)
        log_scale = factor.diagonal(dim1=-2, dim2=-1).log()
        self.log_scale.copy_(inverse_soft_clamp(log_scale, *LOG_SCALE_RANGE))
        self.lower.copy_(factor.tril(-1))


class StyleMixture(MixturePrior):
    r"""The prior of GMVAE: the components' means and variances are functions of a style vector.

    .. math::
        w \sim \mathcal N(0, I), \quad c \sim \operatorname{Cat}(1/K), \quad
        z \mid c, w \sim \mathcal N(\mu_c(w), \operatorname{diag} \sigma_c^2(w))

    One network of w, a hidden layer with tanh, has K heads. In the paper y is the data, x the
    latent and z the cluster; here they are x, z and c. Log-variances are kept within ±8.

    Args:
        n_clusters: number of components, K.
        latent_dim: dimension of z, D.
        style_dim: dimension of w, W.
        hidden_dim: width of the network's hidden layer.

    Raises:
        ValueError: fewer than one cluster.

    Example:
        >>> prior = StyleMixture(n_clusters=10, latent_dim=2, style_dim=3)
        >>> prior.responsibilities(torch.zeros(5, 2), torch.zeros(5, 3)).shape
        torch.Size([5, 10])

    References:
        Dilokthanakul et al. (2016). Deep Unsupervised Clustering with Gaussian Mixture Variational
        Autoencoders. arXiv 1611.02648, equation 1.
    """

    latent_sites = ("z", "w")
    support = constraints.real

    def __init__(
        self, n_clusters: Count, latent_dim: Count, style_dim: Count, hidden_dim: Count = 500
    ) -> None:
        super().__init__(n_clusters, learn_weights=False)
        self.latent_dim = latent_dim
        self.style_dim = style_dim
        self.network = nn.Sequential(
            nn.Linear(style_dim, hidden_dim),
            nn.Tanh(),
            nn.Linear(hidden_dim, 2 * n_clusters * latent_dim),
        )

    @property
    def latent_dims(self) -> dict[str, int]:
        """D and W, by the latent's short name."""
        return {"z": self.latent_dim, "w": self.style_dim}

    def style(self) -> TorchDistribution:
        """p(w), batch shape ()."""
        zeros = self.logits.new_zeros(self.style_dim)
        law: TorchDistribution = dist.Normal(zeros, 1.0).to_event(1)
        return law

    def component(
        self, cluster: Tensor | None = None, w: Tensor | None = None
    ) -> TorchDistribution:
        """p(z | c, w): batch ``(..., K)`` for w ``(..., W)``, or that of ``cluster`` given one."""
        if w is None:
            raise ValueError("w is missing: the components of StyleMixture are functions of it")
        heads = self.network(w).unflatten(-1, (self.n_clusters, 2, self.latent_dim))
        if cluster is not None:
            heads = _pick(heads, cluster)
        loc, log_scale = heads.unbind(-2)
        scale = soft_clamp_exp(log_scale, *STYLE_LOG_SCALE_RANGE)
        law: TorchDistribution = dist.Independent(_Normal(loc, scale), 1)
        return law

    def forward(self) -> Tensor:
        """Emit w, c, then z, and return the code."""
        w = pyro.sample(self.site("w"), self.style())
        cluster = self.sample_cluster()
        site = self.site("z")
        return self.code({site: pyro.sample(site, self.component(cluster, w))})

    def draw(self, cluster: Tensor) -> dict[str, Tensor]:
        """A draw of the latents for each given cluster, by site: ``(B,)`` to ``(B, D)``."""
        w = self.style().sample(cluster.shape)
        return {self.site("z"): self.component(cluster, w).sample(), self.site("w"): w}

    def match_moments(self, codes: Tensor, shares: Tensor) -> None:
        """Put the moments in the last layer's biases; the style moves them a little at first."""
        loc = shares.T @ codes
        variance = torch.einsum("nk,knd->kd", shares, (codes - loc.unsqueeze(1)).square())
        log_scale = variance.clamp(min=VARIANCE_FLOOR).log() / 2
        raw_scale = inverse_soft_clamp(log_scale, *STYLE_LOG_SCALE_RANGE)
        heads: Any = self.network[-1]
        heads.bias.copy_(torch.stack([loc, raw_scale], dim=1).flatten())
        heads.weight.mul_(0.1)

    def log_prob(self, z: Tensor, w: Tensor | None = None) -> Tensor:
        """log p(z, w): ``(..., D)`` and ``(..., W)`` to ``(...)``."""
        if w is None:
            raise ValueError("w is missing: StyleMixture is a law of z and w together")
        return super().log_prob(z, w) + self.style().log_prob(w)

    def other_divergences(self, posteriors: Mapping[str, TorchDistribution]) -> dict[str, Tensor]:
        """KL(q(w | x) ‖ p(w)) in closed form."""
        posterior, style = posteriors[self.site("w")], self.style()
        try:
            return {"w": kl_divergence(posterior, style)}
        except NotImplementedError:
            return {"w": cross_entropy(posterior, style) - posterior.entropy()}


def _pick(heads: Tensor, cluster: Tensor) -> Tensor:
    """The heads ``(..., B, K, 2, D)`` of the given clusters, sampled ``(..., B)`` or enumerated."""
    batch = heads.shape[:-3]
    if cluster.dim() > len(batch):
        # Enumerated: c runs through 0…K-1 in a dimension of its own, so nothing needs indexing.
        ones = (1,) * (cluster.dim() - 1 - len(batch))
        return heads.movedim(-3, 0).reshape(-1, *ones, *batch, *heads.shape[-2:])
    index = cluster.expand(batch)[..., None, None, None]
    return torch.take_along_dim(heads, index, dim=-3).squeeze(-3)


class _Normal(dist.Normal):
    """A Gaussian whose log-density takes fewer passes over all clusters of a batch than torch's."""

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        standardised = (value - self.loc) / self.scale
        return torch.add(-self.scale.log(), standardised.square(), alpha=-0.5) - HALF_LOG_TAU
