"""Answers about more data than memory holds: written as they come, to an array or to a file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import torch
from numpy.lib.format import write_array_header_1_0
from numpy.typing import NDArray

from ..data import by_protocol
from ..inference import Rows, Source, source_of
from ..inference.training.files import replacing
from .beside_rows import some_of, told_of
from .ready import finite
from .streaming import blocks_of

Array = NDArray[Any]
Out = Array | str | Path | None
Answer = Callable[[Rows], Any]


def answered(
    answer: Answer, X: Any, read: Callable[..., Rows], told: Mapping[str, Any], out: Out, name: str
) -> Any:
    """What is answered about data; of those that are not in memory, block by block.

    Args:
        answer: of rows, an array or a list of one by facet, ``(N, …)`` each.
        X: data.
        read: makes rows of data and of what is told of them.
        told: of all rows, by ``read``'s argument.
        out: where the answer is put: an array of its shape, or a path that ends in ``.npy`` or
            ``.parquet``; ``None`` gives it in memory.
        name: of a column in a table; numbers of facet and column are added.

    Returns:
        The answer; of a ``.npy`` file a view that is read as it is indexed, and of a table its
        path.

    Raises:
        ValueError, TypeError: what cannot be read, or written; rows are told by their numbers.
    """
    X = by_protocol(X)
    source = source_of(X)
    if source is None and out is None:
        return answer(read(X, **told))
    sink = sink_of(out, name)
    with sink if isinstance(sink, AbstractContextManager) else nullcontext():
        if source is None:
            sink.write(answer(read(X, **told)))
        else:
            _answer_blocks(answer, source, read, told, sink)
    return sink.result()


def _answer_blocks(
    answer: Answer, source: Source, read: Callable[..., Rows], told: Mapping[str, Any], sink: Sink
) -> None:
    n = None if source.lengths is None else len(source)
    told = told_of(source, n, **told)
    for first, rows in blocks_of(source):
        last = first + len(rows) - 1
        try:
            sink.write(answer(read(rows, **some_of(told, slice(first, last + 1)))))
        except (ValueError, TypeError) as error:
            numbers = not isinstance(rows, pd.DataFrame)
            if numbers and ("NaN" in str(error) or "inf" in str(error)):
                finite(torch.as_tensor(np.asarray(rows)), first)
            raise type(error)(f"of rows {first} to {last} of X: {error}") from error


class Sink(ABC):
    """Takes answers as they come."""

    @abstractmethod
    def write(self, answer: Any) -> None:
        """Takes the answer about some rows."""

    @abstractmethod
    def result(self) -> Any:
        """All answers, when they are in."""


def sink_of(out: Out, name: str) -> Sink:
    """Where answers are put.

    Raises:
        TypeError, ValueError: it is none of the places that there are.
    """
    if out is None:
        return InMemory()
    if isinstance(out, np.ndarray):
        return InArray(out)
    if not isinstance(out, str | Path):
        raise TypeError(f"out is a {type(out).__name__}: give an array, or a path")
    path = Path(out)
    if path.suffix not in (".npy", ".parquet"):
        raise ValueError(f"out is {str(path)!r}: use a path that ends in .npy or .parquet")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"out is {str(path)!r}, and there is no folder {path.parent}")
    return InFile(path) if path.suffix == ".npy" else InTable(path, name)


class InMemory(Sink):
    """Keeps all answers and joins them."""

    def __init__(self) -> None:
        self.answers: list[Any] = []

    def write(self, answer: Any) -> None:
        """Keeps it."""
        self.answers.append(answer)

    def result(self) -> Any:
        """One array, or one by facet."""
        if isinstance(self.answers[0], list):
            return [np.concatenate(each) for each in zip(*self.answers, strict=True)]
        return np.concatenate(self.answers)


class InArray(Sink):
    """Fills an array.

    Args:
        out: of the shape that the answers have together.
    """

    def __init__(self, out: Array) -> None:
        self.out = out
        self.rows = 0

    def write(self, answer: Any) -> None:
        """Fills the next rows.

        Raises:
            ValueError: answers of another shape.
        """
        rows = _single(answer)
        end = self.rows + len(rows)
        if end > len(self.out) or rows.shape[1:] != self.out.shape[1:]:
            more = " or more" if end > len(self.out) else ""
            raise ValueError(
                f"out has shape {self.out.shape}, and the answer has {(end, *rows.shape[1:])}{more}"
            )
        self.out[self.rows : end] = rows
        self.rows = end

    def result(self) -> Array:
        """The array.

        Raises:
            ValueError: there were fewer answers than rows.
        """
        if self.rows < len(self.out):
            raise ValueError(f"out has {len(self.out)} rows, and X has {self.rows}")
        return self.out


class InFile(Sink, AbstractContextManager["InFile"]):
    """Writes a ``.npy`` file, which stands under its name when it is whole.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        self.like: Array | None = None
        self.file: BinaryIO | None = None

    def __enter__(self) -> InFile:
        self.replacing = replacing(self.path)
        self.file = self.replacing.__enter__().open("wb")
        return self

    def write(self, answer: Any) -> None:
        """Appends the rows."""
        assert self.file is not None
        rows = np.ascontiguousarray(_single(answer))
        if self.like is None:
            self.like = rows[:0]
            self._head()
        self.rows += len(rows)
        self.file.write(rows.astype(self.like.dtype, copy=False).data)

    def __exit__(self, kind: Any, *rest: Any) -> None:
        assert self.file is not None
        if kind is None:
            self.file.seek(0)
            self._head()
        self.file.close()
        self.replacing.__exit__(kind, *rest)

    def _head(self) -> None:
        # NumPy leaves room in a header for the number of rows to grow.
        assert self.file is not None
        assert self.like is not None
        shape = (self.rows, *self.like.shape[1:])
        kind = np.lib.format.dtype_to_descr(self.like.dtype)
        write_array_header_1_0(self.file, {"descr": kind, "fortran_order": False, "shape": shape})

    def result(self) -> Array:
        """The file's array, which is read as it is indexed."""
        found: Array = np.load(self.path, mmap_mode="r")
        return found


