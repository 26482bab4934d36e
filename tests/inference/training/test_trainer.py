"""The training loop: it does what a hand-written one does, and survives what may happen to it."""

from __future__ import annotations

import importlib
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from pyromix.inference.training.batches import Rows, Share, batches_of
from pyromix.inference.training.checkpoint import Checkpoint
from pyromix.inference.training.devices import make_fabric
from pyromix.inference.training.errors import TrainingDiverged, TrainingInterrupted
from pyromix.inference.training.seeds import derive_seed
from pyromix.inference.training.trainer import Row, Trainer

from ..toys import Noisy

HERE = Path(__file__).parents[1]


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(HERE)
    return importlib.import_module("toys")


def same(first: nn.Module, second: nn.Module) -> bool:
    ours, theirs = first.state_dict(), second.state_dict()
    return ours.keys() == theirs.keys() and all(
        torch.equal(value, theirs[name]) if isinstance(value, Tensor) else value == theirs[name]
        for name, value in ours.items()
    )


def timeless(history: list[Row]) -> list[Row]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in history]


@pytest.mark.parametrize("clip", [None, 0.5])
@pytest.mark.parametrize(
    ("decay", "rates"),
    [
        (None, [1.0, 1.0, 1.0, 1.0, 1.0]),
        ((0.5, 2), [1.0, 1.0, 0.5, 0.5, 0.25]),
        ((0.5, 1, 0.2), [1.0, 0.5, 0.25, 0.2, 0.2]),
        ("cosine", [1.0, 0.9045085, 0.6545085, 0.3454915, 0.0954915]),
    ],
)
def test_it_equals_a_hand_written_loop(
    toys: Any, clip: float | None, decay: Any, rates: list[float]
) -> None:
    x = toys.data().double()
    trainer = Trainer(5, 32, 0.01, learning_rate_decay=decay, epsilon=1e-3, gradient_clip=clip)
    objective = toys.Linear().double()
    history = trainer.fit(objective, x, seed=7)

    expected = toys.Linear().double()
    optimizer = torch.optim.Adam(expected.parameters(), lr=0.01, eps=1e-3)
    batches = batches_of(x, 32, Share(torch.device("cpu"), torch.float64))
    for epoch in range(1, 6):
        optimizer.param_groups[0]["lr"] = 0.01 * rates[epoch - 1]
        total, rows = torch.zeros(3, dtype=torch.float64), 0
        for batch in batches.shuffled(derive_seed(7, "train", epoch, "order")):
            optimizer.zero_grad()
            loss, parts = expected(batch.x)
            loss.backward()
            if clip is not None:
                nn.utils.clip_grad_norm_(expected.parameters(), clip)
            optimizer.step()
            total += len(batch.x) * torch.stack([loss.detach(), parts["error"], parts["penalty"]])
            rows += len(batch.x)
        row = history[epoch - 1]
        found = torch.tensor([row["loss"], row["error"], row["penalty"]], dtype=torch.float64)
        torch.testing.assert_close(found, total / rows)
        assert (row["phase"], row["epoch"]) == ("train", epoch)
        assert row["loss"] == pytest.approx(row["error"] + row["penalty"])
    torch.testing.assert_close(objective.weight, expected.weight, rtol=1e-7, atol=1e-9)


def test_same_seed_same_bits_and_no_generator_is_moved(toys: Any) -> None:
    fits = [toys.Noisy() for _ in range(3)]
    before = torch.get_rng_state()
    histories = [
        toys.TRAINER.fit(objective, toys.data(), validation=toys.data(40), seed=seed)
        for objective, seed in zip(fits, (1, 1, 2), strict=True)
    ]
    assert torch.equal(torch.get_rng_state(), before)
    assert same(fits[0], fits[1])
    assert timeless(histories[0]) == timeless(histories[1])
    assert not same(fits[0], fits[2])


def test_what_the_caller_draws_between_epochs_changes_nothing(toys: Any) -> None:
    quiet, noisy = toys.Noisy(), toys.Noisy()
    toys.TRAINER.fit(quiet, toys.data())
    toys.TRAINER.fit(noisy, toys.data(), callbacks=[lambda epoch, row: torch.randn(epoch).sum()])
    assert same(quiet, noisy)


def test_a_loader_trains_reproducibly(toys: Any) -> None:
    loader = DataLoader(TensorDataset(toys.data(), torch.zeros(203)), batch_size=32, shuffle=True)
    fits = [toys.Noisy(), toys.Noisy()]
    for objective in fits:
        torch.manual_seed(torch.seed() % 1000)
        toys.TRAINER.fit(objective, loader)
    assert same(*fits)


