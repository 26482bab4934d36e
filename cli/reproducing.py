"""``pyromix reproduce``: published numbers again, seed by seed, and the tables of them."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from ..data import DEFAULT_ROOT
from ..experiments import (
    EXPERIMENTS,
    Budget,
    apart,
    measure,
    methods_tables,
    place,
    published_table,
    read,
    records,
    splits,
)
from ..experiments.tables import spread, told
from ..parts import choose
from .errors import tell


def budget_of(given: str) -> Budget:
    """A budget as it is typed.

    Raises:
        ValueError: none of them.
    """
    known: dict[str, Budget] = {"cpu": "cpu", "full": "full"}
    return choose("--budget", given, known)


def show() -> None:
    """Print the experiments, with what was published."""
    table = Table(box=None)
    table.add_column("name", no_wrap=True)
    for heading in ("row", "objective", "published"):
        table.add_column(heading)
    for each in EXPERIMENTS.values():
        for target in each.targets:
            source = f"\n[dim]{target.source}[/dim]" if target.source else ""
            what = f"{target.measure} {target.label}".replace("_", " ").strip()
            table.add_row(each.name, each.row, each.variant, f"{what}: {told(target)}{source}")
    Console().print(table)


def tables(folder: Path, budget: Budget) -> None:
    """Print Markdown tables of a folder's results, with what is missing.

    Raises:
        ValueError: a file that is no result.
    """
    found = list(records(folder))
    typer.echo(published_table(list(EXPERIMENTS.values()), found, budget))
    for about, table in methods_tables(found):
        typer.echo(f"\n{about}:\n\n{table}")


def reproduce(name: str, seeds: str, root: str | None, budget: Budget, folder: Path) -> None:
    """Fit an experiment's seeds that are not done, each in a process of its own.

    Args:
        name: a key of ``experiments.EXPERIMENTS``.
        seeds: whole numbers, with commas between.
        root: folder of the image sets.
        budget: ``"cpu"`` or ``"full"``.
        folder: of the results.

    Raises:
        ValueError: an unknown name, or seeds that are no numbers.
        FileNotFoundError: data that are not there.
    """
    experiment = choose("NAME", name, EXPERIMENTS)
    wanted = _seeds(seeds)
    where = DEFAULT_ROOT if root is None else root
    todo = [seed for seed in wanted if not place(folder, name, budget, seed).exists()]
    if todo:
        splits(experiment.data, where, pooled=experiment.pooled)  # refuses before any process
    for seed in todo:
        tell(f"{name}, seed {seed}, budget {budget}: a stopped fit goes on by the same command")
        if not apart(measure, experiment, budget, seed, folder, where):
            tell(f"{name}, seed {seed} failed")
            raise typer.Exit(1)
    found = [read(place(folder, name, budget, seed)) for seed in wanted]
    for target in experiment.targets:
        reached = [target.reached(record.metrics) for record in found]
        what = f"{target.measure} {target.label}".replace("_", " ").strip()
        typer.echo(f"{name}: {what} {spread(reached)} of {len(found)} seeds, here")
        typer.echo(f"{name}: published {told(target)}")


def _seeds(given: str) -> list[int]:
    """Seeds as they are typed.

    Example:
        >>> _seeds("0,1,2")
        [0, 1, 2]
    """
    parts = [part.strip() for part in given.split(",")]
    if not all(part.isdecimal() and int(part) < 2**32 for part in parts):
        raise ValueError(f"--seeds is {given!r}: give whole numbers from 0, such as 0,1,2")
    return [int(part) for part in parts]
