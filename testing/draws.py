"""Draws against densities: means of bounded functions, by Monte Carlo and by quadrature."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .laws import require
from .quadrature import SMALLEST_DIM, mesh, place

N_DRAWS = 40_000
N_WAVES = 12
ERRORS = 6.0  # standard errors that let pass: one in a hundred million by chance
POINTS = (4001, 201)  # in the smallest dimension, and in the next


@dataclass(frozen=True)
class Table:
    """A density on the nodes of a quadrature.

    Attributes:
        z: the nodes, ``(S, *batch, D)``.
        log_density: at the nodes, ``(S, *batch)``.
        mass: the density times the cells, ``(S, *batch)``.
        where: locations and scales that the nodes are about, ``(*batch, D)``.
        error: how far half the nodes are from all in the integral, ``(*batch)``.
    """

    z: Tensor
    log_density: Tensor
    mass: Tensor
    where: tuple[Tensor, Tensor]
    error: Tensor

    def mean(self, values: Tensor) -> Tensor:
        """The mean of a function's values at the nodes, ``(S, *batch, F)`` to ``(*batch, F)``."""
        return (self.mass.unsqueeze(-1) * values).sum(0) / self.mass.sum(0).unsqueeze(-1)


def tabulate(log_density: Callable[[Tensor], Tensor], name: str, draws: Tensor) -> Table:
    """A density on nodes about where some draws of it lie, without gradients.

    Args:
        log_density: ``(S, *batch, D)`` to ``(S, *batch)``.
        name: of the space.
        draws: ``(N, *batch, D)``.

    Example:
        >>> law = torch.distributions.Normal(torch.zeros(1), 2.0)
        >>> table = tabulate(lambda z: law.log_prob(z).sum(-1), "real", law.sample((500,)))
        >>> round(table.mass.sum().item(), 4)
        1.0
    """
    where, points = place(draws), POINTS[draws.shape[-1] > SMALLEST_DIM.get(name, 1)]
    with torch.no_grad():
        rough, cells = mesh(name, *where, points // 2 + 1)
        total = (cells * log_density(rough).exp()).sum(0)
        z, volume = mesh(name, *where, points)
        values = log_density(z)
        mass = volume * values.exp()
    return Table(z, values, mass, where, (mass.sum(0) - total).abs())


def require_unit_integral(part: object, what: str, table: Table) -> None:
    """Refuse densities that do not integrate to one.

    Args:
        part: the part.
        what: the density as people write it, such as ``"p(z)"``.
        table: the density.

    Raises:
        AssertionError: says what the integral is.
    """
    total = table.mass.sum(0)
    off = (total - 1).abs().nan_to_num(nan=torch.inf)
    worst = int(off.argmax())
    require(
        bool((off <= 1e-3 + 2 * table.error.clamp(max=0.01)).all()),
        f"{part!r} breaks a law: {what} integrates to one. Its integral is "
        f"{total.flatten()[worst].item():.6g}, off by {off.flatten()[worst].item():.3g}",
    )


def waves(z: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
    """Bounded functions that tell any two laws apart: ``(..., D)`` to ``(..., F)``.

    Cosines of several frequencies and phases, whose means are values of the characteristic
    function.
    """
    generator = torch.Generator().manual_seed(0)
    frequency = torch.randn(z.shape[-1], N_WAVES, generator=generator, dtype=z.dtype)
    frequency = frequency * torch.linspace(0.3, 2.0, N_WAVES, dtype=z.dtype)
    phase = 6.3 * torch.rand(N_WAVES, generator=generator, dtype=z.dtype)
    return (((z - loc) / scale) @ frequency + phase).cos()


def require_draws_match(part: object, what: str, draws: Tensor, table: Table) -> None:
    """Refuse a sampler that is not of the density.

    Args:
        part: the part.
        what: the law as people write it.
        draws: ``(N, *batch, D)``.
        table: the density.

    Raises:
        AssertionError: says which mean is off, by how much and how many standard errors.
    """
    by_density = table.mean(waves(table.z, *table.where))
    law = f"draws of {what} follow its density"
    require_same_mean(part, law, waves(draws.detach(), *table.where), by_density, 2e-3)


def require_same_mean(
    part: object, law: str, samples: Tensor, wanted: Tensor, tolerance: float
) -> None:
    """Refuse samples ``(N, ...)`` whose mean is not ``wanted``, beyond what chance does.

    Raises:
        AssertionError: says by how much, and in standard errors.
    """
    samples, wanted = samples.detach(), wanted.detach()
    mean, error = samples.mean(0), samples.std(0) / len(samples) ** 0.5
    off = (mean - wanted).abs().nan_to_num(nan=torch.inf)
    excess = (off - ERRORS * error - tolerance).nan_to_num(nan=torch.inf).flatten()
    if not excess.numel():
        return
    worst = int(excess.argmax())
    require(
        bool(excess[worst] <= 0),
        f"{part!r} breaks a law: {law}. A mean is {mean.flatten()[worst].item():.4g} by its draws "
        f"and {wanted.flatten()[worst].item():.4g} by its density, off by "
        f"{off.flatten()[worst].item():.3g}, which is "
        f"{(off / error.clamp(min=1e-12)).flatten()[worst].item():.0f} standard errors",
    )
