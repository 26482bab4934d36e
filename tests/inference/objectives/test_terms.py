"""Terms: functionals of the responsibilities, with the values and gradients their formulas have."""

from __future__ import annotations

import math
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from pyromix.inference import (
    Affiliation,
    InformationFloor,
    MutualInformation,
    OnFacets,
    Term,
    VectorViews,
)
from pyromix.inference.objectives.information import (
    balance_entropy,
    entropy,
    two_view_information,
)
from pyromix.models import GaussianMixture


def some_responsibilities() -> tuple[Tensor, Tensor]:
    """γ ``(7, 4)`` and π ``(4,)``, float64."""
    gamma = torch.randn(7, 4, dtype=torch.float64).softmax(-1)
    return gamma.requires_grad_(), torch.randn(4, dtype=torch.float64).softmax(-1)


def kl(gamma: Tensor, weights: Tensor) -> Tensor:
    """mean_x KL(γ(x) ‖ π), written out."""
    return (gamma * (gamma / weights).log()).sum(-1).mean()


class TestInformationFloor:
    @pytest.mark.parametrize("floor", [0.0, 0.2, 5.0])
    def test_added_to_the_kl_it_is_the_larger_of_both(self, floor: float) -> None:
        gamma, weights = some_responsibilities()
        total = kl(gamma, weights) + InformationFloor(floor)(gamma, weights)
        larger = torch.maximum(kl(gamma, weights), torch.tensor(floor, dtype=torch.float64))
        torch.testing.assert_close(total, larger, rtol=0, atol=1e-12)

    def test_gradient_cancels_the_kl_below_the_floor_and_is_none_above(self) -> None:
        gamma, weights = some_responsibilities()
        (below,) = torch.autograd.grad(
            kl(gamma, weights) + InformationFloor(5.0)(gamma, weights), gamma
        )
        assert below.abs().max() < 1e-12
        (above,) = torch.autograd.grad(InformationFloor(0.01)(gamma, weights), gamma)
        assert (above == 0).all()

    def test_the_floor_holds_for_the_mean_and_not_for_each_datum(self) -> None:
        gamma, weights = torch.eye(4).repeat(2, 1), torch.full((4,), 0.25)
        gamma[:2] = 0.25  # two data without information among six with log 4 each
        assert InformationFloor(0.7 * math.log(4))(gamma, weights) == 0

    def test_certain_assignments_and_empty_clusters_give_finite_gradients(self) -> None:
        gamma = torch.eye(3)[[0, 1, 1]].requires_grad_()
        weights = torch.tensor([0.5, 0.5, 0.0])
        (slope,) = torch.autograd.grad(InformationFloor(9.0)(gamma, weights), gamma)
        assert slope.isfinite().all()

    def test_negative_floor(self) -> None:
        with pytest.raises(ValueError, match=r"floor is -1"):
            InformationFloor(-1.0)


class TestAffiliation:
    FORMS: ClassVar = {
        "entropy": lambda g: -(g * g.log()).sum(-1).mean(),
        "renyi": lambda g: -(g**2).sum(-1).log().mean(),
        "variance": lambda g: -((g - g.mean(-1, keepdim=True)) ** 2).sum(-1).mean(),
        "max": lambda g: -g.max(-1).values.mean(),
    }

    @pytest.mark.parametrize("form", Affiliation.forms)
    def test_value(self, form: str) -> None:
        gamma, weights = some_responsibilities()
        by_hand = self.FORMS[form](gamma)
        torch.testing.assert_close(Affiliation(form=form)(gamma, weights), by_hand)

    @pytest.mark.parametrize("form", Affiliation.forms)
    def test_least_where_every_datum_has_one_cluster(self, form: str) -> None:
        gamma, weights = some_responsibilities()
        term = Affiliation(form=form)
        certain, even = torch.eye(4)[[0, 2]].double(), torch.full((2, 4), 0.25).double()
        assert term(certain, weights) < term(gamma, weights) < term(even, weights)

    def test_unknown_form(self) -> None:
        with pytest.raises(ValueError, match=r"form is 'gini': use one of entropy"):
            Affiliation(form="gini")


class TestMutualInformation:
    def test_is_the_information_between_datum_and_cluster(self) -> None:
        """I(x; c) = mean_x KL(γ(x) ‖ γ̄) for data that are equally likely."""
        gamma, weights = some_responsibilities()
        information = kl(gamma, gamma.mean(0))
        term = MutualInformation(balance=0.0)(gamma, weights)
        torch.testing.assert_close(term, -information)

    def test_balance_weighs_the_entropy_of_the_mean(self) -> None:
        gamma, weights = some_responsibilities()
        gap = MutualInformation(balance=0.0)(gamma, weights) - MutualInformation(balance=2.0)(
            gamma, weights
        )
        torch.testing.assert_close(gap, 2 * entropy(gamma.mean(0)))

    def test_particles_count_as_data(self) -> None:
        gamma, weights = some_responsibilities()
        term = MutualInformation()
        stacked = gamma.reshape(7, 1, 4).expand(7, 3, 4)
        torch.testing.assert_close(term(stacked, weights), term(gamma, weights))

    def test_two_views_by_the_double_sum(self) -> None:
        one, other = (torch.randn(9, 3, dtype=torch.float64).softmax(-1) for _ in range(2))
        alpha, total = 0.5, torch.zeros((), dtype=torch.float64)
        outer = [torch.outer(a, b) + torch.outer(b, a) for a, b in zip(one, other, strict=True)]
        joint = torch.stack(outer).mean(0) / 2
        row = joint.sum(1)
        for i in range(3):
            for j in range(3):
                ratio = joint[i, j] / (row[i] ** (1 + alpha) * row[j] ** (1 + alpha))
                total = total + joint[i, j] * ratio.log()
        torch.testing.assert_close(two_view_information(one, other, alpha), total)


