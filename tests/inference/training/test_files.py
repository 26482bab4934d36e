"""Files: replaced whole or not at all, and in use by one fit at a time."""

from __future__ import annotations

import errno
import multiprocessing
import multiprocessing.synchronize
import os
import signal
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest
import torch

from pyromix.inference import Checkpoint, Run, RunConfig
from pyromix.inference.training.files import locked, replacing


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")

    def fail() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half of the n")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.txt"]
    assert path.read_text() == "old"


def test_the_new_file_appears_at_the_end_of_the_scope(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.txt"]
    assert path.read_text() == "new"


def config(run: Run) -> None:
    run.write_config(RunConfig("VaDE", {"n_clusters": 11}))


def weights(run: Run) -> None:
    run.write_weights({"w": torch.ones(3000)})


def history(run: Run) -> None:
    run.write_history([{"phase": "train", "epoch": epoch} for epoch in range(2000)])


def checkpoint(run: Run) -> None:
    run.checkpoint().phase_done("train", {"w": torch.ones(3000)})


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="needs the full device of Linux")
@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("config.json", config),
        ("weights.safetensors", weights),
        ("history.csv", history),
        ("checkpoint.pt", checkpoint),
    ],
)
def test_a_full_disk_overwrites_nothing(
    tmp_path: Path, name: str, write: Callable[[Run], None]
) -> None:
    """The half-written file is a link to a device that is always full."""
    run = Run.create(tmp_path / "run", RunConfig("VaDE", {"n_clusters": 10}))
    weights(run)
    run.write_history([{"phase": "train", "epoch": 1}])
    run.checkpoint().phase_done("pretrain")
    before = {path.name: path.read_bytes() for path in run.path.iterdir()}
    (run.path / f".{name}.{os.getpid()}").symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"no space left on .*, nothing was overwritten") as error:
        write(run)
    assert error.value.errno == errno.ENOSPC
    assert "\n" not in str(error.value)
    assert {path.name: path.read_bytes() for path in run.path.iterdir()} == before


def hold(path: Path, ready: multiprocessing.synchronize.Event) -> None:
    with locked(path):
        ready.set()
        signal.pause()


def test_one_fit_at_a_time_uses_a_checkpoint_and_a_killed_one_leaves_no_lock(
    tmp_path: Path,
) -> None:
    path = tmp_path / "checkpoint.pt"
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    other = context.Process(target=hold, args=(path, ready))
    other.start()
    assert ready.wait(60)
    with pytest.raises(BlockingIOError, match=r"checkpoint\.pt is in use by another fit"):
        locked(path).__enter__()
    other.kill()
    other.join()
    with locked(path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_thread_may_lock_again_and_another_may_not(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    refused: list[BaseException] = []

    def other() -> None:
        try:
            locked(path).__enter__()
        except BlockingIOError as error:
            refused.append(error)

    with locked(path):
        with locked(path):
            pass
        thread = Thread(target=other)
        thread.start()
        thread.join()
    assert len(refused) == 1
    assert Checkpoint(path).state("train") is None
