"""What stands for replicated data: an array of data sets, or any iterable of one at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ..evaluation.style import FloatArray

Replicated = npt.ArrayLike | Iterable[npt.ArrayLike]


def data_sets(replicated: Replicated, shape: tuple[int, ...]) -> Iterator[FloatArray]:
    """The replicated data sets of that shape, one after the other.

    Raises:
        ValueError: one of another shape, or none at all.

    Example:
        >>> [draw.shape for draw in data_sets(np.zeros((2, 5, 3)), (5, 3))]
        [(5, 3), (5, 3)]
    """
    empty = True
    for draw in replicated:  # type: ignore[union-attr]
        empty = False
        array = np.asarray(draw, np.float64)
        if array.shape != shape:
            raise ValueError(
                f"replicated must hold data sets of shape {shape}, as x has, got {array.shape}"
            )
        yield array
    if empty:
        raise ValueError("replicated is empty: give at least one data set")


def in_gaps(draw: FloatArray, data: FloatArray) -> FloatArray:
    """The draw with the gaps of the data."""
    return np.where(np.isnan(data), np.nan, draw) if np.isnan(data).any() else draw


def feature_names(names: Sequence[str], number: int) -> list[str]:
    """Names of so many features: those given, or their numbers.

    Raises:
        ValueError: names of another number.

    Example:
        >>> feature_names((), 3)
        ['feature 0', 'feature 1', 'feature 2']
    """
    if len(names) and len(names) != number:
        raise ValueError(f"{len(names)} feature_names came for {number} features")
    return [str(name) for name in names] or [f"feature {i}" for i in range(number)]
