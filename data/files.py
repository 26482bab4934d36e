"""A user's own data from a file, checked, with its labels set apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pandas as pd
from numpy.lib.format import read_array_header_1_0, read_array_header_2_0, read_magic

from ..parts import check_plain
from .columns import Columns, dataset_of, find_label
from .dataset import Dataset, check_labels, check_x, text_classes
from .factors import read_dsprites, read_shapes3d
from .tables import Table, read_text_table, without_row_names

X_KEYS = ("x", "X", "data")
TEXT = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
TABLES = (*TEXT, ".parquet", ".feather")
SUFFIXES = (".npy", ".npz", *TABLES, ".h5")


def load_file(
    path: Path,
    label_column: str | None = None,
    *,
    columns: Sequence[str] = (),
    drop: Sequence[str] = (),
    sep: str | None = None,
) -> Dataset:
    """Read a table or images from a file.

    Args:
        path: ends in .npy (data only), .npz (data under ``x``, ``X``, ``data`` or the first key;
            labels under ``y``, ``label``, ``target`` or ``class``, in whatever case, or their
            plurals), .csv or .tsv (with a header or without; also .gz), .parquet or .feather
            (labels in a column of one of those names). The originals of dSprites (.npz) and
            3DShapes (.h5, at 32 px) are known by their content, and large.
        label_column: the column, or .npz key, that holds the labels, if it has another name.
        columns: of a table, the columns that are features; by default all but the label.
        drop: of a table, columns to leave out.
        sep: of a text table, where fields end, if it is not to be found out.

    Returns:
        The data set, named by the file; it tells what is a feature and what was ignored.

    Warns:
        UserWarning: a feature looks like a number of the row.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError, TypeError: another ending, or content that cannot be used; the message says why.
    """
    if not path.exists():
        raise FileNotFoundError(f"data file {path} does not exist: check the path")
    if path.is_dir():
        raise FileNotFoundError(f"data file {path} is a folder: check the path")
    check_plain(path)
    suffix = _suffix(path).lower()
    if suffix not in SUFFIXES:
        raise ValueError(
            f"data file {path} ends in {suffix!r}, but one of {', '.join(SUFFIXES)} would do: "
            "convert it, or pass an array"
        )
    wanted = Columns(label_column, tuple(columns), tuple(drop), sep)
    array_like = suffix in (".npy", ".h5")
    if array_like and label_column is not None:
        raise ValueError(
            f"label_column={label_column!r} came with {path}, but such a file has no columns: "
            "use .npz"
        )
    if (array_like or suffix == ".npz") and replace(wanted, label=None):
        raise ValueError(f"columns, drop and sep are for tables with columns, and {path} is none")
    if sep is not None and suffix not in TEXT:
        raise ValueError(f"sep={sep!r} is for tables of text, and {path} is none: leave it")
    if suffix == ".npy":
        return Dataset(check_x(_array(path), str(path)), None, path.stem)
    if suffix == ".h5":
        return read_shapes3d(path)
    if suffix == ".npz":
        return _from_npz(path, label_column)
    return _from_table(path, suffix, wanted)


def _array(path: Path) -> npt.NDArray[np.generic]:
    try:
        # Mapped, so that a header that promises more than the file holds is found out at once.
        return np.array(np.load(path, mmap_mode="r", allow_pickle=False))
    except Exception as error:  # NumPy parses the header as Python, which has kinds of its own
        raise _unreadable(path, error) from error


def _from_npz(path: Path, label_column: str | None) -> Dataset:
    with path.open("rb") as file, _open_npz(path, file) as archive:
        keys = list(archive.files)
        label_key = find_label(label_column, keys, str(path))
        x_key = next((k for k in (*X_KEYS, *keys) if k in keys and k != label_key), None)
        if x_key is None:
            raise ValueError(f"{path} holds no data: save it with np.savez(path, x=…, y=…)")
        original = {"imgs", "latents_classes"} <= set(keys)
        wanted = [] if original else [k for k in (x_key, label_key) if k is not None]
        try:
            arrays = {key: _member(path, archive, key) for key in wanted}
        except Exception as error:  # zipfile, zlib and NumPy raise a dozen kinds
            raise _unreadable(path, error) from error
    if original:
        return read_dsprites(path)
    x = check_x(arrays[x_key], f"{path}[{x_key!r}]")
    unused = {key: "it is not the data" for key in keys if key not in (x_key, label_key)}
    if label_key is None:
        return Dataset(x, None, path.stem, ignored=unused)
    labels = check_labels(arrays[label_key], len(x), f"{path}[{label_key!r}]")
    width = 1 if labels.ndim == 1 else labels.shape[1]
    names = (label_key,) if width == 1 else tuple(f"{label_key}_{i}" for i in range(width))
    classes = text_classes(arrays[label_key])
    return Dataset(x, labels, path.stem, names, classes, ignored=unused)


def _member(path: Path, archive: np.lib.npyio.NpzFile, key: str) -> npt.NDArray[np.generic]:
    """An array of an archive, if it holds as much as the array's header promises."""
    name = f"{key}.npy"
    assert archive.zip is not None
    with archive.zip.open(name) as file:
        reads = {(1, 0): read_array_header_1_0, (2, 0): read_array_header_2_0}
        shape, _, dtype = reads[read_magic(file)](file)
    promised, held = prod(shape) * dtype.itemsize, archive.zip.getinfo(name).file_size
    if not dtype.hasobject and not 0 <= promised <= held:
        raise ValueError(
            f"{path} is damaged: {key!r} is to have {promised:,} bytes, and has {held:,}"
        )
    array: npt.NDArray[np.generic] = archive[key]
    return array


