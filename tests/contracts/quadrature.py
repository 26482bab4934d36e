"""Quadratures over posteriors, by family: nodes and weights that stand for all samples.

``expected`` feeds nodes to a bound as its samples. Where they move with the posterior (Gaussians),
that gives the bound's expectation with its pathwise gradient; where they don't, their weights
carry the gradient. The brute force uses ``grid`` alone, a fixed grid weighed by a density written
out by hand.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import singledispatch
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pyromix.distributions import PowerSpherical, VonMisesFisher, WilsonHilfertyGamma
from pyromix.distributions.spherical import SphericalFamily
from pyromix.guides import Guide


def normal_log_density(z: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
    """log N(z; loc, diag scale²), written out: the last dimension is summed."""
    return -(0.5 * ((z - loc) / scale) ** 2 + scale.log() + 0.5 * math.log(2 * math.pi)).sum(-1)


def gamma_log_density(z: Tensor, shape: Tensor, rate: Tensor) -> Tensor:
    """log Π_d Ga(z_d; shape, rate), written out."""
    log_density = shape * rate.log() + (shape - 1) * z.log() - rate * z - torch.lgamma(shape)
    return log_density.sum(-1)


def on_circle(function: Callable[[Tensor], Tensor], concentration: Tensor) -> Tensor:
    """The integral over the circle of a function of the cosine to one axis, by the trapezoid."""
    angle = torch.arange(2000, dtype=concentration.dtype) * (2 * math.pi / 2000)
    return function(angle.cos().reshape(-1, *[1] * concentration.dim())).mean(0) * 2 * math.pi


def von_mises_log_density(z: Tensor, loc: Tensor, concentration: Tensor) -> Tensor:
    """log vMF on the circle, normalised by integration."""
    normaliser = on_circle(lambda cosine: (concentration * cosine).exp(), concentration)
    return concentration * (z * loc).sum(-1) - normaliser.log()


def base_of(law: Any) -> Any:
    """The law that decides the family."""
    return getattr(law, "base_dist", law)


@singledispatch
def log_density(base: Any, law: Any, z: Tensor) -> Tensor:
    """log q(z) written out, by the type of ``base_of(law)``: ``(S, B, D)`` to ``(S, B)``."""
    raise NotImplementedError(f"register the density of {type(base).__name__}")


@log_density.register(torch.distributions.Normal)
def _(base: Any, law: Any, z: Tensor) -> Tensor:
    return normal_log_density(z, law.mean, law.stddev)


@log_density.register(torch.distributions.Gamma)
def _(base: Any, law: Any, z: Tensor) -> Tensor:
    return gamma_log_density(z, base.concentration, base.rate)


@log_density.register(WilsonHilfertyGamma)
def _(base: Any, law: Any, z: Tensor) -> Tensor:
    """The cube of |N(μ, σ)|, by the change of variables y = z^(1/3)."""
    shape, root = base.concentration, (base.concentration / base.rate) ** (1 / 3)
    loc, scale = root * (1 - 1 / (9 * shape)), root / (3 * shape.sqrt())
    y = z ** (1 / 3)
    folded = [(-0.5 * ((sign * y - loc) / scale) ** 2).exp() for sign in (1, -1)]
    density = sum(folded) / (scale * math.sqrt(2 * math.pi)) / (3 * y**2)
    return density.log().sum(-1)


@log_density.register(VonMisesFisher)
def _(base: Any, law: Any, z: Tensor) -> Tensor:
    return von_mises_log_density(z, law.loc, law.concentration)


@log_density.register(PowerSpherical)
def _(base: Any, law: Any, z: Tensor) -> Tensor:
    kappa = law.concentration
    normaliser = on_circle(lambda cosine: (1 + cosine) ** kappa, kappa)
    return kappa * torch.log1p((z * law.loc).sum(-1)) - normaliser.log()


@singledispatch
def mesh(base: Any, law: Any, points: int) -> tuple[Tensor, Tensor]:
    """Fixed nodes ``(S, B, D)`` and the volumes of their cells ``(S, B)``."""
    raise NotImplementedError(f"register the mesh of {type(base).__name__}")


@mesh.register(torch.distributions.Normal)
def _(base: Any, law: Any, points: int) -> tuple[Tensor, Tensor]:
    """The trapezoid rule over ±8 standard deviations, which converges faster than any power."""
    steps = torch.linspace(-8.0, 8.0, points, dtype=law.mean.dtype)
    dim = law.event_shape[0]
    standard = torch.cartesian_prod(*[steps] * dim).reshape(-1, 1, dim)
    z = law.mean + law.stddev * standard
    return z, ((steps[1] - steps[0]) * law.stddev).prod(-1).expand(z.shape[:-1])


@mesh.register(torch.distributions.Gamma)
def _(base: Any, law: Any, points: int) -> tuple[Tensor, Tensor]:
    """The trapezoid rule in log z, D = 1."""
    steps = torch.linspace(-18.0, 3.2, points, dtype=law.mean.dtype).reshape(-1, 1, 1)
    z = law.mean * steps.exp()
    return z, (z * (steps[1, 0, 0] - steps[0, 0, 0])).squeeze(-1)


@mesh.register(WilsonHilfertyGamma)
def _(base: Any, law: Any, points: int) -> tuple[Tensor, Tensor]:
    """Gauss–Legendre in z^(1/9), which crowds at zero, D = 1."""
    unit, weights = map(torch.as_tensor, np.polynomial.legendre.leggauss(points))
    end = (40 * law.mean) ** (1 / 9)
    u = end * (unit.reshape(-1, 1, 1) + 1) / 2
    return u**9, (9 * u**8 * end * weights.reshape(-1, 1, 1) / 2).squeeze(-1)


@mesh.register(SphericalFamily)
def _(base: Any, law: Any, points: int) -> tuple[Tensor, Tensor]:
    """The trapezoid rule on the circle, D = 2; the posterior's own axis is a node."""
    angle = torch.arange(points, dtype=law.loc.dtype).unsqueeze(-1) * (2 * math.pi / points)
    angle = angle + torch.atan2(law.loc[:, 1], law.loc[:, 0])
    z = torch.stack([angle.cos(), angle.sin()], -1)
    return z, torch.full_like(angle, 2 * math.pi / points)


