"""What a trained story and guide say of data: codes, and what is decoded of them.

Pyro's ``Predictive`` would draw an enumerated cluster from its prior whatever the data, so these
are our own. All run in evaluation mode without gradients, in batches, and leave no trace in Pyro's
parameter store or in any global generator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import pyro
import torch
from torch import Tensor, nn

from ...guides import Guide
from ...models import MixtureVAE
from ...parts import Count, checked, without_groups
from ..training import ALONE, Rows, as_rows, memory

BATCH_SIZE = 2048

Companions = Mapping[str, Tensor]


@contextmanager
def in_evaluation(*modules: nn.Module) -> Iterator[None]:
    """A scope in evaluation mode, without gradients, of one thread.

    Only what is in training mode is switched, so that a fitted estimator's modules never are.
    """
    with ALONE:
        training = [part for module in modules for part in module.modules() if part.training]
        try:
            for part in training:
                part.training = False
            with torch.no_grad():
                yield
        finally:
            for part in training:
                part.training = True


@contextmanager
def evaluating(*modules: nn.Module) -> Iterator[None]:
    """The scope of a story and a guide of our own: besides, with an empty parameter store."""
    with (
        in_evaluation(*modules),
        pyro.get_param_store().scope(),
        pyro.validation_enabled(False),
    ):
        yield


def check_room(numbers: int, asked: str, remedy: str) -> None:
    """Refuse more drawn numbers than this machine's memory holds.

    Args:
        numbers: how many.
        asked: what was, such as ``"n is 5"``.
        remedy: what would do.

    Raises:
        ValueError: they are too many.
    """
    if 4 * numbers > memory():
        raise ValueError(
            f"{asked}: so many draws take {4 * numbers / 2**30:,.0f} GiB, and this machine has "
            f"{memory() / 2**30:,.0f} GiB: {remedy}"
        )


def device_of(model: nn.Module) -> torch.device:
    """Where the model's parameters are."""
    return next(model.parameters()).device


def asked(x: Tensor | Rows) -> Rows:
    """Data with their companions but for groups: story and guide are to say theirs themselves."""
    rows = as_rows(x)
    return Rows(rows.x, **without_groups(rows.companions))


def batched(
    model: MixtureVAE,
    guide: Guide,
    x: Tensor | Rows,
    function: Callable[..., dict[str, Tensor]],
    batch_size: int,
    dim: int = 0,
) -> dict[str, Tensor]:
    """Apply ``function`` to batches on the model's device, and join the answers on the CPU.

    Companions of the rows are handed on by keyword, ``function(x, **companions)``.
    """
    device = device_of(model)
    with evaluating(model, guide):
        chunks = []
        for rows in asked(x).split(batch_size):
            here = rows.map(lambda each: each.to(device))
            answer = function(here.x, **here.companions)
            chunks.append({name: value.cpu() for name, value in answer.items()})
    return {name: torch.cat([chunk[name] for chunk in chunks], dim) for name in chunks[0]}


def posterior_means(guide: Guide, x: Tensor, **companions: Tensor) -> dict[str, Tensor]:
    """E[z | x] of every continuous latent, by site: ``(B, *event)`` to ``(B, D)``."""
    posteriors = guide.posterior(x, **companions)
    return {site: posterior.mean for site, posterior in posteriors.items()}


@checked
def encode(
    model: MixtureVAE, guide: Guide, x: Tensor | Rows, *, batch_size: Count = BATCH_SIZE
) -> dict[str, Tensor]:
    """The posterior mean of every continuous latent, by site: ``(N, *event)`` to ``(N, D)``."""
    return batched(model, guide, x, partial(posterior_means, guide), batch_size)


@checked
def decode(
    model: MixtureVAE,
    latents: Mapping[str, Tensor],
    *,
    companions: Companions | None = None,
    batch_size: Count = BATCH_SIZE,
) -> Tensor:
    """E[x | z] of continuous latents by site, ``(N, D)`` each, to ``(N, *event)``.

    Args:
        model: the story.
        latents: of every site.
        companions: of the rows that are decoded, by name, ``(N, ...)`` each.
        batch_size: rows at a time.

    Raises:
        ValueError: a companion of another number of rows.
    """
    like = next(model.parameters())
    first, *_ = latents.values()
    given = Rows(first, **(companions or {})).companions
    chunks = []
    with evaluating(model):
        for start in range(0, max(1, len(first)), batch_size):
            rows = slice(start, start + batch_size)
            here = {site: z[rows].to(like) for site, z in latents.items()}
            its = {name: each[rows].to(like.device) for name, each in given.items()}
            chunks.append(model.mean(here, **its).cpu())
    return torch.cat(chunks)


@checked
def reconstruct(
    model: MixtureVAE,
    guide: Guide,
    x: Tensor | Rows,
    *,
    companions: Companions | None = None,
    batch_size: Count = BATCH_SIZE,
) -> Tensor:
    """E[x' | z] at the posterior mean of z, ``(N, *event)``.

    Args:
        model: the story.
        guide: its guide.
        x: data, ``(N, *event)``, or :class:`Rows` with companions.
        companions: what x' has in place of those of x, by name, ``(N, ...)`` each: a datum of one
            batch of an experiment as it would be in another. ``None``: those of x.
        batch_size: rows at a time.

    Raises:
        ValueError: a companion of another number of rows.
    """
    rows = asked(x)
    codes = encode(model, guide, rows, batch_size=batch_size)
    given = {**rows.companions, **(companions or {})}
    return decode(model, codes, companions=given, batch_size=batch_size)
