"""Rows that are not in memory: a source reads them in units, a chunk at a time.

Whatever looks at all data at once, a start or a pretraining, gets a sample of them, drawn without
replacement from a seed. What is trained on all of them reads them anew every epoch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .batches import Rows
from .chunks import Numbers, bytes_of_row, joined, least, picked, starts_of

SAMPLE, SAMPLED_BYTES = 20_000, 2**28  # rows that starts see at most, and what they may take


@dataclass(frozen=True)
class Sample:
    """Some rows of a source.

    Args:
        x: ``(n, *event)``, or a table of n rows.
        rows: their numbers, ascending, ``(n,)``.
        lengths: rows of each unit of the source.
    """

    x: Any
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
        others: what every batch draws from besides, by name, in memory.
        numbered: whether a row has a number, by which what is known of it is found.
        processes: how many are to train, which an iterable is shared among.
    """

    lengths: tuple[int, ...] | None = None
    columns: tuple[str, ...] = ()
    others: Mapping[str, Rows] = {}
    numbered: bool = True
    processes: int = 1

    def __init__(self, sample: int = SAMPLE, workers: int = 0) -> None:
        if sample < 1 or workers < 0:
            raise ValueError(
                f"sample is {sample} and workers is {workers}: use 1 row or more, and 0 or more"
            )
        self.sample = int(sample)
        self.workers = int(workers)

    @abstractmethod
    def read(self, unit: int) -> Iterator[Any]:
        """The rows of a unit in order, in chunks ``(B, *event)`` that fit in memory.

        A chunk is a tensor, :class:`Rows` with companions, or a table that is read by column.
        """

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

    def chunks(self) -> Iterator[Any]:
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
                kept.append(picked(chunk, own))
                numbers.append(own + first)
                keys.append(key[own])
                held, first = held + len(own), first + len(chunk)
                if held > 2 * most:
                    x, rows, own_keys = least(kept, numbers, keys, most)
                    kept, numbers, keys = [x], [rows], [own_keys]
                    held, limit = most, float(own_keys.max())
            lengths.append(first - start)
        self.lengths = tuple(lengths)
        if not kept:
            raise ValueError("X has no row")
        x, rows, _ = least(kept, numbers, keys, most)
        return Sample(x, rows, self.lengths)

    def pick(self, rows: Numbers) -> Any:
        """The rows of these numbers, ascending, ``(n,)`` and at least one, together.

        Raises:
            TypeError: rows that are not counted.
        """
        if self.lengths is None:
            raise TypeError("rows are counted before some are picked: draw a sample")
        found = []
        for unit, first in enumerate(starts_of(self.lengths)):
            low, high = np.searchsorted(rows, (first, first + self.lengths[unit]))
            for chunk in self.read(unit) if low < high else ():
                low, high = np.searchsorted(rows, (first, first + len(chunk)))
                if low < high:
                    found.append(picked(chunk, rows[low:high] - first))
                first += len(chunk)
        return joined(found)

    def by_column(self) -> Source:
        """These rows as tables, where they have columns of types that are to be kept."""
        return self

    def along(self, **others: Rows) -> Self:
        """A copy whose batches bring as many rows drawn from others, as :class:`Beside` has it."""
        found = copy(self)
        found.others = others
        return found

    def map(self, function: Callable[[Any, int], Any]) -> Source:
        """These rows with a function applied to each chunk and the number of its first row."""
        return Mapped(self, function)

    def without(self, rows: Numbers) -> Source:
        """These rows but for some, named by their numbers in ascending order."""
        return Without(self, rows) if len(rows) else self

    def repeated(self, times: NDArray[Any]) -> Source:
        """Each of these rows as often as ``times`` says, ``(N,)`` whole numbers from 0."""
        return Repeated(self, times)


def room_for(x: Any) -> int:
    """As many rows as a sample may hold in bytes, of such as these ``(B, *event)``."""
    return max(1, SAMPLED_BYTES // bytes_of_row(x)) if len(x) else SAMPLE


class Around(Source):
    """A source of another's rows, unit by unit."""

    def __init__(self, source: Source) -> None:
        super().__init__(source.sample, source.workers)
        if source.lengths is None:
            raise TypeError("rows are counted before something is made of them: draw a sample")
        self.source = source
        self.lengths = source.lengths
        self.columns = source.columns
        self.others = source.others
        self.starts = starts_of(source.lengths)

    @property
    def n_units(self) -> int:
        """As many as there are within."""
        return self.source.n_units

    def placed(self, unit: int) -> Iterator[tuple[int, Any]]:
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

    def __init__(self, source: Source, function: Callable[[Any, int], Any]) -> None:
        super().__init__(source)
        self.function = function

    def read(self, unit: int) -> Iterator[Any]:
        """The chunks of a unit, changed."""
        for first, chunk in self.placed(unit):
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

    def read(self, unit: int) -> Iterator[Any]:
        """The chunks of a unit without those rows."""
        for first, chunk in self.placed(unit):
            low, high = np.searchsorted(self.rows, (first, first + len(chunk)))
            if low == high:
                yield chunk
                continue
            left = np.delete(np.arange(len(chunk)), self.rows[low:high] - first)
            yield picked(chunk, left)


class Repeated(Around):
    """Rows of a source, each as often as it counts.

    Args:
        source: the rows.
        times: how often each is there, whole numbers from 0, ``(N,)``.
    """

    def __init__(self, source: Source, times: NDArray[Any]) -> None:
        super().__init__(source)
        self.times = times
        ends = np.concatenate([[0], np.cumsum(times)])
        self.lengths = tuple(np.diff(ends[[*self.starts, len(times)]]).tolist())

    def read(self, unit: int) -> Iterator[Any]:
        """The chunks of a unit with those rows repeated."""
        for first, chunk in self.placed(unit):
            times = self.times[first : first + len(chunk)]
            yield picked(chunk, np.arange(len(chunk)).repeat(times))
