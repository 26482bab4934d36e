"""A user's own data from a file, checked, with its labels set apart."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pandas as pd

from .dataset import Dataset, check_labels, check_x, text_classes
from .factors import read_dsprites, read_shapes3d

X_KEYS = ("x", "X", "data")
LABEL_KEYS = ("y", "labels", "label", "target")
SUFFIXES = (".npy", ".npz", ".csv", ".parquet", ".h5")


def load_file(path: Path, label_column: str | None = None) -> Dataset:
    """Read a table or images from a file.

    Args:
        path: ends in .npy (data only), .npz (data under ``x``, ``X``, ``data`` or the first key;
            labels under ``y``, ``labels``, ``label`` or ``target``), .csv (with a header or
            without) or .parquet (labels in a column of one of those names). The originals of
            dSprites (.npz) and 3DShapes (.h5, at 32 px) are known by their content, and large.
        label_column: the column, or .npz key, that holds the labels, if it has another name.

    Returns:
        The data set, named by the file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError, TypeError: another ending, or content that cannot be used; the message says why.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise FileNotFoundError(f"data file {path} {what}: check the path")
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(
            f"data file {path} ends in {path.suffix!r}, but one of {', '.join(SUFFIXES)} would do: "
            "convert it, or pass an array"
        )
    if suffix in (".npy", ".h5") and label_column is not None:
        raise ValueError(
            f"label_column={label_column!r} came with {path}, but such a file has no columns: "
            "use .npz"
        )
    if suffix == ".npy":
        return Dataset(check_x(_array(path), str(path)), None, path.stem)
    if suffix == ".h5":
        return read_shapes3d(path)
    if suffix == ".npz":
        return _from_npz(path, label_column)
    return _from_table(path, label_column)


def _array(path: Path) -> npt.NDArray[np.generic]:
    try:
        array: npt.NDArray[np.generic] = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise _unreadable(path, error) from error
    return array


def _from_npz(path: Path, label_column: str | None) -> Dataset:
    with path.open("rb") as file, _open_npz(path, file) as archive:
        keys = list(archive.files)
        label_key = _find(label_column, LABEL_KEYS, keys, f"{path} has the keys")
        x_key = next((k for k in (*X_KEYS, *keys) if k in keys and k != label_key), None)
        if x_key is None:
            raise ValueError(f"{path} holds no data: save it with np.savez(path, x=…, y=…)")
        original = {"imgs", "latents_classes"} <= set(keys)
        wanted = [] if original else [k for k in (x_key, label_key) if k is not None]
        try:
            arrays = {key: archive[key] for key in wanted}
        except Exception as error:  # zipfile, zlib and NumPy raise a dozen kinds
            raise _unreadable(path, error) from error
    if original:
        return read_dsprites(path)
    x = check_x(arrays[x_key], f"{path}[{x_key!r}]")
    if label_key is None:
        return Dataset(x, None, path.stem)
    labels = check_labels(arrays[label_key], len(x), f"{path}[{label_key!r}]")
    width = 1 if labels.ndim == 1 else labels.shape[1]
    names = (label_key,) if width == 1 else tuple(f"{label_key}_{i}" for i in range(width))
    return Dataset(x, labels, path.stem, names, text_classes(arrays[label_key]))


def _open_npz(path: Path, file: BinaryIO) -> np.lib.npyio.NpzFile:
    try:
        archive = np.load(file, allow_pickle=False)
    except Exception as error:  # as above
        raise _unreadable(path, error) from error
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise ValueError(f"{path} is a single array: rename it to .npy")
    return archive


def _from_table(path: Path, label_column: str | None) -> Dataset:
    try:
        frame = pd.read_parquet(path) if path.suffix.lower() == ".parquet" else _read_csv(path)
    except Exception as error:  # pandas and pyarrow raise a dozen kinds
        raise _unreadable(path, error) from error
    frame.columns = frame.columns.map(str)
    label_key = _find(label_column, LABEL_KEYS, list(frame.columns), f"{path} has the columns")
    features = frame if label_key is None else frame.drop(columns=label_key)
    text = [name for name, kind in features.dtypes.items() if kind.kind not in "biuf"]
    if text:
        listed = ", ".join(repr(name) for name in text)
        raise TypeError(
            f"{path} has columns that are not numeric ({listed}): encode or drop them, or name "
            "one of them by label_column"
        )
    values = features.to_numpy(dtype=np.float64, na_value=np.nan)
    x = check_x(values, str(path), tuple(features.columns))
    if label_key is None:
        return Dataset(x, None, path.stem)
    column = frame[label_key]
    raw = column.to_numpy(dtype=float if column.dtype.kind in "biuf" else object, na_value=np.nan)
    labels = check_labels(raw, len(x), f"{path}, column {label_key!r},")
    return Dataset(x, labels, path.stem, (label_key,), text_classes(raw))


def _read_csv(path: Path) -> pd.DataFrame:
    """Read a .csv whose first line may be data, and whose first column may be a saved index."""
    first = pd.read_csv(path, header=None, nrows=1)
    if all(kind.kind in "biuf" for kind in first.dtypes) and not first.isna().any(axis=None):
        return pd.read_csv(path, header=None)
    frame = pd.read_csv(path)
    lead = frame.columns[0]
    if str(lead) == "Unnamed: 0" and np.array_equal(frame[lead], np.arange(len(frame))):
        return frame.drop(columns=lead)
    return frame


def _find(
    asked: str | None, usual: tuple[str, ...], present: list[str], listing: str
) -> str | None:
    if asked is not None and asked not in present:
        shown = ", ".join(present[:20]) + (", …" if len(present) > 20 else "")
        raise ValueError(f"label_column={asked!r} is not there: {listing} {shown}")
    return asked if asked is not None else next((key for key in usual if key in present), None)


def _unreadable(path: Path, error: Exception) -> ValueError:
    if "allow_pickle" in str(error):
        return ValueError(
            f"{path} holds Python objects, which are never unpickled: save plain numbers, "
            "with rows of equal length"
        )
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return ValueError(f"{path} cannot be read ({reason}): write it again")
