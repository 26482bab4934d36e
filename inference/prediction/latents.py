"""Draws of latents and clusters, before data are seen and after, and the spread that they leave."""

from __future__ import annotations

from math import ceil, prod
from typing import NamedTuple

import torch
from torch import Tensor

from ...guides import Guide
from ...models import MixtureVAE
from ...parts import Count, Share, checked
from ..training import Rows, seeded, watched
from .answers import BATCH_SIZE, Companions, batched, check_room, device_of, evaluating
from .clusters import cluster_draws
from .draws import draws_of, in_own_order
from .probabilities import FLOATS

TOO_MANY, FEWER = "n is too large", "draw fewer, or of fewer data at a time"


class Spread(NamedTuple):
    """How responsibilities spread over the draws of z.

    Attributes:
        mean: ``(N, K)``.
        sd: standard deviation over the draws, ``(N, K)``.
        lower: lower end of the central interval, ``(N, K)``.
        upper: its upper end, ``(N, K)``.
    """

    mean: Tensor
    sd: Tensor
    lower: Tensor
    upper: Tensor


@checked
def prior_predictive(
    model: MixtureVAE,
    n: Count = 1000,
    *,
    companions: Companions | None = None,
    seed: int = 0,
    batch_size: Count = BATCH_SIZE,
    progress: bool = False,
) -> dict[str, Tensor]:
    """Everything that the story says before it sees data: clusters, latents and data together.

    Args:
        model: the story.
        n: how many to draw.
        companions: of the data to be drawn, by name, ``(n, ...)`` each.
        seed: same seed, same draws.
        batch_size: rows at a time.
        progress: show a bar.

    Returns:
        By site: clusterings ``(n,)``, continuous latents ``(n, D)``, ``x`` ``(n, *event)``.

    Raises:
        ValueError: more than memory holds, or a companion of another number of rows.

    Example:
        >>> from torch import nn
        >>> from pyromix.models import GaussianMixture, Normal
        >>> model = MixtureVAE(GaussianMixture(3, 2), Normal(nn.Linear(2, 4), (4,)))
        >>> {site: tuple(value.shape) for site, value in prior_predictive(model, 5).items()}
        {'c': (5,), 'z': (5, 2), 'x': (5, 4)}
    """
    latent = sum(1 + sum(m.latent_dims.values()) for m in model.prior.mixtures)
    check_room(n * (latent + prod(model.likelihood.event_shape)), TOO_MANY, FEWER)

    given = Rows(torch.empty(n), **(companions or {}))

    def draw(part: Rows) -> dict[str, Tensor]:
        drawn: dict[str, Tensor] = {}
        latents: dict[str, Tensor] = {}
        for mixture in model.prior.mixtures:
            drawn[mixture.site("c")], own = mixture.draw_joint(len(part))
            latents |= own
        its = {name: each.to(device_of(model)) for name, each in part.companions.items()}
        x = model.law(latents, **its).sample()
        return {site: value.cpu() for site, value in (drawn | latents | {"x": x}).items()}

    rows = list(given.split(batch_size))
    with (
        evaluating(model),
        seeded(seed, "prior predictive", device=device_of(model)),
        watched(draw, len(rows), "prior predictive", shown=progress) as watched_draw,
    ):
        parts = [watched_draw(part) for part in rows]
    return {site: torch.cat([part[site] for part in parts]) for site in parts[0]}