class InTable(Sink, AbstractContextManager["InTable"]):
    """Writes a Parquet table with a column for each number of an answer.

    Args:
        path: the file.
        name: of the columns, ``name`` or ``name_3``; of facets ``name_0`` or ``name_0_3``.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.name = name
        self.writer: Any = None

    def __enter__(self) -> InTable:
        self.replacing = replacing(self.path)
        self.temporary = self.replacing.__enter__()
        return self

    def write(self, answer: Any) -> None:
        """Appends the rows as a row group."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.table(dict(self._columns(answer)))
        if self.writer is None:
            self.writer = pq.ParquetWriter(self.temporary, table.schema)
        self.writer.write_table(table)

    def _columns(self, answer: Any) -> Iterator[tuple[str, Array]]:
        facets = answer if isinstance(answer, list) else [answer]
        for number, facet in enumerate(facets):
            name = f"{self.name}_{number}" if isinstance(answer, list) else self.name
            if facet.ndim == 1:
                yield name, facet
            else:
                rows = facet.reshape(len(facet), -1)
                yield from ((f"{name}_{i}", rows[:, i]) for i in range(rows.shape[1]))

    def __exit__(self, kind: Any, *rest: Any) -> None:
        if self.writer is not None:
            self.writer.close()
        self.replacing.__exit__(kind, *rest)

    def result(self) -> Path:
        """The path."""
        return self.path


def _single(answer: Any) -> Array:
    """The one array that an answer is.

    Raises:
        ValueError: one for each of several facets.
    """
    if isinstance(answer, list):
        raise ValueError(
            f"the answer is {len(answer)} arrays, one for each facet, and out takes one: use a "
            "path that ends in .parquet, or none"
        )
    return np.asarray(answer)
