"""Rows that are read batch by batch, made ready to be trained on: checked, encoded, in company."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data import Schema, Unseen
from ..inference import Rows
from ..inference.training.reading import as_floats
from .beside_rows import some_of
from .conditions import Conditions, apart
from .supervision import groups_of


@dataclass(frozen=True)
class Ready:
    """Makes chunks of a source ready to be trained on, and refuses those that cannot be.

    Args:
        check: refuses rows outside the likelihood's support.
        scaling: of the features, if any.
        event_shape: of a datum.
        dtype: of the fit.
        gaps: whether NaN is what was not observed, as the story of the fit has it.
        columns: the names of the features, where they have names.
        conditions: how covariates and sizes are read.
        covariates: of all rows, where they are no columns of theirs.
        size_factors: of all rows; ``None``: their totals, where there are some.
        groups: labels or soft groups of all rows, as clusters are numbered.
        clusterings: K of each clustering that groups are of.
        lone: whether there are no facets.
        schema: of a table that is read by column.
        unseen: what its categories are that the schema has not.
    """

    check: Callable[[Tensor], None]
    scaling: Callable[[Tensor], Tensor] | None
    event_shape: tuple[int, ...]
    dtype: torch.dtype
    gaps: bool = False
    columns: tuple[str, ...] = ()
    conditions: Conditions | None = None
    covariates: Any = None
    size_factors: Any = None
    groups: NDArray[Any] | None = None
    clusterings: Sequence[int] = ()
    lone: bool = True
    schema: Schema | None = None
    unseen: Unseen = "error"

    def __call__(self, chunk: Any, first: int) -> Rows:
        """The chunk as the phases of a fit see it.

        Raises:
            ValueError, TypeError: names the row.
        """
        return self.rows(chunk, np.arange(first, first + len(chunk)))

    def rows(self, chunk: Any, numbers: NDArray[np.int64]) -> Rows:
        """Rows with these numbers as the phases of a fit see them, ``(B, *event)``.

        Raises:
            ValueError, TypeError: names the rows.
        """
        if len(chunk) == 0:
            return Rows(torch.zeros(0, *self.event_shape, dtype=self.dtype))
        first, last = int(numbers[0]), int(numbers[-1])
        try:
            given, companions = self._read(chunk, numbers)
        except (ValueError, TypeError) as error:
            raise type(error)(f"of rows {first} to {last} of X: {error}") from error
        x = given.to(self.dtype)
        finite(x.nan_to_num(0.0, torch.inf, -torch.inf) if self.gaps else x, first)
        if x.shape[1:] != self.event_shape:
            raise ValueError(
                f"rows from {first} on of X have shape {tuple(x.shape[1:])}, and others have "
                f"{self.event_shape}"
            )
        with torch.no_grad():
            seen = x if self.scaling is None else self.scaling(x)
            try:
                self.check(seen)
            except (ValueError, TypeError) as error:
                raise type(error)(f"of rows {first} to {last} of X: {error}") from error
        return Rows(seen, **{name: each.to(seen) for name, each in companions.items()})

    def _read(self, chunk: Any, numbers: NDArray[np.int64]) -> tuple[Tensor, dict[str, Tensor]]:
        """Numbers of the features, and what goes with the rows."""
        covariates = some_of(self.covariates, numbers)
        known = None if self.conditions is None else self.conditions.covariates_
        own = known is not None and known.of_data
        if self.columns and not isinstance(chunk, pd.DataFrame) and (own or self.schema):
            chunk = pd.DataFrame(chunk.numpy(), columns=list(self.columns))
        if own:
            chunk, covariates, _ = apart(chunk, None, known)
        if self.schema is not None:
            chunk = torch.from_numpy(self.schema.encode(chunk, self.unseen))
        x = as_floats(chunk)
        found: dict[str, Tensor] = {}
        if self.conditions is not None:
            sizes = some_of(self.size_factors, numbers)
            found = self.conditions._companions(x, covariates, sizes)
        if self.groups is not None:
            found |= groups_of(self.groups[numbers], self.groups, self.clusterings, self.lone)
        return x, found


def finite(chunk: Tensor, first: int) -> Tensor:
    """The chunk, if it holds numbers.

    Args:
        chunk: ``(B, *event)``.
        first: the number of its first row.

    Raises:
        ValueError: names the row and the place in it.
    """
    good = chunk.isfinite()
    if not bool(good.all()):
        row, *rest = (~good).nonzero()[0].tolist()
        value = "NaN" if bool(chunk[(row, *rest)].isnan()) else "inf"
        place = ", ".join(map(str, (first + row, *rest)))
        raise ValueError(f"X holds {value} at [{place}]: impute or drop such rows first")
    return chunk
