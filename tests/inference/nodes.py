"""A fit that every process of ``torchrun`` runs, as a script of a user does; the first one writes.

    python nodes.py FOLDER [WORLD]
    torchrun --nnodes 2 --node-rank 0 --nproc-per-node 1 … nodes.py FOLDER

What it writes is the bound of each fit, and how many rows each process has read.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import make_blobs
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from pyromix import VaDE
from pyromix.inference import ArrayRows, GaussianMixtureStart, IterableRows, Training
from pyromix.networks import Perceptron

N = 2048
X, GROUPS = make_blobs(N, 6, centers=4, cluster_std=0.5, random_state=0)
X = X.astype(np.float32)


def told(name: str, rows: int) -> None:
    """Notes in a file that this process has read so many rows."""
    path = Path(sys.argv[1]) / f"{name}.{os.environ.get('RANK', '0')}.read"
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{rows}\n")


class Stored(ArrayRows):
    """A mapped array whose reading is noted."""

    def rows(self, numbers: Any) -> Tensor:
        told("map-style", len(numbers))
        return super().rows(numbers)


class Flow(IterableDataset[Tensor]):
    """An iterable whose reading is noted."""

    def __iter__(self) -> Iterator[Tensor]:
        info = get_worker_info()
        rows = X if info is None else X[info.id :: info.num_workers]
        told("iterable", len(rows))
        yield from torch.from_numpy(rows)


def fits(devices: int) -> dict[str, float]:
    """The bound after fits to the same rows in memory, mapped and iterated."""
    given = {
        "memory": X,
        "map-style": Stored(X, sample=512),
        "iterable": IterableRows(Flow(), sample=512),
    }
    found = {}
    for name, rows in given.items():
        mixture = VaDE(
            n_clusters=4,
            latent_dim=3,
            networks=Perceptron(32),
            pretraining=None,
            start=GaussianMixtureStart(on="data"),
            training=Training(max_epochs=40, batch_size=128, learning_rate=3e-3),
            standardise=True,
            random_state=0,
            device="cpu",
            devices=devices,
        ).fit(rows)
        found[name] = mixture.score(X, sample_weight=np.ones(N))
    return found


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    bounds = fits(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    if os.environ.get("RANK", "0") == "0":
        (folder / "bounds.json").write_text(json.dumps(bounds), encoding="utf-8")
