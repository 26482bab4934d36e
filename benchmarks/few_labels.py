"""Few labels: accuracy on unlabelled digits, of the zoo and of what one would take instead.

So many labels of each class, drawn by the seed; every method sees all rows and those labels. The
peers have scikit-learn's defaults. The zoo's are VaDE with its default start, whose groups the
labels number, and VaDE taught the soft groups of label spreading. One JSON for each number of
labels and seed; what is there is not measured again.

    python benchmarks/few_labels.py
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from time import process_time

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier
from sklearn.svm import SVC

from pyromix import VaDE
from pyromix.data import load
from pyromix.inference import GroupsOf, PseudoLabels

RESULTS = Path(__file__).parent / "results" / "few-labels"
Labels = NDArray[np.int64]
Method = Callable[[NDArray[np.float32], Labels, int], Labels]


def spread(x: NDArray[np.float32], y: Labels) -> LabelSpreading:
    """Scikit-learn's label spreading."""
    return LabelSpreading(max_iter=200).fit(x, y)


def supervised(x: NDArray[np.float32], y: Labels, seed: int) -> Labels:
    """A support vector machine on the labels alone."""
    known = y >= 0
    found: Labels = SVC(random_state=seed).fit(x[known], y[known]).predict(x)
    return found


def self_training(x: NDArray[np.float32], y: Labels, seed: int) -> Labels:
    """A logistic regression, which labels what it is sure of and is fitted again."""
    machine = LogisticRegression(max_iter=1000, random_state=seed)
    found: Labels = SelfTrainingClassifier(machine).fit(x, y).predict(x)
    return found


METHODS: dict[str, Method] = {
    "label spreading": lambda x, y, seed: spread(x, y).transduction_,
    "labels alone (SVC)": supervised,
    "self-training": self_training,
    "VaDE": lambda x, y, seed: VaDE(random_state=seed).fit(x, y).predict(x),
    "VaDE from label spreading": lambda x, y, seed: (
        VaDE(start=PseudoLabels(GroupsOf(spread(x, y).label_distributions_)), random_state=seed)
        .fit(x, y)
        .predict(x)
    ),
}


def measure(labels_each: int, seed: int) -> dict[str, float]:
    """The accuracy of each method on the rows without a label, and its CPU seconds."""
    data = load("digits")
    assert data.labels is not None
    x, truth = data.x.astype(np.float32), data.labels.astype(np.int64)
    y = np.full(len(truth), -1)
    draw = np.random.RandomState(seed)
    for label in np.unique(truth):
        rows = draw.choice(np.flatnonzero(truth == label), labels_each, replace=False)
        y[rows] = label
    unknown, found = y < 0, {}
    for name, method in METHODS.items():
        started = process_time()
        predicted = method(x, y, seed)
        found[name] = float((predicted == truth)[unknown].mean())
        found[f"{name}, CPU s"] = process_time() - started
    return found


def table(results: Path = RESULTS) -> str:
    """Means and standard deviations over the seeds that are there."""
    counts = sorted({int(path.stem.split("-")[0]) for path in results.glob("*.json")})
    lines = ["| labels of each class | seeds | " + " | ".join(METHODS) + " |"]
    lines.append("|" + "---|" * (2 + len(METHODS)))
    for count in counts:
        rows = [json.loads(path.read_text()) for path in results.glob(f"{count}-*.json")]
        cells = []
        for name in METHODS:
            values = [row[name] for row in rows]
            cells.append(f"{np.mean(values):.3f} ± {np.std(values):.3f}")
        lines.append(f"| {count} | {len(rows)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--labels", nargs="+", type=int, default=[1, 5, 10])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    RESULTS.mkdir(parents=True, exist_ok=True)
    for seed in options.seeds:
        for count in options.labels:
            path = RESULTS / f"{count}-{seed}.json"
            if not path.exists():
                found = measure(count, seed)
                path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
                print(count, seed, found, flush=True)
    print(table())


if __name__ == "__main__":
    main()
