"""Covariates of a fit's rows: which columns they have, and how these become numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data import as_frame

Category = str | bool | int | float


@dataclass(frozen=True)
class Covariate:
    """One column of the covariates.

    Args:
        name: its name, or its number in an array.
        categories: what it holds, in order; ``None`` for real numbers.
        loc: the mean of the numbers in the fit.
        scale: their standard deviation, 1 if they are all the same.
    """

    name: str
    categories: tuple[Category, ...] | None = None
    loc: float = 0.0
    scale: float = 1.0

    @property
    def width(self) -> int:
        """How many numbers it becomes."""
        return 1 if self.categories is None else len(self.categories)

    @classmethod
    def learn(cls, name: str, values: NDArray[Any]) -> Self:
        """The column that holds these values, ``(N,)``.

        Raises:
            TypeError, ValueError: missing values, or whole numbers, which may be either kind.
        """
        if _is_real(values):
            numbers = _finite(name, values)
            spread = float(numbers.std())
            return cls(name, None, float(numbers.mean()), spread if spread > 0 else 1.0)
        if values.dtype.kind in "iu":
            raise TypeError(
                f"covariates' column {name!r} holds whole numbers, which may be categories or "
                "amounts: give it as text or as a pandas category, or as floats"
            )
        found = sorted({_category(name, row, value) for row, value in enumerate(values)}, key=str)
        return cls(name, tuple(found))

    def encode(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Standardised numbers, or one-hot categories: ``(N,)`` to ``(N, width)``.

        Raises:
            TypeError, ValueError: names the row whose value is missing, of another kind, or a
                category that the fit did not see.
        """
        if self.categories is None:
            numbers = values.astype(np.float64) if values.dtype.kind in "iu" else values
            if not _is_real(numbers):
                raise TypeError(
                    f"covariates' column {self.name!r} holds {values.dtype}, and held numbers in "
                    "the fit"
                )
            return ((_finite(self.name, numbers) - self.loc) / self.scale)[:, None]
        places = {category: place for place, category in enumerate(self.categories)}
        table = np.zeros((len(values), len(places)))
        for row, value in enumerate(values):
            category = _category(self.name, row, value)
            if category not in places:
                raise ValueError(
                    f"covariates' column {self.name!r} holds {category!r} in row {row}, which the "
                    f"fit did not see: it saw {', '.join(map(repr, self.categories[:10]))}"
                    + (", …" if len(places) > 10 else "")
                )
            table[row, places[category]] = 1.0
        return table


def _is_real(values: NDArray[Any]) -> bool:
    return values.dtype.kind == "f"


def _finite(name: str, values: NDArray[Any]) -> NDArray[np.float64]:
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        raise ValueError(
            f"covariates' column {name!r} holds {values[wrong[0]]} in row {wrong[0]}: give every "
            "row a number"
        )
    return values.astype(np.float64)


def _category(name: str, row: int, value: Any) -> Category:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NA or value != value:
        raise ValueError(
            f"covariates' column {name!r} is missing in row {row}: give every row a category, such "
            "as 'unknown'"
        )
    if not isinstance(value, Category):
        raise TypeError(
            f"covariates' column {name!r} holds a {type(value).__name__} in row {row}: give text, "
            "booleans or numbers"
        )
    return value


