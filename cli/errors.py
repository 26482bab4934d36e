"""Bad input ends in one line on stderr and exit code 2; a fault of our own keeps its traceback."""

from __future__ import annotations

import dis
import errno
import warnings
from types import TracebackType
from typing import Any, TextIO

import typer
from typer.core import TyperGroup

BAD_INPUT = 2
INTERRUPTED = 130

_DELIBERATE = ("pyromix.", "sklearn.utils.validation")


class PlainErrors(TyperGroup):
    """The command line's group of commands: what they raise or warn of becomes a line each.

    An error is told plainly if one of our rooms raised it on purpose, or scikit-learn's validation,
    or the system (a file that may not be written). Whatever else is raised is a fault of ours and
    passes.
    """

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        with warnings.catch_warnings():
            warnings.filterwarnings("default", category=UserWarning)
            warnings.showwarning = _show_warning
            try:
                return super().invoke(ctx)
            except KeyboardInterrupt as error:
                tell("stopped")
                raise typer.Exit(INTERRUPTED) from error
            except (ValueError, TypeError, OSError) as error:
                if not is_deliberate(error):
                    raise
                tell(f"error: {_told(error)}")
                raise typer.Exit(BAD_INPUT) from error


def _told(error: Exception) -> str:
    """An error's message; of a full disk, which."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        where = f" on the disk of {error.filename}" if error.filename else ""
        return f"no space left{where}: free some and go on (a fit, with --resume)"
    return str(error)


def tell(message: str) -> None:
    """Write a message to stderr, as one line."""
    typer.echo(" ".join(message.split()), err=True)


def is_deliberate(error: Exception) -> bool:
    """Whether an error says what is wrong with the input, rather than with the program.

    Args:
        error: as caught, with its traceback.

    Example:
        >>> try:
        ...     int("seven")
        ... except ValueError as error:
        ...     is_deliberate(error)
        False
    """
    if isinstance(error, OSError) and error.errno is not None:
        return True
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return False
    module = str(trace.tb_frame.f_globals.get("__name__"))
    return module.startswith(_DELIBERATE) and _stands_at_raise(trace)


def _stands_at_raise(trace: TracebackType) -> bool:
    """Whether a ``raise`` statement raised, not an operation that failed."""
    operation = trace.tb_frame.f_code.co_code[trace.tb_lasti]
    return dis.opname[operation] == "RAISE_VARARGS"


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    tell(f"warning: {message}")
