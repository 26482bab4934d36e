"""Image sets through torchvision, as arrays in [0, 1]; files already there are only read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from .dataset import Dataset, check_labels

Split = Literal["train", "test"]


@dataclass(frozen=True)
class VisionSet:
    """How torchvision calls a set: its class, what names its split, and the label's name."""

    constructor: str
    split_by: Literal["train", "split"]
    label_name: str


VISION_SETS: Mapping[str, VisionSet] = {
    "mnist": VisionSet("MNIST", "train", "digit"),
    "fashion-mnist": VisionSet("FashionMNIST", "train", "garment"),
    "kmnist": VisionSet("KMNIST", "train", "character"),
    "usps": VisionSet("USPS", "train", "digit"),
    "svhn": VisionSet("SVHN", "split", "digit"),
    "stl10": VisionSet("STL10", "split", "object"),
}


def load_vision(name: str, root: Path, split: Split, download: bool) -> Dataset:
    """Read one of ``VISION_SETS`` from a torchvision root, fetching it first if need be.

    Args:
        name: a key of ``VISION_SETS``.
        root: a torchvision root, e.g. the folder that holds ``MNIST/raw/train-images-idx3-ubyte``.
        split: ``"train"`` or ``"test"``, as published.
        download: whether missing files may be fetched into ``root``.

    Returns:
        ``x``: ``(N, 1, 28, 28)`` (usps: ``(N, 1, 16, 16)``, svhn: ``(N, 3, 32, 32)``, stl10:
        ``(N, 3, 96, 96)``) in [0, 1]; ``labels``: the class of each image, with names
        where the classes have some.

    Raises:
        FileNotFoundError: the files are not there and could not or may not be fetched.
        ValueError: the files are there and damaged.
    """
    spec = VISION_SETS[name]
    raw = _read(name, spec, root, split, download)
    images = np.asarray(raw.data)
    if images.ndim == 3:
        images = images[:, None]
    labels = raw.labels if hasattr(raw, "labels") else raw.targets
    classes = tuple(getattr(raw, "classes", ()))
    # Of the digits torchvision says "0 - zero".
    named = bool(classes) and not classes[0].startswith("0")
    return Dataset(
        images.astype(np.float32) / np.float32(255),
        check_labels(labels, len(images), f"{name}'s labels"),
        name,
        (spec.label_name,),
        (classes,) if named else (),
    )


def _read(name: str, spec: VisionSet, root: Path, split: Split, download: bool) -> Any:
    # torchvision takes seconds to import, and most sessions never ask for it.
    from torchvision import datasets

    constructor = getattr(datasets, spec.constructor)
    which: dict[str, Any] = {"split": split}
    if spec.split_by == "train":
        which = {"train": split == "train"}
    try:
        return constructor(root, download=False, **which)
    except FileNotFoundError:
        pass
    except (RuntimeError, AssertionError, ValueError, OSError, EOFError) as error:
        if "not found" not in str(error):
            raise ValueError(
                f"{name}'s files under {root} are damaged: delete them and load again"
            ) from error
    if not download:
        raise FileNotFoundError(
            f"{name} is not under {root}: pass a root that has it, or download=True"
        )
    try:
        root.mkdir(parents=True, exist_ok=True)
        return constructor(root, download=True, **which)
    except (RuntimeError, OSError) as error:
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        raise FileNotFoundError(
            f"{name} is not under {root} and could not be fetched ({reason}): check the network, "
            "or pass root= a folder that has it"
        ) from error
