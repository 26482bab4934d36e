"""Estimators on disk: a run folder holds names, arguments and weights, nothing that executes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from ..inference import Run, RunConfig, seeded
from ..parts import UnknownPartError, describe, find, handed, name_of, restore
from .believing import believing, described
from .columns import encoding_of, schema_in
from .gaps import gaps_of, has_gaps
from .scaling import scaling_in, standardised, unit


def run_config(estimator: Any, data: Mapping[str, Any], command: str = "") -> RunConfig:
    """What a run's ``config.json`` says of an estimator, fitted or about to be.

    Args:
        estimator: an estimator.
        data: what is known of the data: ``name``, ``shape``, ``fingerprint``.
        command: the command line.
    """
    arguments = {**estimator.get_params(deep=False), "device": str(estimator.device)}
    seed = getattr(estimator, "seed_", None)
    if not isinstance(arguments["random_state"], int | None):
        arguments["random_state"] = seed
    kind = type(estimator)
    name = kind.alias if find("estimator", kind.alias) is kind else name_of(kind)
    return RunConfig(name, describe(arguments), seed, dict(data), command)


def save(estimator: Any, path: str | Path) -> None:
    """Write a fitted estimator to a new run folder.

    Raises:
        FileExistsError: the folder exists and is not empty.
    """
    write_fitted(Run.create(path, run_config(estimator, fitted_on(estimator))), estimator)


def fitted_on(estimator: Any) -> dict[str, Any]:
    """What :func:`load` must know of the data and the fit to have the estimator as it was."""
    names = getattr(estimator, "feature_names_in_", None)
    return {
        "event_shape": list(estimator.model_.likelihood.event_shape),
        "likelihood": describe(estimator.likelihood_),
        "standardised": scaling_in(estimator.model_) is not None,
        "columns": estimator.columns_.describe() if hasattr(estimator, "columns_") else None,
        "gaps": has_gaps(estimator.guide_),
        "missing_values": estimator.n_missing_,
        "feature_names": None if names is None else list(names),
        "seed": estimator.seed_,
        "n_clusters": estimator.n_clusters_,
        **estimator.conditions(),
    }


def write_fitted(run: Run, estimator: Any) -> None:
    """Write the weights, the labels and the history of a fitted estimator into its run."""
    config = run.read_config()
    run.write_config(replace(config, data={**config.data, **fitted_on(estimator)}))
    run.write_weights(_tensors(estimator.model_, estimator.guide_))
    run.write_history(estimator.history_)
    if hasattr(estimator, "labels_"):
        run.write_labels(estimator.labels_)


def configured(config: RunConfig, parts: Mapping[str, Any] | None = None) -> Any:
    """The unfitted estimator that a run's configuration describes.

    Args:
        config: the configuration.
        parts: by argument, parts that this process does not know by name; ``estimator`` is the
            estimator's own class.

    Raises:
        ValueError: an estimator, a part or an argument that this process does not know.
    """
    given = dict(parts or {})
    kind = given.pop("estimator", None) or _estimator(config.estimator)
    if not isinstance(config.arguments, Mapping):
        raise ValueError(f"the run's config.json is damaged: its arguments are {config.arguments}")
    arguments = {
        name: _restored(name, value, given.pop(name, None))
        for name, value in config.arguments.items()
    }
    if given:
        raise ValueError(f"{min(given)!r} is handed in and is no argument of {kind.__name__}")
    try:
        estimator = kind(**arguments)
        estimator.check_arguments()
    except (TypeError, ValueError) as error:
        raise ValueError(f"the run's config.json does not fit {kind.__name__}: {error}") from error
    return estimator


def _estimator(name: object) -> Any:
    try:
        if not isinstance(name, str):
            raise ValueError
        return find("estimator", name)
    except ValueError:
        raise ValueError(
            f"the run's estimator is {name!r}, which is not defined in this process: define or "
            "import it first, or hand it in: load(path, estimator=…)"
        ) from None


def _restored(name: str, description: Any, part: Any) -> Any:
    """An argument's value; a class that is handed in takes the arguments that it was saved with.

    Raises:
        ValueError: a part that is not known, or no description of one.
    """
    try:
        return _found(name, description, part)
    except (TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"the run's config.json is damaged: its {name} is none: {error}"
        ) from error


def _found(name: str, description: Any, part: Any) -> Any:
    known = {} if part is None else handed(part)
    if not (part is None or isinstance(part, type) or hasattr(part, "__code__")):
        return part
    try:
        return restore(description, known)
    except UnknownPartError as error:
        if part is not None:  # by another name, such as from a notebook that became a module
            return restore(description, known | {error.name: part})
        short = error.name.rpartition(":")[2]
        raise ValueError(
            f"the run's {name} is made of {error.name!r}, which is not defined in this process: "
            f"define or import it first, or hand it in: load(path, {name}={short})"
        ) from None


def load(path: str | Path, **parts: Any) -> Any:
    """The fitted estimator of a run folder.

    Args:
        path: the folder.
        **parts: by argument (``prior=StudentMixture``), the parts of a user's own that this process
            has not defined under the name that the run has for them; ``estimator=`` is the class
            itself.

    Raises:
        FileNotFoundError: there is no such folder, or it has no weights yet.
        ValueError: the folder is foreign or damaged, or has a part that is not defined.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from pyromix import VaDE
        >>> from pyromix.inference import Training
        >>> X = np.random.RandomState(0).rand(30, 4)
        >>> vade = VaDE(n_clusters=2, pretraining=None, training=Training(max_epochs=1)).fit(X)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     vade.save(folder)
        ...     bool((load(folder).predict(X) == vade.labels_).all())
        True
    """
    run = Run.open(path)
    config = run.read_config()
    run.check_finished()
    estimator = configured(config, parts)
    shape, likelihood, estimator.n_clusters_ = described(run.path, config.data)
    likelihood = _restored("likelihood", likelihood, parts.get("likelihood"))
    schema = schema_in(config.data.get("columns"), likelihood, run.path)
    encoding = encoding_of(likelihood)
    estimator.take_conditions(config.data)
    more = {"n_covariates": estimator.n_covariates}
    with seeded(0, "load"), believing(run.path):
        seen = shape if encoding is None else (encoding.width,)
        model, guide = estimator.build(seen, likelihood, **more, **gaps_of(config.data, seen))
    if encoding is not None or config.data.get("standardised"):
        model, guide = standardised(model, guide, encoding or unit(shape))
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
    if schema is not None:
        estimator.columns_ = schema
    estimator.history_ = run.read_history()
    _remember(estimator, run, config.data)
    return estimator


def _remember(estimator: Any, run: Run, data: Mapping[str, Any]) -> None:
    """What else the fit left: its seed, the labels of its data, and the names of their features."""
    labels, names, seed = run.read_labels(), data.get("feature_names"), data.get("seed")
    if labels is not None:
        estimator.labels_ = labels
    if seed is not None:
        if type(seed) is not int:
            raise ValueError(f"{run.path}/config.json is damaged: its seed is {seed!r}")
        estimator.seed_ = seed
    estimator.n_missing_ = data.get("missing_values", 0)
    if names is None:
        return
    strings = isinstance(names, list) and all(isinstance(name, str) for name in names)
    if not strings or len(names) != estimator.n_features_in_:
        raise ValueError(
            f"{run.path}/config.json is damaged: its feature_names are not "
            f"{estimator.n_features_in_} names"
        )
    estimator.feature_names_in_ = np.asarray(names, dtype=object)


def _tensors(model: nn.Module, guide: nn.Module) -> dict[str, Tensor]:
    """All tensors of both, by name."""
    modules = (("model.", model), ("guide.", guide))
    return {
        prefix + key: value
        for prefix, module in modules
        for key, value in module.state_dict().items()
    }


class Saved:
    """An estimator's own :func:`save` and :func:`load`."""

    def save(self, path: str | Path) -> None:
        """Write a run folder: names and arguments, weights and history; nothing that executes.

        Raises:
            FileExistsError: the folder exists and is not empty.
        """
        check_is_fitted(self)
        save(self, path)

    @classmethod
    def load(cls, path: str | Path, **parts: Any) -> Self:
        """The fitted estimator of a run folder.

        Args:
            path: the folder.
            **parts: parts of one's own that this process has not defined, by argument:
                ``prior=StudentMixture``.

        Raises:
            FileNotFoundError: there is no such folder, or it has no weights yet.
            ValueError: the folder is foreign, damaged, of another estimator, or has a part that is
                not defined.
        """
        loaded = load(path, **parts)
        if not isinstance(loaded, cls):
            raise ValueError(f"{path} holds a {type(loaded).__name__}, not a {cls.__name__}")
        return loaded
