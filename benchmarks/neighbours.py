"""What approximate neighbours cost: digits and MNIST, with exact ones and with those of the index.

The recall, the leave-one-out error of the majority of ten neighbours, and the Hungarian error of a
fit that begins by ``Neighbours()``, mean of the seeds. The index is used on both sets, though the
digits are fewer than it is for. A file for each fit holds what was found.

    OMP_NUM_THREADS=1 python benchmarks/neighbours.py digits --seeds 0 1 2
    OMP_NUM_THREADS=1 python benchmarks/neighbours.py mnist --root ROOT --seeds 0
    python benchmarks/neighbours.py --table
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyromix.data import DEFAULT_ROOT, load
from pyromix.estimators import DeepMixture
from pyromix.evaluation import hungarian_accuracy
from pyromix.inference import Neighbours, Training
from pyromix.inference.phases import graph
from pyromix.networks import Perceptron
from pyromix.reports import table_head, table_row

RESULTS = Path(__file__).parent / "results" / "neighbours"
KINDS = {"exact": 10**9, "approximate": 0}  # rows up to which neighbours are exact
K, WIDE = 10, 50
EPOCHS = {"digits": (60, 40), "mnist": (10, 10)}  # of pretraining and training
HIDDEN = {"digits": (500, 500), "mnist": (256,)}


def neighbours(x: NDArray[Any], kind: str) -> NDArray[np.int64]:
    """Those that a fit would have, by an index or without."""
    graph.MANY = KINDS[kind]
    return graph.nearest(graph.principal_components(x, WIDE), K)


def error_of_majority(near: NDArray[np.int64], labels: NDArray[np.int64]) -> float:
    """How often the commonest label of a datum's neighbours is not its own."""
    counts = np.stack([(labels[near] == label).sum(1) for label in np.unique(labels)], 1)
    return float((np.unique(labels)[counts.argmax(1)] != labels).mean())


def measured(name: str, kind: str, seed: int, root: Path) -> dict[str, Any]:
    """The errors of one set with one kind of neighbours and one seed."""
    data = load(name, root=root)
    labels, x = data.labels, data.x.reshape(len(data), -1)
    assert labels is not None
    began = time.perf_counter()
    near = neighbours(x, kind)
    seconds = time.perf_counter() - began
    found: dict[str, Any] = {
        "set": name,
        "kind": kind,
        "seed": seed,
        "seconds": seconds,
        "error of neighbours": error_of_majority(near, labels),
    }
    if kind == "approximate":
        exact = neighbours(x, "exact")
        pairs = zip(near, exact, strict=True)
        found["recall"] = float(np.mean([np.isin(a, b).mean() for a, b in pairs]))
        graph.MANY = KINDS[kind]
    pretrained, trained = EPOCHS[name]
    mixture = DeepMixture(
        networks=Perceptron(HIDDEN[name], batch_norm=True),
        pretraining=Neighbours(K, epochs=pretrained),
        training=Training(max_epochs=trained),
        random_state=seed,
    ).fit(x)
    return {**found, "error of the fit": 1 - hungarian_accuracy(labels, mixture.labels_)}


def table() -> str:
    """A row for each set, of what the results hold."""
    found = [json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))]
    wanted = ("error of neighbours", "error of the fit")
    head = [f"{name}, {kind}" for name in wanted for kind in KINDS]
    lines = [table_head("data", "seeds", "recall", *head, "ratio of the fits' errors")]
    for name in EPOCHS:
        own = {
            k: [each for each in found if (each["set"], each["kind"]) == (name, k)] for k in KINDS
        }
        if not all(own.values()):
            continue
        means = [float(np.mean([each[n] for each in own[k]])) for n in wanted for k in KINDS]
        recall = np.mean([each["recall"] for each in own["approximate"]])
        cells = (f"{len(own['exact'])}", f"{recall:.4f}", *(f"{each:.4f}" for each in means))
        lines.append(table_row(name, *cells, f"{means[3] / means[2]:.3f}"))
    return "\n".join(lines)


def main() -> None:
    """Parse the command line, fit what has no result yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="*", choices=[[], *EPOCHS])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--root", type=Path, default=DEFAULT_ROOT)
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)
    for name in () if options.table else options.sets:
        for seed in options.seeds:
            for kind in KINDS:
                path = RESULTS / f"{name}-{kind}-{seed}.json"
                if not path.exists():
                    path.write_text(json.dumps(measured(name, kind, seed, options.root), indent=1))
    print(table())


if __name__ == "__main__":
    main()
