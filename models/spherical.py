"""Mixtures of von Mises–Fisher laws on the sphere, forward and reversed: the priors of DHVC.

Only the paper's abstract could be had: the reversed story is a derivation that makes the abstract
exact, a reconstruction, and no published number is claimed for it.
"""

from __future__ import annotations

import math
from typing import Any

import pyro
import torch
from pyro import distributions as dist
from pyro.distributions import TorchDistribution, constraints
from torch import Tensor, nn
from torch.nn.functional import normalize

from ..distributions import SphericalUniform, VonMisesFisher, sample_spherical_softmax
from ..networks import inverse_soft_clamp, soft_clamp_exp
from ..parts import Count, Positive
from .prior import MixturePrior

LOG_CONCENTRATION_RANGE = (-3.0, 7.0)


class VonMisesFisherMixture(MixturePrior):
    r"""A mixture of von Mises–Fisher laws over a latent vector of unit length.

    .. math:: p(z) = \sum_c \pi_c\, C_D(\kappa_c)\, e^{\kappa_c \mu_c^\top z}, \qquad z \in S^{D-1}

    Args:
        n_clusters: number of components, K.
        latent_dim: dimension of the space the sphere lies in, D ≥ 2.
        concentration: where the κ of every component start, within e^-3 and e^7.

    Raises:
        ValueError: fewer than one cluster, or a concentration out of reach.

    Example:
        >>> prior = VonMisesFisherMixture(n_clusters=10, latent_dim=3)
        >>> prior.responsibilities(normalize(torch.ones(5, 3), dim=-1)).shape
        torch.Size([5, 10])
    """

    support = constraints.sphere

    def __init__(
        self, n_clusters: Count, latent_dim: Count, *, concentration: Positive = 20.0
    ) -> None:
        super().__init__(n_clusters)
        least, most = map(math.exp, LOG_CONCENTRATION_RANGE)
        if not least < concentration < most:
            raise ValueError(
                f"concentration is {concentration}: it is kept between {least:.2f} and {most:.1f}"
            )
        self.latent_dim = latent_dim
        self.direction = nn.Parameter(normalize(torch.randn(n_clusters, latent_dim), dim=-1))
        start = torch.full((n_clusters,), concentration).log()
        # (K,), the logarithm where it is well within the range
        self.log_concentration = nn.Parameter(inverse_soft_clamp(start, *LOG_CONCENTRATION_RANGE))

    def component(
        self, cluster: Tensor | None = None, w: Tensor | None = None
    ) -> TorchDistribution:
        """p(z | c) with batch shape ``cluster.shape``, or ``(K,)`` for all clusters at once."""
        rows = slice(None) if cluster is None else cluster
        loc = normalize(self.direction, dim=-1)
        concentration = soft_clamp_exp(self.log_concentration, *LOG_CONCENTRATION_RANGE)
        return VonMisesFisher(loc[rows], concentration[rows])

    def coordinates(self, z: Tensor) -> Tensor:
        """z at unit length, since k-means there is spherical k-means: ``(N, D)`` to ``(N, D)``."""
        return normalize(z, dim=-1)

    def match_moments(self, codes: Tensor, shares: Tensor) -> None:
        """Mean directions, and concentrations from the mean resultant lengths r.

        κ ≈ r (D − r²) / (1 − r²) (Banerjee et al. 2005, equation 4.4), within [10, 50].
        """
        resultant = shares.T @ normalize(codes, dim=-1)
        length = resultant.norm(dim=-1).clamp(max=1 - 1e-6)
        concentration = length * (self.latent_dim - length.square()) / (1 - length.square())
        self.direction.copy_(normalize(resultant, dim=-1))
        log_concentration = concentration.clamp(10.0, 50.0).log()
        start = inverse_soft_clamp(log_concentration, *LOG_CONCENTRATION_RANGE)
        self.log_concentration.copy_(start)


