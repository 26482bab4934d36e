"""What a fit leaves to look at: a table beside the baselines, ``metrics.json`` and pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from ..data import Dataset
from ..estimators import DeepMixture
from ..evaluation import cluster_grid, confusion, curves, evaluate_clustering, latent_map
from ..inference import Run, bound
from .baselines import MAX_ROWS, baselines

SUPERVISED = ("accuracy", "nmi", "ari")
UNSUPERVISED = ("occupied_clusters", "confidence", "affiliation_variance")
SAMPLES_PER_CLUSTER = 10

Scores = dict[str, float]


def report(run: Run, estimator: DeepMixture, train: Dataset, scored: Dataset, split: str) -> None:
    """Score a fit beside the baselines; write its metrics and pictures; print the table.

    Args:
        run: where to write.
        estimator: fitted.
        train: what it was fitted to.
        scored: what it is scored on.
        split: what ``scored`` is called: ``"all"`` or ``"test"``.
    """
    config = run.read_config()
    gamma = estimator.predict_proba(scored.x)
    seconds = sum(row.get("seconds", 0.0) for row in estimator.history_)
    own = evaluate_clustering(scored.labels, gamma) | {
        "bound": mean_bound(estimator, scored.x),
        "seconds": seconds,
    }
    for name, figure in pictures(estimator, scored, gamma.argmax(-1)):
        save(figure, run.path / f"{name}.png")
    others: dict[str, Scores] = {}
    seed = int(estimator.random_state)
    progress = Console(stderr=True)
    with progress.status("baselines") as status:
        for each in baselines(train, scored, estimator.n_clusters, seed):
            scores = evaluate_clustering(scored.labels, each.responsibilities)
            others[each.name] = scores | {"seconds": each.seconds}
            status.update(f"baselines: {each.name} done")
    facts = {
        "method": config.estimator,
        "data": scored.name,
        "split": split,
        "n": len(scored),
        "n_clusters": estimator.n_clusters,
        "seed": seed,
        "baseline_rows": min(len(train), MAX_ROWS),
    }
    run.write_metrics({**facts, "metrics": own, "baselines": others})
    labelled = scored.labels is not None
    table = comparison({config.estimator: own, **others}, labelled)
    table.title = (
        f"{scored.name}, {split} (N = {len(scored):,}), K = {estimator.n_clusters}, seed {seed}"
    )
    if len(train) > MAX_ROWS:
        table.caption = f"baselines are fitted on {MAX_ROWS:,} rows drawn at random"
    console = Console()
    console.print(table)
    console.print(f"run folder: {run.path}", soft_wrap=True, highlight=False)


def comparison(rows: Mapping[str, Mapping[str, float]], labelled: bool) -> Table:
    """A table of methods by their main metrics and seconds.

    Args:
        rows: metrics by method.
        labelled: whether the metrics that need labels are there.
    """
    columns = SUPERVISED if labelled else UNSUPERVISED
    table = Table("method", title_justify="left", caption_justify="left")
    for name in (*columns, "seconds"):
        table.add_column(heading(name), justify="right", no_wrap=True)
    for method, scores in rows.items():
        cells = [shown(scores[name]) for name in columns]
        table.add_row(method, *cells, f"{scores['seconds']:.1f}")
    return table


def heading(name: str) -> str:
    """A metric's name as a table shows it.

    Example:
        >>> heading("nmi"), heading("occupied_clusters")
        ('NMI', 'occupied clusters')
    """
    return name.upper() if name in ("nmi", "ari") else name.replace("_", " ")


def shown(value: float) -> str:
    """A metric as a table shows it.

    Example:
        >>> shown(0.79312), shown(10.0), shown(-123.456)
        ('0.793', '10', '-123.5')
    """
    if float(value).is_integer() and abs(value) > 1:
        return f"{value:.0f}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def mean_bound(estimator: DeepMixture, x: NDArray[Any]) -> float:
    """The evidence lower bound in nats per datum, the mean over ``x`` ``(N, *event)``."""
    dtype = next(estimator.model_.parameters()).dtype
    rows = torch.as_tensor(x).to(dtype)
    return float(bound(estimator.model_, estimator.guide_, rows).mean())


def pictures(
    estimator: DeepMixture, data: Dataset, clusters: NDArray[np.int64]
) -> Iterator[tuple[str, Figure]]:
    """The pictures of a fit, by name."""
    yield "curves", curves(estimator.history_)
    yield "latent-map", latent_map(estimator.transform(data.x), clusters, data.labels)
    if data.labels is not None:
        yield "confusion", confusion(data.labels, clusters)
    samples = generated(estimator, range(estimator.n_clusters), SAMPLES_PER_CLUSTER)
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
