"""``pyromix evaluate`` and ``pyromix sample``: what a finished run is used for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from ..estimators import load
from ..evaluation import evaluate_clustering
from ..inference import Run
from .inputs import Source
from .report import mean_bound, save, shown

__all__ = ["Source", "evaluate", "sample"]


def evaluate(
    path: Path,
    source: Source,
    split: str,
    num_samples: int,
    *,
    as_json: bool = False,
    out: Path | None = None,
) -> None:
    """Print all metrics of a run on data.

    Args:
        path: the run folder.
        source: where the data are.
        split: ``"train"`` or ``"test"``, of sets that have both.
        num_samples: samples of the importance-weighted bound.
        as_json: print JSON in place of a table.
        out: a new .png file for the reliability plot, which needs labels.

    Raises:
        ValueError, TypeError: a foreign or damaged run, or data that do not fit it.
        FileNotFoundError: a run or data that are not there, or a run without weights.
        FileExistsError: ``out`` exists.
    """
    if out is not None:
        check_new(out, (".png",))
    estimator = load(path)
    data = source.load(split)
    gamma = estimator.predict_proba(data.x)
    scores = evaluate_clustering(data.labels, gamma) | {
        "bound": mean_bound(estimator, data.x),
        "importance_weighted_bound": estimator.score(data.x),
    }