@dataclass(frozen=True)
class Covariates:
    """How a fit read its covariates, so that later data are read alike.

    Args:
        columns: in order.
        of_data: they are columns of X itself, which are taken out of it.

    Example:
        >>> known = Covariates.learn(pd.DataFrame({"batch": ["a", "b"], "dose": [0.0, 2.0]}), 2)
        >>> known.encode({"batch": "b", "dose": 1.0}, 1).tolist()
        [[0.0, 1.0, 0.0]]
    """

    columns: tuple[Covariate, ...]
    of_data: bool = False

    @property
    def width(self) -> int:
        """P, how many numbers a row becomes."""
        return sum(column.width for column in self.columns)

    @property
    def words(self) -> str:
        """The columns' names, for people."""
        return ", ".join(repr(column.name) for column in self.columns)

    @classmethod
    def learn(cls, given: object, n: int, *, of_data: bool = False) -> Self:
        """How to read covariates like these of N rows.

        Raises:
            TypeError, ValueError: names the column, what it holds and what would do.
        """
        table = _table(given, n)
        return cls(tuple(Covariate.learn(name, each) for name, each in table.items()), of_data)

    def encode(self, given: object, n: int, otherwise: Tensor | None = None) -> Tensor:
        """Covariates of n rows as numbers, ``(n, P)``, float64.

        Args:
            given: a frame, an array ``(n, …)``, or a mapping from every column to its values or to
                one for all rows.
            n: the number of rows.
            otherwise: where columns that a mapping has not are taken from, ``(n, P)``.

        Raises:
            TypeError, ValueError: other columns than the fit's, or values that it could not read.
        """
        table = _table(given, n)
        names = [column.name for column in self.columns]
        unnamed = not isinstance(given, Mapping) and as_frame(given) is None
        if unnamed and len(table) == len(names):
            table = dict(zip(names, table.values(), strict=True))
        rest = otherwise is not None and isinstance(given, Mapping)
        if not (table.keys() <= set(names) if rest else table.keys() == set(names)):
            raise ValueError(
                f"covariates have the column(s) {', '.join(map(repr, table))}, and the fit had "
                f"{self.words}"
            )
        parts, place = [], 0
        for column in self.columns:
            if column.name in table:
                parts.append(torch.as_tensor(column.encode(table[column.name])))
            elif otherwise is not None:
                parts.append(otherwise[:, place : place + column.width].double())
            place += column.width
        return torch.cat(parts, 1)

    def described(self) -> dict[str, Any]:
        """As JSON, for :meth:`restored`."""
        columns = [
            {"name": each.name, "categories": each.categories and list(each.categories)}
            | {"loc": each.loc, "scale": each.scale}
            for each in self.columns
        ]
        return {"columns": columns, "of_data": self.of_data}

    @classmethod
    def restored(cls, described: Any) -> Self:
        """What :meth:`described` said.

        Raises:
            ValueError: it is no such description.
        """
        try:
            columns = tuple(
                Covariate(
                    str(each["name"]),
                    None if each["categories"] is None else tuple(each["categories"]),
                    float(each["loc"]),
                    float(each["scale"]),
                )
                for each in described["columns"]
            )
            return cls(columns, bool(described["of_data"]))
        except (TypeError, KeyError, ValueError) as error:
            raise ValueError(
                f"the run's config.json is damaged: its covariates are {described}"
            ) from error


def _table(given: object, n: int) -> dict[str, NDArray[Any]]:
    """The columns of covariates by name, ``(n,)`` each.

    Raises:
        TypeError, ValueError: another number of rows, or no table.
    """
    frame = as_frame(given)
    if isinstance(given, Mapping):
        columns = {
            str(name): np.full(n, value) if np.ndim(value) == 0 else np.asarray(value)
            for name, value in given.items()
        }
    elif frame is not None:
        columns = {str(name): _values(frame[name]) for name in frame.columns}
    elif isinstance(given, pd.Series):
        columns = {str(0 if given.name is None else given.name): _values(given)}
    else:
        array = np.asarray(given)
        if array.ndim not in (1, 2):
            raise ValueError(f"covariates have shape {array.shape}: use (N,), (N, P) or a frame")
        array = array[:, None] if array.ndim == 1 else array
        columns = {str(i): column for i, column in enumerate(array.T)}
    if not columns:
        raise ValueError("covariates have no column: leave them out, or give some")
    for name, column in columns.items():
        if column.shape != (n,):
            raise ValueError(f"covariates' column {name!r} has shape {column.shape}: use ({n},)")
    return columns


def _values(column: pd.Series) -> NDArray[Any]:
    """A frame's column; categories as what they are, whatever type they have."""
    kind = column.dtype
    categorical = isinstance(kind, pd.CategoricalDtype)
    values: NDArray[Any] = column.astype(object).to_numpy() if categorical else column.to_numpy()
    return values
