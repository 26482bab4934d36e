"""One process or several: the same bound, the same weights, and errors that come through."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from pyromix.inference.devices import launch, make_fabric
from pyromix.inference.errors import TrainingDiverged


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(Path(__file__).parent)
    import toys

    return toys


def test_one_device_runs_here_on_the_objects_given() -> None:
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
        ({"precision": "8"}, "precision must be one of .*64-true.*, got '8'"),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        launch(print, **settings)
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_two_processes_train_what_one_does(toys: Any) -> None:
    x = toys.data(202)
    run = {n: launch(toys.shared_fit, "cpu", n, "64-true") for n in (1, 2)}
    one, two = (run[n](toys.Linear(), x) for n in (1, 2))
    torch.testing.assert_close(two[0]["weight"], one[0]["weight"], rtol=1e-10, atol=1e-10)
    assert two[2]
    for first, second in zip(one[1], two[1], strict=True):
        for name in ("loss", "error", "penalty", "validation"):
            assert second[name] == pytest.approx(first[name], rel=1e-6)


@pytest.mark.slow
def test_two_processes_end_with_equal_weights_and_resume(toys: Any, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    run = launch(toys.shared_fit, "cpu", 2)
    objective = toys.Noisy()
    state, history, equal = run(objective, toys.data(), path)
    assert equal
    assert len(history) == 5
    assert [entry.name for entry in tmp_path.iterdir()] == ["checkpoint.pt"]
    before = toys.Noisy().state_dict()
    assert all(torch.equal(objective.state_dict()[name], before[name]) for name in state)
    again, _, equal = run(toys.Noisy(), toys.data(), path)
    assert equal
    assert all(torch.equal(again[name], state[name]) for name in state)


@pytest.mark.slow
def test_processes_draw_different_noise(toys: Any) -> None:
    first, second = launch(toys.noise, "cpu", 2)()
    assert first != second


@pytest.mark.slow
def test_errors_of_a_process_come_through(toys: Any) -> None:
    with warnings.catch_warnings():
        with pytest.raises(FileNotFoundError, match="no such thing"):
            launch(toys.refuse, "cpu", 2)()
        with pytest.raises(TrainingDiverged, match="lower learning_rate") as error:
            launch(toys.diverge, "cpu", 2)()
        assert error.value.phase == "train"
        with pytest.raises(RuntimeError, match="a training process died.*__main__"):
            launch(toys.die, "cpu", 2)()
