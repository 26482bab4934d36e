"""The one door to data: a name, a file or an array goes in, a checked ``Dataset`` comes out."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, cast, get_args

import numpy as np
import numpy.typing as npt
from torch import Tensor

from .coloured import coloured_mnist
from .dataset import Dataset, check_x
from .files import SUFFIXES, load_file
from .shapes3d import shapes3d
from .synthetic import arcs, pinwheel
from .vision import Split, load_vision

DEFAULT_ROOT = "~/.cache/pyromix"

_Builder = Callable[[Path, Split, bool], Dataset]


class _Entry(NamedTuple):
    description: str
    build: _Builder


def load(
    source: str | os.PathLike[str] | npt.ArrayLike | Tensor,
    *,
    root: str | os.PathLike[str] = DEFAULT_ROOT,
    split: Split = "train",
    download: bool = True,
    label_column: str | None = None,
    columns: Sequence[str] = (),
    drop: Sequence[str] = (),
    sep: str | None = None,
) -> Dataset:
    """Load data by name, from a file, or from an array.

    Args:
        source: a key of ``DATASETS``; a path ending in .npy, .npz, .csv, .tsv, .parquet,
            .feather or .h5 (text also as .gz);
            or an ``(N, X)`` table, ``(N, H, W)`` or ``(N, C, H, W)`` images.
        root: torchvision's root for the image sets, and where made pictures are kept.
        split: ``"train"`` or ``"test"``. Synthetic sets draw anew for the test; the digits, files
            and arrays have no split, and both words give all of them.
        download: whether missing image sets may be fetched into ``root``.
        label_column: for a file, the column (or .npz key) of the labels if it is none of
            ``y``, ``label``, ``target``, ``class``, or a plural of these.
        columns: of a file's table, the columns that are features; by default all others.
        drop: of a file's table, columns to leave out.
        sep: of a table of text, where fields end; by default found out.

    Returns:
        The data, float32, with labels where there are any.

    Raises:
        ValueError, TypeError: an unknown name or unusable content; the message says what would do.
        FileNotFoundError: no such file, or a set that is neither there nor to be had.

    Example:
        >>> digits = load("digits")
        >>> digits.x.shape, digits.label_names
        ((1797, 64), ('digit',))
    """
    if split not in get_args(Split):
        raise ValueError(f"split must be 'train' or 'test', got {split!r}")
    if not isinstance(source, str | os.PathLike):
        if label_column is not None:
            raise ValueError(f"label_column={label_column!r} came with an array: it has no names")
        if columns or drop or sep:
            raise ValueError("columns, drop and sep came with an array: they are for files")
        array = source.detach().cpu() if isinstance(source, Tensor) else source
        return Dataset(check_x(array, "the array"), None, "array")
    name = os.fspath(source).lower().replace("_", "-")
    if name in _ENTRIES:
        if label_column is not None:
            raise ValueError(f"label_column={label_column!r} came with {name}, which has its own")
        if columns or drop or sep:
            raise ValueError(f"columns, drop and sep came with {name}: they are for files")
        return _ENTRIES[name].build(Path(root).expanduser(), split, download)
    path = Path(source).expanduser()
    if path.exists() or path.suffix or len(path.parts) > 1:
        return load_file(path, label_column, columns=columns, drop=drop, sep=sep)
    near = difflib.get_close_matches(name, _ENTRIES, n=1)
    hint = f"did you mean {near[0]!r}? Known: " if near else "known are "
    raise ValueError(
        f"unknown data set {os.fspath(source)!r}: {hint}{', '.join(_ENTRIES)}; "
        f"or a path ending in {', '.join(SUFFIXES)}"
    )


def _digits(root: Path, split: Split, download: bool) -> Dataset:
    from sklearn.datasets import load_digits

    images, labels = cast(
        "tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]", load_digits(return_X_y=True)
    )
    return Dataset((images / 16).astype(np.float32), labels.astype(np.int64), "digits", ("digit",))


def _drawn(draw: Callable[..., Dataset], root: Path, split: Split, download: bool) -> Dataset:
    return draw(seed=0 if split == "train" else 1)


def _shapes(configuration: int, root: Path, split: Split, download: bool) -> Dataset:
    return shapes3d(configuration, split=split, root=root)


_ENTRIES: Mapping[str, _Entry] = {
    "digits": _Entry("1,797 handwritten digits of 8×8, bundled with scikit-learn", _digits),
    **{
        name: _Entry(description, partial(load_vision, name))
        for name, description in {
            "mnist": "70,000 handwritten digits of 28×28",
            "fashion-mnist": "70,000 garments of 28×28",
            "kmnist": "70,000 cursive Japanese characters of 28×28",
            "usps": "9,298 scanned post-code digits of 16×16",
            "svhn": "99,289 house numbers from the street, 32×32 in colour",
            "stl10": "13,000 labelled photographs of 10 kinds of object, 96×96 in colour",
        }.items()
    },
    "pinwheel": _Entry("10,000 points on five curved arms in the plane", partial(_drawn, pinwheel)),
    "arcs": _Entry("10,000 points on arcs of five circles in the plane", partial(_drawn, arcs)),
    "shapes3d-1": _Entry(
        "4,800 rendered scenes: floor hue, scale, shape, orientation", partial(_shapes, 1)
    ),
    "shapes3d-2": _Entry(
        "4,800 rendered scenes: wall hue, scale, shape, orientation", partial(_shapes, 2)
    ),
    "coloured-mnist": _Entry("70,000 digits in ten colours, 32×32", coloured_mnist),
}

DATASETS: Mapping[str, str] = {name: entry.description for name, entry in _ENTRIES.items()}
