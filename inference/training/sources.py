"""Rows that are not in memory: a source reads them in units, a chunk at a time.

Whatever looks at all data at once, a start or a pretraining, gets a sample of them, drawn without
replacement from a seed. What is trained on all of them reads them anew every epoch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SAMPLE, SAMPLED_BYTES = 20_000, 2**28  # rows that starts see at most, and what they may take
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Sample:
    """Some rows of a source.

    Args:
        x: ``(n, *event)``.
        rows: their numbers, ascending, ``(n,)``.
        lengths: rows of each unit of the source.
    """

    x: Tensor
    rows: Numbers
    lengths: tuple[int, ...]

    @property
    def whole(self) -> bool:
        """Whether these are all rows."""
        return len(self.rows) == sum(self.lengths)


class Source(ABC):
    """Rows that are read when they are needed; a subclass says how.

    Its units are what processes and workers share among themselves, each read by one of them alone,
    and what an epoch permutes: ranges of an array, row groups of a file, shards.

    Args:
        sample: rows that starts and pretraining see at most.
        workers: processes that read ahead, for each process that trains.

    Raises:
        ValueError: no row to sample.

    Attributes:
        lengths: rows of each unit; ``None`` until they are counted.
        columns: the names of a table's features, where they have names.
    """

    lengths: tuple[int, ...] | None = None
    columns: tuple[str, ...] = ()

    def __init__(self, sample: int = SAMPLE, workers: int = 0) -> None:
        if sample < 1 or workers < 0:
            raise ValueError(
                f"sample is {sample} and workers is {workers}: use 1 row or more, and 0 or more"
            )
        self.sample = int(sample)
        self.workers = int(workers)

    @abstractmethod
    def read(self, unit: int) -> Iterator[Tensor]:
        """The rows of a unit in order, in chunks ``(B, *event)`` that fit in memory."""

    @property
    @abstractmethod
    def n_units(self) -> int:
        """How many units there are."""

    def __len__(self) -> int:
        """All rows.

        Raises:
            TypeError: they are not counted yet.
        """
        if self.lengths is None:
            raise TypeError(f"the rows of {type(self).__name__} are not counted yet")
        return sum(self.lengths)

    def chunks(self) -> Iterator[Tensor]:
        """All rows in order."""
        for unit in range(self.n_units):
            yield from self.read(unit)

    def draw(self, seed: int) -> Sample:
        """A sample of the rows in one pass, every row as likely as any other; counts them too."""
        random = np.random.default_rng(seed)
        lengths, kept, numbers, keys = [], [], [], []
        held, limit, first = 0, np.inf, 0
        most = self.sample
        for unit in range(self.n_units):
            start = first
            for chunk in self.read(unit):
                most = min(most, room_for(chunk))
                key = random.random(len(chunk))
                own = np.flatnonzero(key < limit)
                kept.append(chunk[torch.as_tensor(own)])
                numbers.append(own + first)
                keys.append(key[own])
                held, first = held + len(own), first + len(chunk)
                if held > 2 * most:
                    x, rows, own_keys = _least(kept, numbers, keys, most)
                    kept, numbers, keys = [x], [rows], [own_keys]
                    held, limit = most, float(own_keys.max())
            lengths.append(first - start)
        self.lengths = tuple(lengths)
        if not kept:
            raise ValueError("X has no row")
        x, rows, _ = _least(kept, numbers, keys, most)
        return Sample(x, rows, self.lengths)

    def map(self, function: Callable[[Tensor, int], Tensor]) -> Source:
        """These rows with a function applied to each chunk and the number of its first row."""
        return Mapped(self, function)

    def without(self, rows: Numbers) -> Source:
        """These rows but for some, named by their numbers in ascending order."""
        return Without(self, rows) if len(rows) else self


def room_for(x: Any) -> int:
    """As many rows as a sample may hold in bytes, of such as these ``(B, *event)``."""
    return max(1, SAMPLED_BYTES // max(1, x[0].nbytes)) if len(x) else SAMPLE


def _least(
    kept: list[Tensor], numbers: list[Numbers], keys: list[NDArray[Any]], most: int
) -> tuple[Tensor, Numbers, NDArray[Any]]:
    """Those rows whose keys are the least, in the order of their numbers."""
    x, rows, key = torch.cat(kept), np.concatenate(numbers), np.concatenate(keys)
    if len(rows) > most:
        chosen = np.sort(np.argpartition(key, most - 1)[:most])
        x, rows, key = x[torch.as_tensor(chosen)], rows[chosen], key[chosen]
    return x, rows, key


def starts_of(lengths: Sequence[int]) -> list[int]:
    """The number of the first row of each unit.

    Example:
        >>> starts_of([3, 2, 4])
        [0, 3, 5]
    """
    return [0, *accumulate(lengths)][: len(lengths)]


class Around(Source):
    """A source of another's rows, unit by unit."""

    def __init__(self, source: Source) -> None:
        super().__init__(source.sample, source.workers)
        if source.lengths is None:
            raise TypeError("rows are counted before something is made of them: draw a sample")
        self.source = source
        self.lengths = source.lengths
        self.columns = source.columns
        self.starts = starts_of(source.lengths)

    @property
    def n_units(self) -> int:
        """As many as there are within."""
        return self.source.n_units

    def numbered(self, unit: int) -> Iterator[tuple[int, Tensor]]:
        """The chunks of a unit within, and the number of the first row of each."""
        first = self.starts[unit]
        for chunk in self.source.read(unit):
            yield first, chunk
            first += len(chunk)


class Mapped(Around):
    """Rows of a source, changed or checked as they are read.

    Args:
        source: the rows.
        function: of a chunk and the number of its first row.
    """

    def __init__(self, source: Source, function: Callable[[Tensor, int], Tensor]) -> None:
        super().__init__(source)
        self.function = function

    def read(self, unit: int) -> Iterator[Tensor]:
        """The chunks of a unit, changed."""
        for first, chunk in self.numbered(unit):
            yield self.function(chunk, first)


class Without(Around):
    """Rows of a source but for some, such as those that are held out.

    Args:
        source: the rows.
        rows: numbers of those that are left out, ascending.
    """

    def __init__(self, source: Source, rows: Numbers) -> None:
        super().__init__(source)
        self.rows = np.asarray(rows, np.int64)
        ends = np.searchsorted(self.rows, [*self.starts, sum(source.lengths or ())])
        self.lengths = tuple((np.asarray(source.lengths) - np.diff(ends)).tolist())

    def read(self, unit: int) -> Iterator[Tensor]:
        """The chunks of a unit without those rows."""
        for first, chunk in self.numbered(unit):
            low, high = np.searchsorted(self.rows, (first, first + len(chunk)))
            if low == high:
                yield chunk
                continue
            left = np.delete(np.arange(len(chunk)), self.rows[low:high] - first)
            yield chunk[torch.as_tensor(left)]
