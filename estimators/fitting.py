"""What a fit must not do in silence: go on with another one's checkpoint, or lose what it has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data import fingerprint
from ..guides import Guide
from ..inference import (
    Checkpoint,
    Recipe,
    Rows,
    Schedule,
    Source,
    Training,
    TrainingInterrupted,
    is_main_process,
    locked,
)
from ..models import MixtureVAE
from ..parts import Unbuilt, describe
from .columns import laws_of
from .scaling import unscaled_states, usual_likelihood

Story = Callable[[], tuple[MixtureVAE, Guide]]
Weights = Mapping[str, Any]

FREE = {"verbose", "device", "random_state", "warm_start", "training__patience"}


def identity(
    estimator: Any, recipe: Recipe, data: Rows, trained_on: int, source: Source | None = None
) -> dict[str, Any]:
    """What a fit must share with the one that began a checkpoint, to end where that would have.

    That is the data, the seed, and every argument but ``verbose``, ``device``, ``patience`` and,
    where nothing depends on how long the training is, ``max_epochs``.

    Args:
        estimator: the estimator, whose seed is known.
        recipe: its phases.
        data: all data, and their companions.
        trained_on: how many of them are not held out.
        source: what is read in the joint training, where data are a sample of it.
    """
    settings = dict(flattened(describe({**estimator.get_params(deep=False), "device": None})))
    free = FREE if counts_epochs(recipe) else FREE | {"training__max_epochs"}
    found = {name: value for name, value in settings.items() if name not in free}
    for name, tensor in {"X": data.x, **data.companions}.items():
        found[name] = f"{tuple(tensor.shape)} {fingerprint(tensor.cpu().numpy())}"
    if continues(estimator):
        weights = [
            tensor.detach().cpu().double().flatten().numpy()
            for module in (estimator.model_, estimator.guide_)
            for tensor in module.state_dict().values()
        ]
        found["warm_start"] = fingerprint(np.concatenate(weights))
    if source is not None:
        found["rows read"] = len(source)
    return {**found, "seed": estimator.seed_, "rows held out": len(data) - trained_on}


def flattened(described: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of a description by their names, such as ``training__batch_size``."""
    if not isinstance(described, Mapping):
        yield name, described
        return
    for form in ("part", "object"):
        if set(described) == {form, "arguments"}:
            yield name, described[form]
            described = described["arguments"]
    for key, each in described.items():
        yield from flattened(each, f"{name}__{key}" if name else str(key))


def counts_epochs(recipe: Recipe) -> bool:
    """Whether the length of the training decides what happens before its end."""
    training, elbo = recipe.training, recipe.elbo
    weights = (*elbo.kl_weights, *(term.weight for term in elbo.terms))
    timed = any(type(weight).at is not Schedule.at for weight in weights)
    return timed or bool(training.during) or training.learning_rate_decay == "cosine"


@contextmanager
def claimed(path: str | Path | None, *whose: Any) -> Iterator[Any]:
    """A scope with the checkpoint at ``path``, if there is one, for one fit alone.

    Args:
        path: the file, or ``None``.
        *whose: what :func:`identity` is called with.

    Raises:
        ValueError: it was begun by another fit.
        BlockingIOError: another fit uses it.
    """
    mine = path is not None and is_main_process()  # of several, which share it
    with locked(Path(path)) if mine and path is not None else nullcontext():
        checkpoint = None if path is None else Checkpoint(path)
        if checkpoint is not None:
            checkpoint.claim(identity(*whose))
        yield checkpoint


@contextmanager
def kept_if_stopped(take: Callable[..., None] | None) -> Iterator[None]:
    """A scope that leaves what a stopped fit has come to with the estimator, and says so.

    Args:
        take: takes the story, the guide and the history; ``None`` where a checkpoint has them.
    """
    try:
        yield
    except TrainingInterrupted as stop:
        if stop.fitted is None or take is None:
            raise
        take(*stop.fitted)
        message = f"{stop}; the estimator is fitted with what there is, and can be used"
        raise TrainingInterrupted(message, stop.phase, stop.epoch) from stop


def continues(estimator: Any) -> bool:
    """Whether a fit goes on from the weights of the one before."""
    return bool(estimator.warm_start) and hasattr(estimator, "model_")


def warm(estimator: Any, recipe: Recipe, story: Story) -> tuple[Recipe, Story]:
    """The joint training alone, from the weights of a fitted estimator."""
    states = unscaled_states(estimator.model_, estimator.guide_)
    return replace(recipe, pretraining=None, start=None), partial(_continued, story, *states)


def _continued(story: Story, model_state: Weights, guide_state: Weights) -> Any:
    model, guide = story()
    try:
        model.load_state_dict(model_state)
        guide.load_state_dict(guide_state)
    except RuntimeError as error:
        raise ValueError(
            "warm_start is True, and the model that is fitted has other parts or sizes than these "
            "arguments and data make: use warm_start=False to fit anew"
        ) from error
    return model, guide


def likelihood_of(estimator: Any, x: Tensor) -> Unbuilt:
    """The likelihood; for ``"auto"`` that of the fit that is gone on from, or as data allow."""
    found: Unbuilt = estimator.likelihood
    if found == "auto" and continues(estimator):
        found = estimator.likelihood_
    if found == "auto" and "columns_" in vars(estimator):
        found = laws_of(estimator.columns_, x.numpy())
    if found == "auto":
        found = usual_likelihood(x, estimator.standardise)
    return found


def split(
    estimator: Any, data: Rows, training: Training
) -> tuple[Rows, Rows | None, Tensor | None]:
    """The data to train on, those held out, and the rows of the former, where any are."""
    if estimator.n_init == 1 and training.patience is None:
        return data, None, None
    held_out = round(training.validation_fraction * len(data))
    if not 1 <= held_out < len(data) - max(estimator.clusterings()):
        raise ValueError(
            f"training's validation_fraction is {training.validation_fraction}, which holds "
            f"out {held_out} of {len(data)} samples: n_init and patience need at least one, "
            "and more left than K"
        )
    order = torch.as_tensor(np.random.RandomState(estimator.seed_).permutation(len(data)))
    left, held = order[held_out:], order[:held_out]
    return data.at(left), data.at(held), left
