"""What a table's columns are: reals, counts, yes or no, categories; to numbers and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Kind = Literal["real", "count", "binary", "category"]
Unseen = Literal["error", "missing"]
Value = bool | int | float | str
Codes = NDArray[np.float64]

KINDS: dict[str, Kind] = {
    "normal": "real",
    "heteroscedastic-normal": "real",
    "log-normal": "real",
    "poisson": "count",
    "negative-binomial": "count",
    "bernoulli": "binary",
    "categorical": "category",
}


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: of the column.
        kind: ``"real"``, ``"count"``, ``"binary"`` or ``"category"``.
        law: its likelihood, a key of ``KINDS``.
        dtype: what it is in pandas, and becomes again.
        categories: what the codes 0, 1, … stand for, of a category and of what is binary.
        ordered: whether they have an order, in pandas.
        missing: values that were not there when it was looked at.
    """

    name: str
    kind: Kind
    law: str
    dtype: str
    categories: tuple[Value, ...] = ()
    ordered: bool = False
    missing: int = 0

    def __str__(self) -> str:
        shown = ", ".join(map(str, self.categories[:6])) + (", …" if self.categories[6:] else "")
        kind = f"{self.kind} of {len(self.categories)} ({shown})" if shown else self.kind
        gaps = f", {self.missing} missing" if self.missing else ""
        return f"{self.name}: {kind}, {self.law}, {self.dtype}{gaps}"

    def encode(self, series: pd.Series[Any], unseen: Unseen = "error") -> Codes:
        """Its numbers, or codes of categories, ``(N,)``; NaN where nothing is there.

        Args:
            series: the column.
            unseen: whether a category that is none of these is an error or missing.

        Raises:
            ValueError, TypeError: names the column, the row, the value, and what would do.
        """
        values = numbers_of(series) if not self.categories else self._codes(series, unseen)
        refused = self._refused(values)
        if len(refused):
            row = int(refused[0])
            wanted = "a count 0, 1, 2, …" if self.kind == "count" else "a number above 0"
            raise ValueError(
                f"column {self.name!r} holds {values[row]:g} in row {row}, and its law "
                f"{self.law!r} is of {wanted}: correct it, or fit with "
                f"columns={{{self.name!r}: 'normal'}}"
            )
        return values

    def _refused(self, values: Codes) -> NDArray[np.intp]:
        """The rows whose numbers the law has none of."""
        if self.kind == "count":
            return np.flatnonzero((values < 0) | (values % 1 > 0))
        return np.flatnonzero(values <= 0) if self.law == "log-normal" else np.empty(0, np.intp)

    def _codes(self, series: pd.Series[Any], unseen: Unseen) -> Codes:
        number = {value: float(code) for code, value in enumerate(self.categories)}
        missing = series.isna().to_numpy(bool)
        given = series.to_numpy(object)
        found = np.full(len(given), np.nan)
        for row in np.flatnonzero(~missing):
            code = _code(number, given[row])
            if code is None and unseen == "error":
                shown = ", ".join(map(repr, self.categories[:8]))
                more = ", …" if self.categories[8:] else ""
                raise ValueError(
                    f"column {self.name!r} holds {given[row]!r} in row {row}, which fit has not "
                    f"seen: it knows {shown}{more}; correct it, drop the row, or use "
                    "unseen='missing', which takes it for not observed"
                )
            found[row] = np.nan if code is None else code
        return found

    def decode(self, values: NDArray[Any]) -> pd.Series[Any]:
        """The column of numbers or codes, in the type that it had.

        Numbers are rounded where the type is of whole ones, and a probability of 1 is the likelier
        of the two; where something is missing, types without a missing value become those with.
        """
        values = np.asarray(values, dtype=np.float64)
        missing = np.isnan(values)
        if self.categories:
            codes = np.where(missing, -1, np.nan_to_num(values).round()).astype(int)
            names = list(self.categories)
            if self.dtype == "category":
                kinds = pd.CategoricalDtype(names, self.ordered)
                return pd.Series(pd.Categorical.from_codes(codes, dtype=kinds), name=self.name)
            table = np.empty(len(names) + 1, dtype=object)
            table[:-1], table[-1] = names, None
            named: pd.Series[Any] = pd.Series(table[codes], name=self.name, dtype=object)
            return named.astype(cast(Any, self._nullable() if missing.any() else self.dtype))
        dtype = pd.api.types.pandas_dtype(self._nullable() if missing.any() else self.dtype)
        if pd.api.types.is_integer_dtype(dtype):
            limits = np.iinfo(getattr(dtype, "numpy_dtype", dtype))
            values = np.clip(values.round(), limits.min, limits.max)
        return pd.Series(values, name=self.name).astype(dtype)

    def _nullable(self) -> Any:
        """The type that has a missing value: its own, or pandas' of the same numbers."""
        dtype = pd.api.types.pandas_dtype(self.dtype)
        if not isinstance(dtype, np.dtype) or dtype.kind not in "biu":
            return self.dtype
        return "boolean" if dtype.kind == "b" else dtype.name.replace("i", "I").replace("u", "U")