def test_a_term_on_facets_looks_at_no_others() -> None:
    """Of one view and of two; the other facets' clusters get no gradient from it."""
    first, second = some_responsibilities(), some_responsibilities()
    other = {"c_0": second, "c_1": first}
    found = {"c_0": first, "c_1": second}
    for term in (
        Affiliation(2.0),
        MutualInformation(2.0, views=VectorViews()),
    ):
        alone = OnFacets(term, (1,))
        assert alone.name == term.name
        assert alone.weight(0) == 2.0
        value = alone.total(found, lambda views: other)
        assert torch.equal(value, term.total({"c_1": second}, lambda views: other))
        gradients = torch.autograd.grad(value, first[0], allow_unused=True)
        looked_at_twice = isinstance(term, MutualInformation)  # as the other view of facet 1
        assert (gradients[0] is not None) is looked_at_twice
        both = OnFacets(term, (0, 1)).total(found, lambda views: other)
        torch.testing.assert_close(both, term.total(found, lambda views: other))
    with pytest.raises(ValueError, match="facets are missing"):
        OnFacets(Affiliation(), ())


def test_entropy_counts_no_zeros() -> None:
    probabilities = torch.tensor([[1.0, 0.0], [0.5, 0.5]], requires_grad=True)
    value = entropy(probabilities)
    assert value.tolist() == pytest.approx([0.0, math.log(2)])
    (slope,) = torch.autograd.grad(value.sum(), probabilities)
    assert slope.isfinite().all()


def test_a_term_of_one_s_own_needs_a_call_and_may_have_a_name() -> None:
    class LargestShare(Term):
        def __call__(self, responsibilities: Tensor, weights: Tensor) -> Tensor:
            return responsibilities.max()

    class Named(LargestShare):
        name = "largest"

    assert (LargestShare(0.5).weight(3), LargestShare().name) == (0.5, "largest_share")
    assert Named().name == "largest"
    with pytest.raises(TypeError, match=r"abstract class Term .*__call__"):
        Term()  # type: ignore[abstract]


SHARES = (0.1, 0.6, 0.3)


def test_with_shares_information_is_largest_at_them_in_any_order() -> None:
    """By a search over sizes, and at equal shares it is what it was."""
    torch.manual_seed(0)
    sizes = torch.distributions.Dirichlet(torch.ones(3, dtype=torch.float64)).sample((20_000,))
    best = sizes[balance_entropy(sizes, SHARES).argmax()]
    torch.testing.assert_close(
        best.sort().values, torch.tensor(sorted(SHARES)).double(), atol=0.02, rtol=0
    )
    p = torch.tensor(SHARES).double()
    torch.testing.assert_close(balance_entropy(p[[2, 0, 1]], SHARES), entropy(p))
    equal = (1 / 3, 1 / 3, 1 / 3)
    torch.testing.assert_close(balance_entropy(sizes, equal), entropy(sizes))
    first, second = torch.rand(2, 4, 50, 3, dtype=torch.float64).log().softmax(-1)
    for balance in (0.0, 0.5):
        torch.testing.assert_close(
            two_view_information(first, second, balance, equal),
            two_view_information(first, second, balance),
        )


def test_shares_make_the_right_cut_of_unlike_groups_the_best() -> None:
    """Nine of ten data are alike; equal halves win without shares, and the true cut with them."""
    truth = torch.eye(2)[(torch.arange(100) < 10).long()]
    halves = torch.eye(2)[(torch.arange(100) < 50).long()]
    one = torch.eye(2)[torch.zeros(100, dtype=torch.long)]
    plain, told = MutualInformation(), MutualInformation(shares=(0.9, 0.1))
    weights = torch.full((2,), 0.5)
    assert plain(halves, weights) < plain(truth, weights) < plain(one, weights)
    assert told(truth, weights) < told(one, weights) < told(halves, weights)
    two = [two_view_information(each, each, 0.5, (0.9, 0.1)) for each in (truth, one, halves)]
    assert two[0] > two[1] > two[2]


@pytest.mark.parametrize("shares", [(0.5, 0.6), (1.0, 0.0), (0.2, 0.3, 0.5)])
def test_shares_that_are_none_or_of_other_clusters(shares: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"shares is \("):
        MutualInformation(shares=shares).attach({"c": GaussianMixture(2, 2)}, 10)


@pytest.mark.parametrize("term", [Affiliation, InformationFloor, MutualInformation])
def test_a_term_is_not_turned_into_its_opposite(term: type[Term]) -> None:
    with pytest.raises(ValueError, match=r"weight is -1\.0: use a number from 0"):
        term(weight=-1.0)