def test_validation_is_the_mean_over_held_out_rows_in_evaluation_mode(toys: Any) -> None:
    objective, unwatched = toys.Noisy(), toys.Noisy()
    held_out = toys.data(70)
    history = toys.TRAINER.fit(objective, toys.data(), validation=held_out)
    toys.TRAINER.fit(unwatched, toys.data())
    assert same(objective, unwatched)

    history = Trainer(3, batch_size=32).fit(toys.Linear(), toys.data(), validation=held_out)
    expected = toys.Linear()
    Trainer(3, batch_size=32).fit(expected, toys.data())
    loss = expected(held_out)[0].item()
    assert history[-1]["validation"] == pytest.approx(loss, rel=1e-6)


def test_validation_noise_is_the_same_every_epoch(toys: Any) -> None:
    class Still(Noisy):
        def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
            loss = (x + torch.randn_like(x)).square().mean() + 0 * next(self.parameters()).sum()
            return loss, {}

    history = Trainer(3).fit(Still(), toys.data(), validation=toys.data(40))
    assert len({row["validation"] for row in history}) == 1
    assert len({row["loss"] for row in history}) == 3


class Scripted(nn.Module):
    """Validation losses as given; the training loss is a parabola."""

    def __init__(self, losses: list[float]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.losses = iter(losses)

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        loss = self.weight.square().sum() + 0 * x.sum()
        return (loss if self.training else torch.tensor(next(self.losses))), {}


@pytest.mark.parametrize(
    ("patience", "min_delta", "epochs"), [(1, 0.0, 4), (2, 0.0, 7), (3, 0.0, 8), (2, 0.5, 5)]
)
def test_it_stops_on_a_plateau(patience: int, min_delta: float, epochs: int) -> None:
    losses = [5.0, 4.0, 3.0, 3.5, 2.75, 2.75, 2.8, 2.9, 1.0]
    trainer = Trainer(9, patience=patience, min_delta=min_delta)
    history = trainer.fit(Scripted(losses), torch.zeros(4, 1), validation=torch.zeros(4, 1))
    assert [row["validation"] for row in history] == pytest.approx(losses[:epochs])


class Failing(nn.Module):
    """Sound for a number of steps, and broken in its own way afterwards."""

    def __init__(self, good_steps: int, how: str) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(5))
        self.good_steps = good_steps
        self.how = how

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        loss = (x - self.weight).square().mean()
        if self.good_steps <= 0:
            if self.how == "interrupt":
                raise KeyboardInterrupt
            if self.how == "mistake":
                raise ValueError("x has the wrong shape")
            if self.how == "checked" and not self.weight.isfinite().all():
                raise ValueError("Expected parameter loc\nto satisfy the constraint Real()")
            loss = loss * (torch.inf if self.how == "inf" else torch.nan)
        self.good_steps -= 1
        return loss, {"a": loss.detach()}


@pytest.mark.parametrize("how", ["nan", "inf", "checked"])
def test_a_loss_that_is_not_finite_stops_with_the_last_good_weights(toys: Any, how: str) -> None:
    good = Failing(1000, how)
    Trainer(2, batch_size=32).fit(good, toys.data())
    objective = Failing(2 * 7 + 3, how)
    history: list[Row] = []
    with pytest.raises(TrainingDiverged, match=r"epoch 3.*epoch 2: lower learning_rate") as error:
        Trainer(5, batch_size=32).fit(objective, toys.data(), history=history)
    assert "\n" not in str(error.value)
    assert (error.value.phase, error.value.epoch) == ("train", 2)
    assert torch.equal(objective.weight, good.weight)
    assert [row["epoch"] for row in history] == [1, 2]


def test_a_mistake_is_not_taken_for_divergence(toys: Any) -> None:
    with pytest.raises(ValueError, match="x has the wrong shape") as error:
        Trainer(5, batch_size=32).fit(Failing(9, "mistake"), toys.data())
    assert type(error.value) is ValueError


def test_ctrl_c_leaves_the_last_epoch_and_a_checkpoint(toys: Any, tmp_path: Path) -> None:
    whole = Failing(1000, "interrupt")
    expected = Trainer(4, batch_size=32).fit(whole, toys.data())
    path = tmp_path / "checkpoint.pt"
    objective = Failing(2 * 7 + 3, "interrupt")
    history: list[Row] = []
    with pytest.raises(TrainingInterrupted, match=f"of epoch 2, and {path} holds") as error:
        Trainer(4, batch_size=32).fit(
            objective, toys.data(), history=history, checkpoint=Checkpoint(path, every=0)
        )
    assert (error.value.phase, error.value.epoch) == ("train", 2)
    two = Failing(1000, "interrupt")
    Trainer(2, batch_size=32).fit(two, toys.data())
    assert torch.equal(objective.weight, two.weight)

    resumed = Failing(1000, "interrupt")
    history = Trainer(4, batch_size=32).fit(resumed, toys.data(), checkpoint=Checkpoint(path))
    assert torch.equal(resumed.weight, whole.weight)
    assert timeless(history) == timeless(expected)


