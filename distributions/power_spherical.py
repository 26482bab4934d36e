"""The Power Spherical law: a spherical posterior that is drawn without rejection."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import Dirichlet

from .spherical import SphericalFamily


class PowerSpherical(SphericalFamily):
    r"""The Power Spherical law on the sphere :math:`S^{D-1}`.

    .. math:: p(z) \propto (1 + \mu^\top z)^\kappa, \qquad
        \tfrac12 (1 + \mu^\top z) \sim \operatorname{Beta}(\beta + \kappa, \beta), \quad
        \beta = \tfrac{D-1}{2}

    Densities are with respect to the sphere's area, in nats. Near the mode it looks like a von
    Mises–Fisher law of concentration κ/2. At κ = 0 it is uniform.

    Args:
        loc: unit vectors μ, of shape ``(*B, D)`` with D ≥ 2.
        concentration: κ from 0 to 1e6, of shape ``(*B,)``.

    Raises:
        ValueError: ``loc`` has fewer than two components or is not of unit length, or
            ``concentration`` is out of range.

    Example:
        >>> posterior = PowerSpherical(torch.eye(3), 5.0)
        >>> posterior.mean.diagonal()
        tensor([0.7143, 0.7143, 0.7143])

    References:
        De Cao & Aziz (2020). The Power Spherical distribution. arXiv 2006.04437.
    """

    @staticmethod
    def _statistic(cosine: Tensor) -> Tensor:
        return (0.5 * (1 + cosine)).clamp(min=torch.finfo(cosine.dtype).tiny).log()

    @staticmethod
    def _statistic_slope(cosine: Tensor) -> Tensor:
        return 1 / (1 + cosine).clamp(min=torch.finfo(cosine.dtype).eps)

    @staticmethod
    def _normaliser(concentration: Tensor, dim: int) -> tuple[Tensor, Tensor]:
        beta = (dim - 1) / 2
        alpha = concentration + beta
        log_ratio = alpha.lgamma() - (alpha + beta).lgamma()
        log_normaliser = 2 * beta * math.log(2) + beta * math.log(math.pi) + log_ratio
        return log_normaliser, alpha.digamma() - (alpha + beta).digamma()

    @staticmethod
    def _mean_cosine(concentration: Tensor, dim: int) -> Tensor:
        return concentration / (concentration + dim - 1)

    @staticmethod
    def _sample_angle(concentration: Tensor, dim: int) -> Tensor:
        beta = torch.full_like(concentration, (dim - 1) / 2)
        halves = Dirichlet(torch.stack([concentration + beta, beta], -1), validate_args=False)
        near, far = halves.sample().unbind(-1)
        angle = 2 * torch.atan2(far.sqrt(), near.sqrt())
        return torch.where(concentration.isnan(), concentration, angle)  # a Beta of NaN is a number
