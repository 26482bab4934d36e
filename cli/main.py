"""The commands and their options; what they do is imported when one runs, so that help is quick."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from .. import __version__
from ..parts import check_new_folder, check_run_folder
from . import early
from .errors import PlainErrors
from .options import Columns, Drop, LabelColumn, Root, Run, Sep, listed, option
from .predict import TABLES, predict
from .report import report
from .reproduce import reproduce

app = typer.Typer(
    cls=PlainErrors,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"pyromix {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Cluster data with deep mixture models, and generate more of them.

    \b
    Begin with 1,797 small images of digits, clustered in about a minute:
      pyromix fit vade digits
    Other methods, other data, your own data:
      pyromix list
      pyromix fit gmvae mnist --n-clusters 16
      pyromix fit vade table.csv --label-column kind
    Then look closer at what a fit left:
      pyromix evaluate runs/vade-digits digits
      pyromix sample runs/vade-digits --cluster 3
      pyromix report runs/vade-digits
      pyromix predict runs/vade-table new.csv --out labels.csv
    """


@app.command()
def fit(
    method: Annotated[
        str | None, typer.Argument(metavar="METHOD", help="vade, gmvae, …: see pyromix list.")
    ] = None,
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            help="A known name (digits, mnist, …: see pyromix list) "
            "or a .npy, .npz, .csv, .tsv, .parquet or .feather file.",
        ),
    ] = None,
    *,
    n_clusters: Annotated[
        str | None,
        option("-k --n-clusters", "Number of clusters, or auto; for facets 25,25.", "K"),
    ] = None,
    seed: Annotated[int | None, option("--seed", "Same seed, same fit; else 0.", "INT")] = None,
    max_epochs: Annotated[
        int | None, option("--max-epochs", "Epochs of the joint training.", "INT")
    ] = None,
    n_init: Annotated[
        int | None, option("--n-init", "Restarts; the best held-out bound is kept.", "INT")
    ] = None,
    batch_size: Annotated[int | None, option("--batch-size", "Rows of a batch.", "INT")] = None,
    learning_rate: Annotated[
        float | None, option("--learning-rate", "Step size of Adam.", "FLOAT")
    ] = None,
    latent_dim: Annotated[
        str | None, option("--latent-dim", "Dimension of z; for facets 5,5.", "D")
    ] = None,
    settings: Annotated[
        list[str] | None,
        option(
            "--set",
            "Any other argument of the method, as often as needed; a dot reaches into a part.",
            "NAME=VALUE",
        ),
    ] = None,
    label_column: LabelColumn = None,
    columns: Columns = None,
    drop: Drop = None,
    sep: Sep = None,
    root: Root = None,
    device: Annotated[
        str | None,
        option("--device", "cpu, cuda, cuda:1, or auto (a GPU if there is one).", "NAME"),
    ] = None,
    devices: Annotated[
        int | None, option("--devices", "Processes to train in, 1 by default.", "INT")
    ] = None,
    out: Annotated[
        Path | None,
        option("--out", "The run's folder, a new one; runs/METHOD-DATA by default.", "RUN"),
    ] = None,
    resume: Annotated[
        Path | None,
        option("--resume", "Go on with a fit that was stopped; nothing else is needed.", "RUN"),
    ] = None,
) -> None:
    """Fit METHOD to DATA, and compare it with classical clusterings.

    These are k-means, a Gaussian mixture, and one on principal components. A run folder is left,
    with configuration, weights, history, metrics and pictures. What is not given is the method's
    own default. A set with a published test split is scored on that. Labels are used for scoring
    and never for fitting.

    \b
    Examples:
      pyromix fit vade digits --seed 1 --out runs/second
      pyromix fit gmvae mnist -k 16 --set 'terms=[InformationFloor(1.0)]'
      pyromix fit vade images.npy --set networks.hidden_dims=500,500 --set prior=student-mixture
      pyromix fit vade table.csv --drop id --label-column kind
      pyromix fit mfcvae shapes3d-1 -k 60,20 --latent-dim 20,2
      pyromix fit --resume runs/gmvae-mnist
    """
    if resume is not None:
        check_run_folder(resume)
    elif method is None or data is None:
        raise typer.BadParameter("METHOD and DATA are needed, such as: pyromix fit vade digits")
    for given, check in ((method, early.check_method), (data, early.check_data)):
        if given is not None:
            check(given)
    if out is not None:
        check_new_folder(out)
    from . import fitting

    place = None if root is None else str(root)
    options = {
        "n_clusters": n_clusters,
        "random_state": seed,
        "training__max_epochs": max_epochs,
        "n_init": n_init,
        "training__batch_size": batch_size,
        "training__learning_rate": learning_rate,
        "latent_dim": latent_dim,
        "device": device,
        "devices": devices,
    }
    if resume is not None:
        table = {"label_column": label_column, "columns": columns, "drop": drop, "sep": sep}
        others = {**options, **table, "set": settings, "out": out}
        fitting.resume(resume, method, data, place, others)
        return
    assert method is not None
    assert data is not None
    command = shlex.join(["pyromix", *sys.argv[1:]])
    source = fitting.Source(data, place, label_column, listed(columns), listed(drop), sep)
    fitting.start(method, source, options, settings or [], out, command)


