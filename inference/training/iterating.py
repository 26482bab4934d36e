"""Rows of iterables: batches that are read as they come, and datasets that share themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset
from torch.utils.data._utils import worker as torch_worker

from .reading import UNIT, as_floats, datum_of
from .sources import SAMPLE, Sample, Source


class Iterated(Source):
    """Batches of an iterable that can be read anew every epoch, such as a ``DataLoader``.

    Nobody can share it: each of several processes reads all of it, and trains on its share.

    Args:
        batches: yields batches; one is an array, begins with one, or has it as ``"x"``.
        sample: rows that starts and pretraining see at most.
    """

    numbered = False

    def __init__(self, batches: Iterable[Any], sample: int = SAMPLE, workers: int = 0) -> None:
        super().__init__(sample, workers)
        self.batches = batches

    @property
    def n_units(self) -> int:
        """One: all batches."""
        return 1

    def read(self, unit: int) -> Iterator[Tensor]:
        """All batches."""
        yield from (as_floats(datum_of(batch)) for batch in self.batches)


class IterableRows(Iterated):
    """Items of an ``IterableDataset``, shared by rank and worker where the dataset can be.

    A dataset that asks torch's ``get_worker_info`` which part of its rows it is to yield, as those
    for several workers do, is asked for as many parts as there are workers in all processes, each
    read by one of them alone. One that does not ask is read whole by every process, each of which
    trains on its share.

    Args:
        dataset: an item is a datum, begins with one, or has it as ``"x"``.
        batch_size: items that are read at a time; ``None``: an item is a batch.
        collate: makes a batch of items; ``None`` as torch does.
        sample: rows that starts and pretraining see at most.
        workers: processes that read ahead, for each process that trains.

    Example:
        >>> import torch
        >>> from torch.utils.data import get_worker_info
        >>> class Numbers(IterableDataset):
        ...     def __iter__(self):
        ...         info = get_worker_info()
        ...         first, step = (0, 1) if info is None else (info.id, info.num_workers)
        ...         return iter([[float(i)] for i in range(first, 6, step)])
        >>> rows = IterableRows(Numbers(), collate=torch.tensor)
        >>> rows.processes = 2
        >>> rows.draw(seed=0).lengths
        (3, 3)
    """

    def __init__(
        self,
        dataset: IterableDataset[Any],
        batch_size: int | None = UNIT,
        collate: Callable[[list[Any]], Any] | None = None,
        sample: int = SAMPLE,
        workers: int = 0,
    ) -> None:
        loader = DataLoader(dataset, batch_size=batch_size, collate_fn=collate)
        super().__init__(loader, sample, workers)
        self.parts = 1

    @property
    def n_units(self) -> int:
        """As many as the parts that the dataset is asked for."""
        return self.parts

    def draw(self, seed: int) -> Sample:
        """A sample of the rows in one pass, which counts them in the parts that there are to be."""
        parts = self.processes * max(1, self.workers)
        self.parts = parts if parts > 1 and self._shares() else 1
        return super().draw(seed)

    def read(self, unit: int) -> Iterator[Tensor]:
        """All batches of a part."""
        if self.parts == 1:
            yield from super().read(0)
            return
        part = _Part(unit, self.parts, self.batches)
        with _as_worker(part):
            batches = iter(self.batches)
        while True:
            with _as_worker(part):  # and never while others read
                batch = next(batches, None)
            if batch is None:
                return
            yield as_floats(datum_of(batch))

    def _shares(self) -> bool:
        """Whether the dataset asks which worker reads it, before its first item."""
        part = _Part(0, 1, self.batches)
        with _as_worker(part):
            next(iter(self.batches), None)
        return part.asked


class _Part:
    """What a dataset learns of the worker that reads it."""

    def __init__(self, number: int, among: int, loader: Any) -> None:
        self.number = number
        self.among = among
        self.dataset = loader.dataset
        self.seed = 0
        self.asked = False

    @property
    def id(self) -> int:
        self.asked = True
        return self.number

    @property
    def num_workers(self) -> int:
        self.asked = True
        return self.among


@contextmanager
def _as_worker(part: _Part) -> Iterator[None]:
    """A scope in which torch's ``get_worker_info`` tells of a part."""
    before = torch_worker._worker_info
    torch_worker._worker_info = part  # type: ignore[assignment]
    try:
        yield
    finally:
        torch_worker._worker_info = before
