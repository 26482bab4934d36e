"""Mixtures of Student laws: clusters with heavy tails, which outliers do not widen."""

from __future__ import annotations

import torch
from pyro import distributions as dist
from pyro.distributions import TorchDistribution
from torch import Tensor, nn
from torch.distributions import constraints

from ..networks import inverse_soft_clamp, soft_clamp_exp
from ..parts import Count, Positive
from .gaussian import LOG_SCALE_RANGE, VARIANCE_FLOOR
from .prior import MixturePrior


class StudentMixture(MixturePrior):
    r"""A mixture of multivariate Student laws with diagonal scales.

    .. math:: p(z) = \sum_c \pi_c\, t_\nu(z;\, \mu_c, \operatorname{diag} \sigma_c^2)

    There is no closed cross entropy with any posterior, so the rules ``"marginal"`` and
    ``"amortised"`` are by Monte Carlo, and ``"optimal"`` is refused.

    Args:
        n_clusters: number of components, K.
        latent_dim: dimension of z, D.
        df: degrees of freedom ν of all components, above 2, so that there is a variance.

    Raises:
        ValueError: too few degrees of freedom, or fewer than one cluster.

    Example:
        >>> prior = StudentMixture(n_clusters=10, latent_dim=2)
        >>> prior.responsibilities(torch.zeros(5, 2)).shape
        torch.Size([5, 10])

    References:
        Peel & McLachlan (2000). Robust mixture modelling using the t distribution. Statistics and
        Computing 10:339.
    """

    support = constraints.real

    def __init__(self, n_clusters: Count, latent_dim: Count, *, df: Positive = 5.0) -> None:
        super().__init__(n_clusters)
        if not df > 2:
            raise ValueError(f"df is {df}: a Student law has a variance above 2")
        self.latent_dim = latent_dim
        self.df = df
        self.loc = nn.Parameter(torch.randn(n_clusters, latent_dim))  # (K, D)
        self.log_scale = nn.Parameter(torch.zeros(n_clusters, latent_dim))  # (K, D)

    def component(
        self, cluster: Tensor | None = None, w: Tensor | None = None
    ) -> TorchDistribution:
        """p(z | c) with batch shape ``cluster.shape``, or ``(K,)`` for all clusters at once."""
        rows = slice(None) if cluster is None else cluster
        scale = soft_clamp_exp(self.log_scale, *LOG_SCALE_RANGE)
        return dist.MultivariateStudentT(
            self.loc.new_tensor(self.df), self.loc[rows], torch.diag_embed(scale[rows])
        )

    def match_moments(self, codes: Tensor, shares: Tensor) -> None:
        """Weighted means, and scales that give the weighted variances, floored at 1e-4."""
        loc = shares.T @ codes
        variance = torch.einsum("nk,knd->kd", shares, (codes - loc.unsqueeze(1)).square())
        log_scale = (variance.clamp(min=VARIANCE_FLOOR) * (self.df - 2) / self.df).log() / 2
        self.loc.copy_(loc)
        self.log_scale.copy_(inverse_soft_clamp(log_scale, *LOG_SCALE_RANGE))
