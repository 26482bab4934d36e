"""One process or several: the same bound, the same weights, and errors that come through."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from pyromix.inference.training import cores
from pyromix.inference.training.devices import launch, make_fabric


@pytest.fixture(scope="module")
def toys() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parents[1])
        yield importlib.import_module("toys")


def test_one_device_runs_here_on_the_objects_given() -> None:
    make_fabric("cpu")  # its first import sets variables of its own
    threads, environment = torch.get_num_threads(), dict(os.environ)
    found: list[Any] = []

    def function(fabric: Any, value: list[int], *, key: int) -> tuple[int, int]:
        found.append((value, os.getpid()))
        return fabric.world_size, key

    value = [1]
    assert launch(function, device="cpu")(value, key=2) == (1, 2)
    assert found[0][0] is value
    assert found[0][1] == os.getpid()
    assert (torch.get_num_threads(), dict(os.environ)) == (threads, environment)


def test_precisions() -> None:
    layer = make_fabric("cpu", "64-true").setup(torch.nn.Linear(2, 2))
    assert next(layer.parameters()).dtype == torch.float64


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"device": "gpu"}, "device must be 'auto', 'cpu', 'cuda' or 'cuda:<index>', got 'gpu'"),
        ({"device": "cpu:1"}, "got 'cpu:1'"),
        ({"device": "cuda:x"}, "got 'cuda:x'"),
        ({"device": "cuda:99"}, "'cuda:99' is not there: use 'cpu' or 'auto'"),
        ({"devices": 0}, "devices must be 1 or more, got 0"),
        ({"devices": 1000}, "devices is 1000, and there are [0-9]+ cores: use at most [0-9]+"),
        ({"devices": cores() + 1}, f"use at most {cores()}"),
        ({"precision": "8"}, "precision must be one of .*64-true.*, got '8'"),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        launch(print, **settings)
    assert "\n" not in str(error.value)


@pytest.fixture(scope="module")
def two(toys: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    folder = tmp_path_factory.mktemp("two")
    return launch(toys.several, "cpu", 2, "64-true")(toys.data(202), folder), folder


@pytest.mark.slow
def test_two_processes_train_what_one_does(toys: Any, two: tuple[dict[str, Any], Path]) -> None:
    state, history = launch(toys.deterministic, "cpu", 1, "64-true")(toys.Linear(), toys.data(202))
    torch.testing.assert_close(two[0]["state"]["weight"], state["weight"], rtol=1e-10, atol=1e-10)
    for one, other in zip(history, two[0]["history"], strict=True):
        for name in ("loss", "error", "penalty", "validation"):
            assert other[name] == pytest.approx(one[name], rel=1e-6)


@pytest.mark.slow
def test_two_processes_share_the_rows_they_read_and_train_what_one_does(
    toys: Any, two: tuple[dict[str, Any], Path]
) -> None:
    one = launch(toys.from_sources, "cpu", 1, "64-true")(toys.data(256).double())
    for name, (weight, loss, read) in two[0]["sources"].items():
        torch.testing.assert_close(weight, one[name][0], rtol=1e-10, atol=1e-10)
        assert loss == pytest.approx(one[name][1], rel=1e-6)
        assert read.flatten().tolist() == [4 * 128, 4 * 128], name  # in four epochs
        assert one[name][2].item() == 4 * 256


@pytest.mark.slow
def test_processes_end_alike_on_noise_of_their_own(two: tuple[dict[str, Any], Path]) -> None:
    trained = dict(two[0]["trained"])
    assert not torch.equal(*trained.pop("noise"))
    assert "net.1.running_mean" in trained
    assert [
        name for name, (first, second) in trained.items() if not torch.equal(first, second)
    ] == []


@pytest.mark.slow
def test_one_process_writes_what_all_resume_from(two: tuple[dict[str, Any], Path]) -> None:
    assert [entry.name for entry in two[1].iterdir()] == ["checkpoint.pt"]
    trained = {name: value for name, value in two[0]["trained"].items() if name != "noise"}
    assert trained.keys() == two[0]["resumed"].keys()
    assert all(torch.equal(value, two[0]["resumed"][name]) for name, value in trained.items())


@pytest.mark.slow
def test_all_processes_see_divergence(two: tuple[dict[str, Any], Path]) -> None:
    assert two[0]["diverged"]["diverged"].tolist() == [[1.0], [1.0]]


@pytest.mark.slow
def test_an_error_in_a_process_comes_through(toys: Any) -> None:
    with pytest.raises(FileNotFoundError, match="no such thing"):
        launch(toys.refuse, "cpu", 2)()


@pytest.mark.slow
def test_a_process_that_dies_is_told_of(toys: Any) -> None:
    with pytest.raises(RuntimeError, match=r"a training process died.*__main__"):
        launch(toys.die, "cpu", 2)()


@pytest.mark.slow
def test_a_step_sends_the_gradients_and_no_buffer(toys: Any) -> None:
    sent = launch(toys.traffic, "cpu", 2)(toys.data(200))
    assert sent["steps"] == 10
    assert sent["buffers"] == 0
    assert sent["own"] <= sent["gradients"] / sent["steps"] <= 1.1 * sent["own"]
