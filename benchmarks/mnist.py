"""One row of the README's image tables: fit without labels, score on the test set, say the minutes.

Accuracy is Hungarian. Restarts and assignment heads are chosen without labels.

    python benchmarks/mnist.py vade --root ROOT
    python benchmarks/mnist.py gmvae --n-clusters 16 --root ROOT --seed 1
    python benchmarks/mnist.py dhvc --data fashion-mnist --set views=flip-crop --clusters grid.png
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path
from time import perf_counter

import torch

from pyromix.cli.settings import arguments
from pyromix.data import load
from pyromix.estimators import ESTIMATORS
from pyromix.evaluation import cluster_grid, evaluate_clustering
from pyromix.inference import bound

PER_CLUSTER = 12


def main() -> None:
    """Parse the command line, fit, and print the row and what the seconds went to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("method", choices=sorted(set(ESTIMATORS) - {"mfcvae"}))
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--n-clusters", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--root", default="~/.cache/pyromix")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    parser.add_argument("--out", type=Path, help="save the run here")
    parser.add_argument("--clusters", type=Path, help="save pictures drawn from each cluster here")
    options = parser.parse_args()
    kind = ESTIMATORS[options.method]
    given = {"n_clusters": options.n_clusters, "random_state": options.seed}
    estimator = kind(**arguments(kind, given, options.set))
    train = load(options.data, root=options.root)
    test = load(options.data, root=options.root, split="test")
    started = perf_counter()
    estimator.fit(train.x)
    minutes = (perf_counter() - started) / 60
    metrics = evaluate_clustering(test.labels, estimator.predict_proba(test.x))
    held_out = bound(estimator.model_, estimator.guide_, torch.from_numpy(test.x))
    seconds: dict[str, float] = defaultdict(float)
    for row in estimator.history_:
        seconds[row["phase"]] += row["seconds"]
    print(f"torch {torch.__version__.split('+')[0]}, {torch.get_num_threads()} threads")
    print("| method | data | K | seed | accuracy | purity | NMI | bound (nats) | minutes |")
    print("|---|---|---|---|---|---|---|---|---|")
    print(
        f"| {options.method} | {options.data} | {options.n_clusters} | {options.seed} "
        f"| {metrics['accuracy']:.3f} | {metrics['purity']:.3f} | {metrics['nmi']:.3f} "
        f"| {float(held_out.mean()):.1f} | {minutes:.1f} |"
    )
    print("seconds:", ", ".join(f"{phase} {value:.0f}" for phase, value in seconds.items()))
    print("last epoch:", {key: value for key, value in estimator.history_[-1].items() if value})
    print("all metrics:", json.dumps({name: round(value, 4) for name, value in metrics.items()}))
    if options.clusters is not None:
        drawn = [
            estimator.sample(PER_CLUSTER, cluster=cluster, mean=True, seed=cluster)[0]
            for cluster in range(estimator.n_clusters)
        ]
        cluster_grid(drawn).savefig(options.clusters, dpi=80)
    if options.out is not None:
        estimator.save(options.out)


if __name__ == "__main__":
    main()
