"""``pyromix evaluate`` and ``pyromix sample``: what a finished run is used for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from ..estimators import load
from ..evaluation import cluster_grid, evaluate_clustering, reliability
from ..inference import Run
from .inputs import Source, Split
from .report import mean_bound, save, shown

__all__ = ["Source", "evaluate", "sample"]

_COLUMNS = 8


def evaluate(
    path: Path,
    source: Source,
    split: Split,
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
    if out is not None and data.labels is None:
        raise ValueError(f"{data.name} has no labels, which the reliability plot needs: drop --out")
    gamma = estimator.predict_proba(data.x)
    scores = evaluate_clustering(data.labels, gamma) | {
        "bound": mean_bound(estimator, data.x),
        "importance_weighted_bound": float(
            estimator.score_samples(data.x, num_samples=num_samples).mean()
        ),
    }
    if out is not None:
        save(reliability(data.labels, gamma), out)
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
    title = f"{path} on {data.name} (N = {len(data):,}), K = {estimator.n_clusters}"
    caption = f"bounds in nats per datum; {num_samples} samples for the importance-weighted one"
    table = Table("metric", title=title, caption=caption, title_justify="left")
    table.add_column("value", justify="right")
    for name, value in scores.items():
        table.add_row(name.replace("_", " "), shown(value))
    Console().print(table)


def sample(path: Path, cluster: int | None, number: int, seed: int, out: Path | None) -> None:
    """Draw new data from a run, into a picture or arrays.

    Args:
        path: the run folder.
        cluster: the cluster to draw from; by default clusters are drawn from p(c).
        number: how many to draw.
        seed: same seed, same samples.
        out: a new file: .png for the means E[x | z] as a picture, .npz for draws of x as arrays
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
    picture = out.suffix.lower() == ".png"
    x, clusters = estimator.sample(number, cluster=cluster, mean=picture, seed=seed)
    image_shape = Run(path).read_config().data.get("image_shape")
    x = x.reshape(number, *(image_shape or x.shape[1:]))
    if picture:
        order = np.argsort(clusters, kind="stable")
        save(cluster_grid(x[order]), out)
    else:
        np.savez(out, x=x, clusters=clusters)
    typer.echo(f"{number} samples: {out}")


def _check_new(path: Path, suffixes: tuple[str, ...]) -> None:
    """Refuse a file that exists or that has another ending."""
    if path.suffix.lower() not in suffixes:
        raise ValueError(f"--out {path} must end in {' or '.join(suffixes)}")
    if path.exists():
        raise FileExistsError(f"{path} exists and is not overwritten: give another file with --out")
