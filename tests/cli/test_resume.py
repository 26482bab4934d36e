"""A run that was killed or stopped goes on, and ends with the bits of an undisturbed one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
import torch

from pyromix.cli import report
from pyromix.inference import ClusterMonitor

from .conftest import TINY, Invoke

EPOCHS = 6
KILLED = 3  # the epoch after which it is killed or stopped


@pytest.fixture(scope="module", autouse=True)
def _without_pictures() -> Iterator[None]:
    """Pictures take most of a small run's time, and others look at them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "pictures", lambda *_: iter(()))
        yield


def fit(blobs: Path, run: Path) -> list[str]:
    return [
        "fit", "vade", str(blobs), "-k", "3", "--batch-size", "32", "--max-epochs", str(EPOCHS),
        "--out", str(run), *TINY[:2],
    ]  # fmt: skip


@pytest.fixture(scope="module")
def undisturbed(pyromix: Invoke, blobs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "undisturbed"
    assert pyromix(*fit(blobs, run)).exit_code == 0
    return run


def assert_same(run: Path, other: Path) -> None:
    weights = "weights.safetensors"
    assert (run / weights).read_bytes() == (other / weights).read_bytes()
    assert {path.name for path in run.iterdir()} == {path.name for path in other.iterdir()}
    found, expected = (json.loads((path / "metrics.json").read_text()) for path in (run, other))
    found["metrics"].pop("seconds")
    expected["metrics"].pop("seconds")
    assert found["metrics"] == expected["metrics"]


def test_a_killed_run_ends_bit_for_bit_as_if_undisturbed(
    pyromix: Invoke, blobs: Path, undisturbed: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    script = f"""
        import os, signal, torch
        from pyromix.cli import app
        from pyromix.estimators import base
        from pyromix.inference import Checkpoint

        class Killing(Checkpoint):
            def progress(self, phase, state):
                super().progress(phase, state)
                if phase == "train" and len(state()["rows"]) == {KILLED}:
                    os.kill(os.getpid(), signal.SIGKILL)

        torch.set_num_threads({torch.get_num_threads()})
        base.Checkpoint = lambda path: Killing(path, every=0.0)
        app({fit(blobs, run)!r})
    """
    process = subprocess.run(
        [sys.executable, "-c", dedent(script)], stderr=subprocess.DEVNULL, check=False
    )
    assert process.returncode == -signal.SIGKILL
    assert (run / "checkpoint.pt").exists()
    assert not (run / "weights.safetensors").exists()
    (run / ".checkpoint.pt.1").write_bytes(b"half")
    result = pyromix("fit", "--resume", run)
    assert result.exit_code == 0, result.output
    assert_same(run, undisturbed)


def test_ctrl_c_tells_how_to_go_on(
    pyromix: Invoke,
    blobs: Path,
    undisturbed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = tmp_path / "a run"
    measure = ClusterMonitor.__call__

    def stop(self: ClusterMonitor, epoch: int, row: dict[str, float]) -> None:
        measure(self, epoch, row)
        if epoch == KILLED:
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
        (["--n-clusters", 4], "takes n_clusters from"),
        (["--seed", 0], "takes random_state from"),
        (["--max-epochs", 2 * EPOCHS], "takes max_epochs from"),
    ):
        result = pyromix("fit", *arguments, "--resume", run)
        assert result.exit_code == 2
        assert fragment in result.stderr
        assert (run / "config.json").read_text() == config
