"""The likelihood of a table by column: made of its schema, encoded, and read from a run."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data import Schema
from ..models import ColumnLaw, Mixed
from ..networks import Encoding
from ..parts import Unbuilt


def laws_of(schema: Schema, codes: NDArray[np.float64]) -> Unbuilt:
    """The likelihood of a table's encoded rows, in the units of its columns.

    Args:
        schema: of the table.
        codes: its rows, ``(N, X)``.
    """
    return partial(
        Mixed,
        columns=tuple(
            _law(column.law, len(column.categories), values[~np.isnan(values)])
            for column, values in zip(schema.columns, codes.T, strict=True)
        ),
    )


def _law(family: Any, n_categories: int, values: NDArray[np.float64]) -> ColumnLaw:
    kind = ColumnLaw(family).form.kind
    if kind in ("binary", "category"):
        return ColumnLaw(family, n_categories=n_categories if kind == "category" else 1)
    values = {"count": np.log1p, "positive": np.log}.get(kind, np.asarray)(values)
    spread = float(values.std()) if len(np.unique(values)) > 1 else 0.0
    return ColumnLaw(family, float(values.mean()), spread or 1.0)


def encoding_of(likelihood: Unbuilt) -> Encoding | None:
    """How the rows of a table are encoded for a likelihood by column; nothing of others."""
    columns = columns_in(likelihood)
    return Encoding([each.form for each in columns]) if columns else None


def columns_in(likelihood: Unbuilt) -> Sequence[ColumnLaw]:
    """The laws of a likelihood by column; none of others."""
    made = likelihood.func if isinstance(likelihood, partial) else None
    if not (isinstance(made, type) and issubclass(made, Mixed)):
        return ()
    columns: Sequence[ColumnLaw] = likelihood.keywords.get("columns", ())  # type: ignore[union-attr]
    return columns


def schema_in(described: object, likelihood: Unbuilt, where: object) -> Schema | None:
    """The schema that a run's ``config.json`` tells of, which must be that of its likelihood.

    Raises:
        ValueError: it is damaged.
    """
    if described is None and encoding_of(likelihood) is None:
        return None
    try:
        schema = Schema.restore(described)
        laws = [
            (each.law, len(each.categories) if each.kind == "category" else 1)
            for each in schema.columns
        ]
        if laws != [(each.family, each.n_categories) for each in columns_in(likelihood)]:
            raise ValueError("they are not those of its likelihood")
    except ValueError as error:
        raise ValueError(f"{where}/config.json is damaged: its columns: {error}") from error
    return schema
