"""Quadratures over any law, by the space it lives on: nodes and weights that stand for all draws.

The trapezoid rule after a change of variables (Takahasi & Mori 1974, double exponential formulas),
which converges fast for smooth densities with any tails, and by the square of the step where they
have kinks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import singledispatch
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..inference import seeded
from ..models.spaces import space

REACH = {"real": (-10.0, 10.0), "positive": (-4.3, 24.0), "unit_interval": (-3.0, 3.0)}
SMALLEST_DIM = {"sphere": 2, "simplex": 2}
NEGLIGIBLE = 1e-18


def small_dims(name: str) -> tuple[int, int]:
    """The two sizes of vectors that are integrated over on a space."""
    least = SMALLEST_DIM.get(name, 1)
    return least, least + 1


def line(name: str, points: int) -> tuple[Tensor, Tensor]:
    """Nodes and cells of a standard coordinate: ``(S,)`` each, in float64.

    On the reals they spread like sinh; on the positive numbers doubly exponentially to zero and
    exponentially to infinity; in the unit interval doubly exponentially to both ends.
    """
    low, high = REACH[name]
    u = torch.linspace(low, high, points, dtype=torch.float64)
    step = (high - low) / (points - 1)
    if name == "real":
        return u.sinh(), u.cosh() * step
    if name == "positive":
        node = (u - (-u).exp()).exp()
        return node, node * (1 + (-u).exp()) * step
    node = torch.sigmoid(math.pi * u.sinh())
    return node, node * (1 - node) * math.pi * u.cosh() * step


def mesh(name: str, loc: Tensor, scale: Tensor, points: int) -> tuple[Tensor, Tensor]:
    """Nodes and the volumes of their cells, for laws about ``loc`` as wide as ``scale``.

    Args:
        name: of the space, by :func:`pyromix.models.spaces.space`.
        loc: where the laws are, ``(*batch, D)``.
        scale: how wide they are, ``(*batch, D)``.
        points: nodes in each dimension.

    Returns:
        ``(S, *batch, D)`` and ``(S, *batch)``.

    Raises:
        NotImplementedError: there is no quadrature on this space, or none of this size.

    Example:
        >>> loc, scale = torch.zeros(1, 1), torch.ones(1, 1)
        >>> z, volume = mesh("real", loc.double(), scale.double(), 201)
        >>> bool((((-z.squeeze(-1) ** 2).exp() * volume).sum() ** 2 - math.pi).abs() < 1e-12)
        True
    """
    dim = loc.shape[-1]
    if name in REACH:
        node, cell = line(name, points)
        nodes = torch.cartesian_prod(*[node] * dim).reshape(-1, *(1,) * (loc.dim() - 1), dim)
        cells = torch.cartesian_prod(*[cell] * dim).reshape(-1, dim).prod(-1)
        cells = cells.reshape(-1, *(1,) * (loc.dim() - 1))
        if name == "real":
            return loc + scale * nodes, cells * scale.prod(-1)
        if name == "positive":
            return loc * nodes, cells * loc.prod(-1)
    elif (name, dim) in _CURVED:
        nodes, cells = _CURVED[name, dim](points)
        nodes = nodes.reshape(-1, *(1,) * (loc.dim() - 1), dim)
        cells = cells.reshape(-1, *(1,) * (loc.dim() - 1))
    else:
        raise NotImplementedError(f"there is no quadrature on {name!r} with D = {dim}")
    return nodes.expand(-1, *loc.shape), cells.expand(-1, *loc.shape[:-1])


def _circle(points: int) -> tuple[Tensor, Tensor]:
    angle = torch.arange(points, dtype=torch.float64) * (2 * math.pi / points)
    return torch.stack([angle.cos(), angle.sin()], -1), torch.full_like(angle, 2 * math.pi / points)


def _sphere(points: int) -> tuple[Tensor, Tensor]:
    """Gauss–Legendre in the height, by the trapezoid round the axis."""
    height, weight = map(torch.as_tensor, np.polynomial.legendre.leggauss(points))
    (around, cell), radius = _circle(points), (1 - height.square()).sqrt()
    flat = radius[:, None, None] * around
    nodes = torch.cat([flat, height[:, None, None].expand(-1, points, 1)], -1)
    return nodes.flatten(0, 1), torch.outer(weight, cell).flatten()


def _segment(points: int) -> tuple[Tensor, Tensor]:
    node, cell = line("unit_interval", points)
    return torch.stack([node, 1 - node], -1), cell


def _triangle(points: int) -> tuple[Tensor, Tensor]:
    """By breaking a stick twice."""
    node, cell = line("unit_interval", points)
    first, second = torch.meshgrid(node, node, indexing="ij")
    rest = 1 - first
    nodes = torch.stack([first, rest * second, rest * (1 - second)], -1)
    return nodes.flatten(0, 1), (torch.outer(cell, cell) * rest).flatten()


_CURVED: dict[tuple[str, int], Callable[[int], tuple[Tensor, Tensor]]] = {
    ("sphere", 2): _circle,
    ("sphere", 3): _sphere,
    ("simplex", 2): _segment,
    ("simplex", 3): _triangle,
}


def place(draws: Tensor) -> tuple[Tensor, Tensor]:
    """Where a law is and how wide, from its draws ``(N, *batch, D)``: medians and half ranges.

    Example:
        >>> place(torch.linspace(0, 1, 101).reshape(-1, 1))
        (tensor([0.5000]), tensor([0.3400]))
    """
    draws = draws.detach()
    low, loc, high = draws.quantile(torch.tensor([0.16, 0.5, 0.84], dtype=draws.dtype), dim=0)
    return loc, ((high - low) / 2).clamp(min=1e-6)


def base_of(law: Any) -> Any:
    """The law that decides the family."""
    return getattr(law, "base_dist", law)


@singledispatch
def log_density(base: Any, law: Any, z: Tensor) -> Tensor:
    """log q(z) by the type of ``base_of(law)``, unless told otherwise its own: ``(S, B)``."""
    density: Tensor = law.log_prob(z)
    return density


def grid(law: Any, points: int) -> tuple[Tensor, Tensor]:
    """Fixed nodes ``(S, B, D)`` and weights ``(S, B)``, differentiable in the law's parameters.

    Nodes that weigh nothing under every law of the batch are left out.
    """
    with torch.no_grad():
        with seeded(0, "grid"):
            loc, scale = place(law.sample((2000,)))
        z, cell = mesh(space(law.support), loc, scale, points)
        weights = cell * log_density(base_of(law), law, z).exp()
        heavy = (weights > NEGLIGIBLE).reshape(len(z), -1).any(-1)
        z, cell = z[heavy], cell[heavy]
    return z, cell * log_density(base_of(law), law, z).exp()


@singledispatch
def nodes(base: Any, law: Any, order: int) -> tuple[Tensor, Tensor]:
    """Nodes ``(S, B, D)`` and weights: ``(S,)`` if nodes move with the law, else ``(S, B)``."""
    return grid(law, order)


@nodes.register(torch.distributions.Normal)
def _(base: Any, law: Any, order: int) -> tuple[Tensor, Tensor]:
    """Gauss–Hermite in every dimension, as reparameterised samples."""
    points, weights = map(torch.as_tensor, np.polynomial.hermite.hermgauss(order))
    dim = law.event_shape[0]
    z = torch.cartesian_prod(*[points] * dim).reshape(-1, 1, dim)
    w = torch.cartesian_prod(*[weights] * dim).reshape(-1, dim).prod(-1)
    return law.mean + math.sqrt(2) * law.stddev * z, w / math.pi ** (dim / 2)
