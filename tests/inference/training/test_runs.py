"""Run folders: everything comes back bit for bit, and every damage is told in one line."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pyromix.inference.training import Run, RunConfig

CONFIG = RunConfig(
    "VaDE",
    {"n_clusters": 10, "hidden": [500, 2000], "rate": 1e-3, "clip": None},
    seed=3,
    data={"name": "digits", "shape": [1797, 64], "fingerprint": "00ff"},
    command="pyromix fit vade digits",
)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path / "run", CONFIG)


@pytest.fixture
def weights() -> dict[str, Tensor]:
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).double()
    return {**module.state_dict(), "half": torch.randn(2, 2).T, "empty": torch.zeros(0, 3)}


def one_line(error: pytest.ExceptionInfo[BaseException]) -> None:
    assert "\n" not in str(error.value)


def test_config_comes_back(run: Run) -> None:
    assert Run.open(run.path).read_config() == CONFIG
    assert set(CONFIG.versions) == {"python", "pyromix", "torch", "pyro"}
    assert CONFIG.versions["torch"] == torch.__version__ or torch.__version__.startswith(
        CONFIG.versions["torch"]
    )


def test_config_takes_numpy_numbers_and_paths(tmp_path: Path) -> None:
    arguments = {"k": np.int64(3), "rate": np.float32(0.5), "root": tmp_path, "sizes": (1, 2)}
    found = Run.create(tmp_path / "run", RunConfig("VaDE", arguments)).read_config().arguments
    assert found == {"k": 3, "rate": 0.5, "root": str(tmp_path), "sizes": [1, 2]}


def test_config_refuses_what_json_cannot_hold(run: Run) -> None:
    with pytest.raises(TypeError, match="can't hold a ") as error:
        run.write_config(RunConfig("VaDE", {"net": nn.Linear(1, 1)}))
    one_line(error)
    assert run.read_config() == CONFIG


def test_weights_come_back_bit_for_bit(run: Run, weights: dict[str, Tensor]) -> None:
    run.write_weights(weights)
    found = run.read_weights(weights)
    assert found.keys() == weights.keys()
    for name, value in weights.items():
        assert found[name].dtype == value.dtype
        assert torch.equal(found[name], value)


def test_tied_weights_can_be_written(run: Run) -> None:
    weight = torch.randn(3)
    run.write_weights({"a": weight, "b": weight})
    assert torch.equal(run.read_weights({"a": weight, "b": weight})["b"], weight)


def test_history_comes_back_bit_for_bit(run: Run) -> None:
    history = [
        {"phase": "pretrain", "epoch": 1, "loss": 1 / 3, "seconds": 1e-9},
        {"phase": "train", "epoch": 1, "loss": -1e300, "kl_z": 0.1, "seconds": 2.0},
        {"phase": "train", "epoch": 2, "loss": math.inf, "kl_z": 0.0, "seconds": 2.0},
    ]
    run.write_history(history)
    found = run.read_history()
    assert found == history
    assert [type(value) for value in found[0].values()] == [str, int, float, float]


def test_metrics_come_back(run: Run) -> None:
    metrics = {"accuracy": 0.1 + 0.2, "per_seed": [1, 2.5], "best": {"nmi": np.float64(0.5)}}
    run.write_metrics(metrics)
    assert run.read_metrics() == metrics


def test_a_new_run_has_no_history_metrics_or_weights(run: Run) -> None:
    assert run.read_history() == []
    assert run.read_metrics() == {}
    assert not run.unfinished
    with pytest.raises(FileNotFoundError, match="has no weights") as error:
        run.read_weights({})
    one_line(error)


def test_a_checkpoint_marks_an_unfinished_run(run: Run) -> None:
    checkpoint = run.checkpoint()
    checkpoint.phase_done("pretrain", {"w": torch.zeros(1)})
    assert run.unfinished
    assert run.checkpoint().completed("pretrain")
    with pytest.raises(FileNotFoundError, match="resume it with: pyromix fit --resume"):
        run.read_weights({})
    checkpoint.delete()
    assert not run.unfinished


def test_nothing_is_overwritten(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("mine")
    assert Run.create(tmp_path / "empty", CONFIG).read_config() == CONFIG
    for path in (run.path, tmp_path / "file"):
        with pytest.raises(FileExistsError, match=r"--out.*--resume") as error:
            Run.create(path, RunConfig("GMVAE", {}))
        one_line(error)
    assert run.read_config() == CONFIG
    assert (tmp_path / "file").read_text() == "mine"


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no run folder") as error:
        Run.open(tmp_path / "nowhere")
    one_line(error)


def edit(**changes: Any) -> Callable[[str], str]:
    return lambda text: json.dumps(json.loads(text) | changes)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (None, "has no config.json"),
        (edit(format="other"), "not written by pyromix"),
        (lambda text: '{"a": 1}', "not written by pyromix"),
        (edit(version=99), "format version 99.*upgrade"),
        (edit(version="x"), "format version x"),
        (lambda text: text[:50], "damaged"),
        (lambda text: "", "damaged"),
        (lambda text: "[1]", "damaged"),
        (lambda text: "\udcff", "damaged"),
        (edit(surplus=1), "damaged"),
    ],
)
def test_a_foreign_or_damaged_config(
    run: Run, damage: Callable[[str], str] | None, message: str
) -> None:
    path = run.path / "config.json"
    if damage is None:
        path.unlink()
    else:
        text = damage(path.read_text())
        path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ValueError, match=message) as error:
        Run.open(run.path)
    one_line(error)


@pytest.mark.parametrize("kept", [0, 4, 100, -1])
def test_truncated_weights(run: Run, weights: dict[str, Tensor], kept: int) -> None:
    run.write_weights(weights)
    path = run.path / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"damaged.*train again") as error:
        run.read_weights(weights)
    one_line(error)


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        ({}, r" is \w+ of shape .*, expected not there"),
        ({"new": torch.zeros(1)}, r"new is not there, expected float32 of shape \(1,\)"),
        (
            {"0.weight": torch.zeros(3, 4)},
            r"0\.weight is float64 of shape \(4, 3\), expected float32 of shape \(3, 4\)",
        ),
    ],
)
def test_weights_of_another_model(
    run: Run, weights: dict[str, Tensor], expected: dict[str, Tensor], message: str
) -> None:
    run.write_weights(weights)
    with pytest.raises(ValueError, match=message) as error:
        run.read_weights(expected)
    one_line(error)


@pytest.mark.parametrize("dtype", [torch.int8, torch.complex64, torch.float16, torch.float32])
def test_weights_of_another_type(run: Run, weights: dict[str, Tensor], dtype: torch.dtype) -> None:
    """They would be cast in silence to the module's own type."""
    run.write_weights({**weights, "0.weight": weights["0.weight"].to(dtype)})
    said = rf"0\.weight is {str(dtype).removeprefix('torch.')} of .*, expected float64 of"
    with pytest.raises(ValueError, match=said) as error:
        run.read_weights(weights)
    one_line(error)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers(run: Run, weights: dict[str, Tensor], value: float) -> None:
    spoilt = weights["0.weight"].clone()
    spoilt[1, 2] = value
    run.write_weights({**weights, "0.weight": spoilt})
    with pytest.raises(ValueError, match=r"is damaged: 0\.weight holds NaN or infinity") as error:
        run.read_weights(weights)
    one_line(error)


@pytest.mark.parametrize("text", ["phase,epoch,loss\ntrain,1,abc\n", "phase,epoch\ntrain,1,2,3\n"])
def test_damaged_history(run: Run, text: str) -> None:
    (run.path / "history.csv").write_text(text)
    with pytest.raises(ValueError, match=r"history\.csv is damaged") as error:
        run.read_history()
    one_line(error)
