"""What a fit leaves to look at: a table beside the baselines, ``metrics.json`` and pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from ..data import Dataset
from ..estimators import DeepMixture
from ..evaluation import cluster_grid, confusion, curves, latent_map
from ..inference import Run
from .baselines import MAX_ROWS, baselines
from .scores import Scores, heading, label_columns, main_scores, mean_bound, scored, shown

IMAGES_PER_CLUSTER = 10
VECTORS_PER_CLUSTER = 200


def report(run: Run, estimator: DeepMixture, train: Dataset, data: Dataset, split: str) -> None:
    """Score a fit beside the baselines; write its metrics and pictures; print the table.

    Args:
        run: where to write.
        estimator: fitted.
        train: what it was fitted to.
        data: what it is scored on.
        split: what ``data`` is called: ``"all"`` or ``"test"``.
    """
    config = run.read_config()
    gamma = estimator.predict_proba(data.x)
    own = scored(data, gamma) | {
        "bound": mean_bound(estimator, data.x),
        "seconds": sum(row.get("seconds", 0.0) for row in estimator.history_),
    }
    for name, figure in pictures(estimator, data, gamma.argmax(-1)):
        save(figure, run.path / f"{name}.png")
    rows = {config.estimator: own}
    with Console(stderr=True).status("baselines") as status:
        for each in baselines(train, data, estimator.n_clusters, config.seed or 0):
            rows[each.name] = scored(data, each.responsibilities) | {"seconds": each.seconds}
            status.update(f"baselines: {each.name} done")
    facts = {
        "method": config.estimator,
        "data": data.name,
        "split": split,
        "n": len(data),
        "n_clusters": estimator.n_clusters,
        "seed": config.seed,
        "baseline_rows": min(len(train), MAX_ROWS),
    }
    others = {name: scores for name, scores in rows.items() if name != config.estimator}
    run.write_metrics({**facts, "metrics": own, "baselines": others})
    console = Console(highlight=False)
    console.print(
        f"{data.name}, {split} (N = {len(data):,}), K = {estimator.n_clusters}, seed {config.seed}"
    )
    console.print(comparison(rows, main_scores(data)))
    if len(train) > MAX_ROWS:
        console.print(f"baselines are fitted to {MAX_ROWS:,} rows drawn at random")
    console.print(f"run folder: {run.path}", soft_wrap=True)


def comparison(rows: Mapping[str, Scores], columns: Sequence[str]) -> Table:
    """A table of methods by some of their metrics, and seconds.

    Args:
        rows: metrics by method.
        columns: names of the metrics.
    """
    table = Table()
    table.add_column("method", no_wrap=True)
    for name in (*columns, "seconds"):
        table.add_column(heading(name), justify="right")
    for method, scores in rows.items():
        cells = [shown(scores[name]) for name in columns]
        table.add_row(method, *cells, f"{scores['seconds']:.1f}")
    return table


def pictures(
    estimator: DeepMixture, data: Dataset, clusters: NDArray[np.int64]
) -> Iterator[tuple[str, Figure]]:
    """The pictures of a fit, by name."""
    yield "curves", curves(estimator.history_)
    labels = list(label_columns(data))
    known = labels[0][1] if len(labels) == 1 else None
    yield "latent-map", latent_map(estimator.transform(data.x), clusters, known)
    for name, column in labels:
        suffix = "" if known is not None else f"-{name.replace(' ', '-')}"
        yield f"confusion{suffix}", confusion(column, clusters)
    number = IMAGES_PER_CLUSTER if data.image_shape else VECTORS_PER_CLUSTER
    samples = generated(estimator, range(estimator.n_clusters), number)
    yield "clusters", cluster_grid(samples, image_shape=data.image_shape)


def generated(
    estimator: DeepMixture, clusters: Iterable[int], number: int, seed: int = 0
) -> NDArray[np.float32]:
    """The means of ``number`` samples of each cluster: ``(clusters, number, *event)``.

    Every cluster has the same seed, and so the same style where the story has one.
    """
    rows = [estimator.sample(number, cluster=k, mean=True, seed=seed)[0] for k in clusters]
    return np.stack(rows)


def save(figure: Figure, path: Path) -> None:
    """Write a picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
