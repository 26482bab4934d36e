"""``pyromix list``: the methods and the data, as the rooms describe them."""

from __future__ import annotations

import inspect

from rich.console import Console
from rich.table import Table

from ..data import DATASETS
from ..estimators import ESTIMATORS


def show() -> None:
    """Print a table of methods with their papers, and one of data sets."""
    methods = Table("method", "what it is", title="Methods", title_justify="left", box=None)
    for name, kind in ESTIMATORS.items():
        summary, paper = described(kind)
        methods.add_row(name, f"{summary}\n[dim]{paper}[/dim]")
    sets = Table("data", "what they are", title="\nData", title_justify="left", box=None)
    for name, description in DATASETS.items():
        sets.add_row(name, description)
    sets.add_row("PATH", "a .npy, .npz, .csv, .tsv, .parquet or .feather file of yours")
    console = Console()
    console.print(methods, sets)


def described(kind: type[object]) -> tuple[str, str]:
    """An estimator's one-line summary and its first reference, from its docstring.

    Args:
        kind: the estimator's class.

    Example:
        >>> from pyromix.estimators import VaDE
        >>> described(VaDE)[1][:20]
        'Jiang et al. (2017).'
    """
    text = inspect.getdoc(kind) or ""
    summary = text.split("\n\n")[0]
    _, _, references = text.partition("References:\n")
    first = references.split("\n\n")[0]
    return " ".join(summary.split()), " ".join(first.split())
