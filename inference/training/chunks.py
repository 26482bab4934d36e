"""What sources are read in: tensors, rows with companions, or tables; and what is done to them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from .batches import Batch, Rows

Chunk = Tensor | Rows | pd.DataFrame
Numbers = NDArray[np.int64]


def picked(chunk: Chunk, rows: NDArray[Any]) -> Any:
    """Some rows of a chunk, by their numbers in it: ``(B,)``.

    Example:
        >>> picked(torch.tensor([5.0, 6.0, 7.0]), np.array([2, 0])).tolist()
        [7.0, 5.0]
    """
    if isinstance(chunk, pd.DataFrame):
        return chunk.iloc[rows]
    places = torch.as_tensor(rows)
    return chunk.at(places) if isinstance(chunk, Rows) else chunk[places]


def joined(chunks: Sequence[Any]) -> Any:
    """Chunks of a kind as one.

    Example:
        >>> both = joined([Rows(torch.zeros(2, 1), labels=torch.ones(2))] * 2)
        >>> len(both), both.companions["labels"].tolist()
        (4, [1.0, 1.0, 1.0, 1.0])
    """
    if isinstance(chunks[0], pd.DataFrame):
        return pd.concat(chunks, ignore_index=True)
    if isinstance(chunks[0], Tensor):
        return torch.cat(list(chunks))
    names = cast(Rows, chunks[0]).companions
    return Rows(
        torch.cat([each.x for each in chunks]),
        **{name: torch.cat([each.companions[name] for each in chunks]) for name in names},
    )


def bytes_of_row(chunk: Any) -> int:
    """What the first row of a chunk takes, at least 1; of arrays too."""
    if len(chunk) == 0:
        return 1
    if isinstance(chunk, pd.DataFrame):
        return max(1, int(chunk[:1].memory_usage(index=False, deep=True).sum()))
    parts = Batch(chunk.x, chunk.companions) if isinstance(chunk, Rows) else Batch(chunk, {})
    return max(1, sum(each[0].nbytes for each in (parts.x, *parts.companions.values())))


def least(
    kept: list[Any], numbers: list[Numbers], keys: list[NDArray[Any]], most: int
) -> tuple[Any, Numbers, NDArray[Any]]:
    """Those rows whose keys are the least, in the order of their numbers."""
    x, rows, key = joined(kept), np.concatenate(numbers), np.concatenate(keys)
    if len(rows) > most:
        chosen = np.sort(np.argpartition(key, most - 1)[:most])
        x, rows, key = picked(x, chosen), rows[chosen], key[chosen]
    return x, rows, key


def starts_of(lengths: Sequence[int]) -> list[int]:
    """The number of the first row of each unit.

    Example:
        >>> starts_of([3, 2, 4])
        [0, 3, 5]
    """
    return [0, *accumulate(lengths)][: len(lengths)]
