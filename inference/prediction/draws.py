"""Draws from every posterior family by a datum's own noise, and wider laws to draw from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import singledispatch
from typing import Any

import torch
from torch import Tensor
from torch.distributions import (
    Distribution,
    Gamma,
    Independent,
    MultivariateNormal,
    Normal,
    TransformedDistribution,
)
from torch.nn.functional import normalize

from ...distributions import PowerSpherical, VonMisesFisher, WilsonHilfertyGamma
from ...guides import Guide
from ...models import MixtureVAE
from ..training import Rows, derive_seed, seeded
from .answers import BATCH_SIZE, asked, batched, device_of
from .noise import Noise, keys_of

TRIES = 100  # of rejections that take more than half of what is proposed


def in_own_order(
    model: MixtureVAE,
    guide: Guide,
    x: Tensor | Rows,
    function: Callable[..., dict[str, Tensor]],
    batch_size: int,
) -> dict[str, Tensor]:
    """As :func:`batched`, in an order that is the data's own: rounding knows of no other either."""
    device, data = device_of(model), asked(x)
    seen = (_seen(guide, rows.to(device)) for rows in data.x.split(BATCH_SIZE))
    order = torch.cat([keys_of(rows) for rows in seen]).argsort()

    def of_rows(index: Tensor) -> dict[str, Tensor]:
        rows = data.at(index.to(data.x.device)).map(lambda each: each.to(device))
        return function(rows.x, **rows.companions)

    answers = batched(model, guide, order, of_rows, batch_size)
    back = order.argsort().cpu()
    return {name: answer[back] for name, answer in answers.items()}


def _seen(guide: Guide, x: Tensor) -> Tensor:
    """What tells a datum from others, in whatever units it is given."""
    try:
        seen: Tensor = guide.amortised.scaling(x)
    except TypeError:  # a guide without an encoder
        return x
    return seen


def draws_of(
    guide: Guide,
    laws: Mapping[str, Distribution],
    x: Tensor,
    n: int,
    seed: int,
    **companions: Tensor,
) -> dict[str, Tensor]:
    """Draws of every site for each datum, ``(n, B, D)``, whatever else is in the batch.

    A law of none of the zoo's families, and without an inverse distribution function, is asked of
    the guide row by row and drawn from with a seed of the row's own: right, and slow.

    Args:
        guide: the guide of ``x``.
        laws: by site, its posteriors or wider ones, batch shape ``(B,)``.
        x: data, ``(B, *event)``.
        n: draws for each datum.
        seed: same seed, same draws.
        **companions: of the rows of x.
    """
    keys = keys_of(_seen(guide, x))
    drawn = {}
    for site, law in laws.items():
        try:
            drawn[site] = draw(law, Noise(keys, n, derive_seed(seed, site)))
        except NotImplementedError:
            rows = []
            each = Rows(x, **companions).split(1)
            for row, key in zip(each, keys.tolist(), strict=True):
                with seeded(seed, site, key, device=x.device):
                    own = guide.posterior(row.x, **row.companions)[site]
                    rows.append(own.sample(torch.Size([n])))
            drawn[site] = torch.cat(rows, 1)
    return drawn


@singledispatch
def draw(law: Distribution, noise: Noise) -> Tensor:
    """Draws from a law of batch shape ``(B, …)`` by the noise of each datum: ``(S, B, …, *E)``.

    Raises:
        NotImplementedError: there is no entry for the law, nor an inverse distribution function.
    """
    if law.event_shape:
        raise NotImplementedError(f"{type(law).__name__} is not drawn by a datum's noise")
    value: Tensor = law.icdf(noise.uniform(law.batch_shape[1:]).to(law.mean))
    return value


@draw.register(Independent)
def _(law: Independent[Any], noise: Noise) -> Tensor:
    return draw(law.base_dist, noise)


@draw.register(TransformedDistribution)
def _(law: TransformedDistribution, noise: Noise) -> Tensor:
    value = draw(law.base_dist, noise)
    for transform in law.transforms:
        value = transform(value)
    return value


@draw.register(Normal)
def _(law: Normal, noise: Noise) -> Tensor:
    return law.loc + law.scale * noise.normal(law.batch_shape[1:]).to(law.loc)


@draw.register(MultivariateNormal)
def _(law: MultivariateNormal, noise: Noise) -> Tensor:
    standard = noise.normal(law.batch_shape[1:] + law.event_shape).to(law.loc)
    return law.loc + (law.scale_tril @ standard.unsqueeze(-1)).squeeze(-1)


@draw.register(WilsonHilfertyGamma)
def _(law: WilsonHilfertyGamma, noise: Noise) -> Tensor:
    root = law.standardised_loc + noise.normal(law.batch_shape[1:]).to(law.rate)
    return _positive((law.scale * root).abs().pow(3))


@draw.register(Gamma)
def _(law: Gamma, noise: Noise) -> Tensor:
    return _positive(_standard_gamma(law.concentration.double(), noise).to(law.rate) / law.rate)


