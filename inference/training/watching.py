"""A bar for answers that take long: one line on the terminal, gone at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

P = ParamSpec("P")
R = TypeVar("R")


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
        console=Console(stderr=True, force_jupyter=False),
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