@pytest.mark.slow
def test_a_killed_run_ends_with_the_weights_of_an_uninterrupted_one(
    toys: Any, tmp_path: Path
) -> None:
    (tmp_path / "whole").mkdir()
    expected, expected_history = toys.two_phases(tmp_path / "whole", (None, None))
    # 7 steps an epoch: in the middle of epoch 3 of pretraining, then of epoch 4 of training.
    for steps in (("17", "-"), ("-", "24")):
        script = [sys.executable, str(HERE / "toys.py"), str(tmp_path), *steps]
        killed = subprocess.run(script, capture_output=True, text=True, check=False)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert Checkpoint(tmp_path / "checkpoint.pt").completed("pretrain")
    assert [entry.name for entry in tmp_path.glob("*.pt*")] == ["checkpoint.pt"]

    resumed, history = toys.two_phases(tmp_path, (None, None))
    assert same(resumed, expected)
    assert timeless(history) == timeless(expected_history)
    assert len(history) == 10


def test_every_epoch_is_a_place_to_resume_from(toys: Any, tmp_path: Path) -> None:
    whole = toys.Noisy()
    expected = Trainer(4, batch_size=32).fit(whole, toys.data(), seed=5)
    for stop in range(1, 4):

        def interrupt(epoch: int, row: Row, stop: int = stop) -> None:
            if epoch == stop + 1:
                raise KeyboardInterrupt

        path = tmp_path / f"{stop}.pt"
        with pytest.raises(TrainingInterrupted):
            Trainer(4, batch_size=32).fit(
                toys.Noisy(),
                toys.data(),
                seed=5,
                checkpoint=Checkpoint(path, every=0),
                callbacks=[interrupt],
            )
        objective = toys.Noisy()
        checkpoint = Checkpoint(path)
        history = Trainer(4, batch_size=32).fit(
            objective, toys.data(), seed=5, checkpoint=checkpoint
        )
        assert same(objective, whole)
        assert timeless(history) == timeless(expected)
        assert checkpoint.completed("train")


