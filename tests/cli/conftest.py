"""A small run to look at, and a way to see that a command wrote nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from pyromix.cli import app
from pyromix.data import load
from pyromix.reports import report

TINY = [
    "--set=networks.hidden_dims=16,",
    "--set=pretraining=Autoencoder(1)",
    "--set=start=gmm",
]

Invoke = Callable[..., Result]


@pytest.fixture(scope="session")
def pyromix() -> Invoke:
    """``pyromix("fit", "vade", …)`` runs the command line in this process."""

    def invoke(*arguments: object) -> Result:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        # Only the command line's own way out is an exit; anything else is a fault to be seen.
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


@pytest.fixture(scope="session")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three well-separated groups of 40 points in four dimensions, with labels, as a file."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 40)
    x = 4 * np.eye(4)[labels] + 0.3 * rng.standard_normal((120, 4))
    path = tmp_path_factory.mktemp("data") / "blobs.npz"
    np.savez(path, x=x, y=labels)
    return path


@contextmanager
def without_painting() -> Iterator[pytest.MonkeyPatch]:
    """Pictures are left as empty files: painting takes most of a small run's time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "save_figure", lambda figure, path: path.touch())
        yield patch


@pytest.fixture
def unpainted() -> Iterator[None]:
    """For a test that looks at no picture."""
    with without_painting():
        yield


@pytest.fixture(scope="session")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 200 digits as a file of that name, so that they are known for pictures."""
    digits = load("digits")
    assert digits.labels is not None
    path = tmp_path_factory.mktemp("data") / "digits.npz"
    np.savez(path, x=digits.x[:200], y=digits.labels[:200])
    return path


@pytest.fixture(scope="session")
def finished(pyromix: Invoke, few: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of VaDE on a few digits."""
    run = tmp_path_factory.mktemp("runs") / "vade-digits"
    result = pyromix("fit", "vade", few, "--max-epochs", 1, "--out", run, *TINY)
    assert result.exit_code == 0, result.output
    return run


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every file under a folder with its bytes, and every folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }
