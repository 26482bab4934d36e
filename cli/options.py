"""Options that several commands have, and how one without a default of its own is declared."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated, Any

import typer


def option(names: str, help: str, metavar: str) -> Any:
    """An option without a default of its own: the help says what holds if it is not given."""
    return typer.Option(*names.split(), help=help, metavar=metavar, show_default=False)


LabelColumn = Annotated[
    str | None,
    option(
        "--label-column",
        "A file's column (or .npz key) of labels, for scoring only; "
        "y, label, target and class are found without.",
        "NAME",
    ),
]
Columns = Annotated[
    str | None,
    option("--columns", "A table's columns that are features, in that order.", "A,B,C"),
]
Drop = Annotated[str | None, option("--drop", "A table's columns to leave out.", "A,B,C")]
Sep = Annotated[
    str | None, option("--sep", "Where a text table's fields end, if not found out.", "CHAR")
]
Root = Annotated[
    Path | None,
    option("--root", "Where image sets are, or are put; ~/.cache/pyromix by default.", "FOLDER"),
]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished fit.")]


def listed(names: str | None) -> tuple[str, ...]:
    """The names in a list with commas; a name that has one itself is in quotes."""
    found = next(csv.reader([names or ""], skipinitialspace=True), [])
    return tuple(name.strip() for name in found if name.strip())
