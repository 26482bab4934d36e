"""Estimators on disk: the fields of a run folder, and an estimator back from one.

A run holds constructor arguments and weights, nothing that executes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..inference import Run, RunConfig, seeded
from .base import DeepMixture
from .dhvc import DHVC
from .gammm_vae import GamMMVAE
from .gmvae import GMVAE
from .mfcvae import MFCVAE
from .options import choose
from .vade import AugmentedVaDE, VaDE

ESTIMATORS: dict[str, type[DeepMixture]] = {
    "vade": VaDE,
    "gmvae": GMVAE,
    "gammm-vae": GamMMVAE,
    "mfcvae": MFCVAE,
    "dhvc": DHVC,
    "augmented-vade": AugmentedVaDE,
}


def run_config(
    method: str, estimator: DeepMixture, data: Mapping[str, Any], command: str = ""
) -> RunConfig:
    """What a run's ``config.json`` says of an estimator, fitted or about to be.

    Args:
        method: the estimator's key in :data:`ESTIMATORS`.
        estimator: an estimator.
        data: what is known of the data: ``name``, ``shape``, ``fingerprint``.
        command: the command line.
    """
    arguments = estimator.get_params()
    seed = getattr(estimator, "seed_", None)
    if not isinstance(arguments["random_state"], int | None):
        arguments["random_state"] = seed
    return RunConfig(method, arguments, seed, dict(data), command)


def save(estimator: DeepMixture, path: str | Path) -> None:
    """Write a fitted estimator to a new run folder.

    Raises:
        FileExistsError: the folder exists and is not empty.
    """
    method = next(name for name, kind in ESTIMATORS.items() if type(estimator) is kind)
    write_fitted(Run.create(path, run_config(method, estimator, fitted_on(estimator))), estimator)


def fitted_on(estimator: DeepMixture) -> dict[str, Any]:
    """What :func:`load` must know of the data to build the story again."""
    return {
        "event_shape": list(estimator.model_.likelihood.event_shape),
        "likelihood": estimator.likelihood_,
    }


def write_fitted(run: Run, estimator: DeepMixture) -> None:
    """Write the weights and the history of a fitted estimator into its run."""
    config = run.read_config()
    run.write_config(replace(config, data={**config.data, **fitted_on(estimator)}))
    run.write_weights(_tensors(estimator.model_, estimator.guide_))
    run.write_history(estimator.history_)


def configured(config: RunConfig) -> DeepMixture:
    """The unfitted estimator that a run's configuration describes.

    Raises:
        ValueError: an estimator or an argument that this version does not know.
    """
    kind = choose("the run's estimator", config.estimator, ESTIMATORS)
    arguments: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in config.arguments.items()
    }
    try:
        return kind(**arguments)
    except TypeError as error:
        raise ValueError(f"the run's config.json does not fit {kind.__name__}: {error}") from error


def load(path: str | Path) -> DeepMixture:
    """The fitted estimator of a run folder.

    Args:
        path: the folder.

    Raises:
        FileNotFoundError: there is no such folder, or it has no weights yet.
        ValueError: the folder is foreign or damaged.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> X = np.random.RandomState(0).rand(30, 4)
        >>> vade = VaDE(n_clusters=2, hidden_dims=(4,), pretrain_epochs=1, max_epochs=1).fit(X)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     vade.save(folder)
        ...     bool((load(folder).predict(X) == vade.labels_).all())
        True
    """
    run = Run.open(path)
    config = run.read_config()
    estimator = configured(config)
    try:
        shape = tuple(int(side) for side in config.data["event_shape"])
        likelihood = str(config.data["likelihood"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{run.path}/config.json says no event_shape or likelihood: {error}"
        ) from error
    with seeded(0, "load"):
        model, guide = estimator.story(shape, likelihood)
    dtype = torch.float64 if estimator.precision == "64-true" else torch.float32
    model, guide = model.to(dtype), guide.to(dtype)
    tensors = run.read_weights(_tensors(model, guide))
    for name, module in (("model.", model), ("guide.", guide)):
        module.load_state_dict(
            {
                key.removeprefix(name): value
                for key, value in tensors.items()
                if key.startswith(name)
            }
        )
    estimator.adopt(model, guide, likelihood)
    estimator.history_ = run.read_history()
    return estimator


def _tensors(model: nn.Module, guide: nn.Module) -> dict[str, Tensor]:
    """All tensors of both, by name."""
    modules = (("model.", model), ("guide.", guide))
    return {
        prefix + key: value
        for prefix, module in modules
        for key, value in module.state_dict().items()
    }
