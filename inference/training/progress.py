"""One line on the terminal per phase: a bar, the epoch, the loss and its named parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic
from types import TracebackType
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column

from .watching import words_only

_BAR: ContextVar[PhaseProgress | None] = ContextVar("bar", default=None)
_SHOWN: ContextVar[bool] = ContextVar("shown", default=False)
_HIDDEN = {"phase", "epoch", "seconds"}
SILENCE = 10.0  # seconds at most without a word where no bar can move


class PhaseProgress:
    """A progress bar for one phase, silent unless shown.

    Args:
        phase: the phase's name.
        epochs: how many epochs it takes at most.
        start: epochs done already.
        steps: optimiser steps of an epoch, 0 if unknown.
        shown: whether to draw anything.

    Example:
        >>> with PhaseProgress("train", epochs=1, start=0, steps=4, shown=False) as bar:
        ...     bar.step()
        ...     bar.epoch({"phase": "train", "epoch": 1, "loss": 3.5, "seconds": 0.1})
    """

    def __init__(self, phase: str, epochs: int, start: int, steps: int, shown: bool) -> None:
        console = words_only()
        self._plain = shown and not console.is_terminal
        self._phase = phase
        self._said = monotonic()
        self._steps = steps
        self._epochs = start
        self._done = 0
        self._drawn = monotonic()
        self._shown = shown
        self._progress = Progress(
            TextColumn("{task.description:<10}"),
            BarColumn(bar_width=16),
            TextColumn("{task.fields[count]:>7}"),
            TimeElapsedColumn(),
            # The parts take what room is left and wrap; they would squeeze the bar to nothing.
            TextColumn("{task.fields[parts]}", table_column=Column(ratio=1)),
            console=console,
            expand=True,
            disable=not shown,
        )
        self._total = epochs
        self._task = self._progress.add_task(
            phase, total=epochs, completed=start, count=self._count(), parts=""
        )

    def __enter__(self) -> PhaseProgress:
        self._progress.start()
        self._token = _BAR.set(self if self._shown else None)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()
        _BAR.reset(self._token)

    def note(self, words: str) -> None:
        """Say what is being done; where no line is drawn anew, on a line of its own."""
        if self._progress.console.is_terminal:
            self._progress.update(self._task, parts=words)
        elif words:
            self._progress.console.print(words)

    def step(self) -> None:
        """One optimiser step is done; draws at most five times a second."""
        self._done += 1
        if self._shown and self._steps and monotonic() - self._drawn > 0.2:
            self._drawn = monotonic()
            done = self._epochs + min(self._done / self._steps, 1.0)
            self._progress.update(self._task, completed=done)

    def epoch(self, row: Mapping[str, Any]) -> None:
        """An epoch is done; shows its row of the history."""
        self._epochs = int(row["epoch"])
        self._done = 0
        if self._shown:
            parts = " · ".join(
                f"{name} {value:.4g}" for name, value in row.items() if name not in _HIDDEN
            )
            self._progress.update(
                self._task, completed=self._epochs, count=self._count(), parts=parts
            )
            if self._plain and self._epochs < self._total and monotonic() - self._said > SILENCE:
                self._said = monotonic()
                self._progress.console.print(f"{self._phase} {self._count()} · {parts}")

    def finish(self) -> None:
        """The phase ended before its last epoch, on purpose: the bar is full."""
        self._progress.update(self._task, total=self._epochs, completed=self._epochs)

    def _count(self) -> str:
        return f"{self._epochs}/{self._total}"


@contextmanager
def showing(shown: bool) -> Iterator[None]:
    """A scope in which :func:`doing` is shown, or is not."""
    token = _SHOWN.set(shown)
    try:
        yield
    finally:
        _SHOWN.reset(token)


@contextmanager
def doing(words: str) -> Iterator[None]:
    """A scope that takes long and has no epochs: its words stand in the bar, or are one.

    Args:
        words: what is done, such as ``"neighbours of 1,000,000 data"``.

    Example:
        >>> with doing("counting"):
        ...     1 + 1
        2
    """
    bar = _BAR.get()
    if bar is not None:
        bar.note(words)
        yield
        bar.note("")
    elif _SHOWN.get():
        with PhaseProgress(words, 1, 0, 0, True) as own:
            yield
            own.epoch({"epoch": 1})
    else:
        yield
