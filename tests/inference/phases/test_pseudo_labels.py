"""Groups that are taught, and how the training is handed over to the plain bound."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pyromix.estimators import VaDE
from pyromix.inference import (
    Classification,
    Clock,
    ClosedFormELBO,
    GroupsOf,
    LinearWarmup,
    ObjectiveModule,
    OverTraining,
    PseudoLabels,
    Training,
    as_schedule,
    seeded,
)
from pyromix.inference.phases.pseudo_labels import Heeding
from pyromix.networks import Perceptron

N, X, K = 40, 5, 3
GROUPS = torch.eye(K)[torch.arange(N) % K]
DATA = torch.rand(N, X, generator=torch.Generator().manual_seed(0))


def module(trust: float | None) -> ObjectiveModule:
    """Of a small VaDE, the same each time; ``None``: without a share."""
    with seeded(0):
        model, guide = VaDE(n_clusters=K, latent_dim=2, networks=Perceptron(8)).build((X,))
    elbo = ClosedFormELBO([Classification(5.0)])
    if trust is None:
        return ObjectiveModule(elbo, model, guide)
    return Heeding(elbo, model, guide, as_schedule(trust))


def loss(trust: float | None, groups: Tensor, draw: int = 1) -> float:
    with seeded(draw):
        value: float = module(trust)(DATA, groups=groups)[0].item()
        return value


def test_all_trust_and_none_are_the_two_bounds() -> None:
    assert loss(1.0, GROUPS) == loss(None, GROUPS)
    nothing = torch.zeros_like(GROUPS)
    drawn = [loss(0.0, GROUPS, draw) for draw in range(200)]
    plain = [loss(None, nothing, draw) for draw in range(200)]
    error = np.std(drawn) * np.sqrt(2 / 200)
    assert abs(np.mean(drawn) - np.mean(plain)) < 4 * error


def test_a_share_of_the_rows_is_heeded_and_the_others_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heeding = module(0.3)
    seen: list[Tensor] = []
    evaluate = heeding.elbo.evaluate

    def watched(*given: Any, **companions: Any) -> Any:
        seen.append(companions["groups"])
        return evaluate(*given, **companions)

    monkeypatch.setattr(heeding.elbo, "evaluate", watched)
    with seeded(2):
        for _ in range(200):
            heeding(DATA, groups=GROUPS)
    rows = torch.stack(seen)
    heeded = rows.sum(-1)
    assert set(heeded.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(rows[heeded == 1], GROUPS.expand_as(rows)[heeded == 1])
    assert abs(float(heeded.mean()) - 0.3) < 4 * np.sqrt(0.21 / heeded.numel())


def test_a_schedule_hands_over_within_the_phase() -> None:
    heeding = module(1.0)
    assert isinstance(heeding, Heeding)
    heeding.trust = OverTraining(LinearWarmup(1.0, 0.0, 1))
    heeding.elbo.clock = Clock(steps_per_epoch=2, epochs=5)
    shares = []
    for _ in range(10):
        shares.append(heeding.trust.at(heeding.elbo.step, heeding.elbo.clock))
        heeding(DATA, groups=GROUPS)
    np.testing.assert_allclose(shares, 1 - np.arange(10) / 10)


def test_a_fit_that_is_handed_over_keeps_groups_that_the_data_have() -> None:
    labels = np.arange(240) % K
    x = np.eye(K)[labels].repeat(2, 1) + 0.1 * np.random.RandomState(0).randn(240, 2 * K)
    for trust in (1.0, OverTraining(LinearWarmup(1.0, 0.0, 1))):
        vade = VaDE(
            n_clusters=K,
            latent_dim=4,
            likelihood="normal",
            networks=Perceptron(16),
            start=PseudoLabels(GroupsOf(labels), epochs=40, trust=trust),
            training=Training(max_epochs=2, batch_size=40, learning_rate=1e-4),
            random_state=0,
        ).fit(x)
        assert (vade.labels_ == labels).mean() > 0.95


@pytest.mark.parametrize("trust", [-0.1, 1.5])
def test_a_share_beyond_one_is_refused(trust: float) -> None:
    with pytest.raises(ValueError, match="trust"):
        PseudoLabels(trust=trust)
