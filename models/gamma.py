"""Mixtures of Gammas on the positive orthant: the prior of GamMM-VAE (Guo et al. 2025).

Only the paper's abstract could be had: parameterisation and initialisation here are a
reconstruction, and no published number is claimed for it.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from pyro import distributions as dist
from pyro.distributions import TorchDistribution
from torch import Tensor, nn
from torch.distributions import constraints

from ..networks import inverse_soft_clamp, soft_clamp
from ..parts import Count
from .prior import MixturePrior

LOG_MEAN_RANGE = (-10.0, 10.0)
SHAPE_RANGE = (1.0, 100.0)
SMALLEST = 1e-6


class GammaMixture(MixturePrior):
    r"""A mixture of products of Gammas over a positive latent vector.

    .. math:: p(z) = \sum_c \pi_c \prod_d \operatorname{Ga}(z_d;\, a_{cd},\, b_{cd}),
        \qquad b_{cd} = a_{cd} / m_{cd}

    It is parameterised by the means m and the shapes a in (1, 100), which is far better conditioned
    than shapes and rates. The likelihood decodes log z, with z floored at 1e-6.

    Args:
        n_clusters: number of components, K.
        latent_dim: dimension of z, D.

    Raises:
        ValueError: fewer than one cluster.

    Example:
        >>> prior = GammaMixture(n_clusters=10, latent_dim=2)
        >>> prior.responsibilities(torch.ones(5, 2)).shape
        torch.Size([5, 10])

    References:
        Guo, Fan, Amayri & Bouguila (2025). Deep clustering analysis via variational autoencoder
        with Gamma mixture latent embeddings. Neural Networks 183:106979. Abstract only; the
        details are our reconstruction.
    """

    support = constraints.positive

    def __init__(self, n_clusters: Count, latent_dim: Count) -> None:
        super().__init__(n_clusters)
        self.latent_dim = latent_dim
        self.log_mean = nn.Parameter(0.5 * torch.randn(n_clusters, latent_dim))  # (K, D)
        self.raw_shape = nn.Parameter(torch.zeros(n_clusters, latent_dim))  # (K, D)

    def component(
        self, cluster: Tensor | None = None, w: Tensor | None = None
    ) -> TorchDistribution:
        """p(z | c) with batch shape ``cluster.shape``, or ``(K,)`` for all clusters at once."""
        rows = slice(None) if cluster is None else cluster
        shape = soft_clamp(self.raw_shape, *SHAPE_RANGE)
        rate = shape * (-soft_clamp(self.log_mean, *LOG_MEAN_RANGE)).exp()
        law: TorchDistribution = dist.Independent(_Gamma(shape[rows], rate[rows]), 1)
        return law

    def code(self, latents: Mapping[str, Tensor]) -> Tensor:
        """log z, what the likelihood decodes."""
        return self.coordinates(latents[self.site("z")])

    def coordinates(self, z: Tensor) -> Tensor:
        """log z: ``(N, D)`` to ``(N, D)``."""
        return z.clamp(min=SMALLEST).log()

    def match_moments(self, codes: Tensor, shares: Tensor) -> None:
        """Weighted means, and shapes mean²/variance within (1, 100)."""
        mean = shares.T @ codes
        centred = codes - mean.unsqueeze(1)
        variance = torch.einsum("nk,knd->kd", shares, centred.square())
        low, high = SHAPE_RANGE
        shape = (mean.square() / variance.clamp(min=1e-8)).clamp(low + 0.05, high - 0.05)
        log_mean = mean.clamp(min=SMALLEST).log()
        self.log_mean.copy_(inverse_soft_clamp(log_mean, *LOG_MEAN_RANGE))
        self.raw_shape.copy_(inverse_soft_clamp(shape, *SHAPE_RANGE))


class _Gamma(dist.Gamma):
    """A Gamma that takes the logarithm of z once, and not again for every cluster."""

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        normaliser = self.concentration * self.rate.log() - self.concentration.lgamma()
        return normaliser + (self.concentration - 1) * value.log() - self.rate * value
