"""One row of the README's MNIST table: fit without labels, score on the test set, say the minutes.

python benchmarks/mnist.py vade --root ROOT
python benchmarks/mnist.py gmvae --n-clusters 16 --root ROOT --seed 1
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from pyromix.data import load
from pyromix.estimators import ESTIMATORS
from pyromix.evaluation import evaluate_clustering


def main() -> None:
    """Parse the command line, fit, and print the row and what the seconds went to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("method", choices=list(ESTIMATORS))
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--n-clusters", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--root", default="~/.cache/pyromix")
    parser.add_argument("--out", type=Path, help="also save the run here")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    options = parser.parse_args()
    settings: dict[str, Any] = {
        name: json.loads(value) for name, value in (item.split("=", 1) for item in options.set)
    }
    train = load(options.data, root=options.root)
    test = load(options.data, root=options.root, split="test")
    estimator = ESTIMATORS[options.method](
        n_clusters=options.n_clusters, random_state=options.seed, **settings
    )
    started = perf_counter()
    estimator.fit(train.x)
    minutes = (perf_counter() - started) / 60
    metrics = evaluate_clustering(test.labels, estimator.predict_proba(test.x))
    bound = float(estimator.score(test.x[:2000]))
    seconds: dict[str, float] = defaultdict(float)
    for row in estimator.history_:
        seconds[row["phase"]] += row["seconds"]
    print(f"torch {torch.__version__.split('+')[0]}, {torch.get_num_threads()} threads")
    print("| method | data | K | seed | accuracy | purity | NMI | bound (nats) | minutes |")
    print("|---|---|---|---|---|---|---|---|---|")
    print(
        f"| {options.method} | {options.data} | {options.n_clusters} | {options.seed} "
        f"| {metrics['accuracy']:.3f} | {metrics['purity']:.3f} | {metrics['nmi']:.3f} "
        f"| {bound:.1f} | {minutes:.1f} |"
    )
    print("seconds:", ", ".join(f"{phase} {value:.0f}" for phase, value in seconds.items()))
    print("all metrics:", json.dumps({name: round(value, 4) for name, value in metrics.items()}))
    if options.out is not None:
        estimator.save(options.out)


if __name__ == "__main__":
    main()