@app.command()
def evaluate(
    run: Run,
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="A known name or a file, as for pyromix fit.")
    ],
    *,
    split: Annotated[
        str,
        typer.Option(help="train or test, of sets that are published in two.", metavar="NAME"),
    ] = "test",
    num_samples: Annotated[
        int, typer.Option(min=1, help="Samples of the importance-weighted bound.", metavar="INT")
    ] = 100,
    label_column: LabelColumn = None,
    columns: Columns = None,
    drop: Drop = None,
    sep: Sep = None,
    root: Root = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else.")] = False,
    out: Annotated[
        Path | None,
        option("--out", "A new .png file for the reliability plot.", "FILE"),
    ] = None,
) -> None:
    """Score a run on DATA.

    That is clustering metrics, the evidence lower bound and the importance-weighted one, both in
    nats per datum, and how well the probabilities of the clusters are calibrated.

    \b
    Examples:
      pyromix evaluate runs/vade-digits digits --out reliability.png
      pyromix evaluate runs/gmvae-mnist mnist --split train --json
    """
    early.check_finished(run)
    early.check_data(data)
    if out is not None:
        early.check_new_file(out, (".png",))
    from . import using

    place = None if root is None else str(root)
    source = using.Source(data, place, label_column, listed(columns), listed(drop), sep)
    using.evaluate(run, source, split, num_samples, as_json=as_json, out=out)


@app.command()
def sample(
    run: Run,
    *,
    facet: Annotated[
        int | None,
        option("--facet", "Of a run with several: whose clusters; the others vary.", "INT"),
    ] = None,
    cluster: Annotated[
        int | None, option("--cluster", "Draw from this cluster alone.", "INT")
    ] = None,
    number: Annotated[
        int,
        typer.Option(
            "--number", "-n", min=1, help="How many to draw; of each, in a picture.", metavar="INT"
        ),
    ] = 10,
    seed: Annotated[int, typer.Option(help="Same seed, same samples.", metavar="INT")] = 0,
    out: Annotated[
        Path | None,
        option(
            "--out",
            "A new file: .png for a picture of the means, .npz for the draws as arrays, .csv or "
            ".parquet (…) as a table; RUN/samples.png by default.",
            "FILE",
        ),
    ] = None,
) -> None:
    """Draw new data from a run.

    \b
    Examples:
      pyromix sample runs/vade-digits --cluster 3 -n 16 --out threes.png
      pyromix sample runs/vade-digits -n 10000 --out samples.npz
      pyromix sample runs/mfcvae-shapes3d-1 --facet 0 --cluster 7
    """
    early.check_finished(run)
    if out is not None:
        early.check_new_file(out, (".png", ".npz", *TABLES))
    from . import using

    using.sample(run, facet, cluster, number, seed, out)


app.command()(report)
app.command()(predict)
app.command()(reproduce)


@app.command("list")
def list_all() -> None:
    """Show what can be fitted, and to which data."""
    from .catalogue import show

    show()
