"""``pyromix report``: its options; what it does is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import early
from .options import Root, Run, option


def report(
    run: Run,
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA", help="A known name or a file; by default what the run was fitted to."
        ),
    ] = None,
    *,
    split: Annotated[
        str,
        typer.Option(help="train or test, of sets that are published in two.", metavar="NAME"),
    ] = "test",
    max_rows: Annotated[
        int, typer.Option(min=10, help="Data that the criticism looks at.", metavar="INT")
    ] = 1000,
    seed: Annotated[int, typer.Option(help="Same seed, same page.", metavar="INT")] = 0,
    root: Root = None,
    out: Annotated[
        Path | None,
        option("--out", "A new .html file; RUN/report.html by default.", "FILE"),
    ] = None,
) -> None:
    """Write a run's criticism as one HTML file, which needs no network.

    Does the story make such data, is the guide near the posterior, what collapsed, are the
    probabilities right, what marks each cluster: each in words, numbers and pictures.

    \b
    Examples:
      pyromix report runs/vade-digits
      pyromix report runs/gmvae-mnist mnist --split test --out gmvae.html
    """
    early.check_finished(run)
    if data is not None:
        early.check_data(data)
    path = run / "report.html" if out is None else out
    early.check_new_file(path, (".html",))
    from . import using

    using.report(run, data, split, None if root is None else str(root), path, max_rows, seed)
