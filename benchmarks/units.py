"""Units of tables: what ``standardise`` finds where columns are as measured, or in odd units.

Scikit-learn's iris, wine and breast cancer as they are bundled, and iris in units a million times
as large and as small, and a million further up; VaDE with its defaults but for ``standardise``, K
given. A fit that diverges has found nothing. One JSON for each table, setting and seed; what is
there is not measured again.

    OMP_NUM_THREADS=1 python benchmarks/units.py
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_iris, load_wine

from pyromix import VaDE
from pyromix.estimators import UnscaledWarning
from pyromix.evaluation import hungarian_accuracy
from pyromix.inference import TrainingDiverged
from pyromix.reports import table_head, table_row

RESULTS = Path(__file__).parent / "results" / "units"
SETTINGS: dict[str, bool | Literal["auto"]] = {"auto": "auto", "True": True, "False": False}
Table = tuple[NDArray[np.float64], NDArray[np.int64]]


def iris(change: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Table:
    """Iris in other units."""
    x, labels = load_iris(return_X_y=True)
    return change(x), labels


TABLES: dict[str, Callable[[], Table]] = {
    "iris": lambda: iris(lambda x: x),
    "iris × 1e6": lambda: iris(lambda x: 1e6 * x),
    "iris × 1e-6": lambda: iris(lambda x: 1e-6 * x),
    "iris + 1e6": lambda: iris(lambda x: x + 1e6),
    "wine": lambda: load_wine(return_X_y=True),
    "breast cancer": lambda: load_breast_cancer(return_X_y=True),
}


def measure(name: str, setting: str, seed: int) -> dict[str, float]:
    """Accuracy, 0 where a fit diverged, and whether units were warned of."""
    x, labels = TABLES[name]()
    vade = VaDE(n_clusters=len(np.unique(labels)), standardise=SETTINGS[setting], random_state=seed)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            accuracy = hungarian_accuracy(labels, vade.fit(x).labels_)
        except TrainingDiverged:
            accuracy = 0.0
    warned = any(issubclass(each.category, UnscaledWarning) for each in said)
    return {"accuracy": accuracy, "warned": float(warned)}


def table(results: Path = RESULTS) -> str:
    """Mean accuracy of the seeds that are there, by table and setting."""
    lines = table_head("table", "seeds", *(f"standardise={each}" for each in SETTINGS), "warned")
    rows = [lines]
    for name in TABLES:
        found = {
            setting: [
                json.loads(path.read_text(encoding="utf-8"))
                for path in results.glob(f"{file_of(name, setting)}-*.json")
            ]
            for setting in SETTINGS
        }
        cells = [
            f"{np.mean([each['accuracy'] for each in seeds]):.3f}" if seeds else "missing"
            for seeds in found.values()
        ]
        seeds = min(map(len, found.values()))
        warned = all(each["warned"] for each in found["auto"]) and bool(found["auto"])
        rows.append(table_row(name, f"{seeds}", *cells, "yes" if warned else "no"))
    return "\n".join(rows)


def file_of(name: str, setting: str) -> str:
    """What files of a table and setting begin with."""
    return f"{name.replace(' ', '-').replace('×', 'times').replace('+', 'plus')}-{setting}"


def main() -> None:
    """Measure what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    options = parser.parse_args()
    torch.set_num_threads(1)
    RESULTS.mkdir(parents=True, exist_ok=True)
    for seed in options.seeds:
        for name in TABLES:
            for setting in SETTINGS:
                path = RESULTS / f"{file_of(name, setting)}-{seed}.json"
                if not path.exists():
                    found = measure(name, setting, seed)
                    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
                    print(name, setting, seed, found, flush=True)
    print(table())


if __name__ == "__main__":
    main()