def _code(number: Mapping[Value, float], value: Any) -> float | None:
    try:
        return number.get(value)
    except TypeError:  # what cannot be a key is no category either
        return None


def numbers_of(series: pd.Series[Any]) -> Codes:
    """A column's numbers, NaN where nothing is there.

    Raises:
        ValueError, TypeError: names the first value that is none.
    """
    try:
        values = series.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        for row, value in enumerate(series.to_numpy(object)):
            if not isinstance(value, int | float | np.number) and not pd.isna(value):
                raise TypeError(
                    f"column {series.name!r} holds {value!r} in row {row}, which is no number: "
                    "correct it, or leave it empty where nothing is known"
                ) from None
        raise
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        raise ValueError(
            f"column {series.name!r} holds {values[infinite[0]]:g} in row {infinite[0]}: correct "
            "it, or make it NaN where nothing is known"
        )
    return values


@dataclass(frozen=True)
class Schema:
    """The columns of a table, in order.

    Attributes:
        columns: of the table.

    Example:
        >>> schema = Schema((Column("size", "real", "normal", "float32"),))
        >>> schema.decode(schema.encode(pd.DataFrame({"size": [1.5]}))).dtypes.tolist()
        [dtype('float32')]
    """

    columns: tuple[Column, ...]

    def __repr__(self) -> str:
        return "\n".join(map(str, self.columns))

    def __len__(self) -> int:
        return len(self.columns)

    @property
    def names(self) -> list[str]:
        """Of the columns."""
        return [column.name for column in self.columns]

    def table(self) -> pd.DataFrame:
        """The columns as rows of a table."""
        return pd.DataFrame([asdict(column) for column in self.columns]).set_index("name")

    def encode(self, frame: pd.DataFrame, unseen: Unseen = "error") -> Codes:
        """A table's rows as numbers and codes, ``(N, X)``; NaN where nothing is there.

        Args:
            frame: has these columns, in whatever order.
            unseen: whether a category that is none of these is an error or missing.

        Raises:
            ValueError, TypeError: names what is missing, too much, or wrong, and what would do.
        """
        given = [str(name) for name in frame.columns]
        absent = [name for name in self.names if name not in given]
        strange = [name for name in given if name not in self.names]
        if absent:
            raise ValueError(
                f"X has no column {_listed(absent)}, which fit has seen: add it, of missing values "
                f"where nothing is known; X has {_listed(given)}"
            )
        if strange:
            raise ValueError(
                f"X has the column {_listed(strange)}, which fit has not seen: leave it out, by "
                "X[estimator.columns_.names]"
            )
        parts = [column.encode(frame[column.name], unseen) for column in self.columns]
        return np.stack(parts, -1)

    def dummies(self, codes: Codes) -> Codes:
        """Numbers standardised and categories one-hot, ``(N, E)``, as most methods take them.

        Args:
            codes: as :meth:`encode` gives them, ``(N, X)``; NaN stays.
        """
        parts = []
        for column, values in zip(self.columns, codes.T, strict=True):
            if column.kind == "category":
                one_hot = (values[:, None] == np.arange(len(column.categories))).astype(float)
                parts.append(np.where(np.isnan(values)[:, None], np.nan, one_hot))
            else:
                spread = np.nanstd(values) or 1.0
                parts.append((values[:, None] - np.nanmean(values)) / spread)
        return np.hstack(parts)

    def decode(self, values: NDArray[Any], index: pd.Index | None = None) -> pd.DataFrame:
        """Rows of numbers and codes, ``(N, X)``, as a table of the types that there were.

        Args:
            values: as :meth:`encode` gives them, or expectations of such.
            index: names of the rows; by default their numbers.
        """
        columns = zip(self.columns, np.asarray(values).T, strict=True)
        frame = pd.DataFrame({column.name: column.decode(each) for column, each in columns})
        return frame if index is None else frame.set_axis(index)

    def describe(self) -> list[dict[str, Any]]:
        """The columns as JSON."""
        return [asdict(column) for column in self.columns]

    @classmethod
    def restore(cls, described: object) -> Self:
        """The columns that JSON describes.

        Raises:
            ValueError: it describes none.
        """
        known = {each.name for each in fields(Column)}
        try:
            if not isinstance(described, list) or not described:
                raise TypeError("a list of columns is needed")
            columns = []
            for each in described:
                plain = all(isinstance(value, Value) for value in each["categories"])
                if set(each) != known or KINDS[each["law"]] != each["kind"] or not plain:
                    raise TypeError(f"{each} is no column")
                columns.append(Column(**{**each, "categories": tuple(each["categories"])}))
                pd.api.types.pandas_dtype(columns[-1].dtype)
        except (TypeError, KeyError) as error:
            raise ValueError(f"no columns of a table: {error}") from error
        return cls(tuple(columns))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:8])) + (", …" if len(names) > 8 else "")
