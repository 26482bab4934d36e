"""Data with gaps: what is filled in, and the clusters found, beside imputing first.

So many entries are hidden completely at random, by the seed. Images are of grey values in [0, 1],
tables in units of their columns' standard deviations; so are errors, and densities of what was
hidden. Imputers have scikit-learn's defaults, but that the regressions of IterativeImputer look at
ten columns each where there are more than 100, once; k nearest neighbours are those of standardised
columns. VaDE has its defaults, a normal likelihood, and on images of 784 pixels hidden layers of
256 and 256. One JSON for each data set, share and seed; what is there is not measured again.

    python benchmarks/missing.py --root ../shared/data
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

from pyromix import VaDE
from pyromix.data import load
from pyromix.evaluation import hungarian_accuracy
from pyromix.inference import imputation_log_prob
from pyromix.networks import Perceptron

RESULTS = Path(__file__).parent / "results" / "missing"
ROWS = 1000  # of Fashion-MNIST
SHARES = (0.1, 0.3, 0.5)
Array = NDArray[np.float64]


def fashion(root: Path) -> tuple[Array, NDArray[np.int64]]:
    """The first rows of the training images."""
    data = load("fashion-mnist", root=root)
    assert data.labels is not None
    return data.x[:ROWS].reshape(ROWS, -1).astype(float), data.labels[:ROWS]


def scaled(table: Any) -> tuple[Array, NDArray[np.int64]]:
    """A table's columns in units of their standard deviations."""
    x, labels = table
    return (x - x.mean(0)) / x.std(0), labels


SETS: dict[str, Callable[[Path], tuple[Array, NDArray[np.int64]]]] = {
    "wine": lambda root: scaled(load_wine(return_X_y=True)),
    "breast cancer": lambda root: scaled(load_breast_cancer(return_X_y=True)),
    "digits": lambda root: (load_digits().data / 16, load_digits().target),
    "Fashion-MNIST": fashion,
}


def imputers(x: Array, seed: int) -> dict[str, Callable[[], Array]]:
    """What would be used instead, on standardised columns."""
    few = x.shape[1] <= 100
    settings = {} if few else {"n_nearest_features": 10, "max_iter": 1}
    loc, spread = np.nanmean(x, 0), np.nanstd(x, 0)
    spread = np.where(spread > 0, spread, 1.0)

    def by(imputer: Any) -> Array:
        found: Array = imputer.fit_transform((x - loc) / spread) * spread + loc
        return found

    return {
        "mean": lambda: by(SimpleImputer()),
        "kNN": lambda: by(KNNImputer()),
        "iterative": lambda: by(IterativeImputer(random_state=seed, **settings)),
    }


def hide(x: Array, share: float, seed: int) -> NDArray[np.bool_]:
    """Which entries are hidden: none of a row's or a column's last."""
    random = np.random.default_rng(seed)
    gaps = random.random(x.shape) < share
    gaps[gaps.all(1), random.integers(x.shape[1])] = False
    gaps[random.integers(len(x)), gaps.all(0)] = False
    return gaps


def measure(x: Array, labels: NDArray[np.int64], share: float, seed: int) -> dict[str, float]:
    """Errors, accuracies, nats, coverage and CPU seconds, by their names in the table."""
    gaps = hide(x, share, seed)
    given = np.where(gaps, np.nan, x)
    wide = {"networks": Perceptron((256, 256), batch_norm=True)} if x.shape[1] > 100 else {}
    settings: dict[str, Any] = {
        "n_clusters": len(np.unique(labels)),
        "likelihood": "normal",
        "random_state": seed,
        "device": "cpu",
        **wide,
    }
    found: dict[str, float] = {}

    def timed(name: str, function: Callable[[], Any]) -> Any:
        started = process_time()
        answer = function()
        found[f"{name}, CPU s"] = process_time() - started
        return answer

    def fitted(rows: Array) -> VaDE:
        return VaDE(**settings).fit(rows)

    def error(whole: Array) -> float:
        return float(np.sqrt(np.square(whole - x)[gaps].mean()))

    for name, imputer in imputers(given, seed).items():
        whole = timed(f"{name} RMSE", imputer)
        found[f"{name} RMSE"] = error(whole)
        if name == "kNN":
            clusters = timed(f"VaDE after {name}", partial(fitted, whole)).labels_
            found[f"VaDE after {name}"] = hungarian_accuracy(labels, clusters)
    vade = timed("VaDE", partial(fitted, given))
    found["VaDE"] = hungarian_accuracy(labels, vade.labels_)
    found["VaDE RMSE"] = error(timed("VaDE RMSE", lambda: vade.impute(given)))
    varied = gaps & (x.std(0) > 0)
    draws = vade.impute(given, n_draws=100)
    low, high = np.quantile(draws, [0.05, 0.95], axis=0)
    found["coverage"] = float(((x >= low) & (x <= high))[varied].mean())
    data, truth = (torch.from_numpy(each.astype(np.float32)) for each in (given, x))
    nats = imputation_log_prob(vade.model_, vade.guide_, data, truth).numpy()
    found["nats"] = float(nats[varied].mean())
    loc, spread = np.nanmean(given, 0), np.maximum(np.nanstd(given, 0), 1e-2)
    columns = -0.5 * np.square((x - loc) / spread) - np.log(spread) - 0.5 * np.log(2 * np.pi)
    found["nats of columns"] = float(columns[varied].mean())
    return found


RMSE = tuple(f"{name} RMSE" for name in ("mean", "kNN", "iterative", "VaDE"))
ACCURACY = ("VaDE", "VaDE after kNN")
REST = ("nats of columns", "nats", "coverage")


def tables(results: Path = RESULTS) -> str:
    """Means and standard deviations over the seeds that are there, in two tables."""
    cells: dict[tuple[str, str], list[dict[str, float]]] = {}
    for path in sorted(results.glob("*.json")):
        name, share, _ = path.stem.rsplit("-", 2)
        cells.setdefault((name, share), []).append(json.loads(path.read_text()))
    order = [(name, f"{share:g}") for name in SETS for share in SHARES]
    texts = []
    for names in (RMSE, ACCURACY + REST):
        lines = [
            f"| data | hidden | seeds | {' | '.join(names)} |",
            "|" + "---|" * (3 + len(names)),
        ]
        for key in order:
            rows = cells.get(key, [])
            if rows:
                shown = " | ".join(
                    _shown([row[name] for row in rows if name in row]) for name in names
                )
                lines.append(f"| {key[0]} | {float(key[1]):.0%} | {len(rows)} | {shown} |")
        texts.append("\n".join(lines))
    return "\n\n".join(texts)


def _shown(values: list[float]) -> str:
    return f"{np.mean(values):.3f} ± {np.std(values):.3f}" if values else "–"


def main() -> None:
    """Measure what is missing, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    RESULTS.mkdir(parents=True, exist_ok=True)
    for seed in options.seeds:
        for name in options.sets:
            x, labels = SETS[name](options.root)
            for share in SHARES:
                path = RESULTS / f"{name}-{share:g}-{seed}.json"
                if not path.exists():
                    found = measure(x, labels, share, seed)
                    path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
                    print(name, share, seed, found, flush=True)
    print(tables())


if __name__ == "__main__":
    main()
