"""``pyromix evaluate`` and ``pyromix sample``: what a finished run is used for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from ..estimators import load
from ..evaluation import cluster_grid, reliability_diagram
from ..inference import Run
from .inputs import Source
from .report import generated, save
from .scores import heading, label_columns, mean_bound, scored, shown

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
        _check_new(out, (".png",))
    estimator = load(path)
    data = source.load(split)
    labels = [column for _, column in label_columns(data)]
    if out is not None and len(labels) != 1:
        raise ValueError(
            f"{data.name} has {len(labels)} labels for each datum, and the reliability plot needs "
            "one: drop --out"
        )
    gamma = estimator.predict_proba(data.x)
    scores = scored(data, gamma) | {
        "bound": mean_bound(estimator, data.x),
        "importance_weighted_bound": float(
            estimator.score_samples(data.x, num_samples=num_samples).mean()
        ),
    }
    if out is not None:
        save(reliability_diagram(labels[0], gamma), out)
    facts = {
        "run": str(path),
        "data": data.name,
        "split": split if source.known else "all",
        "n": len(data),
        "n_clusters": estimator.n_clusters,
    }
    if as_json:
        typer.echo(json.dumps({**facts, "num_samples": num_samples, "metrics": scores}, indent=2))
        return
    table = Table("metric")
    table.add_column("value", justify="right")
    for name, value in scores.items():
        table.add_row(heading(name), shown(value))
    console = Console(highlight=False)
    console.print(
        f"{path} on {data.name}, {facts['split']} (N = {len(data):,}), K = {facts['n_clusters']}",
        soft_wrap=True,
    )
    console.print(table)
    console.print(f"bounds in nats per datum, the importance-weighted one of {num_samples} samples")


def sample(path: Path, cluster: int | None, number: int, seed: int, out: Path | None) -> None:
    """Draw new data from a run, as a picture or as arrays.

    Args:
        path: the run folder.
        cluster: the cluster to draw from; by default a picture shows all of them, and arrays have
            clusters drawn from p(c).
        number: how many to draw; of each cluster, for a picture.
        seed: same seed, same samples.
        out: a new file: .png for a picture of the means E[x | z], .npz for draws of x as arrays
            ``x`` and ``clusters``.

    Raises:
        ValueError: a foreign or damaged run, or a cluster that is not there.
        FileNotFoundError: a run that is not there, or has no weights.
        FileExistsError: ``out`` exists.
    """
    name = "samples.png" if cluster is None else f"samples-of-{cluster}.png"
    out = path / name if out is None else out
    estimator = load(path)
    _check_new(out, (".png", ".npz"))
    image_shape = Run(path).read_config().data.get("image_shape")
    if out.suffix.lower() == ".npz":
        x, clusters = estimator.sample(number, cluster=cluster, seed=seed)
        np.savez(out, x=x.reshape(number, *(image_shape or x.shape[1:])), clusters=clusters)
    else:
        shown_clusters = range(estimator.n_clusters) if cluster is None else [cluster]
        samples = generated(estimator, shown_clusters, number, seed)
        names = [str(k) for k in shown_clusters]
        if cluster is not None and image_shape:
            samples = samples.reshape(-1, _columns(number), *image_shape)
            names *= len(samples)
        save(cluster_grid(samples, image_shape=image_shape, names=names), out)
    typer.echo(f"samples: {out}")


def _columns(number: int) -> int:
    """In how many columns so many pictures stand without a gap."""
    return next((n for n in range(12, 4, -1) if number % n == 0), number)


def _check_new(path: Path, suffixes: tuple[str, ...]) -> None:
    """Refuse a file that exists or that has another ending."""
    if path.suffix.lower() not in suffixes:
        raise ValueError(f"--out {path} must end in {' or '.join(suffixes)}")
    if path.exists():
        raise FileExistsError(f"{path} exists and is not overwritten: give another file with --out")
