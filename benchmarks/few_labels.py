"""Few labels: accuracy on the digits and on MNIST, of the zoo and of what one would take instead.

So many labels of each class, drawn by the seed; every method sees all rows and those labels. Of the
digits the rows without a label are scored, of MNIST its test set, which no method saw. The peers
have scikit-learn's defaults, but that labels spread over ten neighbours on MNIST, where a kernel of
all pairs has no room. The zoo's are VaDE with its default start, whose groups the labels number,
and on the digits VaDE taught the soft groups of label spreading. One JSON for each number of labels
and seed; what is there is not measured again.

    python benchmarks/few_labels.py
    python benchmarks/few_labels.py mnist --root ROOT
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier
from sklearn.svm import SVC

from pyromix import VaDE
from pyromix.data import DEFAULT_ROOT, load
from pyromix.data.vision import Split
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


ON_MNIST: dict[str, Callable[[], Any]] = {
    "label spreading": lambda: LabelSpreading(kernel="knn", n_neighbors=10, max_iter=200),
    "labels alone (SVC)": SVC,
    "VaDE": VaDE,
}


def drawn(truth: Labels, labels_each: int, seed: int) -> Labels:
    """The labels that are told: so many of each class, and -1."""
    y = np.full(len(truth), -1)
    draw = np.random.RandomState(seed)
    for label in np.unique(truth):
        rows = draw.choice(np.flatnonzero(truth == label), labels_each, replace=False)
        y[rows] = label
    return y


def rows_of(name: str, root: str, split: Split) -> tuple[NDArray[np.float32], Labels]:
    """Data as rows, and their classes."""
    data = load(name, root=root, split=split)
    assert data.labels is not None
    return data.x.reshape(len(data), -1).astype(np.float32), data.labels.astype(np.int64)


def measure(labels_each: int, seed: int) -> dict[str, float]:
    """The accuracy of each method on the digits without a label, and its CPU seconds."""
    x, truth = rows_of("digits", "", "train")
    y, found = drawn(truth, labels_each, seed), {}
    for name, method in METHODS.items():
        started = process_time()
        predicted = method(x, y, seed)
        found[name] = float((predicted == truth)[y < 0].mean())
        found[f"{name}, CPU s"] = process_time() - started
    return found


def measure_mnist(labels_each: int, seed: int, root: str) -> dict[str, float]:
    """The accuracy of each method on MNIST's test set, and its CPU seconds."""
    x, truth = rows_of("mnist", root, "train")
    asked, expected = rows_of("mnist", root, "test")
    y, found = drawn(truth, labels_each, seed), {}
    for name, make in ON_MNIST.items():
        method, started = make(), process_time()
        if "random_state" in method.get_params():
            method.set_params(random_state=seed)
        known = y >= 0 if isinstance(method, SVC) else slice(None)
        predicted = method.fit(x[known], y[known]).predict(asked)
        found[name] = float((predicted == expected).mean())
        found[f"{name}, CPU s"] = process_time() - started
    return found


def table(results: Path = RESULTS, methods: Iterable[str] = tuple(METHODS)) -> str:
    """Means and standard deviations over the seeds that are there."""
    counts = sorted({int(path.stem.split("-")[0]) for path in results.glob("*.json")})
    names = list(methods)
    lines = ["| labels of each class | seeds | " + " | ".join(names) + " |"]
    lines.append("|" + "---|" * (2 + len(names)))
    for count in counts:
        rows = [json.loads(path.read_text()) for path in results.glob(f"{count}-*.json")]
        cells = []
        for name in names:
            values = [row[name] for row in rows]
            cells.append(f"{np.mean(values):.3f} ± {np.std(values):.3f}")
        lines.append(f"| {count} | {len(rows)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", choices=("digits", "mnist"), default="digits")
    parser.add_argument("--labels", nargs="+", type=int, help="1 5 10, or 10 on MNIST")
    parser.add_argument("--seeds", nargs="+", type=int, help="0 to 4, or to 2 on MNIST")
    parser.add_argument("--root", default=DEFAULT_ROOT)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    large = options.data == "mnist"
    results = RESULTS.with_name("few-labels-mnist") if large else RESULTS
    results.mkdir(parents=True, exist_ok=True)
    for seed in options.seeds or range(3 if large else 5):
        for count in options.labels or ((10,) if large else (1, 5, 10)):
            path = results / f"{count}-{seed}.json"
            if not path.exists():
                at = (count, seed)
                found = measure_mnist(*at, options.root) if large else measure(*at)
                path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
                print(count, seed, found, flush=True)
    print(table(results, ON_MNIST if large else METHODS))


if __name__ == "__main__":
    main()
