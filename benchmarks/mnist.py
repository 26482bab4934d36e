"""One row of the results' image tables: fit without labels, score on the test set, say the minutes.

Accuracy is Hungarian. Restarts and assignment heads are chosen without labels.

    python benchmarks/mnist.py vade --root ROOT
    python benchmarks/mnist.py gmvae --n-clusters 16 --root ROOT --seed 1
    python benchmarks/mnist.py dhvc --data fashion-mnist --clusters grid.png
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path

from pyromix.cli.settings import arguments
from pyromix.data import load
from pyromix.estimators import ESTIMATORS
from pyromix.reports import (
    environment,
    mean_bound,
    responsibilities,
    samples_picture,
    save_figure,
    scored,
    table_head,
    table_row,
    timed_fit,
)

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
    estimator = kind().set_params(**arguments(kind, given, options.set))
    train = load(options.data, root=options.root)
    test = load(options.data, root=options.root, split="test")
    minutes = timed_fit(estimator, train.x) / 60
    metrics = scored(test, responsibilities(estimator, test.x))
    held_out = mean_bound(estimator, test.x)
    seconds: dict[str, float] = defaultdict(float)
    for row in estimator.history_:
        seconds[row["phase"]] += row["seconds"]
    print(environment())
    columns = ("K", "seed", "accuracy", "purity", "NMI", "bound (nats)", "minutes")
    print(table_head("method", "data", *columns))
    asked = (options.method, options.data, options.n_clusters, options.seed)
    found = (metrics["accuracy"], metrics["purity"], metrics["nmi"])
    print(table_row(*asked, *found, f"{held_out:.1f}", f"{minutes:.1f}"))
    print("seconds:", ", ".join(f"{phase} {value:.0f}" for phase, value in seconds.items()))
    print("last epoch:", {key: value for key, value in estimator.history_[-1].items() if value})
    print("all metrics:", json.dumps({name: round(value, 4) for name, value in metrics.items()}))
    if options.clusters is not None:
        figure = samples_picture(estimator, test.image_shape, PER_CLUSTER)
        save_figure(figure, options.clusters)
    if options.out is not None:
        estimator.save(options.out)


if __name__ == "__main__":
    main()
