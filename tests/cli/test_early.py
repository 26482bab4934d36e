"""What is refused before torch is imported: missing files, typos, and folders that are no runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pyromix.cli import early
from pyromix.data import DATASETS
from pyromix.estimators import ESTIMATORS
from pyromix.reports import report, save_figure

from .conftest import TINY, Invoke, contents

GUARDED = """
import sys


class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "numpy", "pandas", "sklearn"}:
            sys.exit(f"{name} was imported")


sys.meta_path.insert(0, Refusing())
from pyromix.cli import app

app()
"""


def told(folder: Path, *arguments: str) -> str:
    """What the command says on stderr in a process that may import nothing heavy."""
    done = subprocess.run(
        [sys.executable, "-c", GUARDED, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def a_run(folder: Path, **files: str) -> Path:
    """A folder with a run's ``config.json`` and other files."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"format": "pyromix-run", "version": 1}))
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    return folder


def test_the_names_are_those_of_the_rooms() -> None:
    assert tuple(ESTIMATORS) == early.METHODS
    assert tuple(DATASETS) == early.DATA


@pytest.mark.parametrize(
    ("command", "fragment"),
    [
        ("fit vade missing.npy", "data file missing.npy does not exist"),
        ("fit vade some/where", "data file some/where does not exist"),
        ("fit vad digits", "did you mean 'vade'?"),
        ("fit vade digit", "unknown data set 'digit': did you mean 'digits'?"),
        ("fit vade digits --out taken", "taken exists and is not overwritten"),
        ("fit --resume nowhere", "no run folder nowhere"),
        ("evaluate nowhere digits", "no run folder nowhere"),
        ("evaluate run missing.csv", "data file missing.csv does not exist"),
        ("evaluate run digits --out run/config.json", "must end in .png"),
        ("evaluate run digits --out no/a.png", "make no"),
        ("sample taken", "no config.json"),
        ("sample run --out taken.npz", "taken.npz exists"),
        ("evaluate half digits", "half is unfinished: resume it with pyromix fit --resume half"),
        ("sample half", "half is unfinished: resume it"),
    ],
)
def test_refused_before_torch_is_imported(tmp_path: Path, command: str, fragment: str) -> None:
    a_run(tmp_path / "run")
    a_run(tmp_path / "half", checkpoint_pt="")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "notes.txt").touch()
    (tmp_path / "taken.npz").touch()
    before = contents(tmp_path)
    assert fragment in told(tmp_path, *command.split())
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", ["config.json", "weights.safetensors", "history.csv"])
def test_a_runs_file_that_is_none(tmp_path: Path, name: str) -> None:
    """A pipe would be read from without end, a device and a link outside are not the run's."""
    run = a_run(tmp_path / "run")
    (tmp_path / "secret").write_text("{}")
    for made, fragment in (
        (lambda file: os.mkfifo(file), "is a pipe"),
        (lambda file: file.symlink_to("/dev/zero"), "is a link to /dev/zero, outside"),
        (lambda file: file.symlink_to("../secret"), "is a link to ../secret, outside"),
        (lambda file: file.mkdir(), "is a folder"),
    ):
        file = run / name
        file.unlink(missing_ok=True)
        made(file)
        assert fragment in told(tmp_path, "evaluate", "run", "digits")
        assert fragment in told(tmp_path, "fit", "--resume", "run")
        file.rmdir() if file.is_dir() and not file.is_symlink() else file.unlink()


def test_data_from_a_pipe_and_a_config_of_gigabytes(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npy")
    assert "is a pipe" in told(tmp_path, "fit", "vade", "pipe.npy")
    run = a_run(tmp_path / "run")
    os.truncate(run / "config.json", 2**33)
    assert "8,192 MiB" in told(tmp_path, "sample", "run")


def test_a_link_within_a_run_is_followed(tmp_path: Path) -> None:
    run = a_run(tmp_path / "run", kept_json="{}")
    (run / "metrics.json").symlink_to("kept.json")
    early.check_finished(run)


def test_a_full_disk_at_the_pictures(
    pyromix: Invoke, blobs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(figure: Any, path: Path) -> None:
        path.symlink_to("/dev/full")
        save_figure(figure, path)

    monkeypatch.setattr(report, "save_figure", full)
    arguments = ("fit", "vade", blobs, "-k", 3, "--max-epochs", 1, "--out", tmp_path / "r", *TINY)
    result = pyromix(*arguments)
    assert result.exit_code == 2
    assert "error: no space left on the disk of" in result.stderr
    assert "Errno" not in result.stderr