@draw.register(PowerSpherical)
def _(law: PowerSpherical, noise: Noise) -> Tensor:
    tangent = noise.normal(law.event_shape)
    # (1 + cos)/2 is a Beta, a share of two Gammas, and the one of shape β is half a chi-square.
    far = 0.5 * noise.normal(torch.Size([law.dim - 1])).square().sum(-1)
    near = _standard_gamma(law.kappa() + (law.dim - 1) / 2, noise)
    return _at_angle(law.loc, 2 * torch.atan2(far.sqrt(), near.sqrt()), tangent)


@draw.register(VonMisesFisher)
def _(law: VonMisesFisher, noise: Noise) -> Tensor:
    """Wood's rejection (1994); a coordinate of a uniform direction is his symmetric Beta."""
    tangent = noise.normal(law.event_shape)
    kappa, slack = law.kappa(), law.dim - 1
    width = slack / (2 * kappa + (4 * kappa.square() + slack**2).sqrt())
    peak = 2 * width / (1 + width)

    def propose() -> tuple[Tensor, Tensor]:
        beta = 0.5 * (1 + normalize(noise.normal(law.event_shape), dim=-1)[..., 0])
        versine = 2 * width * beta / (1 - (1 - width) * beta)
        room = (peak + (1 - peak) * versine) / (peak * (2 - peak))
        return versine, kappa * (peak - versine) + slack * room.log()

    versine = _first_accepted(propose, noise, law.batch_shape[1:])
    return _at_angle(law.loc, 2 * (0.5 * versine).sqrt().asin(), tangent)


def _first_accepted(
    propose: Callable[[], tuple[Tensor, Tensor]], noise: Noise, shape: torch.Size
) -> Tensor:
    """The first of a datum's proposals that its log-probability of acceptance lets pass.

    All draw on as long as one has none; whatever is to be drawn besides must be drawn before.
    """
    value: Tensor | None = None
    for _ in range(TRIES):
        proposal, log_ratio = propose()
        accepted = noise.uniform(shape).log() <= log_ratio
        if value is None:
            value = torch.full_like(proposal, math.nan)
        value = torch.where(value.isnan() & accepted, proposal, value)
        if not bool((value.isnan() & ~log_ratio.isnan()).any()):
            break
    assert value is not None
    return value


def _standard_gamma(shape: Tensor, noise: Noise) -> Tensor:
    """Marsaglia & Tsang's rejection (2000), with their power of a uniform below shape 1."""
    small = (shape < 1).to(shape)
    boost = noise.uniform(shape.shape[1:]).log() * small / shape
    d = shape + small - 1 / 3
    c = (9 * d).rsqrt()

    def propose() -> tuple[Tensor, Tensor]:
        normal = noise.normal(shape.shape[1:])
        root = (1 + c * normal).clamp(min=0.0)
        cube = root.pow(3)
        log_cube = 3 * root.log()
        return d * cube, 0.5 * normal.square() + d - d * cube + d * log_cube

    return _first_accepted(propose, noise, shape.shape[1:]) * boost.exp()


def _at_angle(axis: Tensor, angle: Tensor, noise: Tensor) -> Tensor:
    """Unit vectors at an angle (S, B) to ``axis`` (B, D), turned as the noise (S, B, D) points."""
    dtype, axis = axis.dtype, axis.double()
    tangent = noise - (noise * axis).sum(-1, keepdim=True) * axis
    tangent = normalize(tangent - (tangent * axis).sum(-1, keepdim=True) * axis, dim=-1)
    return (angle.cos().unsqueeze(-1) * axis + angle.sin().unsqueeze(-1) * tangent).to(dtype)


def _positive(value: Tensor) -> Tensor:
    return value.clamp(min=torch.finfo(value.dtype).tiny)


@singledispatch
def wider(law: Distribution, factor: float) -> Distribution:
    """The same law with standard deviations about ``factor`` times as large; itself if unknown."""
    return law


@wider.register(Independent)
def _(law: Independent[Any], factor: float) -> Distribution:
    return Independent(wider(law.base_dist, factor), law.reinterpreted_batch_ndims)


@wider.register(TransformedDistribution)
def _(law: TransformedDistribution, factor: float) -> Distribution:
    return TransformedDistribution(wider(law.base_dist, factor), law.transforms)


@wider.register(Normal)
def _(law: Normal, factor: float) -> Distribution:
    return Normal(law.loc, factor * law.scale)


@wider.register(MultivariateNormal)
def _(law: MultivariateNormal, factor: float) -> Distribution:
    return MultivariateNormal(law.loc, scale_tril=factor * law.scale_tril)


@wider.register(Gamma)
@wider.register(WilsonHilfertyGamma)
def _(law: Gamma | WilsonHilfertyGamma, factor: float) -> Distribution:
    """Of the same mean, and of a shape that stays above 1 if it was: no mass runs into 0."""
    shape = torch.maximum(law.concentration / factor**2, law.concentration.clamp(max=1.0))
    return type(law)(shape, law.rate * shape / law.concentration)


@wider.register(VonMisesFisher)
def _(law: VonMisesFisher, factor: float) -> Distribution:
    return VonMisesFisher(law.loc, law.concentration / factor**2)


@wider.register(PowerSpherical)
def _(law: PowerSpherical, factor: float) -> Distribution:
    """The von Mises–Fisher law that is like it at the mode, and has no hole opposite."""
    return law if factor == 1 else VonMisesFisher(law.loc, law.concentration / (2 * factor**2))
