"""The von Mises–Fisher law: the Normal of the sphere, in any dimension."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import Beta
from torch.distributions.kl import register_kl

from .bessel import bessel_ratio, log_bessel_i_reduced
from .cross_entropy import register_cross_entropy
from .spherical import SphericalFamily, cosine


class VonMisesFisher(SphericalFamily):
    r"""The von Mises–Fisher law on the sphere :math:`S^{D-1}`, with exact gradients of its draws.

    .. math:: p(z) = C_D(\kappa)\, e^{\kappa \mu^\top z}, \qquad
        \log C_D(\kappa) = -\tfrac D2 \log 2\pi - \log[\kappa^{1 - D/2} I_{D/2-1}(\kappa)]

    Densities are with respect to the sphere's area, in nats. Draws are made by Wood's rejection, in
    any dimension D ≥ 2 (sound for D to 512 and κ to 1e4), and differentiated implicitly: the gradient
    in κ is unbiased, as is that in μ. At κ = 0 the law is uniform.

    Args:
        loc: unit vectors μ, of shape ``(*B, D)`` with D ≥ 2.
        concentration: κ ≥ 0, of shape ``(*B,)``.

    Raises:
        ValueError: ``loc`` has fewer than two components or is not of unit length, or
            ``concentration`` is negative.

    Example:
        >>> posterior = VonMisesFisher(torch.eye(5), torch.full((5,), 20.0))
        >>> z = posterior.rsample()
        >>> posterior.log_prob(z).shape
        torch.Size([5])

    References:
        Wood (1994). Simulation of the von Mises Fisher distribution.
        Davidson et al. (2018). Hyperspherical variational auto-encoders. arXiv 1804.00891.
    """

    @staticmethod
    def _statistic(cosine: Tensor) -> Tensor:
        return cosine - 1

    @staticmethod
    def _statistic_slope(cosine: Tensor) -> Tensor:
        return torch.ones_like(cosine)

    @staticmethod
    def _mean_statistic(concentration: Tensor, dim: int) -> Tensor:
        return bessel_ratio(dim / 2 - 1, concentration) - 1

    @staticmethod
    def _mean_cosine(concentration: Tensor, dim: int) -> Tensor:
        return bessel_ratio(dim / 2 - 1, concentration)

    @staticmethod
    def _log_normaliser(concentration: Tensor, dim: int) -> Tensor:
        log_bessel = log_bessel_i_reduced(dim / 2 - 1, concentration)
        return 0.5 * dim * math.log(2 * math.pi) + log_bessel - concentration

    @staticmethod
    def _sample_angle(concentration: Tensor, dim: int) -> Tensor:
        """Wood's rejection, with the versine 1 - cos for the cosine: exact near the pole."""
        kappa = concentration.flatten()
        width = (dim - 1) / (2 * kappa + (4 * kappa.square() + (dim - 1) ** 2).sqrt())
        peak = 2 * width / (1 + width)
        versine = torch.empty_like(kappa)
        proposal = Beta(*kappa.new_full((2,), (dim - 1) / 2), validate_args=False)
        pending = torch.arange(len(kappa), device=kappa.device)
        while len(pending):
            k, b, v = kappa[pending], width[pending], peak[pending]
            y = proposal.sample((_PROPOSALS, len(pending)))
            drawn = 2 * b * y / (1 - (1 - b) * y)
            log_ratio = k * (v - drawn) + (dim - 1) * torch.log(
                (v + (1 - v) * drawn) / (v * (2 - v))
            )
            accepted = log_ratio >= torch.rand_like(log_ratio).log()
            first = accepted.int().argmax(0, keepdim=True)
            versine[pending] = drawn.gather(0, first).squeeze(0)
            pending = pending[~accepted.any(0)]
        return 2 * (0.5 * versine).sqrt().asin().reshape(concentration.shape)


_PROPOSALS = 4


@register_kl(VonMisesFisher, VonMisesFisher)
def _kl(p: VonMisesFisher, q: VonMisesFisher) -> Tensor:
    return _cross_entropy(p, q) - p.entropy()


@register_cross_entropy(SphericalFamily, VonMisesFisher)
def _cross_entropy(q: SphericalFamily, p: VonMisesFisher) -> Tensor:
    length = q._mean_cosine(q.concentration.double(), q.dim)
    concentration = p.concentration.double()
    mean_statistic = length * cosine(q.loc, p.loc) - 1
    value = p._log_normaliser(concentration, p.dim) - concentration * mean_statistic
    return value.to(p.loc.dtype)
