"""The VampPrior mixture: components that are the posteriors of learnt data (Stirn & Knowles)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from pyro import distributions as dist
from pyro.distributions import TorchDistribution
from torch import Tensor, nn
from torch.distributions import constraints

from ..networks import inverse_soft_clamp, soft_clamp_exp
from ..parts import Count
from .attached import Encoding
from .gaussian import LOG_SCALE_RANGE, VARIANCE_FLOOR
from .prior import MixturePrior


class VampPriorMixture(MixturePrior):
    r"""A mixture whose components are the guide's posteriors at learnt pseudo-data, widened.

    .. math:: p(z) = \sum_j \pi_j\, \mathcal N\bigl(z;\, m(u_j),\, \Lambda_j^{-1} + V(u_j)\bigr),
        \qquad q(z \mid u) = \mathcal N\bigl(z;\, m(u), V(u)\bigr)

    The mean of a cluster has the law q(z | u_j), and data are about it with precision
    :math:`\Lambda_j`. Components that data do not need are switched off by
    ``terms=[SparseWeights(), ComponentPrior()]``; a start puts the pseudo-datum of each cluster at
    the datum of its group whose code is nearest to the group's mean.

    Published are the density, a Dirichlet on the weights, N(0, I) on means and Wishart on
    precisions, K = 100, D = 10, full covariances in q too, and no pretraining. What differs: all
    parameters follow one bound, where the authors train encoder and decoder by the bound, and u, Λ
    and π by a step of their own on a variational bound of the mixture; priors count once per data
    set, where their code counts them once per batch; the concentration of the Dirichlet is given,
    not learnt; and normalisation in the encoder, if any, has its running
    statistics at u.

    Args:
        n_clusters: number of components, K.
        latent_dim: dimension of z, D.
        covariance: of :math:`\Lambda_j^{-1}`, ``"diag"`` or ``"full"``.
        learn_weights: learn p(c); otherwise it stays uniform.

    Raises:
        ValueError: an unknown covariance, or fewer than one cluster; as long as it was not attached
            to a guide, a use of its components.

    Example:
        >>> from pyromix import DeepMixture
        >>> model, guide = DeepMixture(prior="vamp-prior-mixture", n_clusters=3).build((64,))
        >>> model.prior.component().mean.shape, model.prior.pseudo_data.shape
        (torch.Size([3, 10]), torch.Size([3, 64]))

    References:
        Stirn & Knowles (2024). The VampPrior Mixture Model. arXiv 2402.04412.
        Tomczak & Welling (2018). VAE with a VampPrior. arXiv 1705.07120.
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
        self.log_scale = nn.Parameter(torch.zeros(n_clusters, latent_dim))  # (K, D)
        if covariance == "full":
            self.lower = nn.Parameter(torch.zeros(n_clusters, latent_dim, latent_dim))  # (K, D, D)
        self._unregistered("guide", None)
        self._unregistered("seen", None)

    def _unregistered(self, name: str, value: Any) -> None:
        """Keep what is not this prior's own: parameters of the guide stay the guide's."""
        object.__setattr__(self, name, value)

    def attach(self, guide: Encoding, event_shape: tuple[int, ...]) -> None:
        """Take the encoder, and make pseudo-data: uniform noise until a start places them."""
        self._unregistered("guide", guide)
        self.pseudo_data = nn.Parameter(torch.rand(self.n_clusters, *event_shape).to(self.logits))

    def at_pseudo_data(self) -> TorchDistribution:
        """q(z | u_j), batch shape ``(K,)``.

        Raises:
            ValueError: it is attached to no guide.
        """
        guide: Encoding | None = self.guide
        if guide is None:
            raise ValueError(
                "VampPriorMixture is of a guide's posteriors: use it in an estimator, or call "
                "attach(guide, event_shape) first"
            )
        training = guide.training
        guide.train(False)  # pseudo-data are no batch, whose statistics would be its own
        try:
            posterior = guide.posterior(self.pseudo_data)[self.site("z")]
        finally:
            guide.train(training)
        return posterior

    def component(
        self, cluster: Tensor | None = None, w: Tensor | None = None
    ) -> TorchDistribution:
        """p(z | c) with batch shape ``cluster.shape``, or ``(K,)`` for all clusters at once."""
        rows = slice(None) if cluster is None else cluster
        q = self.at_pseudo_data()
        scale = soft_clamp_exp(self.log_scale, *LOG_SCALE_RANGE)
        covariance = getattr(q, "covariance_matrix", None)
        if covariance is None and self.covariance == "diag":
            spread = (scale.square() + q.variance).sqrt()
            diagonal: TorchDistribution = dist.Normal(q.mean[rows], spread[rows]).to_event(1)
            return diagonal
        if covariance is None:
            covariance = torch.diag_embed(q.variance)
        factor = torch.diag_embed(scale)
        if self.covariance == "full":
            factor = factor + self.lower.tril(-1)
        whole = torch.linalg.cholesky(covariance + factor @ factor.mT)
        return dist.MultivariateNormal(q.mean[rows], scale_tril=whole[rows])

    def see(self, x: Tensor) -> None:
        """Keep the data until the start that follows has placed the pseudo-data."""
        self._unregistered("seen", x)

    def match_moments(self, codes: Tensor, shares: Tensor) -> None:
        """Pseudo-data nearest to the groups' means, and the groups' variances for Λ⁻¹.

        V comes on top: a start makes it small beside them.

        Raises:
            NotImplementedError: the codes are of no data that it has seen.
        """
        seen: Tensor | None = self.seen
        if seen is None or len(seen) != len(codes):
            raise NotImplementedError(
                "VampPriorMixture is started from groups of data: see(x) comes before"
            )
        loc = shares.T @ codes
        away = torch.cdist(loc, codes).masked_fill(shares.T <= 0, torch.inf)
        self.pseudo_data.copy_(seen[away.argmin(-1).to(seen.device)].to(self.pseudo_data))
        self._unregistered("seen", None)
        variance = torch.einsum("nk,nkd->kd", shares, (codes.unsqueeze(1) - loc).square())
        log_scale = variance.clamp(min=VARIANCE_FLOOR).log() / 2
        self.log_scale.copy_(inverse_soft_clamp(log_scale, *LOG_SCALE_RANGE))
        if self.covariance == "full":
            self.lower.zero_()

    def check_own(self, posteriors: Mapping[str, TorchDistribution], assignment: str) -> None:
        """Refuse posteriors that are no Gaussians, too."""
        super().check_own(posteriors, assignment)
        law = posteriors[self.site("z")]
        base = law.base_dist if isinstance(law, dist.Independent) else law
        if not isinstance(base, torch.distributions.Normal | dist.MultivariateNormal):
            raise ValueError(
                "VampPriorMixture widens Gaussian posteriors, and that of "
                f"{self.site('z')!r} is a {type(base).__name__}: use GaussianHead or "
                "FullGaussianHead"
            )
