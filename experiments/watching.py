"""How accuracy grows with the seconds of a fit, watched without a trace in the fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter, process_time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data import Dataset
from ..inference import During, MixtureELBO, responsibilities
from ..inference.objectives import Hook
from ..inference.phases import Fit, Joining
from ..reports import label_columns, scored
from .experiment import best_of

ROWS = 2000
WATCHED = ("accuracy", "purity", "nmi")


class Stopwatch:
    """Seconds of a fit, of its wall clock and of its processor, less those of looking at it.

    Args:
        before: seconds that an interrupted fit had taken.

    Example:
        >>> watch = Stopwatch((10.0, 20.0))
        >>> with watch.stopped():
        ...     pass
        >>> wall, cpu = watch.read()
        >>> wall >= 10.0 and cpu >= 20.0
        True
    """

    def __init__(self, before: tuple[float, float] = (0.0, 0.0)) -> None:
        self._start = self._now() - np.asarray(before)

    @staticmethod
    def _now() -> NDArray[np.float64]:
        return np.array([perf_counter(), process_time()])

    def read(self) -> tuple[float, float]:
        """Wall and processor seconds so far."""
        wall, cpu = self._now() - self._start
        return float(wall), float(cpu)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """A scope that does not count."""
        entered = self._now()
        try:
            yield
        finally:
            self._start += self._now() - entered


# Unregistered: it holds data, so no name and no saved run can stand for it.
@dataclass(frozen=True, repr=False)
class Watch(During, abstract=True):
    """Adds ``watched_*`` to the history after every epoch: seconds, and scores of held-out rows.

    The first epoch's row has those before it too, as ``started_*``: what the start alone gives.

    Args:
        data: with labels; 2,000 rows spread evenly over them are watched.
        stopwatch: counts the seconds.
    """

    data: Dataset
    stopwatch: Stopwatch

    def hook(self, fit: Fit, elbo: MixtureELBO, joining: Joining) -> Hook:
        """Watches this fit."""
        return _Watching(self.data, self.stopwatch, fit)


@dataclass
class _Watching:
    data: Dataset
    stopwatch: Stopwatch
    fit: Fit
    started: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def around(self, step: int, training: bool) -> Iterator[None]:
        if training and step == 0:
            self.started = self._look("started")
        yield

    def log(self, step: int, row: dict[str, Any]) -> None:
        row |= self.started
        self.started = {}
        row |= self._look("watched")

    def _look(self, prefix: str) -> dict[str, float]:
        wall, cpu = self.stopwatch.read()
        with self.stopwatch.stopped():
            every = max(1, len(self.data) // ROWS)
            labels = self.data.labels
            rows = Dataset(
                self.data.x[::every][:ROWS],
                None if labels is None else labels[::every][:ROWS],
                self.data.name,
                self.data.label_names,
            )
            x: Tensor = torch.as_tensor(rows.x).to(self.fit.x.dtype)
            gammas = responsibilities(self.fit.model, self.fit.guide, x, num_samples=0)
            scores = scored(rows, [gamma.double().numpy() for gamma in gammas.values()])
            names = [label.name for label in label_columns(rows)]
            found = {"wall": wall, "cpu": cpu, **summary(scores, names)}
        return {f"{prefix}_{name}": value for name, value in found.items()}


def summary(scores: dict[str, float], labels: Sequence[str]) -> dict[str, float]:
    """The watched scores; of several labels each as ``label/score``, of the best facet.

    Example:
        >>> summary({"accuracy": 0.8, "purity": 0.9, "nmi": 0.7}, ["digit"])
        {'accuracy': 0.8, 'purity': 0.9, 'nmi': 0.7}
    """
    if len(labels) == 1:
        return {name: best_of(scores, name) for name in WATCHED}
    return {f"{label}/{name}": best_of(scores, name, label) for label in labels for name in WATCHED}


def curve(history: Sequence[dict[str, Any]]) -> list[dict[str, float]]:
    """The watched points of a history, in order.

    Example:
        >>> curve([{"epoch": 1, "started_wall": 2.0, "watched_wall": 3.0}, {"epoch": 2}])
        [{'wall': 2.0}, {'wall': 3.0}]
    """
    points = []
    for row in history:
        for prefix in ("started_", "watched_"):
            point = {
                name.removeprefix(prefix): float(value)
                for name, value in row.items()
                if name.startswith(prefix)
            }
            if point:
                points.append(point)
    return points
