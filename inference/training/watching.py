"""A bar for answers that take long: one line on the terminal, gone at the end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

P = ParamSpec("P")
R = TypeVar("R")


def words_only() -> Console:
    """A console on the standard error that draws no widgets, and moves nothing in a notebook.

    Rich's notebook display wants ipywidgets, warns without it, and is gone from a notebook opened
    again; a kernel says that it is a terminal, and cannot move its cursor up.
    """
    kernel = type(sys.stderr).__module__.partition(".")[0] == "ipykernel"
    return Console(stderr=True, force_jupyter=False, force_terminal=False if kernel else None)


@contextmanager
def watched(
    function: Callable[P, R], calls: int, title: str, *, shown: bool
) -> Iterator[Callable[P, R]]:
    """A scope in which every call of a function moves a bar on.

    Args:
        function: what is called once for each batch.
        calls: how many calls there will be.
        title: what is done.
        shown: whether to draw anything.

    Example:
        >>> with watched(len, calls=2, title="counting", shown=False) as count:
        ...     [count("ab"), count("c")]
        [2, 1]
    """
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=16),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=words_only(),
        disable=not shown,
        transient=True,
    )
    task = progress.add_task(title, total=calls)

    def counted(*args: P.args, **kwargs: P.kwargs) -> R:
        answer = function(*args, **kwargs)
        progress.advance(task)
        return answer

    with progress:
        yield counted