class ReversedVonMisesFisherMixture(VonMisesFisherMixture):
    r"""DHVC's story, written the other way round: the cluster is read off a uniform direction.

    .. math:: z \sim U(S^{D-1}), \qquad
        p(c \mid z) = \operatorname{softmax}_c
        [\log\omega_c + \log C_D(\kappa_c) + \kappa_c \mu_c^\top z]

    The clustering part of the bound is then a KL between two posteriors,
    E_q(z|x) KL(q(c | x) ‖ p(c | z)), and no class prior is needed. q(c | x) must be given by a
    network (``"amortised"``): summed out given z, or chosen at its best, c would teach nothing.

    Draws follow the story: z is uniform and c read off it, so that the share of a cluster is
    :math:`\int p(c \mid z)\, dU(z)` and not ω, and z given c has a density proportional to
    p(c | z), from which exact draws are made by rejection. :meth:`component` is a part of p(c | z)
    only.

    Args:
        n_clusters: number of components, K.
        latent_dim: dimension of the space the sphere lies in, D ≥ 2.
        concentration: where the κ of every component start, within e^-3 and e^7.

    Example:
        >>> prior = ReversedVonMisesFisherMixture(n_clusters=10, latent_dim=3)
        >>> prior.log_prob(normalize(torch.ones(5, 3), dim=-1))[0].exp()  # 1 / 4π
        tensor(0.0796)

    References:
        Yu, Wu, Chen & Liu (2024). DOI 10.11721/cqnuj20240305. Abstract only; this derivation is
        our reconstruction.
    """

    assignments = ("amortised",)

    def marginal(self) -> SphericalUniform:
        """p(z), batch shape ()."""
        like = self.direction
        return SphericalUniform(self.latent_dim, dtype=like.dtype, device=like.device)

    def log_assignment(self, z: Tensor) -> Tensor:
        """log p(c | z): ``(..., D)`` to ``(..., K)``."""
        return super().log_joint(z).log_softmax(-1)

    def forward(self) -> Tensor:
        """Emit z, then c, and return the code."""
        site = self.site("z")
        z: Tensor = pyro.sample(site, self.marginal())
        law = dist.Categorical(logits=self.log_assignment(z))
        pyro.sample(self.site("c"), law, infer={"enumerate": "parallel"})
        return self.code({site: z})

    def draw_joint(self, n: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Draws from the story itself: clusters ``(n,)``, and the z they are read off, by site."""
        z = self.marginal().sample(torch.Size([n]))
        cluster: Tensor = dist.Categorical(logits=self.log_assignment(z)).sample()
        return cluster, {self.site("z"): z}

    def draw(self, cluster: Tensor) -> dict[str, Tensor]:
        """An exact draw of z given each cluster, by site: ``(B,)`` to ``(B, D)``.

        Raises:
            ValueError: a cluster too rare to be drawn from.
        """
        part: Any = self.component()
        law = VonMisesFisher(normalize(part.loc.double(), dim=-1), part.concentration.double())
        offset = self.log_weights().double() + law.log_prob(law.loc) - law.concentration
        slope = law.concentration.unsqueeze(-1) * law.loc
        z = sample_spherical_softmax(offset, slope, cluster)
        return {self.site("z"): z.to(self.direction.dtype)}

    def log_joint(self, z: Tensor, w: Tensor | None = None) -> Tensor:
        """log p(z) + log p(c | z): ``(..., D)`` to ``(..., K)``."""
        return self.marginal().log_prob(z).unsqueeze(-1) + self.log_assignment(z)

    def log_prob(self, z: Tensor, w: Tensor | None = None) -> Tensor:
        """log p(z), the same everywhere: ``(..., D)`` to ``(...)``."""
        return self.marginal().log_prob(z)

    def expected_log_joint(self, posterior: TorchDistribution, w: Tensor | None = None) -> Tensor:
        """Not closed: p(c | z) has a log-sum-exp of z.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("the reversed story has no closed E_q[log p(z, c)]")

    def log_cluster_prior(self, scores: Tensor) -> Tensor:
        """What the law of c is compared with, given log p(z, c): log p(c | z), ``(..., K)``."""
        return scores.log_softmax(-1)
