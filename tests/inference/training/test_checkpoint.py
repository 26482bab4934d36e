"""Checkpoints: what is stored comes back, and a damaged file says so in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pyromix.inference.training.checkpoint import Checkpoint


def test_phases_come_back(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    checkpoint = Checkpoint(path, every=0)
    state: dict[str, Any] = {"w": torch.randn(3), "nested": [1, (2.5, "a")], "none": None}
    checkpoint.phase_done("pretrain", state)
    checkpoint.progress("train", lambda: {"epoch": 3})

    again = Checkpoint(path)
    assert again.completed("pretrain")
    assert not again.completed("train")
    assert not again.completed("other")
    assert torch.equal(again.state("pretrain")["w"], state["w"])
    assert again.state("pretrain")["nested"] == state["nested"]
    assert again.state("train") == {"epoch": 3}
    assert again.state("other") is None


def test_an_end_state_is_not_changed_by_later_training(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "checkpoint.pt")
    weight = torch.zeros(2)
    checkpoint.phase_done("pretrain", {"w": weight})
    weight.add_(1)
    checkpoint.phase_done("train")
    assert torch.equal(Checkpoint(checkpoint.path).state("pretrain")["w"], torch.zeros(2))


def test_progress_is_written_only_when_due(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "checkpoint.pt", every=3600)
    checkpoint.progress("train", lambda: pytest.fail("the state was built"))
    assert not checkpoint.path.exists()


def test_only_the_main_process_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    checkpoint = Checkpoint(tmp_path / "checkpoint.pt", every=0)
    checkpoint.phase_done("pretrain", {})
    checkpoint.progress("train", dict)
    assert not checkpoint.path.exists()
    assert checkpoint.completed("pretrain")


def test_what_cannot_be_read_back_is_not_written(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "checkpoint.pt", every=0)
    with pytest.raises(TypeError, match="'train' holds a float64: a checkpoint takes tensors"):
        checkpoint.phase_done("train", {"loss": [np.float64(1)]})
    with pytest.raises(TypeError, match="'train' holds a PosixPath"):
        checkpoint.progress("train", lambda: {"path": Path("/")})
    assert not checkpoint.path.exists()


def test_delete(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "checkpoint.pt")
    checkpoint.phase_done("train")
    checkpoint.delete()
    checkpoint.delete()
    assert list(tmp_path.iterdir()) == []


def one_line(error: pytest.ExceptionInfo[ValueError]) -> str:
    message = str(error.value)
    assert "\n" not in message
    assert "delete it to train from the start" in message
    return message


@pytest.mark.parametrize("kept", [0, 10, 500, -200])
def test_a_truncated_file(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "checkpoint.pt"
    Checkpoint(path).phase_done("train", {"w": torch.randn(1000)})
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match="damaged") as error:
        Checkpoint(path)
    one_line(error)


def test_flipped_bits(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    Checkpoint(path).phase_done("train", {"w": torch.full((1000,), 7.0)})
    content = bytearray(path.read_bytes())
    content[content.index(torch.full((9,), 7.0).numpy().tobytes()) + 400] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="damaged") as error:
        Checkpoint(path)
    one_line(error)


class Foreign:
    """Something that is not weights."""


@pytest.mark.parametrize("content", [{"weights": torch.zeros(1)}, [1, 2], Foreign()])
def test_a_foreign_file(tmp_path: Path, content: object) -> None:
    path = tmp_path / "checkpoint.pt"
    torch.save(content, path)
    with pytest.raises(ValueError, match="no checkpoint of pyromix") as error:
        Checkpoint(path)
    one_line(error)


def test_a_newer_file(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    torch.save({"format": "pyromix-checkpoint", "version": 99, "phases": {}}, path)
    with pytest.raises(ValueError, match="newer pyromix: upgrade") as error:
        Checkpoint(path)
    one_line(error)


def test_a_folder_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match=r"checkpoint is .*, a folder: give a file"):
        Checkpoint(tmp_path)
