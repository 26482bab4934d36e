"""The commands and their options; what they do is imported when one runs, so that help is quick."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from .. import __version__
from .errors import PlainErrors

Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:1.", show_default="auto")]
Root = Annotated[
    Path | None,
    typer.Option(
        help="Folder of the image sets, which are fetched into it if missing.",
        show_default="~/.cache/pyromix",
    ),
]
LabelColumn = Annotated[
    str | None,
    typer.Option(
        help="A file's column (or .npz key) of labels, for scoring only.",
        show_default="y, labels, label or target",
    ),
]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished fit.")]

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

    Start with [bold]pyromix fit vade digits[/bold]: it clusters 1,797 small images in about a
    minute and leaves pictures in runs/vade-digits. Then:

    pyromix list                                     what there is to fit, and to fit it to

    pyromix fit gmvae mnist --n-clusters 16          another method, other data

    pyromix fit vade table.csv --label-column kind   your own data

    pyromix evaluate runs/vade-digits digits         all metrics of a run

    pyromix sample runs/vade-digits --cluster 3      new data, of one cluster
    """


@app.command()
def fit(
    method: Annotated[
        str | None, typer.Argument(help="vade, gmvae, …: see pyromix list.", show_default=False)
    ] = None,
    data: Annotated[
        str | None,
        typer.Argument(
            help="A known name (digits, mnist, …) or a .npy, .npz, .csv or .parquet file.",
            show_default=False,
        ),
    ] = None,
    *,
    n_clusters: Annotated[
        int | None, typer.Option("--n-clusters", "-k", help="Number of clusters, K.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**32 - 1, help="Same seed, same fit.", show_default="0")
    ] = None,
    max_epochs: Annotated[int | None, typer.Option(help="Epochs of the joint training.")] = None,
    n_init: Annotated[
        int | None, typer.Option(help="Restarts; the best held-out bound is kept.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Rows of a batch.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Step size of Adam.")] = None,
    latent_dim: Annotated[int | None, typer.Option(help="Dimension of the latent space.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Any other argument of the method."),
    ] = None,
    label_column: LabelColumn = None,
    root: Root = None,
    device: Device = None,
    devices: Annotated[
        int | None, typer.Option(help="Processes to train in.", show_default="1")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The run's folder, a new one.", show_default="runs/METHOD-DATA"),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Go on with a fit that was stopped; needs nothing else."),
    ] = None,
) -> None:
    """Fit METHOD to DATA and show it beside k-means and Gaussian mixtures.

    Leaves a run folder with the configuration, the weights, the history, the metrics and pictures.
    Options that are not given are the method's own. Sets with a published test split are scored on
    it. Labels are never used for fitting.

    pyromix fit vade digits --seed 1 --out runs/second

    pyromix fit gmvae mnist -k 16 --set information_floor=1.0 --set 'hidden_dims=(500, 500)'

    pyromix fit --resume runs/gmvae-mnist --max-epochs 200
    """
    from . import fitting
    from .inputs import Source

    options = {
        "n_clusters": n_clusters,
        "random_state": seed,
        "max_epochs": max_epochs,
        "n_init": n_init,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "latent_dim": latent_dim,
        "device": device,
        "devices": devices,
    }
    place = None if root is None else str(root)
    if resume is None:
        if method is None or data is None:
            raise typer.BadParameter("give METHOD and DATA, such as: pyromix fit vade digits")
        command = shlex.join(["pyromix", *sys.argv[1:]])
        source = Source(data, place, label_column)
        fitting.start(method, source, options, settings or [], out, command)
    else:
        changed = {name: value for name, value in options.items() if value is not None}
        if settings or label_column or out:
            raise typer.BadParameter("--resume takes --set, --label-column and --out from the run")
        fitting.resume(resume, method, data, place, changed)


@app.command()
def evaluate(
    run: RunFolder,
    data: Annotated[str, typer.Argument(help="A known name or a file, as for fit.")],
    *,
    split: Annotated[
        str, typer.Option(help="train or test, for sets that are published in two parts.")
    ] = "test",
    num_samples: Annotated[
        int, typer.Option(min=1, help="Samples of the importance-weighted bound.")
    ] = 100,
    label_column: LabelColumn = None,
    root: Root = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Save the reliability plot here, a new .png file.")
    ] = None,
) -> None:
    """Score a run on DATA: clustering metrics, and bounds on log p(x) in nats per datum.

    pyromix evaluate runs/vade-digits digits --out reliability.png
    """
    from . import using
    from .inputs import Source

    source = Source(data, None if root is None else str(root), label_column)
    using.evaluate(run, source, split, num_samples, as_json, out)


@app.command()
def sample(
    run: RunFolder,
    *,
    cluster: Annotated[
        int | None, typer.Option(min=0, help="Draw from this cluster alone.", show_default="all")
    ] = None,
    number: Annotated[int, typer.Option("-n", "--number", min=1, help="How many to draw.")] = 64,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same samples.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            help="A new file: .png for a picture of the means, .npz for draws as arrays.",
            show_default="RUN/samples.png",
        ),
    ] = None,
) -> None:
    """Draw new data from a run.

    pyromix sample runs/vade-digits --cluster 3 -n 16 --out threes.png

    pyromix sample runs/vade-digits -n 10000 --out samples.npz
    """
    from . import using

    using.sample(run, cluster, number, seed, out)


@app.command("list")
def list_all() -> None:
    """Show the methods that can be fitted, and the data they can be fitted to."""
    from .report import show_catalogue

    show_catalogue()
