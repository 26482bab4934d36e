"""What the defaults find beside the simple methods: every set of the study of starts, K given.

The estimator is fitted as it comes, to all rows and without labels; its start tells what groups it
chose, so that the table shows whether the training keeps them. A file for each set and seed holds
what was found, so a study that was interrupted goes on; the simple methods' scores are those of
``benchmarks/starts.py``, whose files lie beside.

    OMP_NUM_THREADS=1 python benchmarks/defaults.py vade --sets digits wine --seeds 0 1 2
    python benchmarks/defaults.py --table
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.metrics import normalized_mutual_info_score
from torch import Tensor, nn

from pyromix.data import DEFAULT_ROOT
from pyromix.estimators import ESTIMATORS
from pyromix.evaluation import expected_calibration_error, hungarian_accuracy
from pyromix.inference import AutoStart
from pyromix.inference.phases.start import Features
from pyromix.models import MixturePrior
from pyromix.reports import table_head, table_row

starts: Any = import_module("starts")  # the script beside this one
KNOWN, RESULTS, SETS = starts.KNOWN, Path(starts.RESULTS), starts.SETS

SIMPLE = ("k-means", "PCA + GMM", "UMAP + GMM")
METHODS = ("vade", "gmvae", "gammm-vae", "augmented-vade")
LARGE = ("mnist", "fashion-mnist")  # by `pyromix reproduce`, on their test sets

noted: list[Features] = []


@dataclass(frozen=True, repr=False)
class Noted(AutoStart, alias="noted-auto"):
    """The default start, which notes the groups that it chose."""

    def find(
        self,
        x: Tensor,
        mixture: MixturePrior,
        code: Tensor,
        *,
        seed: int = 0,
        pretrained: nn.Module | None = None,
    ) -> tuple[Features, dict[str, float]]:
        """Those of the default."""
        found = super().find(x, mixture, code, seed=seed, pretrained=pretrained)
        noted.append(found[0])
        return found


def fitted(method: str, name: str, seed: int, root: str) -> dict[str, Any]:
    """Scores of an estimator's default fit, and of the groups that it began with."""
    x, labels = SETS[name](seed, root)
    estimator = ESTIMATORS[method](n_clusters=len(np.unique(labels)), random_state=seed)
    noted.clear()
    started = time.process_time()
    estimator.set_params(start__start=Noted()).fit(x)
    seconds = time.process_time() - started
    gamma = estimator.predict_proba(x)
    return {
        "set": name,
        "seed": seed,
        "method": method,
        "start": scores(labels, noted[-1].argmax(1)),
        "fit": scores(labels, estimator.labels_)
        | {"calibration": expected_calibration_error(labels, gamma)},
        "kept": float(normalized_mutual_info_score(noted[-1].argmax(1), estimator.labels_)),
        "seconds": seconds,
    }


def scores(labels: Features, found: Features) -> dict[str, float]:
    """Accuracy and NMI."""
    return {
        "accuracy": hungarian_accuracy(labels, found),
        "nmi": float(normalized_mutual_info_score(labels, found)),
    }


def tables(folder: Path = RESULTS.parent) -> str:
    """Accuracy and NMI by set: the simple methods, the start chosen, and the fits.

    Means over the seeds that are there, whose number stands beside the set's name; a cell without
    any is said to be missing, and its set is left out of the means.
    """
    fits, simple = (
        [json.loads(path.read_text(encoding="utf-8")) for path in sorted(each.glob("*.json"))]
        for each in (folder / "defaults", folder / "starts")
    )
    columns = (*SIMPLE, "start", *METHODS, "calibration")
    found = []
    for score in ("accuracy", "nmi"):
        rows = {
            name: _row(name, score, simple, fits, columns) for name in SETS if name not in LARGE
        }
        lines = [table_head(score, *columns)]
        for name, row in rows.items():
            seeds = len({each["seed"] for each in fits if each["set"] == name})
            aside = "" if name in KNOWN else "\\*"
            cells = ("missing" if np.isnan(value) else value for value in row)
            lines.append(table_row(f"{name}{aside} ({seeds})", *cells))
        whole = [row for row in rows.values() if not np.isnan(row).any()]
        means = np.mean(whole, 0) if whole else np.full(len(columns), np.nan)
        cells = ("missing" if np.isnan(value) else value for value in means.tolist())
        found.append("\n".join([*lines, table_row(f"mean of {len(whole)} whole rows", *cells)]))
    return "\n\n".join(found)


def _row(
    name: str,
    score: str,
    simple: list[dict[str, Any]],
    fits: list[dict[str, Any]],
    columns: tuple[str, ...],
) -> list[float]:
    """A set's means over its seeds; NaN where nothing was run."""
    starts_of = [each["starts"] for each in simple if each["set"] == name]
    ours = [each for each in fits if each["set"] == name]
    vade = [each for each in ours if each["method"] == METHODS[0]]

    def values(column: str) -> list[float]:
        if column in SIMPLE:
            return [each[column][score] for each in starts_of if column in each]
        if column in METHODS:
            return [each["fit"][score] for each in ours if each["method"] == column]
        if column == "start":
            return [each["start"][score] for each in vade]
        return [each["fit"]["calibration"] for each in vade]

    return [float(np.mean(each)) if (each := values(name)) else float("nan") for name in columns]


def main() -> None:
    """Run what is missing, or print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("method", nargs="?", choices=METHODS, default="vade")
    small = [name for name in SETS if name not in LARGE]
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=small)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--root", default=DEFAULT_ROOT)
    parser.add_argument("--table", action="store_true", help="print the tables of what was run")
    options = parser.parse_args()
    if options.table:
        print(tables())
        return
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    for seed in options.seeds:
        for name in options.sets:
            path = RESULTS.parent / "defaults" / f"{options.method}-{name}-{seed}.json"
            if path.exists():
                continue
            found = fitted(options.method, name, seed, options.root)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
            print(options.method, name, seed, found["start"], found["fit"], flush=True)


if __name__ == "__main__":
    main()
