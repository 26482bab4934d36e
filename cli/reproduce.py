"""The command ``pyromix reproduce`` and its options; what it does is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import Root


def reproduce(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="An experiment: see --list.")
    ] = None,
    *,
    seeds: Annotated[
        str, typer.Option(help="Seeds; those that are done are skipped.", metavar="INT,…")
    ] = "0,1,2",
    budget: Annotated[
        str, typer.Option(help="cpu, for two cores, or full, for a GPU.", metavar="NAME")
    ] = "cpu",
    root: Root = None,
    out: Annotated[
        Path, typer.Option(help="The folder of results, one JSON a seed.", metavar="FOLDER")
    ] = Path("benchmarks/results"),
    as_list: Annotated[
        bool, typer.Option("--list", help="Show the experiments and what was published.")
    ] = False,
    as_table: Annotated[
        bool, typer.Option("--table", help="Print the tables of the results that are there.")
    ] = False,
) -> None:
    """Fit what a paper's number is of, over several seeds, and compare.

    \b
    Examples:
      pyromix reproduce --list
      pyromix reproduce gmvae-mnist-k10-m1 --seeds 0,1,2 --root FOLDER
      pyromix reproduce --table
    """
    from . import reproducing

    known = reproducing.budget_of(budget)
    if as_list:
        reproducing.show()
    elif as_table:
        reproducing.tables(out, known)
    elif name is None:
        raise typer.BadParameter("NAME is needed: pyromix reproduce --list shows them")
    else:
        reproducing.reproduce(name, seeds, None if root is None else str(root), known, out)
