"""Rows read from Parquet files, as numbers or as tables of any columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from pathlib import Path
from typing import Any

import torch

from .reading import as_floats
from .sources import SAMPLE, Source


class ParquetRows(Source):
    """Columns of Parquet files of like columns, row group by row group.

    Columns of numbers alone are read as an array; where there are others, such as text, rows are
    tables, which a fit reads by column.

    Args:
        path: a file, or a folder in which and below which all ``.parquet`` files are read, in the
            order of their names.
        columns: names of those that are features, or covariates; all, if there are none given.
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
        self.tables = False
        if not files or not files[0].exists():
            raise FileNotFoundError(f"{path} is no .parquet file, nor a folder that holds one")
        units, lengths = [], []
        for file in files:
            with pq.ParquetFile(file) as opened:
                names = columns or tuple(opened.schema_arrow.names)
                self.tables |= _has_others(file, opened.schema_arrow, names)
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

    def by_column(self) -> ParquetRows:
        """These rows as tables of the types that the files have."""
        found = copy(self)
        found.tables = True
        return found

    @property
    def n_units(self) -> int:
        """As many as there are row groups."""
        return len(self.units)

    def read(self, unit: int) -> Iterator[Any]:
        """The rows of a row group, 4,096 at a time: ``(B, F)``, or a table."""
        import pyarrow.parquet as pq

        file, group = self.units[unit]
        with pq.ParquetFile(file) as opened:
            for batch in opened.iter_batches(4096, [group], list(self.columns), use_threads=False):
                if self.tables:
                    yield batch.to_pandas()[list(self.columns)]
                    continue
                named = (batch.column(name) for name in self.columns)
                yield torch.stack(
                    [as_floats(each.to_numpy(zero_copy_only=False)) for each in named], -1
                )


def _has_others(file: Path, schema: Any, names: Sequence[str]) -> bool:
    """Whether some of these columns hold no plain numbers.

    Raises:
        ValueError: a column that is not there.
    """
    import pyarrow as pa

    for name in names:
        if name not in schema.names:
            raise ValueError(f"{file} has no column {name!r}: it has {', '.join(schema.names)}")
    kinds = [schema.field(name).type for name in names]
    return not all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in kinds)
