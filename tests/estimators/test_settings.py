"""What the settings make: phases of a sensible length, terms and their weights."""

from __future__ import annotations

import pytest

from pyromix.estimators import DHVC, GMVAE, VaDE
from pyromix.estimators.settings import Budget
from pyromix.inference import AffineViews, MutualInformation, VectorViews


@pytest.mark.parametrize(
    ("given", "steps_per_epoch", "epochs"), [(7, 1, 7), (0, 1, 0), (None, 100, 5), (None, 1, 9)]
)
def test_a_phase_lasts_its_steps_within_bounds(
    given: int | None, steps_per_epoch: int, epochs: int
) -> None:
    assert Budget(500, 2, 9).epochs(given, steps_per_epoch) == epochs


def test_few_steps_are_at_least_the_least_epochs() -> None:
    assert Budget(500, 2, 9).epochs(None, 10_000) == 2
    assert Budget(500).epochs(None, 400) == 2


def test_hidden_layers_are_small_for_small_data_unless_given() -> None:
    assert VaDE().shared((64,), "normal")["hidden_dims"] == (256, 256)
    assert VaDE().shared((784,), "normal")["hidden_dims"] == (500, 500, 2000)
    assert GMVAE().shared((1, 28, 28), "normal")["hidden_dims"] == (500, 500)
    assert DHVC(hidden_dims=(7,)).shared((784,), "normal")["hidden_dims"] == (7,)


def test_the_information_is_of_one_view_or_of_two() -> None:
    (one,) = VaDE(mutual_information=2.0, balance=0.1).terms(10, (64,))
    assert isinstance(one, MutualInformation)
    assert (one.weight(0), one.balance, one.views) == (2.0, 0.1, None)
    for shape, views in (((64,), AffineViews()), ((5,), VectorViews())):
        (two,) = VaDE(mutual_information=2.0, views="auto").terms(10, shape)
        assert isinstance(two, MutualInformation)
        assert two.views == views
