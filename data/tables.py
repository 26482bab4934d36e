"""Tables of text: where a line's fields end, what a decimal is, and whether names come first."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TextIO, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

SEPARATORS = (";", "\t", "|", ",")
NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")
DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
DECIMAL_POINT = re.compile(r"[+-]?\d*\.\d+([eE][+-]?\d+)?")
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")
LOOKED_AT = 200

Rows = list[list[str]]


class Table(NamedTuple):
    """A table as it was read.

    Attributes:
        frame: its columns.
        named: whether the columns have names of their own; else they are 0, 1, ….
        ignored: columns that were left out, with the reason.
    """

    frame: pd.DataFrame
    named: bool
    ignored: dict[str, str]


class _Form(NamedTuple):
    sep: str
    decimal: str
    rows: Rows


def read_text_table(path: Path, sep: str | None = None) -> Table:
    """Read a .csv or .tsv, plain or .gz, as what it is, or refuse it; columns are never shifted.

    Fields end at semicolons, tabs, bars or commas, whichever part every line into as many; decimals
    may have a comma where fields end otherwise. The first line may be names or data. A first column
    without a name that numbers or names the rows is left out.

    Args:
        path: the file.
        sep: where fields end, if it is to be no other.

    Raises:
        ValueError: no lines, lines of unequal length, names that are half numbers or come twice,
            numbers in two notations.
    """
    form = _form(path, sep)
    first, *body = form.rows
    named = _is_header(path, first, body)
    if body and len(body[0]) != len(first):
        raise ValueError(
            f"{path}: its first line has {len(first)} fields and the next {len(body[0])}: give "
            "every column a name, a column of row numbers too, and end no line with a separator"
        )
    frame = pd.read_csv(
        path,
        sep=form.sep,
        decimal=form.decimal,
        header=0 if named else None,
        names=range(len(first)),
        index_col=False,
        skipinitialspace=True,
        encoding="utf-8-sig",
    )
    names = [name.strip() for name in first] if named else [str(i) for i in range(len(first))]
    frame.columns = pd.Index(names)
    if bool(frame.iloc[:, -1].isna().any()):
        _refuse_short_lines(path, form.sep, names, named)
    return without_row_names(path, frame, named)


def without_row_names(path: Path, frame: pd.DataFrame, named: bool = True) -> Table:
    """A table without the column of row names that a program has saved, its first without a name.

    Raises:
        ValueError: two columns of one name, or one without a name that holds anything else.
    """
    names = [str(name).strip() for name in frame.columns]
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise ValueError(f"{path} has {names.count(twice[0])} columns {twice[0]!r}: rename one")
    frame = frame.set_axis(names, axis=1)
    ignored: dict[str, str] = {}
    for name in [each for each in ("", "Unnamed: 0") if each in names]:
        column = frame[name]
        if column.isna().all():
            ignored[name] = "it is empty"
        elif name == names[0] and column.dtype.kind in "iuOTU" and column.is_unique:
            ignored[name] = "it numbers or names the rows"
        else:
            raise ValueError(
                f"{path}: column {names.index(name)} has no name, and is neither empty nor names "
                "of rows: name it, or leave it out with --drop"
            )
    return Table(frame.drop(columns=list(ignored)), named, ignored)


def _refuse_short_lines(path: Path, sep: str, names: Sequence[str], named: bool) -> None:
    """Refuse lines that end before the last column, which pandas takes for missing values."""
    with _opened(path) as file:
        rows = csv.reader(file, delimiter=sep, skipinitialspace=True)
        for row, fields in enumerate((row for row in rows if "".join(row).strip()), -int(named)):
            if len(fields) < len(names):
                raise ValueError(
                    f"{path}: row {row} ends before column {names[len(fields)]!r}: end it with "
                    "separators where nothing is known"
                )


def _opened(path: Path) -> TextIO:
    if path.suffix.lower() == ".gz":
        return cast(TextIO, gzip.open(path, "rt", encoding="utf-8-sig", newline=""))
    return path.open(encoding="utf-8-sig", newline="")


def _form(path: Path, sep: str | None) -> _Form:
    read = {each: _rows(path, each) for each in (SEPARATORS if sep is None else (sep,))}
    if not any(read.values()):
        raise ValueError(f"{path} has no lines: at least one row is needed")
    if sep is not None and all(len(row) == 1 for row in read[sep]):
        others = [each for each in SEPARATORS if each != sep and _alike(_rows(path, each))]
        if others:
            raise ValueError(
                f"{path}: no line has {sep!r}, and {others[0]!r} parts them all alike: give it as "
                "--sep, or end a file whose fields end at tabs alone in .tsv"
            )
    alike = [each for each, rows in read.items() if _alike(rows)]
    found = alike[0] if alike else (sep or ",")
    return _Form(found, _decimal(path, found, read[found][1:] or read[found]), read[found])


def _rows(path: Path, sep: str) -> Rows:
    """The first lines that hold anything, in fields."""
    with _opened(path) as file:
        rows = csv.reader(file, delimiter=sep, skipinitialspace=True)
        return list(islice((row for row in rows if "".join(row).strip()), LOOKED_AT))


def _alike(rows: Rows) -> bool:
    """Whether all lines have as many fields, more than one, but for a first one that is short."""
    widths = {len(row) for row in rows[1:] or rows}
    return len(widths) == 1 and min(widths) > 1 and len(rows[0]) > 1


def _decimal(path: Path, sep: str, rows: Rows) -> str:
    """The decimal sign of a table's numbers.

    Raises:
        ValueError: there are two, or it may be a sign of thousands.
    """
    fields = [field.strip() for row in rows for field in row]
    commas = [field for field in fields if DECIMAL_COMMA.fullmatch(field)]
    thousands = [field for field in fields if THOUSANDS.fullmatch(field)]
    points = [field for field in fields if DECIMAL_POINT.fullmatch(field)]
    if not commas and not thousands:
        return "."
    if points:
        raise ValueError(
            f"{path} has numbers with a comma ({(commas or thousands)[0]}) and with a point "
            f"({points[0]}): write them alike"
        )
    if set(commas) <= set(thousands):
        raise ValueError(
            f"{path} has {thousands[0]!r}, which may be a decimal or thousands: write numbers with "
            "a point and without signs of thousands"
        )
    return ","


def _is_header(path: Path, first: Sequence[str], body: Rows) -> bool:
    """Whether the first line is names.

    Raises:
        ValueError: it may be names or data.
    """
    numbers = [NUMBER.fullmatch(field.strip()) is not None for field in first]
    if not any(numbers):
        return True
    counted = [field for field, is_number in zip(first, numbers, strict=True) if is_number]
    if counted == [str(i) for i in range(len(counted))] and (len(counted) > 2 or not all(numbers)):
        return True  # names that pandas gives
    if all(numbers) and counted != [str(i) for i in range(len(counted))]:
        return False
    shown = ", ".join(first[:6]) + (", …" if len(first) > 6 else "")
    raise ValueError(
        f"{path}: its first line ({shown}) may be names or data: give every column a name that is "
        "no number"
    )


def numbers_the_rows(name: str, values: npt.NDArray[Any]) -> bool:
    """Whether a column is named like an identifier, or counts the rows one by one.

    Example:
        >>> numbers_the_rows("size", np.arange(10.0)), numbers_the_rows("size", np.ones(10))
        (True, False)
    """
    words = re.split(r"[^a-z0-9]+", name.strip().casefold())
    if {"id", "idx", "index", "uuid", "rowid", "rownames"} & {words[0], words[-1]}:
        return True
    return len(values) >= 10 and bool((np.diff(values) == 1).all())
