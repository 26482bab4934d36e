"""The joint training: its settings, what it minimises, and what the history tells."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest
import torch

from pyromix import VaDE
from pyromix.guides import Guide
from pyromix.inference import (
    Affiliation,
    Budget,
    Clock,
    ClosedFormELBO,
    CollapseWarning,
    EnumeratedELBO,
    LinearWarmup,
    MixtureELBO,
    OverTraining,
    PerEpoch,
    Refit,
    Rows,
    Trainer,
    Training,
    TrainingDiverged,
    make_fabric,
)
from pyromix.inference.phases import Fit
from pyromix.inference.phases.phase import epochs_of
from pyromix.models import MixtureVAE
from pyromix.networks import Perceptron

ELBOS = pytest.mark.parametrize("kind", [ClosedFormELBO, EnumeratedELBO])


def story() -> tuple[MixtureVAE, Guide]:
    """A small VaDE, the same each time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return VaDE(n_clusters=3, latent_dim=2, networks=Perceptron(8)).build((4,))


def fit_of(training: Training, **more: Any) -> Fit:
    """A fit of 48 data."""
    x = torch.rand(48, 4, generator=torch.Generator().manual_seed(0))
    return Fit(*story(), Rows(x), 5, training, make_fabric("cpu"), **more)


def test_settings_reach_the_loop() -> None:
    training = Training(
        max_epochs=Budget(100),
        batch_size=64,
        learning_rate=0.01,
        learning_rate_decay=(0.5, 3),
        epsilon=1e-4,
        gradient_clip=None,
        patience=4,
    )
    expected = Trainer(
        max_epochs=10,
        batch_size=64,
        learning_rate=0.01,
        learning_rate_decay=(0.5, 3),
        epsilon=1e-4,
        gradient_clip=None,
        patience=4,
        verbose=True,
    )
    assert training.trainer(steps_per_epoch=10, verbose=True) == expected


@pytest.mark.parametrize(
    ("budget", "steps_per_epoch", "epochs"),
    [
        (7, 3, 7),
        (0, 3, 0),
        (Budget(500, 2, 9), 100, 5),
        (Budget(501, 2, 9), 100, 6),
        (Budget(500, 2, 9), 1, 9),
        (Budget(500, 2, 9), 10_000, 2),
        (Budget(500), 1, 500),
    ],
)
def test_a_budget_of_steps_within_its_bounds(
    budget: int | Budget, steps_per_epoch: int, epochs: int
) -> None:
    assert epochs_of(budget, steps_per_epoch) == epochs


@ELBOS
def test_the_objective_has_the_training_s_clock_and_takes_no_step_yet(
    kind: type[MixtureELBO],
) -> None:
    training = Training(max_epochs=6, batch_size=12)
    elbo = kind(kl_weight=PerEpoch(LinearWarmup(0.0, 1.0, 2)))
    fit = fit_of(training)
    objective = training.objective(fit, elbo)
    assert objective.elbo is elbo
    assert elbo.clock == Clock(steps_per_epoch=4, epochs=6)
    assert (objective.model, objective.guide, objective.hooks) == (fit.model, fit.guide, ())
    assert (elbo.step, elbo.kl_weight()) == (0, 0.0)
    objective(fit.x[:12])
    assert elbo.kl_weight() == pytest.approx(1 / 8)


@ELBOS
@pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")
def test_weights_over_epochs_and_over_the_training_are_those_that_the_history_shows(
    kind: type[MixtureELBO],
) -> None:
    """With a story at rest every part is its weight, averaged over the epoch, times a constant."""
    training = Training(max_epochs=4, batch_size=12, learning_rate=1e-12)
    schedules: dict[str, Any] = {
        "kl_weight": PerEpoch(LinearWarmup(0.0, 1.0, 3)),
        "terms": [Affiliation(OverTraining(LinearWarmup(0.0, 2.0, 1)))],
    }
    weighed, plain = fit_of(training), fit_of(training)
    elbo = kind(**schedules)
    training(weighed, elbo)
    assert (elbo.step, elbo.clock) == (0, None)  # a copy counted
    training(plain, kind([Affiliation(1.0)]))
    epochs = torch.arange(16).reshape(4, 4) / 4
    for names, weights in (
        (("kl_z", "kl_c"), (epochs / 3).clamp(max=1.0)),
        (("affiliation",), 2 * epochs / 4),
    ):
        found, constant = (
            torch.tensor([sum(row[name] for name in names) for row in fit.history])
            for fit in (weighed, plain)
        )
        torch.testing.assert_close(found, weights.mean(1) * constant, rtol=0.05, atol=1e-6)


@pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")
def test_the_training_is_the_loop_on_that_objective() -> None:
    training = Training(max_epochs=3, batch_size=16, learning_rate=0.01)
    held_out = torch.rand(9, 4)
    fit, by_hand = fit_of(training, suffix=" 2", validation=held_out), fit_of(training)
    training(fit, ClosedFormELBO([Affiliation(0.3)]))
    objective = training.objective(by_hand, ClosedFormELBO([Affiliation(0.3)]))
    rows = training.trainer(3).fit(
        objective, by_hand.x, seed=5, validation=held_out, phase="train 2"
    )
    for ours, theirs in ((fit.model, by_hand.model), (fit.guide, by_hand.guide)):
        for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert torch.equal(one, other)
    for row, expected in zip(fit.history, rows, strict=True):
        del expected["seconds"]
        assert expected.items() <= row.items()
        assert {"occupied_clusters", "affiliation_variance"} <= row.keys()


def test_merged_clusters_are_told_of() -> None:
    training = Training(max_epochs=3, batch_size=48, learning_rate=1e-9)
    fit = fit_of(training)
    with torch.no_grad():
        fit.model.prior.loc[1:] = 50.0
    with pytest.warns(CollapseWarning, match="all data have fallen in one cluster"):
        training(fit, ClosedFormELBO())


def test_divergence_is_told_of() -> None:
    training = Training(max_epochs=3, learning_rate=1e30, gradient_clip=None)
    with pytest.raises(TrainingDiverged, match="lower learning_rate"):
        training(fit_of(training), ClosedFormELBO())


def test_without_an_objective_there_is_nothing_to_train() -> None:
    with pytest.raises(TypeError, match="elbo is missing"):
        Training()(fit_of(Training()))


@pytest.mark.parametrize("during", [(Refit(),), (Refit((1,)),)])
def test_patience_could_stop_before_a_refit(during: tuple[Refit, ...]) -> None:
    training = Training(max_epochs=4, patience=2, during=during)
    with pytest.raises(ValueError, match=r"patience is 2: .* or during without Refit"):
        training.objective(fit_of(training), ClosedFormELBO())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"max_epochs": "40"}, "max_epochs is '40': Training takes int from 0 or Budget"),
        ({"max_epochs": 4.5}, r"max_epochs is 4\.5"),
        ({"batch_size": True}, "batch_size is True"),
        ({"learning_rate": "fast"}, "learning_rate is 'fast'"),
        ({"patience": 2.0}, r"patience is 2\.0: Training takes int from 1 or None"),
        ({"during": Refit()}, r"during is Refit"),
        ({"during": (3,)}, "during is"),
    ],
)
def test_settings_of_another_type(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        Training(**settings)


def test_a_default_is_shared_and_cannot_be_changed() -> None:
    training = Training()
    with pytest.raises(FrozenInstanceError):
        training.max_epochs = 3  # type: ignore[misc]
    changed = training.with_params(max_epochs=3)
    assert (training.max_epochs, changed.max_epochs) == (Budget(5000, least=10, most=40), 3)
    assert changed.get_params()["batch_size"] == training.batch_size


@pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")
def test_double_precision_is_kept() -> None:
    training = Training(max_epochs=1)
    fit = fit_of(training)
    fit.data, fit.fabric = Rows(fit.x.double()), make_fabric("cpu", "64-true")
    fit.model.double(), fit.guide.double()
    training(fit, ClosedFormELBO())
    assert {parameter.dtype for parameter in fit.model.parameters()} == {torch.float64}
