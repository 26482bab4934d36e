"""What each column of a table is, by its values and types; a law that is asked for decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..parts import unknown
from .schema import KINDS, Column, Schema, numbers_of
from .tables import NUMBER

MANY = 1000  # categories of a column at most
LARGEST_COUNT = 100_000
ALIKE = 20  # texts that may all be different


def schema_of(frame: pd.DataFrame, laws: Mapping[str, str] | None = None) -> Schema:
    """What a table's columns are.

    Text, categories and objects of text are categories; booleans, and whole numbers that are 0 and
    1, are binary; whole numbers from 0 or 1 up to 100,000 are counts, also those that a gap has
    made floats; all other numbers are real. Usual laws are categorical, Bernoulli, negative
    binomial and normal.

    Args:
        frame: the table.
        laws: by column, a law of ``KINDS``, where it is to be another than the usual one.

    Raises:
        ValueError, TypeError: a table without rows or names, a column of no kind, or of a law that
            it cannot have; names the column, the row and what would do.

    Example:
        >>> sorts = pd.Categorical(["a", "b", "a"])
        >>> schema_of(pd.DataFrame({"size": [1.5, 2.5, 0.0], "sort": sorts}))
        size: real, normal, float64
        sort: category of 2 (a, b), categorical, category
    """
    laws = dict(laws or {})
    names = list(frame.columns)
    if len(frame) == 0 or not names:
        raise ValueError(f"X has {len(frame)} rows and {len(names)} columns: one of each is needed")
    nameless = [name for name in names if not isinstance(name, str)]
    if nameless:
        raise TypeError(
            f"X has a column named {nameless[0]!r}: names are text, such as "
            "X.columns = X.columns.astype(str) makes them"
        )
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"X has {names.count(twice[0])} columns {twice[0]!r}: rename one")
    for name, law in laws.items():
        if name not in names:
            raise ValueError(unknown("columns", name, names))
        if law not in KINDS:
            raise ValueError(unknown(f"columns: the law of {name!r}", law, KINDS))
    return Schema(tuple(column_of(frame[name], laws.get(name)) for name in names))


def column_of(series: pd.Series[Any], law: str | None = None) -> Column:
    """What a column is.

    Args:
        series: the column.
        law: its law, if it is to be another than the usual one.

    Raises:
        ValueError, TypeError: names the column, the row and what would do.
    """
    name, missing = str(series.name), int(series.isna().sum())
    if missing == len(series):
        raise ValueError(f"column {name!r} has no value in any row: drop it")
    kind = _kind(series)
    dtype = str(series.dtype)
    if kind == "number" and series.dtype == object:
        series = pd.to_numeric(series)
        dtype = str(series.dtype)
    usual = {"text": "categorical", "boolean": "bernoulli", "category": "categorical"}.get(kind)
    if kind == "text" and law is None:
        _refuse_numbers_as_text(series)
    law = law or usual or _law_of_numbers(series, missing)
    if kind in ("text", "category") and KINDS[law] in ("real", "count"):
        row = int(np.flatnonzero(series.notna())[0])
        raise TypeError(
            f"column {name!r} holds {series.iloc[row]!r} in row {row}, which is no number, and its "
            f"law is {law!r}: use 'categorical', or make it numbers"
        )
    ordered = kind == "category" and bool(series.cat.ordered)
    categories = _categories(series, kind, law) if KINDS[law] in ("binary", "category") else ()
    column = Column(name, KINDS[law], law, dtype, categories, ordered, missing)
    column.encode(series)  # refuses numbers that the law has none of
    return column


def _kind(series: pd.Series[Any]) -> str:
    """``number``, ``boolean``, ``text`` or ``category``."""
    dtype, types = series.dtype, pd.api.types
    if isinstance(dtype, pd.CategoricalDtype):
        return "category"
    if types.is_bool_dtype(dtype):
        return "boolean"
    if types.is_numeric_dtype(dtype) and not types.is_complex_dtype(dtype):
        return "number"
    found = types.infer_dtype(series, skipna=True)
    words = {"string": "text", "boolean": "boolean", "integer": "number", "floating": "number"}
    words |= {"mixed-integer-float": "number", "decimal": "number"}
    if found in words:
        return words[found]
    given = series.to_numpy(object)
    rows = np.flatnonzero(series.notna())
    first = type(given[rows[0]])
    odd = next((row for row in rows if type(given[row]) is not first), rows[0])
    remedy = "make all of them text or numbers"
    if "date" in found or "time" in found or "period" in found:
        remedy = f"make numbers of it, such as days: (X[{series.name!r}] - origin).dt.days"
    elif odd == rows[0]:
        remedy = "make numbers, booleans or text of it, or drop it"
    raise TypeError(
        f"column {series.name!r} holds {given[odd]!r} in row {odd}, and is {found} in all: {remedy}"
    )


def _refuse_numbers_as_text(series: pd.Series[Any]) -> None:
    """Refuse a column of numbers that some other value has made text.

    Whole numbers alone are taken for categories, as codes and postcodes are.
    """
    texts = series.dropna().astype(str).str.strip()
    number = texts.str.fullmatch(NUMBER.pattern)
    signs = texts.str.extract(r"([.,])", expand=False).fillna("")
    if number.mean() < 0.5 or (number.all() and not signs.any()):
        return
    odd = signs != signs.iloc[0] if number.all() else ~number
    place = int(odd.to_numpy().argmax())
    row = int(np.flatnonzero(series.notna())[place])
    raise TypeError(
        f"column {series.name!r} holds {series.iloc[row]!r} in row {row} among numbers, which are "
        "text by that: correct it, leave it empty where nothing is known, or use "
        f"columns={{{series.name!r}: 'categorical'}}"
    )


def _law_of_numbers(series: pd.Series[Any], missing: int) -> str:
    values = numbers_of(series)
    values = values[~np.isnan(values)]
    integers = pd.api.types.is_integer_dtype(series.dtype)
    whole = integers or (missing > 0 and bool((values % 1 == 0).all()))
    if not whole:
        return "normal"
    if set(np.unique(values)) == {0.0, 1.0}:
        return "bernoulli"
    counts = 0 <= values.min() <= 1 and values.max() <= LARGEST_COUNT
    return "negative-binomial" if counts else "normal"


def _categories(series: pd.Series[Any], kind: str, law: str) -> tuple[Any, ...]:
    """What codes stand for, in order: of a category as pandas has it, else sorted."""
    if kind == "category":
        values = series.cat.categories.tolist()
    elif kind == "boolean":
        values = [False, True]
    else:
        values = sorted(series.dropna().unique().tolist())
    name = str(series.name)
    wrong = [value for value in values if not isinstance(value, bool | int | float | str)]
    if wrong:
        raise TypeError(
            f"column {name!r} has the category {wrong[0]!r}, a {type(wrong[0]).__name__}: make "
            f"them text, by X[{name!r}].astype(str)"
        )
    if law == "bernoulli" and len(values) > 2:
        raise ValueError(
            f"column {name!r} holds {len(values)} values, such as {values[2]!r}, and its law is "
            "'bernoulli', of two: use 'categorical'"
        )
    named = kind == "text" and len(values) > max(ALIKE, series.notna().sum() // 2)
    if named or len(values) > MANY:
        raise ValueError(
            f"column {name!r} has {len(values)} different values in {len(series)} rows, such as "
            f"{values[0]!r}: if it names the rows or is free text, drop it; else make it coarser"
        )
    return tuple(values)
