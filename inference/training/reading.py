"""Rows read from mapped and sparse arrays, and from datasets of items that have numbers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .chunks import Numbers
from .sources import SAMPLE, Sample, Source, room_for

UNIT, UNIT_BYTES = 256, 2**18  # rows of an array that are read at a time, and their bytes


def as_floats(x: Any) -> Tensor:
    """Numbers as floating-point values, ``(B, *event)``: float64 as they are, others as float32.

    Raises:
        TypeError: values that are no numbers.
    """
    if not isinstance(x, Tensor):
        array = np.asarray(x)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"X holds {array.dtype} values: give numbers")
        if array.dtype.kind != "f" or array.dtype.itemsize not in (4, 8):
            array = array.astype(np.float32)
        array = array.astype(array.dtype.newbyteorder("="), copy=False)
        return torch.as_tensor(array if array.flags.writeable else np.array(array))
    return x if x.is_floating_point() else x.float()


class Indexed(Source):
    """Rows of which any range can be read, in units of 256 or less.

    Args:
        n: how many there are.
        sample: rows that starts and pretraining see at most.
        workers: processes that read ahead.
    """

    def __init__(self, n: int, sample: int = SAMPLE, workers: int = 0) -> None:
        super().__init__(sample, workers)
        if n < 1:
            raise ValueError("X has no row")
        self.n = n
        few = self.rows(np.arange(1))
        self.unit = max(1, min(UNIT, UNIT_BYTES // max(1, few[0].nbytes), -(-n // 64)))
        whole, rest = divmod(n, self.unit)
        self.lengths = (self.unit,) * whole + (rest,) * bool(rest)

    @abstractmethod
    def rows(self, numbers: Numbers) -> Tensor:
        """The rows of these numbers, ascending: ``(B,)`` to ``(B, *event)``."""

    @property
    def n_units(self) -> int:
        """As many as the rows make."""
        return -(-self.n // self.unit)

    def read(self, unit: int) -> Iterator[Tensor]:
        """The rows of a unit, at once."""
        start = unit * self.unit
        yield self.rows(np.arange(start, min(self.n, start + self.unit)))

    def draw(self, seed: int) -> Sample:
        """A sample, of which alone the rows are read."""
        assert self.lengths is not None
        most = min(self.n, self.sample, room_for(self.rows(np.arange(1))))
        chosen = np.arange(self.n)
        if most < self.n:
            chosen = np.sort(np.random.default_rng(seed).choice(self.n, most, replace=False))
        return Sample(self.pick(chosen), chosen, self.lengths)

    def pick(self, rows: Numbers) -> Tensor:
        """The rows of these numbers, which alone are read."""
        parts = np.array_split(rows, -(-len(rows) // UNIT))
        return torch.cat([self.rows(some) for some in parts])


class ArrayRows(Indexed):
    """Rows of an array that is read when it is indexed, such as ``np.memmap``.

    Other processes open the file anew, and get no copy of its content.

    Args:
        array: ``(N, *event)``, of numbers.
        sample: rows that starts and pretraining see at most.
        workers: processes that read ahead.
    """

    def __init__(self, array: Any, sample: int = SAMPLE, workers: int = 0) -> None:
        self.array = array
        super().__init__(len(array), sample, workers)

    def rows(self, numbers: Numbers) -> Tensor:
        """A copy of the rows."""
        low, high = int(numbers[0]), int(numbers[-1]) + 1
        together = high - low == len(numbers)
        return as_floats(np.array(self.array[low:high] if together else self.array[numbers]))

    def __getstate__(self) -> dict[str, Any]:
        state = vars(self).copy()
        if isinstance(self.array, np.memmap) and self.array.flags.c_contiguous:
            state["array"] = _Place(self.array)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if isinstance(self.array, _Place):
            self.array = self.array.open()


class _Place:
    """Where a mapped array lies in its file."""

    def __init__(self, array: np.memmap[Any, Any]) -> None:
        root = array
        while isinstance(root.base, np.memmap):
            root = root.base
        away = array.__array_interface__["data"][0] - root.__array_interface__["data"][0]
        self.path, self.offset = str(root.filename), root.offset + away
        self.dtype, self.shape = array.dtype, array.shape

    def open(self) -> np.memmap[Any, Any]:
        return np.memmap(self.path, self.dtype, "r", self.offset, self.shape)


class SparseRows(Indexed):
    """Rows of a sparse matrix, of which a few at a time become dense.

    Args:
        matrix: SciPy's, ``(N, F)``; one that is not CSR is turned into it.
        sample: rows that starts and pretraining see at most.
        workers: processes that read ahead.
    """

    def __init__(self, matrix: Any, sample: int = SAMPLE, workers: int = 0) -> None:
        self.matrix = matrix.tocsr()
        super().__init__(self.matrix.shape[0], sample, workers)

    def rows(self, numbers: Numbers) -> Tensor:
        """The rows, made dense."""
        low, high = int(numbers[0]), int(numbers[-1]) + 1
        together = high - low == len(numbers)
        return as_floats((self.matrix[low:high] if together else self.matrix[numbers]).toarray())


class DatasetRows(Indexed):
    """Items of a map-style ``Dataset``.

    Args:
        dataset: has ``__len__`` and ``__getitem__``; an item is a datum, begins with one, or has
            it as ``"x"``.
        collate: makes a batch of items; ``None`` stacks them.
        sample: rows that starts and pretraining see at most.
        workers: processes that read ahead.
    """

    def __init__(
        self,
        dataset: Any,
        collate: Callable[[list[Any]], Any] | None = None,
        sample: int = SAMPLE,
        workers: int = 0,
    ) -> None:
        self.dataset = dataset
        self.collate = collate
        super().__init__(len(dataset), sample, workers)

    def rows(self, numbers: Numbers) -> Tensor:
        """The items, as a batch."""
        items = [self.dataset[number] for number in numbers.tolist()]
        if self.collate is not None:
            return as_floats(datum_of(self.collate(items)))
        return torch.stack([as_floats(datum_of(item)) for item in items])


def datum_of(item: Any) -> Any:
    """The data of an item: what it is, begins with, or has as ``"x"``.

    Raises:
        TypeError: a mapping without it.
    """
    if isinstance(item, Mapping):
        if "x" not in item:
            raise TypeError(f"a batch maps {', '.join(map(repr, item))}: give the data as 'x'")
        return item["x"]
    return item[0] if isinstance(item, tuple | list) and len(item) else item
