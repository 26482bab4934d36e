"""Bad input is told from a fault of ours by who raised, and how."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from pyromix.cli.errors import PlainErrors, is_deliberate
from pyromix.data import check_x, load
from pyromix.inference import CollapseWarning


def caught(function: Callable[[], object]) -> Exception:
    with pytest.raises(Exception) as info:  # noqa: PT011, any will do
        function()
    return info.value


def test_what_a_room_raises_on_purpose_is_deliberate() -> None:
    assert is_deliberate(caught(lambda: check_x(np.full((2, 2), np.nan), "x")))
    assert is_deliberate(caught(lambda: load("no-such-set")))


def test_what_the_system_refuses_is_deliberate() -> None:
    assert is_deliberate(caught(lambda: Path("/no/such/file").read_text()))


def test_a_failed_operation_is_not() -> None:
    assert not is_deliberate(caught(lambda: int("seven")))
    assert not is_deliberate(caught(lambda: np.zeros(2) @ np.zeros(3)))
    assert not is_deliberate(caught(lambda: check_x()))  # type: ignore[call-arg]


def run(function: Callable[[], object]) -> Result:
    app = typer.Typer(cls=PlainErrors, pretty_exceptions_enable=False)
    app.callback()(lambda: None)
    app.command("do")(function)
    return CliRunner().invoke(app, ["do"])


def test_a_deliberate_error_is_a_line_and_exit_code_2() -> None:
    result = run(lambda: load("digit"))
    assert result.exit_code == 2
    assert result.stderr.startswith("error: unknown data set 'digit': did you mean 'digits'")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_a_fault_of_ours_passes() -> None:
    result = run(lambda: int("seven"))
    assert result.exit_code == 1
    assert isinstance(result.exception, ValueError)


def test_a_warning_is_a_line_and_ends_nothing() -> None:
    result = run(lambda: warnings.warn("all\nin one", CollapseWarning, stacklevel=1))
    assert result.exit_code == 0
    assert result.stderr == "warning: all in one\n"


def test_ctrl_c_is_a_line_and_exit_code_130() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    result = run(stop)
    assert result.exit_code == 130
    assert result.stderr == "stopped\n"
