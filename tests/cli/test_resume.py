"""A run that was killed or stopped goes on, and ends with the bits of an undisturbed one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event, Thread
from time import sleep
from typing import Any

import numpy as np
import pytest

from pyromix.cli import fitting
from pyromix.estimators import fitting as fits
from pyromix.inference import Checkpoint, ClusterMonitor, Run, locked
from pyromix.reports import write_report

from .conftest import TINY, Invoke, without_painting

EPOCHS = 6
STOPPED = 3  # the epoch after which it is stopped


def fit(blobs: Path, run: Path) -> list[str]:
    return [
        "fit", "vade", str(blobs), "-k", "3", "--batch-size", "32", "--max-epochs", str(EPOCHS),
        "--out", str(run), *TINY[:1], "--set=pretraining=Neighbours(epochs=1)", "--set=start=gmm",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def undisturbed(pyromix: Invoke, blobs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, and beside it copies of what was on disk at several moments: what a kill leaves."""
    folder = tmp_path_factory.mktemp("runs")
    run = folder / "undisturbed"

    class Copying(Checkpoint):
        def progress(self, phase: str, state: Callable[[], Any]) -> None:
            super().progress(phase, state)
            if phase == "train" and len(state()["rows"]) == STOPPED:
                shutil.copytree(run, folder / "amid train")

        def phase_done(self, phase: str, state: Any = None) -> None:
            super().phase_done(phase, state)
            shutil.copytree(run, folder / f"after {phase}")

    def reported(*arguments: Any) -> None:
        shutil.copytree(run, folder / "before the report")
        write_report(*arguments)

    with without_painting() as patch:
        patch.setattr(fits, "Checkpoint", partial(Copying, every=0.0))
        patch.setattr(fitting, "write_report", reported)
        result = pyromix(*fit(blobs, run))
        assert result.exit_code == 0, result.output
    return run


def assert_same(run: Path, other: Path) -> None:
    weights = "weights.safetensors"
    assert (run / weights).read_bytes() == (other / weights).read_bytes()
    assert {path.name for path in run.iterdir()} == {path.name for path in other.iterdir()}
    found, expected = (json.loads((path / "metrics.json").read_text()) for path in (run, other))
    found["metrics"].pop("seconds")
    expected["metrics"].pop("seconds")
    assert found["metrics"] == expected["metrics"]


@pytest.mark.parametrize(
    "moment",
    ["after pretrain", "after initialise", "amid train", "after train", "before the report"],
)
def test_a_killed_run_ends_bit_for_bit_as_if_undisturbed(
    pyromix: Invoke, unpainted: None, undisturbed: Path, tmp_path: Path, moment: str
) -> None:
    run = tmp_path / "run"
    shutil.copytree(undisturbed.with_name(moment), run)
    assert (run / "weights.safetensors").exists() == (moment == "before the report")
    (run / ".checkpoint.pt.1").write_bytes(b"half")
    result = pyromix("fit", "--resume", run)
    assert result.exit_code == 0, result.output
    assert_same(run, undisturbed)


def test_a_run_is_resumed_by_one_command_at_a_time(
    pyromix: Invoke, undisturbed: Path, tmp_path: Path
) -> None:
    """The second leaves alone what the first has on disk, halves of files too."""
    run = tmp_path / "run"
    shutil.copytree(undisturbed.with_name("amid train"), run)
    (run / ".checkpoint.pt.1").write_bytes(b"half")
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.suffix != ".lock"}
    other = Thread(target=_held, args=(run, held := Event(), done := Event()))
    other.start()
    assert held.wait(10)
    result = pyromix("fit", "--resume", run, "--device", "cpu")
    done.set()
    other.join()
    assert result.exit_code == 2
    assert "is in use by another fit" in result.stderr
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before


def _held(run: Path, held: Event, done: Event) -> None:
    with locked(run / "checkpoint.pt"):
        held.set()
        done.wait(60)


def test_ctrl_c_tells_how_to_go_on(
    pyromix: Invoke,
    unpainted: None,
    blobs: Path,
    undisturbed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = tmp_path / "a run"
    measure = ClusterMonitor.__call__

    def stop(self: ClusterMonitor, epoch: int, row: dict[str, float]) -> None:
        measure(self, epoch, row)
        if epoch == STOPPED:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ClusterMonitor, "__call__", stop)
        result = pyromix(*fit(blobs, run))
    assert result.exit_code == 130
    assert result.stderr.splitlines()[-1] == f"stopped; resume with: pyromix fit --resume '{run}'"
    assert "Traceback" not in result.output
    assert pyromix("fit", "vade", blobs, "--resume", run).exit_code == 0
    assert_same(run, undisturbed)


def test_a_resumed_run_takes_its_settings_from_its_config(
    pyromix: Invoke, blobs: Path, undisturbed: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    config = (undisturbed / "config.json").read_text()
    (run / "config.json").write_text(config)
    np.savez(tmp_path / "other.npz", x=np.zeros((120, 4)))
    for arguments, fragment in (
        (["gmvae"], "a run of 'vade', not 'gmvae'"),
        (["vade", tmp_path / "other.npz"], "not those that"),
        (["--n-clusters", 4], "takes --n-clusters from"),
        (["--seed", 0], "takes --seed from"),
        (["--max-epochs", 2 * EPOCHS], "takes --max-epochs from"),
        (["--batch-size", 9, "--label-column", "y"], "takes --batch-size, --label-column from"),
        (["--set", "training.patience=3", "--out", "b"], "takes --set, --out from"),
    ):
        result = pyromix("fit", *arguments, "--resume", run)
        assert result.exit_code == 2
        assert fragment in result.stderr
        assert (run / "config.json").read_text() == config


def test_seconds_are_of_the_whole_fit(
    pyromix: Invoke,
    unpainted: None,
    blobs: Path,
    undisturbed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Work between the epochs stands in no row of the history; epochs kept from a stop count."""
    conclude = ClusterMonitor.conclude

    def slow(self: ClusterMonitor) -> None:
        sleep(1.0)
        conclude(self)

    monkeypatch.setattr(ClusterMonitor, "conclude", slow)
    run = tmp_path / "new"
    assert pyromix(*fit(blobs, run)).exit_code == 0
    kept = tmp_path / "kept"
    shutil.copytree(undisturbed.with_name("before the report"), kept)
    assert pyromix("fit", "--resume", kept).exit_code == 0
    for each in (run, kept):
        rows = sum(row["seconds"] for row in Run.open(each).read_history())
        assert Run.open(each).read_metrics()["metrics"]["seconds"] > rows + 1.0
