"""Many draws from a run into a file, a part at a time, so that memory does not grow with them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import numpy as np

from ..inference import sample as draw
from ..inference.training import derive_seed
from ..models import MixtureVAE

AT_ONCE = 2**23  # numbers, 32 MiB
LARGEST_PICTURE = 2**26  # numbers in all its tiles


def write_draws(
    model: MixtureVAE,
    number: int,
    wanted: Sequence[int | None],
    shape: tuple[int, ...],
    seed: int,
    out: Path,
) -> None:
    """Write draws of x to an .npz, as ``x`` and ``clusters``.

    Args:
        model: the story.
        number: how many to draw.
        wanted: by facet the cluster to draw from, or ``None``.
        shape: of one datum.
        seed: same seed, same draws.
        out: the file.

    Raises:
        ValueError: they do not fit on the disk.
    """
    several = (len(wanted),) if len(wanted) > 1 else ()
    size = number * (4 * prod(shape) + 8 * len(wanted))
    free = shutil.disk_usage(out.parent).free
    if 2 * size > free:  # the parts, and the file that they are put together in
        raise ValueError(
            f"--number is {number}: {number:,} draws of {prod(shape)} numbers take "
            f"{size / 2**30:,.1f} GiB, and twice that while they are written, and the disk has "
            f"{free / 2**30:,.1f} GiB: draw at most {free * number // (2 * size):,}"
        )
    rows = max(1, AT_ONCE // prod(shape))
    with TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as folder:
        parts = {name: Path(folder) / f"{name}.npy" for name in ("x", "clusters")}
        with parts["x"].open("wb") as xs, parts["clusters"].open("wb") as clusters:
            dtype = np.dtype(str(next(model.parameters()).dtype).removeprefix("torch."))
            _begin(xs, dtype, (number, *shape))
            _begin(clusters, np.dtype(np.int64), (number, *several))
            for begun in range(0, number, rows):
                own = seed if begun == 0 else derive_seed(seed, "part", begun)
                n = min(rows, number - begun)
                x, found = draw(model, n, cluster=wanted, seed=own)
                xs.write(x.numpy().astype(dtype, copy=False).tobytes())
                clusters.write(np.stack([each.numpy() for each in found.values()], -1).tobytes())
        whole = Path(folder) / "whole.npz"
        np.savez(whole, **{name: np.load(part, mmap_mode="r") for name, part in parts.items()})
        whole.replace(out)


def _begin(file: BinaryIO, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    header = {"descr": dtype.str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_2_0(file, header)


def check_picture(number: int, n_clusters: int, shape: tuple[int, ...]) -> None:
    """Refuse a picture of more tiles than can be painted.

    Raises:
        ValueError: says how many would do.
    """
    each = n_clusters * prod(shape)
    if number * each > LARGEST_PICTURE:
        raise ValueError(
            f"--number is {number}: a picture has room for {LARGEST_PICTURE // each:,} of each of "
            f"{n_clusters} clusters; for more give --out FILE.npz"
        )