@checked
def posterior_draws(
    model: MixtureVAE,
    guide: Guide,
    x: Tensor | Rows,
    n: Count = 100,
    *,
    seed: int = 0,
    batch_size: Count = BATCH_SIZE,
    progress: bool = False,
) -> dict[str, Tensor]:
    r"""Draws of every latent of each datum, clusters among them, as whole numbers.

    Clusters are drawn by the guide's rule: from p(c | z) at the z of the same draw where the guide
    has none (``"marginal"``), so that draws of both are joint; else from its own q(c | x). (Pyro's
    ``Predictive`` draws a cluster that is summed out of the story from its *prior*.)

    A datum's draws are its own: the same in any batch, and at any place.

    Args:
        model: the story.
        guide: its guide.
        x: data, ``(N, *event)``, or :class:`Rows` with companions.
        n: draws for each datum.
        seed: same seed, same draws.
        batch_size: draws at a time.
        progress: show a bar.

    Returns:
        By site: continuous latents ``(n, N, D)``, clusterings ``(n, N)``.

    Raises:
        ValueError: more draws than memory holds.

    Example:
        >>> from torch import nn
        >>> from pyromix.guides import AmortisedGuide, GaussianHead
        >>> from pyromix.models import GaussianMixture, Normal
        >>> model = MixtureVAE(GaussianMixture(3, 2), Normal(nn.Linear(2, 4), (4,)))
        >>> guide = AmortisedGuide(nn.Linear(4, 8), z=GaussianHead(8, 2))
        >>> draws = posterior_draws(model, guide, torch.zeros(5, 4), 10)
        >>> {site: tuple(value.shape) for site, value in draws.items()}
        {'z': (10, 5, 2), 'c': (10, 5)}
    """
    latent = sum(1 + sum(m.latent_dims.values()) for m in model.prior.mixtures)
    check_room(n * len(x) * latent, TOO_MANY, FEWER)

    def draw(rows: Tensor, **companions: Tensor) -> dict[str, Tensor]:
        posteriors, logits = guide.infer(rows, **companions)
        latents = draws_of(guide, posteriors, rows, n, seed, **companions)
        return latents | cluster_draws(model, guide, rows, posteriors, latents, logits, seed)

    size = _rows(model, n, batch_size)
    calls = ceil(len(x) / size)
    with watched(draw, calls, "posterior draws", shown=progress) as watched_draw:
        return batched(model, guide, x, watched_draw, size, dim=1)


@checked
def responsibility_spread(
    model: MixtureVAE,
    guide: Guide,
    x: Tensor | Rows,
    *,
    n: Count = 200,
    level: Share = 0.9,
    seed: int = 0,
    batch_size: Count = BATCH_SIZE,
    progress: bool = False,
) -> dict[str, Spread]:
    r"""How far the probabilities of clusters depend on where z is: p(c | z) over draws of z.

    A datum at a border of clusters has a mean of one half whether its code is known to lie on the
    border (no spread: the clusters overlap) or is not known to lie on either side (all spread: z is
    uncertain). The mean is :math:`\mathbb E_{q(z|x)}[p(c|z)]`, without importance weights.

    Args:
        model: the story.
        guide: its guide.
        x: data, ``(N, *event)``, or :class:`Rows` with companions.
        n: draws of z for each datum.
        level: mass of the central interval.
        seed: same seed, same draws.
        batch_size: draws at a time.
        progress: show a bar.

    Returns:
        By clustering a :class:`Spread` of ``(N, K)`` tensors.

    Example:
        >>> from torch import nn
        >>> from pyromix.guides import AmortisedGuide, GaussianHead
        >>> from pyromix.models import GaussianMixture, Normal
        >>> model = MixtureVAE(GaussianMixture(3, 2), Normal(nn.Linear(2, 4), (4,)))
        >>> guide = AmortisedGuide(nn.Linear(4, 8), z=GaussianHead(8, 2))
        >>> responsibility_spread(model, guide, torch.zeros(5, 4))["c"].sd.shape
        torch.Size([5, 3])
    """
    ends = torch.tensor([0.5 - level / 2, 0.5 + level / 2])

    def look(rows: Tensor, **companions: Tensor) -> dict[str, Tensor]:
        posteriors = guide.posterior(rows, **companions)
        latents = draws_of(guide, posteriors, rows, n, seed, **companions)
        found: dict[str, Tensor] = {}
        for mixture in model.prior.mixtures:
            gamma = mixture.responsibilities(**mixture.own(latents))
            low, high = gamma.quantile(ends.to(gamma), dim=0)
            spread = Spread(gamma.mean(0), gamma.std(0, correction=0), low, high)
            found |= {f"{mixture.site('c')}/{k}": v for k, v in spread._asdict().items()}
        return found

    size = _rows(model, n, batch_size)
    calls = ceil(len(x) / size)
    with watched(look, calls, "responsibilities", shown=progress) as watched_look:
        found = in_own_order(model, guide, x, watched_look, size)
    sites = [mixture.site("c") for mixture in model.prior.mixtures]
    return {site: Spread(*(found[f"{site}/{k}"] for k in Spread._fields)) for site in sites}


def _rows(model: MixtureVAE, n: int, batch_size: int) -> int:
    """Data at a time, so that no tensor of draws, clusters and dimensions is too large."""
    largest = max(m.n_clusters * sum(m.latent_dims.values()) for m in model.prior.mixtures)
    return max(1, min(batch_size, FLOATS // largest) // n)
