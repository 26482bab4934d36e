"""Coloured MNIST: every digit in one of ten colours, so that two clusterings are right at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .dataset import Dataset, FloatArray, IntArray
from .shapes3d import hue_colours
from .vision import Split, load_vision

N_COLOURS = 10


def colour_digits(images: FloatArray, seed: int = 0) -> tuple[FloatArray, IntArray]:
    """Paint grey images on black, each in a hue drawn uniformly, with a border to 32×32.

    Args:
        images: ``(N, 1, 28, 28)`` in [0, 1].
        seed: of the generator; equal seeds give equal colours.

    Returns:
        ``(N, 3, 32, 32)`` in [0, 1], and the colours ``(N,)``, 0…9.
    """
    colour = np.random.default_rng(seed).integers(N_COLOURS, size=len(images))
    framed = np.pad(images, ((0, 0), (0, 0), (2, 2), (2, 2)))
    return framed * hue_colours(N_COLOURS)[colour][:, :, None, None], colour


def coloured_mnist(root: Path, split: Split = "train", download: bool = True) -> Dataset:
    """Load MNIST with colours that are independent of the digits.

    Args:
        root: torchvision's root for MNIST.
        split: ``"train"`` or ``"test"``, as published; the colours of each are seeded.
        download: whether missing files may be fetched into ``root``.

    Returns:
        ``x``: ``(N, 3, 32, 32)`` in [0, 1]; ``labels``: ``(N, 2)``, digit and colour.
    """
    grey = load_vision("mnist", root, split, download)
    x, colour = colour_digits(grey.x, seed=0 if split == "train" else 1)
    assert grey.labels is not None
    labels = np.stack([grey.labels, colour], -1)
    return Dataset(x, labels, "coloured-mnist", ("digit", "colour"))