def grid(law: Any, points: int) -> tuple[Tensor, Tensor]:
    """Fixed nodes ``(S, B, D)`` and weights ``(S, B)``, differentiable in the law's parameters."""
    with torch.no_grad():
        z, cell = mesh(base_of(law), law, points)
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


def expected(function: Callable[[Tensor], Any], guide: Guide, x: Tensor, order: int) -> Any:
    """E[function(x)] when the posteriors of ``guide`` draw its latents.

    Args:
        function: gives a mean over the rows of x, or a mapping of such by name.
        guide: whose posteriors are integrated over.
        x: data.
        order: nodes in each dimension.
    """
    rules = {site: nodes(base_of(law), law, order) for site, law in guide.posterior(x).items()}
    if any(weights.dim() > 1 for _, weights in rules.values()) and len(x) > 1:
        rows = [expected(function, guide, row, order) for row in x.split(1)]
        if isinstance(rows[0], Mapping):
            return {name: sum(row[name] for row in rows) / len(x) for name in rows[0]}
        return sum(rows) / len(x)
    total: dict[str, Any] = {}
    for index in itertools.product(*(range(len(weights)) for _, weights in rules.values())):
        weight: Any = 1.0
        for i, (_, weights) in zip(index, rules.values(), strict=True):
            weight = weight * weights[i].squeeze()
        drawn = {site: rules[site][0][i] for i, site in zip(index, rules, strict=True)}
        with drawing(guide, drawn):
            value = function(x)
        for name, part in (value if isinstance(value, Mapping) else {"": value}).items():
            total[name] = total.get(name, 0.0) + weight * part
    return total if isinstance(value, Mapping) else total[""]


@contextmanager
def drawing(guide: Guide, latents: Mapping[str, Tensor]) -> Iterator[None]:
    """A scope in which the posteriors of ``guide`` draw the given latents."""
    infer, posterior = guide.infer, guide.posterior

    def fixed(laws: Mapping[str, Any]) -> dict[str, Any]:
        return {site: _drawing(law, latents[site]) for site, law in laws.items()}

    def fixed_infer(x: Tensor) -> tuple[dict[str, Any], dict[str, Tensor]]:
        laws, logits = infer(x)
        return fixed(laws), logits

    object.__setattr__(guide, "infer", fixed_infer)
    object.__setattr__(guide, "posterior", lambda x: fixed(posterior(x)))
    try:
        yield
    finally:
        object.__delattr__(guide, "infer")
        object.__delattr__(guide, "posterior")


def _drawing(law: Any, value: Tensor) -> Any:
    """The law, also when a plate expands it, drawing ``value``."""
    expand = law.expand
    law.rsample = lambda shape=None: value
    law.expand = lambda shape: _drawing(expand(shape), value)
    return law
