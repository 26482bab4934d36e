"""What is given as data, read as numbers; whatever cannot be is refused in one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import validate_data
from torch import Tensor

from ..parts import spelt
from ..parts.warning import warn
from .gaps import check_gaps

NO_NUMBERS = {"S": "bytes", "U": "text", "M": "dates", "m": "spans of time", "V": "records"}
LARGEST = 1e100
DIGITS = 1e-3  # of a feature's spread: rounding of this size is told


class RoundedWarning(UserWarning):
    """Columns that lose what tells their rows apart where numbers have seven digits."""


def read_numbers(estimator: Any, X: Any, *, reset: bool, wide: bool) -> Tensor:
    """Data as a tensor, by scikit-learn's rules.

    Args:
        estimator: whose features these are.
        X: what was given.
        reset: whether a fit begins, which learns the features' names and number.
        wide: float64 in place of float32.

    Raises:
        TypeError, ValueError: in one line, what came and what would do.

    Warns:
        RoundedWarning: in a fit, where float32 holds too few digits of a feature.
    """
    refuse_other_kinds(X)
    try:
        with np.errstate(over="ignore"):  # what is too large for float32 is told below
            x = validate_data(
                estimator,
                X,
                reset=reset,
                dtype=np.float64 if wide else np.float32,
                allow_nd=True,
                ensure_all_finite=False,
                ensure_min_samples=2 if reset else 1,
            )
    except Exception as error:  # pandas, narwhals and NumPy raise a dozen kinds
        words = " ".join(str(error).split()) or type(error).__name__
        said = words if words.startswith("X ") else f"X cannot be read: {words}"
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(said) from error
    if getattr(x, "dtype", np.dtype(object)).kind != "f":
        raise TypeError(f"X is {spelt(type(X))} of {x.dtype}: give real numbers")
    if x.size == 0:
        raise ValueError(f"X has shape {x.shape}, which holds no numbers: give data with features")
    wrong = np.argwhere(np.isinf(x))
    if len(wrong):
        place = ", ".join(str(index) for index in wrong[0])
        beyond = not wide and bool(np.isfinite(np.asarray(X).flat[0]))
        held = " (float32 holds numbers up to 3e38)" if beyond else ""
        raise ValueError(f"X holds inf at [{place}]{held}: impute or drop such rows first")
    check_gaps(estimator, x, fitting=reset)
    largest = float(np.fmax.reduce(np.abs(x), axis=None))  # NaN aside
    if largest > LARGEST:
        raise ValueError(
            f"X holds numbers up to {largest:.3g}, whose squares no computer holds: use other units"
        )
    if reset and not wide:
        _tell_rounding(X, x)
    return torch.from_numpy(np.require(x, requirements=["C", "W"]))


def refuse_other_kinds(X: Any) -> None:
    """Refuse what is no data, or would be read as numbers though it holds none.

    Raises:
        TypeError, ValueError: says what came.
    """
    if isinstance(X, np.ma.MaskedArray) and np.ma.is_masked(X):
        raise ValueError(
            f"X is a masked array with {np.ma.getmaskarray(X).sum()} masked values, read as if "
            "they were not masked: give X.filled(np.nan), in which they are not observed"
        )
    arrays = hasattr(X, "__array__") or hasattr(X, "__array_interface__") or hasattr(X, "tocsr")
    if not arrays and (isinstance(X, str | bytes | Mapping | Set) or not isinstance(X, Sequence)):
        raise TypeError(
            f"X is {'None' if X is None else f'a {type(X).__name__}'}: give an array or a table "
            "(N, X), or images (N, C, H, W)"
        )
    kind = getattr(getattr(X, "dtype", None), "kind", "")
    if kind in NO_NUMBERS:
        raise TypeError(f"X holds {NO_NUMBERS[kind]} ({X.dtype}): give real numbers")
    texts = isinstance(X, np.ndarray) and kind == "O"
    if texts and any(isinstance(each, str | bytes) for each in X.flat):
        found = next(each for each in X.flat if isinstance(each, str | bytes))
        raise TypeError(
            f"X holds text ({found!r}), and an argument must be of numbers, not of string or "
            "number: encode it first"
        )


def read_codes(Z: Any) -> Tensor:
    """Codes as a tensor.

    Raises:
        TypeError, ValueError: they are no finite numbers.
    """
    try:
        array = np.asarray(Z)
    except Exception as error:  # of whatever it is
        raise ValueError(f"Z cannot be read: {' '.join(str(error).split())}") from error
    if array.dtype.kind not in "biuf":
        raise TypeError(f"Z holds {array.dtype.name}: give codes (N, D) of real numbers")
    if not np.isfinite(array).all():
        raise ValueError("Z holds NaN or inf: give codes (N, D) of finite numbers")
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float64))


def refuse_what_overflows(X: Tensor, *answers: Any) -> None:
    """Refuse rows for which the networks give what is no number.

    Args:
        X: data, ``(N, *event)``.
        *answers: of each row, ``(N, …)``.

    Raises:
        ValueError: names the first such row.
    """
    for answer in answers:
        sane = np.isfinite(np.asarray(answer)).reshape(len(X), -1).all(1)
        if not sane.all():
            row = int((~sane).argmax())
            largest = float(X[row].abs().max())
            raise ValueError(
                f"row {row} of X has values up to {largest:.3g}, so far from the data of the fit "
                "that the networks give no number for it: check its units"
            )


def _tell_rounding(X: Any, x: NDArray[Any]) -> None:
    """Warn of features whose spread is not much more than the rounding of their size."""
    came = getattr(X, "dtype", None)
    if came is not None and came in (np.dtype(np.float32), np.dtype(np.float16)):
        return
    flat = x.reshape(len(x), -1)
    largest = np.nanmax(np.abs(flat), 0).astype(float)
    # Where it all rounds to one number, what came tells whether there was more.
    spread = np.nanstd(flat.astype(float), 0)
    near = np.flatnonzero(largest * 2.0**-24 > DIGITS * spread)
    if not len(near):
        return
    exact = np.asarray(X, dtype=np.float64).reshape(len(x), -1)[:, near]
    lost = near[np.nanmax(np.abs(exact - flat[:, near]), 0) > DIGITS * np.nanstd(exact, 0)]
    if len(lost):
        shown = ", ".join(map(str, lost[:5])) + (", …" if len(lost) > 5 else "")
        warn(
            f"columns {shown} of X lose what tells their rows apart in float32, which holds seven "
            "digits: subtract their means first, or use precision='64-true'",
            RoundedWarning,
        )
