"""The zoo's densities, written out by hand: they stand in for the programs' own.

Whatever joins ``cases.CASES`` registers its densities here, so that the brute force knows nothing
of the code that it is compared with.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import singledispatch
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from pyromix.distributions import PowerSpherical, VonMisesFisher, WilsonHilfertyGamma
from pyromix.models import (
    Bernoulli,
    GammaMixture,
    GaussianMixture,
    MixturePrior,
    Normal,
    ReversedVonMisesFisherMixture,
    StyleMixture,
    VonMisesFisherMixture,
)
from pyromix.testing.brute_force import (
    decoded,
    log_cluster,
    log_joint,
    log_likelihood,
    log_style,
    normalised,
)
from pyromix.testing.quadrature import log_density


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
    log_density: Tensor = density.log().sum(-1)
    return log_density


@log_density.register(VonMisesFisher)
def _(base: Any, law: Any, z: Tensor) -> Tensor:
    return von_mises_log_density(z, law.loc, law.concentration)


@log_density.register(PowerSpherical)
def _(base: Any, law: Any, z: Tensor) -> Tensor:
    kappa = law.concentration
    normaliser = on_circle(lambda cosine: (1 + cosine) ** kappa, kappa)
    log_density: Tensor = kappa * torch.log1p((z * law.loc).sum(-1)) - normaliser.log()
    return log_density


def clamp(x: Tensor, low: float, high: float) -> Tensor:
    """The smooth clamp of the networks, written out again."""
    return low + softplus(high - low - softplus(high - x))


def log_weights(prior: MixturePrior) -> Tensor:
    """log p(c), ``(K,)``."""
    return prior.logits - prior.logits.exp().sum().log()


@singledispatch
def log_component(prior: MixturePrior, cluster: int, z: Tensor, w: Tensor | None) -> Tensor:
    """log p(z | c = cluster, w): ``(..., D)`` to ``(...)``."""
    raise NotImplementedError(f"register the density of {type(prior).__name__}")


@log_component.register
def _(prior: GaussianMixture, cluster: int, z: Tensor, w: Tensor | None) -> Tensor:
    loc, scale = prior.loc[cluster], clamp(prior.log_scale[cluster], -6.0, 6.0).exp()
    if prior.covariance == "diag":
        return normal_log_density(z, loc, scale)
    factor = torch.diag(scale) + prior.lower[cluster].tril(-1)
    covariance = factor @ factor.T
    offset = z - loc
    quadratic = ((offset @ covariance.inverse()) * offset).sum(-1)
    return -0.5 * (quadratic + covariance.logdet() + z.shape[-1] * math.log(2 * math.pi))


@log_component.register
def _(prior: StyleMixture, cluster: int, z: Tensor, w: Tensor | None) -> Tensor:
    first, _, last = prior.network
    assert isinstance(first, nn.Linear)
    assert isinstance(last, nn.Linear)
    assert w is not None
    hidden = torch.tanh(w @ first.weight.T + first.bias)
    start = 2 * cluster * prior.latent_dim
    middle, end = start + prior.latent_dim, start + 2 * prior.latent_dim
    loc = hidden @ last.weight[start:middle].T + last.bias[start:middle]
    log_scale = hidden @ last.weight[middle:end].T + last.bias[middle:end]
    return normal_log_density(z, loc, clamp(log_scale, -4.0, 4.0).exp())


@log_component.register
def _(prior: GammaMixture, cluster: int, z: Tensor, w: Tensor | None) -> Tensor:
    shape = clamp(prior.raw_shape[cluster], 1.0, 100.0)
    mean = clamp(prior.log_mean[cluster], -10.0, 10.0).exp()
    return gamma_log_density(z, shape, shape / mean)


@log_component.register
def _(prior: VonMisesFisherMixture, cluster: int, z: Tensor, w: Tensor | None) -> Tensor:
    direction = prior.direction[cluster]
    concentration = clamp(prior.log_concentration[cluster], -3.0, 7.0).exp()
    return von_mises_log_density(z, direction / direction.norm(), concentration)


def forward_log_joint(prior: MixturePrior, z: Tensor, w: Tensor | None) -> Tensor:
    """log p(c) + log p(z | c, w): ``(..., D)`` to ``(..., K)``."""
    given = [log_component(prior, c, z, w) for c in range(prior.n_clusters)]
    return torch.stack(given, -1) + log_weights(prior)


for forward in (GaussianMixture, StyleMixture, GammaMixture, VonMisesFisherMixture):
    log_joint.register(forward, forward_log_joint)
    log_cluster.register(forward, lambda prior, z: log_weights(prior))


@log_joint.register
def _(prior: ReversedVonMisesFisherMixture, z: Tensor, w: Tensor | None) -> Tensor:
    """log p(z) + log p(c | z), z uniform on the circle."""
    return log_cluster(prior, z) - math.log(2 * math.pi)


@log_cluster.register
def _(prior: ReversedVonMisesFisherMixture, z: Tensor) -> Tensor:
    """log p(c | z)."""
    return normalised(forward_log_joint(prior, z, None))


@log_style.register
def _(prior: StyleMixture, w: Tensor) -> Tensor:
    """log p(w) of a standard normal style: ``(..., W)`` to ``(...)``."""
    return normal_log_density(w, torch.zeros_like(w), torch.ones_like(w))


@decoded.register
def _(prior: GammaMixture, z: Tensor) -> Tensor:
    return torch.log(torch.clamp(z, min=1e-6))


@log_likelihood.register
def _(likelihood: Bernoulli, code: Tensor, x: Tensor) -> Tensor:
    probability = 1 / (1 + torch.exp(-likelihood.decoder(code)))
    return torch.where(x == 1, probability, 1 - probability).log().sum(-1)


@log_likelihood.register
def _(likelihood: Normal, code: Tensor, x: Tensor) -> Tensor:
    log_scale = likelihood.log_scale
    scale = (clamp(log_scale, -5.0, 5.0) if likelihood.learn_scale else log_scale).exp()
    loc = likelihood.decoder(code)
    return normal_log_density(x, 1 / (1 + torch.exp(-loc)) if likelihood.sigmoid else loc, scale)
