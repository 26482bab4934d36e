"""``pyromix evaluate``, ``report`` and ``sample``: what a finished run is used for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import typer
from rich.console import Console

from ..data import TABLES, write_frame
from ..estimators import load
from ..evaluation import best_facets, reliability_diagram
from ..inference import Run
from ..reports import (
    facet_lines,
    label_columns,
    mean_bound,
    metrics_table,
    responsibilities,
    samples_picture,
    save_figure,
    scored,
    write_html,
)
from .drawing import check_picture, write_draws
from .early import check_new_file
from .inputs import Source

__all__ = ["Source", "evaluate", "report", "sample"]


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
    estimator = load(path)
    data = source.of_features(list(getattr(estimator, "feature_names_in_", ()))).load(split)
    if (told := data.told()) and not as_json:
        typer.echo(told)
    labels = [label.values for label in label_columns(data)]
    if out is not None and len(labels) != 1:
        raise ValueError(
            f"{data.name} has {len(labels)} labels for each datum, and the reliability plot needs "
            "one: drop --out"
        )
    gammas = responsibilities(estimator, data.named)
    scores = scored(data, gammas) | {
        "bound": mean_bound(estimator, data.named),
        "importance_weighted_bound": float(
            estimator.score_samples(data.named, num_samples=num_samples).mean()
        ),
    }
    if out is not None:
        clusters = np.stack([gamma.argmax(-1) for gamma in gammas], -1)
        save_figure(
            reliability_diagram(labels[0], gammas[best_facets(labels[0], clusters)[0]]), out
        )
    facts = {
        "run": str(path),
        "data": data.name,
        "split": split if source.known else "all",
        "n": len(data),
        "n_clusters": estimator.n_clusters_,
    }
    if as_json:
        typer.echo(json.dumps({**facts, "num_samples": num_samples, "metrics": scores}, indent=2))
        return
    console = Console(highlight=False)
    sizes = ", ".join(map(str, estimator.clusterings()))
    console.print(
        f"{path} on {data.name}, {facts['split']} (N = {len(data):,}), K = {sizes}",
        soft_wrap=True,
    )
    console.print(metrics_table(scores, len(gammas)))
    for line in facet_lines(scores):
        console.print(line)
    console.print(f"bounds in nats per datum, the importance-weighted one of {num_samples} samples")


def report(
    path: Path,
    name: str | None,
    split: str,
    root: str | None,
    out: Path,
    max_rows: int,
    seed: int,
) -> None:
    """Write the page of a run.

    Args:
        path: the run folder.
        name: of a known data set or a file; ``None``: what the run was fitted to.
        split: ``"train"`` or ``"test"``, of sets that have both.
        root: folder of the image sets.
        out: a new .html file.
        max_rows: data that the criticism looks at.
        seed: of what is drawn.

    Raises:
        ValueError, TypeError: a foreign or damaged run, or data that do not fit it.
        FileNotFoundError: a run or data that are not there, or a run without weights.
    """
    estimator, config = load(path), Run(path).read_config()
    source = Source.recorded(config.data).moved(None, root) if name is None else Source(name, root)
    data = source.of_features(list(getattr(estimator, "feature_names_in_", ()))).load(split)
    shown = split if source.known else "all"
    write_html(out, estimator, config, data, shown, max_rows=max_rows, seed=seed)
    typer.echo(f"report: {out}")


def sample(
    path: Path, facet: int | None, cluster: int | None, number: int, seed: int, out: Path | None
) -> None:
    """Draw new data from a run, as a picture or as arrays.

    Args:
        path: the run folder.
        facet: the facet whose clusters are meant, of a run with several; the others vary. By
            default a picture shows all facets.
        cluster: the cluster to draw from; by default a picture shows all of them, and arrays have
            clusters drawn from p(c).
        number: how many to draw; of each cluster, for a picture.
        seed: same seed, same samples.
        out: a new file: .png for a picture of the means E[x | z], .npz for draws of x as arrays
            ``x`` and ``clusters``, a column for each facet where there are several; .csv, .tsv,
            .parquet or .feather for draws as a table in the types that were fitted, the cluster
            last.

    Raises:
        ValueError: a foreign or damaged run, or a facet or a cluster that is not there.
        FileNotFoundError: a run that is not there, or has no weights.
        FileExistsError: ``out`` exists.
    """
    of_facet = "" if facet is None else f"-of-facet-{facet}"
    of_cluster = "" if cluster is None else f"-of-{cluster}"
    out = path / f"samples{of_facet}{of_cluster}.png" if out is None else out
    estimator = load(path)
    n_clusters = estimator.clusterings()
    _check_facet(path, len(n_clusters), facet, cluster)
    check_new_file(out, (".png", ".npz", *TABLES))
    shape = estimator.model_.likelihood.event_shape
    image_shape = Run(path).read_config().data.get("image_shape")
    wanted = [cluster if j == (facet or 0) else None for j in range(len(n_clusters))]
    if out.name.lower().endswith(TABLES):
        write_frame(_table_of_draws(estimator, number, wanted, seed), out)
    elif out.suffix.lower() == ".npz":
        write_draws(estimator.model_, number, wanted, tuple(image_shape or shape), seed, out)
    else:
        check_picture(number, 1 if cluster is not None else sum(n_clusters), shape)
        figure = samples_picture(estimator, image_shape, number, facet, cluster, seed)
        save_figure(figure, out)
    typer.echo(f"samples: {out}")


def _table_of_draws(
    estimator: Any, number: int, wanted: Sequence[int | None], seed: int
) -> pd.DataFrame:
    """Draws as rows of a table, with their clusters last; columns have the names of the fit."""
    one = wanted[0] if len(wanted) == 1 else wanted
    rows, clusters = estimator.sample(number, cluster=one, seed=seed)
    if not isinstance(rows, pd.DataFrame):
        flat = rows.reshape(len(rows), -1)
        names = getattr(estimator, "feature_names_in_", [f"x{i}" for i in range(flat.shape[1])])
        rows = pd.DataFrame(flat, columns=list(names))
    labels = clusters.reshape(len(rows), -1).T
    several = len(labels) > 1
    found = {f"cluster_{j}" if several else "cluster": each for j, each in enumerate(labels)}
    return rows.assign(**found)


def _check_facet(path: Path, n_facets: int, facet: int | None, cluster: int | None) -> None:
    """Refuse a facet that is not there, and a cluster of no one knows which."""
    if n_facets == 1 and facet is not None:
        raise ValueError(f"--facet {facet} came, and {path} has one clustering: drop --facet")
    if facet is not None and not 0 <= facet < n_facets:
        raise ValueError(f"--facet is {facet}: {path} has facets 0 to {n_facets - 1}")
    if n_facets > 1 and facet is None and cluster is not None:
        raise ValueError(
            f"--cluster {cluster} could be of any of {n_facets} facets: say which with --facet"
        )
