"""A recorded step is the step: by a stand-in for the graph, and by one where there is CUDA."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor

from pyromix.estimators import VaDE
from pyromix.inference import (
    Affiliation,
    ClosedFormELBO,
    During,
    EnumeratedELBO,
    LinearWarmup,
    MixtureELBO,
    ObjectiveModule,
    Trainer,
    Training,
    seeded,
)
from pyromix.inference.training import captured, loop
from pyromix.inference.training.batches import Batch
from pyromix.networks import Perceptron

DATA = torch.rand(76, 5, generator=torch.Generator().manual_seed(0))
TRAINER = Trainer(3, 16, 0.01, learning_rate_decay="cosine", gradient_clip=1.0)


def objective(elbo: MixtureELBO | None = None) -> ObjectiveModule:
    """Of a small VaDE, the same each time."""
    with seeded(0):
        model, guide = VaDE(
            n_clusters=3, latent_dim=2, networks=Perceptron(8, batch_norm=True)
        ).build((5,))
    return ObjectiveModule(elbo or ClosedFormELBO([Affiliation(0.5)]), model, guide)


class Rerun:
    """Does on a CPU what a graph does: computes nothing while it records, and fixed places after.

    As of a graph, a replay's Python is not seen: it does not count steps.
    """

    kind = "cpu"

    def __init__(self, module: ObjectiveModule) -> None:
        self.module = module
        self.calls: list[str] = []

    def warm(self, step: captured.Step, batch: Batch) -> captured.Losses:
        self.calls.append("warm")
        return step(batch)

    def record(
        self, step: captured.Step, batch: Batch
    ) -> tuple[captured.Losses, Callable[[], None]]:
        self.calls.append("record")
        with torch.random.fork_rng():
            before, optimizer = deepcopy(self.module.state_dict()), self._optimizer(step)
            moments = deepcopy(optimizer.state_dict())
            loss, parts = step(batch)
            counted = self.module.elbo.step
            self.module.load_state_dict(before)
            self.module.elbo.step = counted
            for group, kept in zip(
                optimizer.state.values(), moments["state"].values(), strict=True
            ):
                for name, each in group.items():
                    each.copy_(kept[name])
        places = loss.detach().clone(), {name: each.clone() for name, each in parts.items()}

        def replay() -> None:
            self.calls.append("replay")
            loss, parts = step(batch)
            self.module.elbo.step -= 1
            places[0].copy_(loss.detach())
            for name, each in parts.items():
                places[1][name].copy_(each)

        return places, replay

    @staticmethod
    def _optimizer(step: Any) -> torch.optim.Optimizer:
        found = dict(zip(step.__code__.co_freevars, step.__closure__, strict=True))
        optimizer: torch.optim.Optimizer = found["optimizer"].cell_contents.optimizer
        return optimizer


def trained(trainer: Trainer, module: ObjectiveModule) -> list[dict[str, Any]]:
    """The history of a training whose rate is a tensor, captured or not."""
    optimizer = loop.fused_adam(module, 0.01, capturable=True)
    return trainer.fit(module, DATA.to(next(module.parameters())), optimizer=optimizer)


def same(one: ObjectiveModule, other: ObjectiveModule) -> None:
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def timeless(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in history]


CAPTURED = Trainer(**{**vars(TRAINER), "capture": True})


def test_replayed_steps_are_the_ordinary_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, replayed = objective(), objective()
    graphs = Rerun(replayed)
    monkeypatch.setattr(captured, "GRAPHS", graphs)
    expected, found = trained(TRAINER, plain), trained(CAPTURED, replayed)
    # 76 rows: four batches of 16 an epoch, and one of 12, which is an ordinary step.
    assert graphs.calls == ["warm"] * 3 + ["record"] + ["replay"] * 9
    assert plain.elbo.step == replayed.elbo.step == 15
    assert timeless(found) == timeless(expected)
    same(plain, replayed)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_a_graphs_steps_are_the_ordinary_ones() -> None:
    plain, replayed = objective().cuda(), objective().cuda()
    expected, found = trained(TRAINER, plain), trained(CAPTURED, replayed)
    assert plain.elbo.step == replayed.elbo.step == 15
    for row, wanted in zip(timeless(found), timeless(expected), strict=True):
        assert row == pytest.approx(wanted, rel=1e-5)
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(replayed.state_dict()[name], value, rtol=1e-4, atol=1e-6)


def test_a_rate_that_is_a_tensor_stays_where_it_is() -> None:
    module = objective()
    optimizer = loop.fused_adam(module, 0.01, capturable=True)
    place = optimizer.param_groups[0]["lr"]
    loop.set_rate(optimizer, 0.5)
    assert optimizer.param_groups[0]["lr"] is place
    assert float(place) == 0.5


class Silent(torch.nn.Linear):
    """Says nothing of its steps."""


@pytest.mark.parametrize(
    ("elbo", "words"),
    [
        (ClosedFormELBO([Affiliation(LinearWarmup(0.0, 1.0, 9))]), "a weight of the objective ch"),
        (ClosedFormELBO(kl_weight=LinearWarmup(0.0, 1.0, 9)), "a weight of the objective changes"),
        (EnumeratedELBO(), "EnumeratedELBO looks at numbers as it computes"),
    ],
)
def test_what_changes_is_not_recorded(
    elbo: MixtureELBO, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = objective(elbo)
    monkeypatch.setattr(captured, "GRAPHS", Rerun(module))
    with pytest.raises(ValueError, match=words):
        CAPTURED.fit(module, DATA)
    with pytest.raises(TypeError, match="Silent does not say by `changing`"):
        CAPTURED.fit(Silent(2, 2), DATA)


def test_a_processor_is_refused_before_any_work() -> None:
    def never(x: Any) -> Tensor:
        raise AssertionError

    estimator = VaDE(n_clusters=3, start=never, training=Training(capture=True), device="cpu")
    with pytest.raises(ValueError, match="capture is True, and the training is on 'cpu'"):
        estimator.fit(DATA.numpy())
    with pytest.raises(ValueError, match="in 2 processes"):
        captured.check_capture(torch.device("cuda"), 2)
    terms = [Affiliation(LinearWarmup(0.0, 1.0, 9))]
    changing = VaDE(n_clusters=3, terms=terms, training=Training(capture=True))
    with pytest.raises(ValueError, match="capture is True, and a weight of the objective changes"):
        changing.fit(DATA.numpy())
    module = objective()
    module.hooks = (During.hook,)  # type: ignore[assignment]
    assert module.changing() == "something happens during the training"
