"""Two independent quadratures over a posterior: nodes that move with it, and a grid that does not.

Feeding the nodes of the first as samples gives the exact expectation of a sampled bound, pathwise
gradients included. The second weighs a fixed grid by a density written out by hand, so that its
gradients run through the density instead.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import singledispatch
from typing import Any

import numpy as np
import torch
from pyro.distributions import Independent
from torch import Tensor
from torch.distributions import Distribution

from pyromix.guides import Guide


def normal_log_density(z: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
    """log N(z; loc, diag scale²), written out: the last dimension is summed."""
    return -(0.5 * ((z - loc) / scale) ** 2 + scale.log() + 0.5 * math.log(2 * math.pi)).sum(-1)


@singledispatch
def nodes(law: Distribution, order: int) -> tuple[Tensor, Tensor]:
    """Reparameterised nodes ``(S, B, D)`` of a posterior of batch ``(B,)``, and weights ``(S,)``."""
    raise NotImplementedError(f"register the quadrature of {type(law).__name__}")


@nodes.register(Independent)
def _(law: Any, order: int) -> tuple[Tensor, Tensor]:
    """Gauss–Hermite in every dimension of a diagonal Gaussian."""
    points, weights = map(torch.as_tensor, np.polynomial.hermite.hermgauss(order))
    dim = law.event_shape[0]
    z = torch.cartesian_prod(*[points] * dim).reshape(-1, 1, dim)
    w = torch.cartesian_prod(*[weights] * dim).reshape(-1, dim).prod(-1)
    return law.mean + math.sqrt(2) * law.stddev * z, w / math.pi ** (dim / 2)


@singledispatch
def grid(law: Distribution, points: int) -> tuple[Tensor, Tensor]:
    """Fixed nodes ``(S, B, D)`` and differentiable weights ``(S, B)``: density times cell."""
    raise NotImplementedError(f"register the grid of {type(law).__name__}")


@grid.register(Independent)
def _(law: Any, points: int) -> tuple[Tensor, Tensor]:
    """The trapezoid rule over ±8 standard deviations of a diagonal Gaussian."""
    steps = torch.linspace(-8.0, 8.0, points, dtype=law.mean.dtype)
    dim = law.event_shape[0]
    standard = torch.cartesian_prod(*[steps] * dim).reshape(-1, 1, dim)
    loc, scale = law.mean.detach(), law.stddev.detach()
    z = loc + scale * standard
    cell = ((steps[1] - steps[0]) * scale).prod(-1)
    return z, cell * normal_log_density(z, law.mean, law.stddev).exp()


def expected(function: Any, guide: Guide, x: Tensor, order: int) -> Any:
    """E[function()] over the posterior of ``guide``, with its nodes fed as the samples.

    ``function`` gives a tensor, or a mapping of tensors by name, for the latents that the guide's
    posterior then draws.
    """
    posteriors = guide.posterior(x)
    rules = {site: nodes(law, order) for site, law in posteriors.items()}
    total: dict[str, Tensor] = {}
    for index in itertools.product(*(range(len(weights)) for _, weights in rules.values())):
        weight = math.prod(
            float(weights[i]) for i, (_, weights) in zip(index, rules.values(), strict=True)
        )
        drawn = {site: rules[site][0][i] for i, site in zip(index, rules, strict=True)}
        with drawing(guide, drawn):
            value = function()
        for name, part in (value if isinstance(value, Mapping) else {"": value}).items():
            total[name] = total.get(name, 0.0) + weight * part
    return total if isinstance(value, Mapping) else total[""]


@contextmanager
def drawing(guide: Guide, latents: Mapping[str, Tensor]) -> Iterator[None]:
    """A scope in which the posteriors of ``guide`` draw the given latents."""
    posterior = guide.posterior

    def fixed(x: Tensor) -> dict[str, Any]:
        return {site: _drawing(law, latents[site]) for site, law in posterior(x).items()}

    object.__setattr__(guide, "posterior", fixed)
    try:
        yield
    finally:
        object.__delattr__(guide, "posterior")


def _drawing(law: Any, value: Tensor) -> Any:
    """The law, also when a plate expands it, drawing ``value``."""
    expand = law.expand
    law.rsample = lambda shape=None: value
    law.expand = lambda shape: _drawing(expand(shape), value)
    return law
