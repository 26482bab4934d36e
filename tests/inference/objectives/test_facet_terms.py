"""Terms of several clusterings: what facets share, against sums written out."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations

import pytest
import torch
from torch import Tensor

from pyromix.estimators import MFCVAE
from pyromix.inference import FacetIndependence, OnFacets, Training
from pyromix.inference.objectives.terms import Clusterings
from pyromix.networks import PerceptronLadder


def facets_of(*gammas: Tensor) -> Clusterings:
    """Clusterings of these responsibilities; the weights of clusters are of no matter."""
    return {
        f"c_{facet}": (gamma, torch.full(gamma.shape[-1:], torch.nan))
        for facet, gamma in enumerate(gammas)
    }


def nowhere(views: Callable[[Tensor], Tensor]) -> Clusterings:
    """No view is asked for."""
    raise AssertionError


def shared(*gammas: Tensor) -> Tensor:
    """What facets of these responsibilities share."""
    return FacetIndependence().total(facets_of(*gammas), nowhere)


def by_hand(first: Tensor, second: Tensor) -> float:
    """Σ P log(P / (p q)) over pairs of clusters, of data ``(N, K)`` and ``(N, K')``."""
    n, total = len(first), 0.0
    for i in range(first.shape[1]):
        for j in range(second.shape[1]):
            joint = sum(float(first[row, i] * second[row, j]) for row in range(n)) / n
            marginals = float(first[:, i].mean()) * float(second[:, j].mean())
            total += joint * math.log(joint / marginals)
    return total


def test_the_value_is_the_sum_over_pairs_written_out() -> None:
    gammas = [(2 * torch.randn(9, k, dtype=torch.float64)).softmax(-1) for k in (3, 2, 4)]
    expected = sum(by_hand(*pair) for pair in combinations(gammas, 2))
    assert expected > 0.05
    assert float(shared(*gammas)) == pytest.approx(expected, rel=1e-12)
    # Particles are data: all pairs at once.
    drawn = torch.stack([gammas[0], gammas[0].flip(0)]), torch.stack([gammas[1]] * 2)
    together = by_hand(*(each.flatten(0, 1) for each in drawn))
    assert float(shared(*drawn)) == pytest.approx(together, rel=1e-12)
    assert float(shared(drawn[0], gammas[1])) == pytest.approx(together, rel=1e-12)


def test_independent_facets_share_nothing_and_equal_ones_log_k() -> None:
    eye = torch.eye(4)
    crossed = eye.repeat_interleave(3, 0), torch.eye(3).repeat(4, 1)
    assert float(shared(*crossed)) == pytest.approx(0, abs=1e-6)
    assert float(shared(eye, eye)) == pytest.approx(math.log(4))
    assert float(shared(eye, eye.flip(1))) == pytest.approx(math.log(4))  # by another numbering
    assert float(shared(torch.full((5, 3), 1 / 3), torch.eye(5))) == pytest.approx(0, abs=1e-6)
    assert float(shared(eye)) == 0


def test_the_gradient_is_finite_at_the_ends_and_parts_facets_that_agree() -> None:
    for rows in ([0, 1, 2, 0], [0, 0, 0, 0]):
        both = [torch.eye(3)[rows].requires_grad_() for _ in range(2)]
        for slope in torch.autograd.grad(shared(*both), both):
            assert slope.isfinite().all()
    fixed = torch.eye(2).repeat(30, 1)
    scores = (2 * fixed + 0.1 * torch.randn(60, 2)).requires_grad_()
    optimiser = torch.optim.Adam([scores], 0.1)
    before = shared(scores.softmax(-1), fixed).item()
    for _ in range(100):
        optimiser.zero_grad()
        loss = shared(scores.softmax(-1), fixed)
        loss.backward()
        optimiser.step()
    assert before > 0.2
    assert loss.item() < 0.01


def test_facets_that_are_not_named_are_let_be() -> None:
    gammas = [torch.randn(6, 3).softmax(-1) for _ in range(3)]
    named = OnFacets(FacetIndependence(2.0), (0, 2))
    assert named.name == "facet_independence"
    found = named.total(facets_of(*gammas), nowhere)
    torch.testing.assert_close(found, shared(gammas[0], gammas[2]))


def test_a_fit_says_what_its_facets_share() -> None:
    mfcvae = MFCVAE(
        n_clusters=(3, 2),
        latent_dim=2,
        networks=PerceptronLadder((6, 6)),
        start=None,
        terms=[FacetIndependence(3.0)],
        training=Training(max_epochs=1),
        random_state=0,
    )
    value = mfcvae.fit(torch.rand(60, 8).numpy()).history_[-1]["facet_independence"]
    assert 0 <= value <= 3 * math.log(2)
