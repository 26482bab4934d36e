"""Tables in memory, of pandas or of any library that speaks Arrow, as pandas has them."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pandas as pd


def as_frame(x: object) -> pd.DataFrame | None:
    """A table as a pandas DataFrame; nothing of what is no table.

    polars, pyarrow and others give theirs by Arrow's PyCapsule protocol or by the dataframe
    interchange protocol, without a copy where types allow. A column alone is no table.

    Args:
        x: a table, an array, or anything else.

    Example:
        >>> import pyarrow
        >>> as_frame(pyarrow.table({"a": [1, 2]}))["a"].tolist()
        [1, 2]
        >>> as_frame([[1, 2]]) is None
        True
    """
    if isinstance(x, pd.DataFrame):
        return x
    if isinstance(x, pd.Series):
        return None
    if hasattr(x, "__arrow_c_stream__") or hasattr(x, "__arrow_c_array__"):
        import pyarrow

        try:
            return cast(pd.DataFrame, pyarrow.table(cast(Any, x)).to_pandas())
        except (TypeError, pyarrow.ArrowInvalid):  # of a column
            return None
    if hasattr(x, "__dataframe__"):
        return pd.api.interchange.from_dataframe(cast(Any, x))
    return None


def by_protocol(x: Any) -> Any:
    """What speaks Arrow, DLPack or the dataframe interchange alone, as NumPy or pandas has it.

    What NumPy itself can read is left as it is, and nothing is copied that need not be. An Arrow
    stream is read here, once and for all.

    Example:
        >>> import pyarrow
        >>> stream = pyarrow.table({"a": [1, 2]}).to_reader()
        >>> by_protocol(stream)["a"].tolist()
        [1, 2]
    """
    readable = any(hasattr(x, name) for name in ("__array__", "__array_interface__", "__len__"))
    if readable and not hasattr(x, "__arrow_c_array__"):  # a batch, whose names NumPy loses
        return x
    if (frame := as_frame(x)) is not None or readable:
        return x if frame is None else frame
    return np.from_dlpack(x) if hasattr(x, "__dlpack__") else x


def not_numbers(frame: pd.DataFrame) -> list[str]:
    """The columns of a table that are booleans, categories, text or other than plain numbers.

    Example:
        >>> not_numbers(pd.DataFrame({"a": [1.5], "b": [True], "c": ["x"]}))
        ['b', 'c']
    """
    numeric, boolean = pd.api.types.is_numeric_dtype, pd.api.types.is_bool_dtype
    kinds = zip(frame.columns, frame.dtypes, strict=True)
    return [str(name) for name, dtype in kinds if not numeric(dtype) or boolean(dtype)]


def row_names(x: object, n: int) -> pd.Index:
    """The row names of a pandas table, else the rows' numbers.

    Example:
        >>> row_names(pd.DataFrame({"a": [1]}, index=["first"]), 1).tolist()
        ['first']
    """
    return x.index if isinstance(x, pd.DataFrame) else pd.RangeIndex(n)
