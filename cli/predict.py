"""The command ``pyromix predict`` and its options; what it does is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import early
from .options import Root, Run, Sep, option

TABLES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet", ".feather")


def predict(
    run: Run,
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            help="A known name or a file, as for pyromix fit; if left out, what the run was "
            "fitted to.",
        ),
    ] = None,
    *,
    out: Annotated[
        Path, option("--out", "A new file: .csv, .tsv (also .gz), .parquet or .feather.", "FILE")
    ],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Write over a file that is there.")
    ] = False,
    sep: Sep = None,
    root: Root = None,
) -> None:
    """Write the cluster of each row of DATA into a table.

    A row of it has the number of the row, its label, the probability of that, those of all
    clusters (p0, p1, …), and its code (z0, z1, …); of several facets, each with its number before
    it. Columns are found by their names, in whatever order, and others are left out.

    \b
    Examples:
      pyromix predict runs/vade-table --out labels.csv
      pyromix predict runs/vade-table new.parquet --out labels.parquet
    """
    early.check_finished(run)
    if data is not None:
        early.check_data(data)
    early.check_new_file(out, TABLES, overwrite=overwrite)
    from . import predicting

    predicting.predict(run, data, out, None if root is None else str(root), sep)
