"""Starts around others, which find the groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .groups_of import as_start
from .phase import Phase
from .start import Features, Start


@dataclass(frozen=True, repr=False)
class StartAround(Start, abstract=True):
    """What is asked of the start within, for a start that does something with its groups.

    Args:
        start: a start, a clusterer, a function, an array or a name.
    """

    start: Any

    on = "data"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "start", as_start("start", self.start))

    def groups(self, features: Features, n_clusters: int, seed: int) -> Features:
        """Those of the start within."""
        found: Features = self.start.groups(features, n_clusters, seed)
        return found

    def of_rows(self, rows: NDArray[np.int64]) -> Self:
        """That of the start within, for some of the rows."""
        return replace(self, start=self.start.of_rows(rows))

    def check_length(self, n: int) -> None:
        """Refuse groups given beforehand that are not of N data."""
        self.start.check_length(n)

    def check_pretraining(self, pretraining: Phase | None) -> None:
        """Refuse a pretraining that the start within cannot follow."""
        self.start.check_pretraining(pretraining)


@dataclass(frozen=True, repr=False)
class StartsAround(Start, abstract=True):
    """What is asked of the starts within, for a start that does something with all their groups.

    Args:
        starts: starts, clusterers, functions, arrays or names.
    """

    starts: Sequence[Any]

    on = "data"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "starts", tuple(as_start("starts", each) for each in self.starts))

    def of_rows(self, rows: NDArray[np.int64]) -> Self:
        """Each start for some of the rows."""
        return replace(self, starts=tuple(each.of_rows(rows) for each in self.starts))

    def check_length(self, n: int) -> None:
        """Refuse groups given beforehand that are not of N data."""
        for each in self.starts:
            each.check_length(n)

    def check_pretraining(self, pretraining: Phase | None) -> None:
        """Refuse a pretraining that one of the starts cannot follow."""
        for each in self.starts:
            each.check_pretraining(pretraining)
