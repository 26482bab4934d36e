"""The augmented ELBO: a lower bound still, plain at λ = 0, the complete-data form at λ = 1."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from pyromix import AugmentedVaDE, VaDE
from pyromix.guides import Guide
from pyromix.inference import (
    Affiliation,
    Autoencoder,
    ClosedFormELBO,
    EnumeratedELBO,
    KMeansStart,
    MixtureELBO,
    Rows,
    Training,
    seeded,
)
from pyromix.inference.phases import Fit
from pyromix.models import MixtureVAE
from pyromix.networks import Perceptron

BOUNDS: list[type[MixtureELBO]] = [ClosedFormELBO, EnumeratedELBO]


def story(assignment: str = "marginal") -> tuple[MixtureVAE, Guide, Tensor]:
    vade = VaDE(n_clusters=4, latent_dim=2, networks=Perceptron(5), assignment=assignment)
    model, guide = vade.build((6,))
    return model.double(), guide.double(), torch.rand(9, 6, dtype=torch.float64)


def loss_and_gradients(elbo: MixtureELBO, model: Any, guide: Any, x: Tensor) -> list[Tensor]:
    parameters = [*model.parameters(), *guide.parameters()]
    with seeded(0):
        loss = elbo.differentiable_loss(model, guide, x)
    return [loss.detach(), *torch.autograd.grad(loss, parameters)]


@pytest.mark.parametrize("bound", BOUNDS)
def test_without_weight_it_is_the_plain_bound_bit_for_bit(bound: type[MixtureELBO]) -> None:
    model, guide, x = story()
    plain = loss_and_gradients(bound(), model, guide, x)
    augmented = loss_and_gradients(bound([Affiliation(0.0)]), model, guide, x)
    assert all(torch.equal(one, other) for one, other in zip(plain, augmented, strict=True))


@pytest.mark.parametrize("bound", BOUNDS)
def test_at_weight_one_the_complete_data_log_joint_remains(bound: type[MixtureELBO]) -> None:
    model, guide, x = story()
    loss = loss_and_gradients(bound([Affiliation(1.0)]), model, guide, x)[0]
    with seeded(0), torch.no_grad():
        posterior = guide.posterior(x)["z"]
        z = posterior.rsample()
        log_joint = model.prior.log_joint(z)
        gamma = log_joint.softmax(-1)
        entropy = posterior.entropy() if bound is ClosedFormELBO else -posterior.log_prob(z)
        expected = (
            model.likelihood.distribution(z).log_prob(x) + entropy + (gamma * log_joint).sum(-1)
        )
    assert float(loss) == pytest.approx(-float(expected.mean()), abs=1e-10)


@pytest.mark.parametrize("form", ["entropy", "renyi"])
@pytest.mark.parametrize("assignment", ["marginal", "optimal"])
@pytest.mark.parametrize("bound", BOUNDS)
def test_it_never_exceeds_the_bound(bound: type[MixtureELBO], assignment: str, form: str) -> None:
    model, guide, x = story(assignment)
    with seeded(0):
        plain = bound().loss(model, guide, x)
    for weight in (0.3, 1.0, 4.0):
        with seeded(0):
            assert bound([Affiliation(weight, form)]).loss(model, guide, x) > plain


@pytest.mark.parametrize(("form", "most"), [("variance", 3 / 4), ("max", 1.0)])
@pytest.mark.parametrize("bound", BOUNDS)
def test_the_other_forms_exceed_it_by_what_is_said(
    bound: type[MixtureELBO], form: str, most: float
) -> None:
    model, guide, x = story()
    with seeded(0):
        plain = bound().loss(model, guide, x)
    for weight in (0.3, 1.0, 4.0):
        with seeded(0):
            loss = bound([Affiliation(weight, form)]).loss(model, guide, x)
        assert plain - most * weight <= loss < plain


def test_the_weight_rises_over_a_quarter_of_the_training() -> None:
    """Eight epochs of five steps: from 0 to 1 over the first ten, whatever the learning rate."""
    vade = AugmentedVaDE(training=Training(max_epochs=8, batch_size=20), networks=Perceptron(4))
    model, guide = vade.build((6,))
    fit = Fit(model, guide, Rows(torch.rand(100, 6)), 0, vade.training)
    objective = vade.training.objective(fit, vade.elbo())
    (term,) = objective.elbo.terms
    weights = [term.weight.at(step, objective.elbo.clock) for step in (0, 5, 10, 39)]
    assert weights == [0.0, 0.5, 1.0, 1.0]


@pytest.mark.slow
def test_it_raises_the_variance_of_the_responsibilities_on_digits() -> None:
    x = load_digits().data[::2].astype(np.float32) / 16
    small: dict[str, Any] = {
        "networks": Perceptron(32, batch_norm=True),
        "pretraining": Autoencoder(5),
        "start": KMeansStart(),
        "training": Training(max_epochs=8),
    }
    raised = 0
    for seed in range(5):
        rows = [
            kind(random_state=seed, **small).fit(x).history_[-1] for kind in (VaDE, AugmentedVaDE)
        ]
        raised += rows[1]["affiliation_variance"] > rows[0]["affiliation_variance"]
    assert raised == 5  # one-sided sign test: p = 1/32
