"""What is told of all rows by their numbers, such as covariates, and some of it with its rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..data import as_frame
from ..inference import Source

Which = slice | NDArray[np.int64]


def told_of(source: Source, n: int | None, **given: object) -> dict[str, Any]:
    """What is given of all rows of a source, ready to be taken row by row.

    Args:
        source: the rows.
        n: how many there are; ``None`` where nobody has counted.
        **given: by the argument's name: an array, a frame, a mapping to such or to values for all
            rows, names of columns, or ``None``.

    Raises:
        TypeError, ValueError: the rows have no numbers, or are more or fewer.
    """
    found: dict[str, Any] = {}
    for name, each in given.items():
        if each is not None and not source.numbered and not _for_all(each):
            raise TypeError(
                f"{name} has a value for each row by its number, and X is read from batches whose "
                "rows have none: give a map-style Dataset, a memmap, a sparse matrix, Parquet "
                f"files or Shards, or leave {name} out"
            )
        found[name] = ready_of(name, each, n)
    return found


def some_of(told: Any, which: Which) -> Any:
    """What is told of some rows.

    Example:
        >>> some_of({"batch": np.array(["a", "b", "a"]), "dose": 2.0}, slice(1, 3))["batch"]
        array(['b', 'a'], dtype='<U1')
    """
    if isinstance(told, Mapping):
        return {name: some_of(each, which) for name, each in told.items()}
    if isinstance(told, pd.DataFrame | pd.Series):
        return told.iloc[which]
    return told[which] if isinstance(told, np.ndarray) and told.ndim else told


def _for_all(given: object) -> bool:
    """Whether it is one value, or names of columns, and no matter of single rows."""
    if isinstance(given, Mapping):
        return all(map(_for_all, given.values()))
    named = _are_names(given) or isinstance(given, str)
    return named or np.ndim(given) == 0  # type: ignore[arg-type]


def _are_names(given: object) -> bool:
    return isinstance(given, list | tuple) and all(isinstance(each, str) for each in given)


def ready_of(name: str, given: Any, n: int | None) -> Any:
    """What is given of n rows, as arrays and frames; names of columns and single values stay.

    Raises:
        ValueError: it is of more or fewer rows.
    """
    if isinstance(given, Mapping):
        return {key: ready_of(f"{name}' column {key!r}", each, n) for key, each in given.items()}
    names = _are_names(given)
    if given is None or (names and len(given) != n) or (_for_all(given) and not names):
        return given
    table = given if isinstance(given, pd.Series) else as_frame(given)
    found = np.asarray(given) if table is None else table
    if n is not None and len(found) != n:
        raise ValueError(f"{name} has {len(found):,} rows and X has {n:,}: give one for each")
    return found
