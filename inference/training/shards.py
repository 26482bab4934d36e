"""Rows read from several places, such as the row groups of Parquet files; and from anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from os.path import isdir
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from .reading import UNIT, ArrayRows, DatasetRows, Iterated, SparseRows, as_floats, datum_of
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


class ParquetRows(Source):
    """Columns of numbers in Parquet files of like columns, row group by row group.

    Args:
        path: a file, or a folder in which and below which all ``.parquet`` files are read, in the
            order of their names.
        columns: names of those that are features; all, if there are none given.
        sample: rows that starts and pretraining see at most.
        workers: processes that read ahead.

    Raises:
        FileNotFoundError: no such file.
        ValueError, TypeError: names the file and the column that will not do.
    """

    def __init__(
        self,
        path: str | Path,
        columns: Sequence[str] = (),
        sample: int = SAMPLE,
        workers: int = 0,
    ) -> None:
        super().__init__(sample, workers)
        import pyarrow.parquet as pq

        path = Path(path)
        files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
        if not files or not files[0].exists():
            raise FileNotFoundError(f"{path} is no .parquet file, nor a folder that holds one")
        units, lengths = [], []
        for file in files:
            with pq.ParquetFile(file) as opened:
                names = columns or tuple(opened.schema_arrow.names)
                _check_columns(file, opened.schema_arrow, names)
                if self.columns and set(names) != set(self.columns):
                    odd = min(set(names) ^ set(self.columns))
                    raise ValueError(
                        f"{file} and {files[0]} differ in column {odd!r}: give the same columns"
                    )
                self.columns = self.columns or tuple(names)
                for group in range(opened.num_row_groups):
                    if held := opened.metadata.row_group(group).num_rows:
                        units.append((file, group))
                        lengths.append(held)
        if not units:
            raise ValueError(f"{path} has no row")
        self.units, self.lengths = tuple(units), tuple(lengths)

    @property
    def n_units(self) -> int:
        """As many as there are row groups."""
        return len(self.units)

    def read(self, unit: int) -> Iterator[Tensor]:
        """The rows of a row group, 4,096 at a time."""
        import pyarrow.parquet as pq

        file, group = self.units[unit]
        with pq.ParquetFile(file) as opened:
            for batch in opened.iter_batches(4096, [group], list(self.columns), use_threads=False):
                named = (batch.column(name) for name in self.columns)
                yield torch.stack(
                    [as_floats(each.to_numpy(zero_copy_only=False)) for each in named], -1
                )


def _check_columns(file: Path, schema: Any, names: Sequence[str]) -> None:
    import pyarrow as pa

    kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean)
    for name in names:
        if name not in schema.names:
            raise ValueError(f"{file} has no column {name!r}: it has {', '.join(schema.names)}")
        kind = schema.field(name).type
        if not any(is_number(kind) for is_number in kinds):
            raise TypeError(
                f"{file}: column {name!r} holds {kind} values, and numbers are read as they are "
                "from files larger than memory: name the columns of numbers in `columns`"
            )


def source_of(X: Any) -> Source | None:
    """The source that data are read from; ``None`` of data in memory, which are taken whole.

    Sources are an ``np.memmap`` of more rows than a sample may have, SciPy's sparse matrices, a
    ``Dataset`` or ``DataLoader``, the path of a Parquet file or of a folder of such, and
    :class:`Source` itself. Of a loader of a map-style dataset that only shuffles, the dataset,
    ``collate_fn`` and ``num_workers`` are taken: batches are the fit's own.

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
        if isinstance(X.dataset, torch_data.IterableDataset) or not usual:
            return Iterated(X)
        return DatasetRows(X.dataset, X.collate_fn, workers=X.num_workers)
    if isinstance(X, torch_data.IterableDataset):
        return Iterated(torch_data.DataLoader(X, batch_size=UNIT))
    if isinstance(X, torch_data.Dataset):
        return DatasetRows(X)
    if isinstance(X, Iterator):
        raise TypeError(
            f"X is a {type(X).__name__}, which can be read only once: give what can be read every "
            "epoch, such as an array, a Dataset, a DataLoader, or Shards"
        )
    return None