def _open_npz(path: Path, file: BinaryIO) -> np.lib.npyio.NpzFile:
    try:
        archive = np.load(file, allow_pickle=False)
    except Exception as error:  # as above
        raise _unreadable(path, error) from error
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise ValueError(f"{path} is a single array: rename it to .npy")
    return archive


def _from_table(path: Path, suffix: str, columns: Columns) -> Dataset:
    return dataset_of(path, _stem(path), _table(path, suffix, columns.sep), columns)


def read_frame(path: Path, sep: str | None = None) -> pd.DataFrame:
    """The columns of a table, as they are, without row names that a program has saved.

    Args:
        path: ends in one of ``TABLES``.
        sep: of a text table, where fields end, if it is not to be found out.

    Raises:
        FileNotFoundError, ValueError: there is none, or it cannot be read.
    """
    if not path.is_file():
        raise FileNotFoundError(f"data file {path} does not exist: check the path")
    check_plain(path)
    return _table(path, _suffix(path).lower(), sep).frame


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """Write a table in the form that its name ends in, one of ``TABLES``."""
    suffix = _suffix(path).lower()
    if suffix == ".parquet":
        frame.to_parquet(path, index=False)
    elif suffix == ".feather":
        frame.to_feather(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if suffix.startswith(".tsv") else ",")


def _table(path: Path, suffix: str, sep: str | None) -> Table:
    try:
        if suffix in (".parquet", ".feather"):
            read = pd.read_parquet if suffix == ".parquet" else pd.read_feather
            return without_row_names(path, read(path))
        return read_text_table(path, sep or ("\t" if suffix.startswith(".tsv") else None))
    except Exception as error:  # pandas and pyarrow raise a dozen kinds
        raise _unreadable(path, error) from error


def _stem(path: Path) -> str:
    """A file's name without its ending."""
    return path.name[: -len(_suffix(path)) or None]


def _suffix(path: Path) -> str:
    """The known ending of a file's name, or whatever it has."""
    known = [each for each in SUFFIXES if path.name.lower().endswith(each)]
    return max(known, key=len, default=path.suffix)


def _unreadable(path: Path, error: Exception) -> ValueError:
    if "allow_pickle" in str(error) or "Python objects" in str(error):
        return ValueError(
            f"{path} holds Python objects, which are never unpickled: save plain numbers, "
            "with rows of equal length"
        )
    if str(path) in str(error) and type(error) is ValueError:
        return error
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return ValueError(f"{path} cannot be read ({reason}): write it again")
