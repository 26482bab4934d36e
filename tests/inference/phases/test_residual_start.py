"""A start of several clusterings: each is found in what those before it leave of the data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score
from torch import Tensor

from pyromix.estimators import MFCVAE, VaDE
from pyromix.guides import Guide
from pyromix.inference import (
    ComponentMeans,
    GroupsOf,
    KMeansStart,
    PseudoLabels,
    ResidualStart,
    Start,
    Training,
)
from pyromix.inference.phases.residual_start import residual
from pyromix.models import MixtureVAE, Normal
from pyromix.networks import PerceptronLadder

Array = NDArray[Any]


@pytest.fixture
def factors() -> tuple[Array, Array]:
    """A factor of three values crossed with one of two, ``(180,)`` each."""
    return np.arange(180) % 3, np.arange(180) // 3 % 2


@pytest.fixture
def x(factors: tuple[Array, Array]) -> Tensor:
    """Both factors move all features at once; the first by more."""
    rng = np.random.RandomState(0)
    moves = 3 * rng.randn(3, 6), rng.randn(2, 6)
    found = sum(move[factor] for move, factor in zip(moves, factors, strict=True))
    return torch.as_tensor(found + 0.1 * rng.randn(180, 6)).float()


@pytest.fixture
def story() -> tuple[MixtureVAE, Guide]:
    """Of two facets, with three and two clusters."""
    estimator = MFCVAE(
        n_clusters=(3, 2), latent_dim=2, likelihood=Normal, networks=PerceptronLadder((6, 6))
    )
    return estimator.build((6,))


def agreement(start: Start, story: tuple[MixtureVAE, Guide], x: Tensor, *truth: Array) -> Array:
    """The adjusted Rand index of each facet with each factor."""
    groups, _ = start.find_all(*story, x)
    found = [groups[f"c_{facet}"].argmax(-1).numpy() for facet in range(2)]
    return np.array([[adjusted_rand_score(each, labels) for each in truth] for labels in found])


def test_the_second_facet_finds_what_the_first_leaves(
    story: tuple[MixtureVAE, Guide], x: Tensor, factors: tuple[Array, Array]
) -> None:
    np.testing.assert_allclose(agreement(ResidualStart(), story, x, *factors), np.eye(2), atol=0.02)
    repeated = agreement(KMeansStart(on="data"), story, x, *factors)
    assert repeated[1, 0] > 0.4 > repeated[1, 1]


def test_all_parts_can_be_taught_the_groups_of_every_facet(
    story: tuple[MixtureVAE, Guide], x: Tensor, factors: tuple[Array, Array]
) -> None:
    start = PseudoLabels(ResidualStart())
    np.testing.assert_allclose(agreement(start, story, x, *factors), np.eye(2), atol=0.02)
    # A start without groups of its own says them facet by facet.
    groups, _ = PseudoLabels(ComponentMeans()).find_all(*story, x)
    assert [each.shape for each in groups.values()] == [(180, 3), (180, 2)]


def test_the_residual_is_each_datum_less_the_mean_of_its_groups() -> None:
    x = torch.randn(7, 2, 3, dtype=torch.float64)
    labels = [0, 1, 1, 0, 2, 2, 2]
    by_hand = torch.stack(
        [
            row - torch.stack([x[i] for i in range(7) if labels[i] == label]).mean(0)
            for row, label in zip(x, labels, strict=True)
        ]
    )
    groups = torch.eye(4)[labels]  # the fourth is empty
    torch.testing.assert_close(residual(x, groups), by_hand)
    # The mean of all belongs to no group: a datum of none loses that alone.
    torch.testing.assert_close(residual(x, torch.zeros(7, 3)), x - x.mean(0))
    soft = torch.randn(7, 3, dtype=torch.float64).softmax(-1)
    means = torch.stack(
        [sum(soft[i, c] * x[i] for i in range(7)) / soft[:, c].sum() for c in range(3)]
    )
    expected = torch.stack([x[i] - sum(soft[i, c] * means[c] for c in range(3)) for i in range(7)])
    torch.testing.assert_close(residual(x, soft), expected)


def test_a_lone_clustering_has_the_groups_of_the_start_within(x: Tensor) -> None:
    model, guide = VaDE(n_clusters=3, likelihood=Normal).build((6,))
    within = KMeansStart(on="data")
    ours, plain = (each.find_all(model, guide, x)[0]["c"] for each in (ResidualStart(), within))
    assert torch.equal(ours, plain)


def test_a_fit_starts_there(x: Tensor) -> None:
    settings: dict[str, Any] = {
        "n_clusters": (3, 2),
        "latent_dim": 2,
        "networks": PerceptronLadder((6, 6)),
        "training": Training(max_epochs=1),
        "random_state": 0,
    }
    mfcvae = MFCVAE(**settings, start=ResidualStart()).fit(x.numpy())
    assert mfcvae.labels_.shape == (180, 2)
    with pytest.raises(ValueError, match=r'on the code.*use on="data"'):
        MFCVAE(**settings, start=ResidualStart(KMeansStart(on="code"))).fit(x.numpy())
    with pytest.raises(ValueError, match="groups of one clustering, and the story has 2"):
        MFCVAE(**settings, start=ResidualStart(GroupsOf(np.zeros(180, int)))).fit(x.numpy())
