"""One HTML file about a run: what it is, its scores, its pictures, and the criticism of its fit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..criticism import Section, evaluate, write_page
from ..data import Dataset
from ..estimators import DeepMixture
from ..inference import RunConfig
from ..parts import spelt
from .fits import responsibilities
from .pictures import draw_pictures
from .scores import Gammas, label_columns, scored
from .tables import heading

CAPTIONS = {
    "curves": "The loss and its parts, epoch by epoch",
    "latent-map": "The codes of the data, by cluster and, where known, by label",
    "confusion": "Labels against clusters",
    "clusters": "Means of samples of each cluster",
    "facets": "Facets against labels",
    "swap": "Facets recombined",
    "styles": "Each cluster in each style",
}


def write_html(
    path: Path,
    estimator: DeepMixture,
    config: RunConfig,
    data: Dataset,
    split: str,
    *,
    max_rows: int = 1000,
    seed: int = 0,
) -> None:
    """Write the page of a run.

    Args:
        path: of the file.
        estimator: the run's, fitted.
        config: of the run.
        data: what it is judged on.
        split: what ``data`` is called, for the heading.
        max_rows: data that the criticism looks at.
        seed: of what is drawn.
    """
    labels = list(label_columns(data))
    lone = labels[0].values if len(labels) == 1 else None
    found = evaluate(
        estimator,
        data.named,
        labels=lone,
        image_shape=data.image_shape,
        max_rows=max_rows,
        seed=seed,
    )
    gammas = responsibilities(estimator, data.named)
    scores = pd.DataFrame(
        [{"score": heading(name), "value": value} for name, value in scored(data, gammas).items()]
    )
    short, *others = found.sections
    sections = [
        Section("In short", short.words, {f"On all {len(data):,} data": scores}),
        _made(estimator, config),
        Section("What does it look like?", (), {}, dict(_pictures(estimator, data, gammas))),
        *others,
    ]
    title = f"{config.estimator} on {data.name}, {split}"
    write_page(path, title, sections, f"{len(data):,} data. For criticism, {found.note}")


def _made(estimator: DeepMixture, config: RunConfig) -> Section:
    """What the run was made with: the estimator, its parts, data, versions."""
    facts = {
        "estimator": repr(estimator),
        "story": repr(estimator.model_.prior),
        "likelihood": repr(estimator.model_.likelihood).splitlines()[0].rstrip("("),
        "guide": f"{type(estimator.guide_).__name__}, {estimator.guide_.assignment}",
        "seed": str(config.seed),
        "fitted to": f"{config.data.get('name')}, {config.data.get('shape')}",
        "epochs": str(len(estimator.history_)),
        "seconds": f"{np.nansum([row.get('seconds', 0.0) for row in estimator.history_]):.0f}",
    }
    parts = {
        name: spelt(getattr(estimator, name))
        for name in ("networks", "pretraining", "start", "training", "terms")
    }
    table = pd.DataFrame([{"what": name, "is": value} for name, value in (facts | parts).items()])
    return Section("How was it made?", (), {"": table})


def _pictures(
    estimator: DeepMixture, data: Dataset, gammas: Gammas
) -> Iterator[tuple[str, Figure]]:
    for name, figure in draw_pictures(estimator, data, gammas):
        known = next((key for key in CAPTIONS if name.startswith(key)), None)
        suffix = name.removeprefix(known or "").strip("-").replace("-", " ")
        yield CAPTIONS.get(known or "", name) + (f" ({suffix})" if suffix else ""), figure
