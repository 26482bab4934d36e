"""What every room trains on: vectors or images, checked once, with labels only for scoring."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

_DIGITS = 64


@dataclass(frozen=True)
class Dataset:
    """Data and, where they are known, the labels that clusterings are scored against.

    No recipe looks at the labels; they are kept for evaluation.

    Args:
        x: an ``(N, X)`` table or ``(N, C, H, W)`` images, float32, finite.
        labels: an ``(N,)`` vector, an ``(N, F)`` table (one column a factor), or None.
        name: what tables and run folders call the data.
        label_names: one name for each label column.
        class_names: for each label column what 0, 1, … stand for; nothing where they are numbers.
        columns: the names of a table's features, where they have names.
        ignored: what the file holds besides, by name, with the reason why it is left out.
        frame: a table with columns that are no plain numbers, as it is; ``x`` is then its numbers
            standardised and its categories one-hot, as other methods take them.

    Example:
        >>> data = Dataset(np.zeros((4, 2), np.float32), np.array([0, 0, 1, 1]), "toy", ("side",))
        >>> len(data), data.image_shape
        (4, None)
    """

    x: FloatArray
    labels: IntArray | None
    name: str
    label_names: tuple[str, ...] = ()
    class_names: tuple[tuple[str, ...], ...] = ()
    columns: tuple[str, ...] = ()
    ignored: Mapping[str, str] = field(default_factory=dict)
    frame: pd.DataFrame | None = None

    def __len__(self) -> int:
        return len(self.x)

    @property
    def named(self) -> FloatArray | pd.DataFrame:
        """The data with the names of their features, where they have names."""
        if self.frame is not None:
            return self.frame
        return pd.DataFrame(self.x, columns=list(self.columns)) if self.columns else self.x

    def told(self) -> str:
        """A line on what is a feature, what the label and what is ignored; empty without names.

        Example:
            >>> Dataset(np.zeros((4, 2)), None, "toy", columns=("a", "b")).told()
            'features (2): a, b; no label'
        """
        if not self.columns and not self.ignored:
            return ""
        shown = ", ".join(self.columns[:12]) + (", …" if len(self.columns) > 12 else "")
        parts = [f"features ({len(self.columns)}): {shown}" if self.columns else "features: x"]
        parts += ["label: " + ", ".join(self.label_names) if self.label_names else "no label"]
        named = self.named
        gaps = int(named.isna().to_numpy().sum()) if isinstance(named, pd.DataFrame) else 0
        are = "value is" if gaps == 1 else "values are"
        parts += [f"{gaps:,} {are} missing, and not observed"] if gaps else []
        if self.ignored:
            parts += ["ignored: " + ", ".join(f"{n!r} ({why})" for n, why in self.ignored.items())]
        return "; ".join(parts)

    @property
    def image_shape(self) -> tuple[int, ...] | None:
        """(C, H, W) where a datum is a picture, also for the flat digits; otherwise None."""
        if self.x.ndim == 4:
            return self.x.shape[1:]
        return (1, 8, 8) if self.name == "digits" and self.x.shape[1] == _DIGITS else None


def fingerprint(x: npt.NDArray[np.generic]) -> str:
    """Name an array by its content: the SHA-256 of its shape, dtype and bytes.

    Args:
        x: an array of any shape.

    Returns:
        64 hexadecimal digits, equal for equal arrays whatever their memory layout.

    Example:
        >>> fingerprint(np.zeros(3)) == fingerprint(np.zeros((3, 1)))
        False
    """
    digest = hashlib.sha256(f"{x.shape} {x.dtype.str} ".encode())
    digest.update(np.ascontiguousarray(x).data)
    return digest.hexdigest()


def check_x(
    x: object, origin: str, columns: tuple[str, ...] | None = None, *, gaps: bool = False
) -> FloatArray:
    """Return ``x`` as finite floats, ``(N, X)`` or ``(N, C, H, W)``, or say what is wrong.

    They are float32, but for float64 that it does not hold exactly, which a fit may want whole.

    Images of unsigned bytes are scaled from 0…255 to [0, 1]; ``(N, H, W)`` is read as one channel.

    Args:
        x: anything NumPy can read as an array of numbers.
        origin: where it came from, for the message.
        columns: names of the columns of a table, for the message.
        gaps: whether NaN is let pass, as what is not observed.

    Raises:
        ValueError: on an empty array, another rank, channels last, or a value that is not finite.
        TypeError: on values that are not real numbers.
    """
    array = np.asarray(x)
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"{origin} holds {array.dtype} values, but real numbers are needed: "
            "encode text as numbers and give every row the same length"
        )
    if array.ndim not in (2, 3, 4):
        raise ValueError(
            f"{origin} has shape {array.shape}, but a table (N, X) or images (N, C, H, W) are "
            "needed: reshape it so that the first axis counts the data"
        )
    if array.size == 0:
        raise ValueError(f"{origin} is empty (shape {array.shape}): at least one row is needed")
    if array.ndim == 4 and array.shape[1] not in (1, 3) and array.shape[3] in (1, 3):
        raise ValueError(
            f"{origin} has shape {array.shape}, channels last, but (N, C, H, W) is needed: "
            "use x.transpose(0, 3, 1, 2)"
        )
    if array.ndim == 3:
        array = array[:, None]
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(array, dtype=np.float32)
    if array.dtype == np.uint8 and array.ndim == 4:
        values = values / np.float32(255)
    finite = np.isfinite(values) | (gaps & np.isnan(array))
    if not finite.all():
        row, *rest = (int(i) for i in np.argwhere(~finite)[0])
        place = f"column {columns[rest[0]]!r}" if columns else f"position {tuple(rest)}"
        if values.ndim == 2 and not columns:
            place = f"column {rest[0]}"
        raise ValueError(
            f"{origin} has {int((~finite).sum())} values that are not finite in float32, the first "
            f"({array[(row, *rest)]}) in row {row}, {place}: drop or impute them"
        )
    exact = (
        array.dtype.kind != "f"
        or array.itemsize <= 4
        or np.array_equal(values, array, equal_nan=True)
    )
    whole: Any = values if exact else np.ascontiguousarray(array, np.float64)
    return cast(FloatArray, whole)


def check_labels(labels: object, n: int, origin: str) -> IntArray:
    """Return labels as integers ``(N,)`` or ``(N, F)``; text is numbered in sorted order.

    Args:
        labels: whole numbers, booleans or text.
        n: the number of data, N.
        origin: where they came from, for the message.

    Raises:
        ValueError: on another length or rank, or on fractions and missing values.
    """
    array = np.asarray(labels)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim not in (1, 2) or len(array) != n:
        raise ValueError(
            f"{origin} has shape {array.shape}, but {n} labels are needed, as ({n},) or ({n}, F)"
        )
    if array.dtype.kind in "OUS":
        columns = array.reshape(n, -1).T
        missing = [i for column in columns for i, v in enumerate(column) if v is None or v != v]
        if missing:
            raise ValueError(f"{origin} has no value in row {missing[0]}: fill it or drop the row")
        codes = [np.unique(column.astype(str), return_inverse=True)[1] for column in columns]
        return np.stack(codes, -1).reshape(array.shape).astype(np.int64)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{origin} holds {array.dtype} values: labels are whole numbers or text")
    whole = np.isfinite(array) & (array == np.floor(array))
    if not whole.all():
        place = tuple(int(i) for i in np.argwhere(~whole)[0])
        raise ValueError(
            f"{origin} holds {array[place]} in row {place[0]}, which is no class: labels are whole "
            "numbers or text; rename the column if it is a feature"
        )
    return array.astype(np.int64)


def text_classes(labels: object) -> tuple[tuple[str, ...], ...]:
    """The texts that :func:`check_labels` numbers, for each column; nothing of numbers.

    Args:
        labels: ``(N,)`` or ``(N, F)``.

    Example:
        >>> text_classes(["red", "blue", "red"]), text_classes([3, 1, 3])
        ((('blue', 'red'),), ())
    """
    array = np.asarray(labels)
    if array.dtype.kind not in "OUS":
        return ()
    return tuple(
        tuple(np.unique(each.astype(str)).tolist()) for each in array.reshape(len(array), -1).T
    )
