"""DHVC on MNIST or Fashion-MNIST: test accuracy without labels, minutes, and the bound's parts.

Accuracy is Hungarian, K = 10, on the test set; the assignment head is chosen by its information.

    python benchmarks/dhvc_mnist.py --root ~/data --seed 0 --out clusters.png
    python benchmarks/dhvc_mnist.py --data fashion-mnist --set views=flip-crop
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

from pyromix.cli.settings import arguments
from pyromix.data import load
from pyromix.estimators import DHVC
from pyromix.evaluation import hungarian_accuracy
from pyromix.inference import bound

PER_CLUSTER = 12


def grid(dhvc: DHVC, seed: int) -> np.ndarray:
    """A picture of generated data, a row for each cluster: ``(K·H, n·W)``."""
    rows = []
    for cluster in range(dhvc.n_clusters):
        images, _ = dhvc.sample(PER_CLUSTER, cluster=cluster, mean=True, seed=seed)
        rows.append(np.concatenate(list(images.mean(1)), axis=1))
    return np.concatenate(rows, axis=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="mnist", choices=("mnist", "fashion-mnist"))
    parser.add_argument("--root", default="~/.cache/pyromix")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--out", type=Path, help="where to save the generated clusters as PNG")
    options = parser.parse_args()
    settings: dict[str, Any] = arguments(DHVC, {"random_state": options.seed}, options.set)

    train = load(options.data, root=options.root, split="train")
    test = load(options.data, root=options.root, split="test")
    assert test.labels is not None
    started = perf_counter()
    dhvc = DHVC(**settings).fit(train.x)
    minutes = (perf_counter() - started) / 60

    print(f"{options.data}, seed {options.seed}, {torch.get_num_threads()} threads, {settings}")
    seconds: dict[str, float] = defaultdict(float)
    for row in dhvc.history_:
        seconds[row["phase"]] += row["seconds"]
        shown = {name: value for name, value in row.items() if isinstance(value, int | float)}
        print(row["phase"], " ".join(f"{name}={value:.4g}" for name, value in shown.items()))
    print("seconds by phase:", {name: round(value, 1) for name, value in seconds.items()})
    print(f"minutes of fit: {minutes:.2f}")
    held_out = bound(dhvc.model_, dhvc.guide_, torch.from_numpy(test.x), seed=options.seed)
    print(f"bound on test: {float(held_out.mean()):.2f} nats per datum")
    accuracy = hungarian_accuracy(test.labels.squeeze(), dhvc.predict(test.x))
    print(f"test accuracy (Hungarian, K={dhvc.n_clusters}): {accuracy:.4f}")

    if options.out is not None:
        import matplotlib.image

        matplotlib.image.imsave(options.out, grid(dhvc, options.seed), cmap="gray_r")


if __name__ == "__main__":
    main()
