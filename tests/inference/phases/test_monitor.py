"""The monitor counts what it says it counts, and warns once, in words, with a remedy."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pyromix.guides import AmortisedGuide, GaussianHead, Guide
from pyromix.inference import (
    ClusterMonitor,
    CollapseWarning,
    UnclearNumberWarning,
    responsibilities,
)
from pyromix.models import GaussianMixture, MixtureVAE, Normal


@pytest.fixture
def x() -> Tensor:
    """Points on a line in four groups."""
    return torch.tensor([-3.0, -1.0, 1.0, 3.0]).repeat(30).unsqueeze(-1)


def story(loc: list[float]) -> tuple[MixtureVAE, Guide]:
    """Clusters at these places, and a guide that is sure of its code, the datum."""
    prior = GaussianMixture(len(loc), 1)
    head = GaussianHead(1, 1)
    guide = AmortisedGuide(nn.Identity(), z=head)
    with torch.no_grad():
        prior.loc.copy_(torch.tensor(loc).unsqueeze(-1))
        head.linear.weight.copy_(torch.tensor([[1.0], [0.0]]))
        head.linear.bias.copy_(torch.tensor([0.0, -3.0]))
    return MixtureVAE(prior, Normal(nn.Linear(1, 1), (1,))), guide


def test_it_counts_occupied_clusters_and_the_affiliation_variance(x: Tensor) -> None:
    model, guide = story([-3.0, -1.0, 1.0, 50.0])
    row: dict[str, Any] = {}
    ClusterMonitor(model, guide, x)(1, row)
    gamma = responsibilities(model, guide, x, num_samples=0)["c"]
    by_hand = (gamma.square().sum(1) / 4 - 1 / 16).mean()
    assert row["occupied_clusters"] == 3
    assert row["affiliation_variance"] == pytest.approx(by_hand.item(), abs=1e-6)
    assert row["affiliation_variance"] <= 3 / 16


def test_it_warns_once_when_all_have_been_in_one_cluster_for_three_epochs(x: Tensor) -> None:
    monitor = ClusterMonitor(*story([0.0, 50.0]), x)
    monitor(1, {})
    monitor(2, {})
    with pytest.warns(CollapseWarning, match=r"one cluster of 'c' \(epoch 3\).*InformationFloor"):
        monitor(3, {})
    monitor(4, {})


def test_a_recovery_starts_the_count_anew(x: Tensor) -> None:
    monitor = ClusterMonitor(*story([0.0, 50.0]), x)
    apart = story([-2.0, 2.0])
    for epoch in range(1, 10):
        monitor.model, monitor.guide = apart if epoch % 3 == 0 else story([0.0, 50.0])
        monitor(epoch, {})


def test_one_cluster_is_no_collapse(x: Tensor) -> None:
    monitor = ClusterMonitor(*story([0.0]), x)
    for epoch in range(5):
        monitor(epoch, {})
    monitor.conclude()


def test_it_tells_of_empty_clusters_at_the_end(x: Tensor) -> None:
    monitor = ClusterMonitor(*story([-3.0, -1.0, 1.0, 50.0]), x)
    monitor(1, {})
    with pytest.warns(CollapseWarning, match=r"1 of 4 clusters of 'c' hold no data: lower"):
        monitor.conclude()
    full = ClusterMonitor(*story([-3.0, -1.0, 1.0, 3.0]), x)
    full(1, {})
    few = ClusterMonitor(*story([-3.0, -1.0, 1.0, 50.0]), x[:40])
    few(1, {})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        full.conclude()
        few.conclude()


def test_it_watches_a_thousand_rows_spread_over_all() -> None:
    rows = ClusterMonitor(*story([0.0]), torch.arange(3500.0).unsqueeze(-1)).rows.x.flatten()
    assert len(rows) == 1000
    assert rows[-1] > 2900


@pytest.mark.parametrize(
    ("loc", "words"),
    [
        ([-6.0, -2.0, 2.0, 6.0], ""),
        ([-4.0, 2.0, 6.0], r"n_clusters is 3, which may be too few: the data of cluster 0"),
        ([-6.0, -2.0, 2.0, 5.7, 6.3], r"is 5, which may be too many: of 5 clusters 4 stand apart"),
    ],
)
def test_it_says_that_k_is_too_small_or_too_large(loc: list[float], words: str) -> None:
    """Of four groups four deviations apart; and nothing where K is theirs."""
    centres = torch.tensor([-6.0, -2.0, 2.0, 6.0]).repeat(250).unsqueeze(-1)
    x = centres + 0.5 * torch.randn(1000, 1)
    monitor = ClusterMonitor(*story(loc), x)
    for epoch in range(1, 10):
        monitor(epoch, {})
    monitor.conclude()  # it has not settled
    monitor(10, {})
    if not words:
        monitor.conclude()
        return
    with pytest.warns(UnclearNumberWarning, match=words + r".*select_k\(estimator, X\)"):
        monitor.conclude()


def test_shares_that_contradict_a_press_for_equal_ones_are_told() -> None:
    """Of clusters that stand apart; not where nothing presses, nor where shares are alike."""
    truth = torch.tensor([-6.0, 6.0]).repeat_interleave(500)
    truth[100:500] = 6.0
    x = truth.unsqueeze(-1) + 0.5 * torch.randn(1000, 1)
    for pressed in (True, False):
        monitor = ClusterMonitor(*story([-6.0, 6.0]), x, balanced=pressed)
        monitor(10, {})
        if not pressed:
            monitor.conclude()
            continue
        with pytest.warns(
            UnclearNumberWarning, match=r"hold shares of 0\.1, 0\.9, and equal"
        ) as one:
            monitor.conclude()
        assert "shares=(0.1, 0.9)" in str(one[0].message)
    alike = ClusterMonitor(*story([-6.0, 6.0]), x[:200], balanced=True)
    alike(10, {})
    alike.conclude()
