"""Fitting an experiment's seeds: each in a process of its own, resumed where one was stopped."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from ..data import DEFAULT_ROOT, Dataset, load
from ..estimators import run_config
from ..inference import Checkpoint
from ..reports import mean_bound, responsibilities, scored
from .experiment import Budget, Experiment
from .records import Record, labelling, peak_memory, place
from .watching import Stopwatch, Watch, curve

STOPPED = 130


def splits(data: str, root: str | Path = DEFAULT_ROOT, *, pooled: bool = False) -> Splits:
    """What is fitted, what is scored, and what the latter is called.

    Args:
        data: a name of the catalogue.
        root: folder of the image sets.
        pooled: both splits together, for both.

    Returns:
        ``"test"`` data, or ``"all"`` where a set has one split or both are pooled.

    Example:
        >>> fitted, asked, split = splits("digits")
        >>> len(fitted), len(asked), split
        (1797, 1797, 'all')
    """
    train, test = (load(data, root=root, split=split) for split in ("train", "test"))
    if np.array_equal(train.x, test.x):
        return train, train, "all"
    if not pooled:
        return train, test, "test"
    both = replace(train, x=np.concatenate([train.x, test.x]), labels=_joined(train, test))
    return both, both, "all"


Splits = tuple[Dataset, Dataset, str]


def _joined(train: Dataset, test: Dataset) -> Any:
    if train.labels is None or test.labels is None:
        return None
    return np.concatenate([train.labels, test.labels])


def measure(
    experiment: Experiment,
    budget: Budget,
    seed: int,
    folder: Path,
    root: str | Path = DEFAULT_ROOT,
) -> Record:
    """Fit one seed, or what is left of it, score it, and write the result.

    Args:
        experiment: what is fitted.
        budget: ``"cpu"`` or ``"full"``.
        seed: of the fit.
        folder: of the results; a checkpoint stands there until the fit ends.
        root: folder of the image sets.

    Returns:
        The result, also on disk.
    """
    path = place(folder, experiment.name, budget, seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    checkpoint = path.with_suffix(".pt")
    fitted, asked, split = splits(experiment.data, root, pooled=experiment.pooled)
    estimator = experiment.estimator(budget, seed)
    settings = run_config(estimator, {}).arguments
    stopwatch = Stopwatch(_spent(checkpoint))
    during = (*estimator.training.during, Watch(asked, stopwatch))
    estimator.set_params(training__during=during).fit(fitted.x, checkpoint=checkpoint)
    wall, cpu = stopwatch.read()
    label = labelling(estimator.predict, asked.x)
    metrics = scored(asked, responsibilities(estimator, asked.x))
    sizes = list(estimator.clusterings())
    record = Record(
        name=experiment.name,
        method=f"{type(estimator).__name__} ({experiment.variant})",
        data=experiment.data,
        split=split,
        seed=seed,
        budget=budget,
        n_clusters=sizes if len(sizes) > 1 else sizes[0],
        metrics=metrics | {"bound": mean_bound(estimator, asked.x)},
        seconds={"wall": wall, "cpu": cpu, **label},
        peak_memory_mib=peak_memory(),
        curve=curve(estimator.history_),
        settings=settings,
        note=experiment.note,
    )
    record.write(folder)
    checkpoint.unlink(missing_ok=True)
    return record


def _spent(checkpoint: Path) -> tuple[float, float]:
    """Seconds that a stopped fit had taken by its last epoch kept, as far as they are known.

    Of a fit that was stopped in its pretraining the epochs count, by the wall clock.
    """
    if not checkpoint.exists():
        return 0.0, 0.0
    kept = Checkpoint(checkpoint)
    rows = [row for phase in kept.phases for row in _rows(kept.state(phase))]
    watched = [row for row in rows if "watched_wall" in row]
    if watched:
        last = max(watched, key=lambda row: float(row["watched_wall"]))
        return float(last["watched_wall"]), float(last["watched_cpu"])
    seconds = sum(float(row.get("seconds", 0.0)) for row in rows)
    return seconds, seconds


def _rows(state: Any) -> Sequence[Mapping[str, Any]]:
    """The rows of history that a checkpoint keeps of a phase, or the one of a start."""
    if not isinstance(state, Mapping):
        return ()
    rows: Sequence[Mapping[str, Any]] = state.get("rows") or [state.get("row", {})]
    return rows


def apart(function: Callable[..., object], *arguments: object) -> bool:
    """Call a function in a fresh process, so that its peak memory is its own.

    Args:
        function: of a module.
        *arguments: what can be pickled.

    Returns:
        Whether it ended well; what it raises is printed there.

    Raises:
        KeyboardInterrupt: it was stopped by Ctrl-C.
    """
    process = get_context("spawn").Process(target=_quietly, args=(function, arguments))
    process.start()
    process.join()
    if process.exitcode == STOPPED:
        raise KeyboardInterrupt
    return process.exitcode == 0


def _quietly(function: Callable[..., object], arguments: tuple[object, ...]) -> None:
    warnings.simplefilter("ignore")
    try:
        function(*arguments)
    except KeyboardInterrupt:
        sys.exit(STOPPED)