def test_a_finished_phase_is_not_trained_again(toys: Any, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    first, again = toys.Noisy(), toys.Noisy()
    history = toys.TRAINER.fit(first, toys.data(), checkpoint=Checkpoint(path))
    found = toys.TRAINER.fit(
        again,
        toys.data(),
        checkpoint=Checkpoint(path),
        callbacks=[lambda epoch, row: pytest.fail("trained")],
    )
    assert same(first, again)
    assert found == history


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 16}, "begun with batch_size=32, not 16"),
        ({"seed": 4}, "begun with seed=3, not 4"),
        ({"objective": "Linear"}, "begun with another model"),
    ],
)
def test_a_checkpoint_of_other_settings_is_refused(
    toys: Any, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = tmp_path / "checkpoint.pt"
    toys.TRAINER.fit(toys.Noisy(), toys.data(), seed=3, checkpoint=Checkpoint(path))
    settings: dict[str, Any] = {"batch_size": 32, "seed": 3, "objective": "Noisy"} | changes
    trainer = Trainer(
        5,
        settings["batch_size"],
        0.01,
        learning_rate_decay=(0.5, 2),
        gradient_clip=1.0,
    )
    objective = getattr(toys, settings["objective"])()
    with pytest.raises(ValueError, match=message) as error:
        trainer.fit(objective, toys.data(), seed=settings["seed"], checkpoint=Checkpoint(path))
    assert "\n" not in str(error.value)


def test_settings_may_be_numpy_numbers(toys: Any, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    given: list[Any] = [np.int64(32), np.float64(0.01), (np.float64(0.5), np.int64(2)), np.int64(3)]
    numpy = Trainer(2, *given[:3])
    plain = Trainer(2, 32, 0.01, (0.5, 2))
    first, again = toys.Noisy(), toys.Noisy()
    history = numpy.fit(first, toys.data(), seed=given[3], checkpoint=Checkpoint(path))
    assert plain.fit(again, toys.data(), seed=3, checkpoint=Checkpoint(path)) == history
    assert same(first, again)


def test_mixed_precision_keeps_weights_in_float32(toys: Any) -> None:
    objective = toys.Noisy()
    history = toys.TRAINER.fit(
        objective,
        toys.data(),
        validation=toys.data(50),
        fabric=make_fabric("cpu", "bf16-mixed"),
    )
    assert {parameter.dtype for parameter in objective.parameters()} == {torch.float32}
    expected = toys.TRAINER.fit(toys.Noisy(), toys.data(), validation=toys.data(50))
    for row, other in zip(history, expected, strict=True):
        assert row["validation"] == pytest.approx(other["validation"], rel=0.05)


def test_callbacks_see_every_epoch_and_may_add_numbers(toys: Any, tmp_path: Path) -> None:
    seen: list[int] = []

    def occupied(epoch: int, row: Row) -> None:
        seen.append(epoch)
        row["occupied"] = np.float64(epoch)
        row["entropy"] = torch.tensor(0.5)

    path = tmp_path / "checkpoint.pt"
    checkpoint = Checkpoint(path, every=0)
    history = Trainer(3).fit(
        toys.Linear(), toys.data(), callbacks=[occupied], checkpoint=checkpoint
    )
    assert seen == [1, 2, 3]
    assert [row["occupied"] for row in history] == [1.0, 2.0, 3.0]
    assert {type(row[name]) for row in history for name in ("occupied", "entropy")} == {float}
    assert Checkpoint(path).state("train")["rows"] == history


def test_companions_stay_beside_their_rows(toys: Any) -> None:
    """Rows of several tensors train as the same tensors side by side in one."""
    data = toys.data().double()
    targets = data[:, :2].square() - data[:, 2:4]
    trainer = Trainer(2, batch_size=64)
    apart, together = toys.Regression().double(), toys.Regression().double()
    found = trainer.fit(
        apart, Rows(data, target=targets), validation=Rows(data[:10], target=targets[:10])
    )
    columns = torch.cat([data, targets], -1)
    expected = trainer.fit(together, columns, validation=columns[:10])
    torch.testing.assert_close(apart.weight, together.weight, rtol=0, atol=1e-12)
    for ours, theirs in zip(timeless(found), timeless(expected), strict=True):
        assert ours == pytest.approx(theirs, abs=1e-12)
    loss = apart(data[:10], targets[:10])[0].item()
    assert found[-1]["validation"] == pytest.approx(loss, abs=1e-12)


def test_no_epochs_change_nothing(toys: Any) -> None:
    objective = toys.Noisy()
    assert Trainer(0).fit(objective, toys.data()) == []
    assert same(objective, toys.Noisy())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_epochs": -1}, "max_epochs is -1: Trainer takes int from 0"),
        ({"batch_size": 0}, "batch_size is 0: Trainer takes int from 1"),
        ({"learning_rate": float("nan")}, "learning_rate is nan: .* float above 0"),
        ({"gradient_clip": 0.0}, r"gradient_clip is 0\.0: .* float above 0 or None"),
        ({"patience": 0}, "patience is 0: Trainer takes int from 1 or None"),
        ({"learning_rate_decay": (0.9, 0)}, "float above 0, int from 1.*'cosine'"),
        ({"learning_rate_decay": "linear"}, "is 'linear': .* or 'cosine' or None"),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Trainer(**{"max_epochs": 1, **settings})


def test_nothing_to_train_or_to_train_on(toys: Any) -> None:
    with pytest.raises(ValueError, match="objective has no parameters"):
        Trainer(1).fit(nn.ReLU(), toys.data())
    with pytest.raises(ValueError, match="x has no row"):
        Trainer(1).fit(toys.Linear(), torch.zeros(0, 5))
    with pytest.raises(ValueError, match="validation has no row"):
        Trainer(1).fit(toys.Linear(), toys.data(), validation=torch.zeros(0, 5))
    with pytest.raises(ValueError, match="patience needs validation"):
        Trainer(1, patience=2).fit(toys.Linear(), toys.data())


def test_a_verbose_fit_shows_the_phase_and_its_parts(
    toys: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    Trainer(2).fit(toys.Linear(), toys.data(), phase="warm up")
    assert capsys.readouterr() == ("", "")
    Trainer(2, verbose=True).fit(toys.Linear(), toys.data(), phase="warm up")
    shown = capsys.readouterr().err
    assert all(word in shown for word in ("warm up", "2/2", "loss", "error", "penalty"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_cuda_trains_to_the_weights_of_the_cpu(toys: Any) -> None:
    fits = [toys.Linear().double(), toys.Linear().double()]
    for objective, device in zip(fits, ("cpu", "cuda"), strict=True):
        toys.TRAINER.fit(objective, toys.data(), fabric=make_fabric(device, "64-true"))
    torch.testing.assert_close(fits[1].weight.cpu(), fits[0].weight)
    again = toys.Noisy(), toys.Noisy()
    before = torch.cuda.get_rng_state()
    for objective in again:
        toys.TRAINER.fit(objective, toys.data(), fabric=make_fabric("cuda"))
    assert torch.equal(torch.cuda.get_rng_state(), before)
    assert same(*again)
