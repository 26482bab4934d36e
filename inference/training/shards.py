"""Rows read from several places, such as files of one's own; and from anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from os.path import isdir
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from .iterating import IterableRows, Iterated
from .parquet import ParquetRows
from .reading import ArrayRows, DatasetRows, SparseRows, as_floats, datum_of
from .sources import SAMPLE, Source, room_for

Item = TypeVar("Item")


class Shards(Source, Generic[Item]):
    """Rows in several places, such as files, which processes and workers share among themselves.

    Args:
        places: where they are, such as paths.
        read: gives the rows of a place in batches, ``(B, *event)`` each, in the same order each
            time; a function of a module, where several processes train or read.
        sample: rows that starts and pretraining see at most.
        workers: processes that read ahead.

    Raises:
        ValueError: no place.

    Example:
        >>> shards = Shards(["a", "b"], lambda place: [np.full((3, 2), ord(place))])
        >>> shards.draw(seed=0).rows
        array([0, 1, 2, 3, 4, 5])
    """

    def __init__(
        self,
        places: Sequence[Item],
        read: Callable[[Item], Iterable[ArrayLike]],
        sample: int = SAMPLE,
        workers: int = 0,
    ) -> None:
        super().__init__(sample, workers)
        if not places:
            raise ValueError("places is empty: give one or more")
        self.places = tuple(places)
        self.reader = read

    @property
    def n_units(self) -> int:
        """As many as there are places."""
        return len(self.places)

    def read(self, unit: int) -> Iterator[Tensor]:
        """The batches of a place."""
        yield from (as_floats(datum_of(batch)) for batch in self.reader(self.places[unit]))


def source_of(X: Any) -> Source | None:
    """The source that data are read from; ``None`` of data in memory, which are taken whole.

    Sources are an ``np.memmap`` of more rows than a sample may have, SciPy's sparse matrices, a
    ``Dataset`` or ``DataLoader``, the path of a Parquet file or of a folder of such, and
    :class:`Source` itself. Of a loader of an iterable dataset, or of a map-style one that it only
    shuffles, the dataset, ``collate_fn`` and ``num_workers`` are taken: batches are the fit's own.

    Raises:
        TypeError: what can be read only once.
    """
    from torch.utils import data as torch_data

    if isinstance(X, Source):
        return X
    if isinstance(X, np.memmap):
        return ArrayRows(X) if X.ndim > 1 and len(X) > min(SAMPLE, room_for(X)) else None
    if hasattr(X, "tocsr"):
        return SparseRows(X)
    if isinstance(X, Path) or (isinstance(X, str) and (X.endswith(".parquet") or isdir(X))):
        return ParquetRows(X)
    if isinstance(X, torch_data.DataLoader):
        usual = isinstance(X.sampler, torch_data.SequentialSampler | torch_data.RandomSampler)
        if isinstance(X.dataset, torch_data.IterableDataset):
            found = X.dataset, X.batch_size, X.collate_fn
            return IterableRows(*found, workers=X.num_workers)
        if not usual:
            return Iterated(X)
        return DatasetRows(X.dataset, X.collate_fn, workers=X.num_workers)
    if isinstance(X, torch_data.IterableDataset):
        return IterableRows(X)
    if isinstance(X, torch_data.Dataset):
        return DatasetRows(X)
    if isinstance(X, Iterator):
        raise TypeError(
            f"X is a {type(X).__name__}, which can be read only once: give what can be read every "
            "epoch, such as an array, a Dataset, a DataLoader, or Shards"
        )
    return None
