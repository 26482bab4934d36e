"""What the settings make: phases of a sensible length, networks by the data, terms and weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pyromix import DHVC, GMVAE, MFCVAE, VaDE
from pyromix.inference import (
    AffineViews,
    AutoViews,
    Budget,
    ClosedFormELBO,
    InformationFloor,
    MutualInformation,
    Rows,
    Training,
    VectorViews,
)
from pyromix.inference.phases import Fit
from pyromix.networks import Perceptron


@pytest.mark.parametrize(
    ("given", "steps_per_epoch", "epochs"),
    [(7, 1, 7), (0, 1, 0), (Budget(500, 2, 9), 100, 5), (Budget(500, 2, 9), 1, 9)],
)
def test_a_phase_lasts_its_steps_within_bounds(
    given: int | Budget, steps_per_epoch: int, epochs: int
) -> None:
    assert Training(max_epochs=given).trainer(steps_per_epoch).max_epochs == epochs


def test_few_steps_are_at_least_the_least_epochs() -> None:
    assert Budget(500, 2, 9).epochs(10_000) == 2
    assert Budget(500).epochs(400) == 2


def widths(estimator: VaDE, event_shape: tuple[int, ...]) -> tuple[int, ...]:
    """The sizes of the encoder's linear layers."""
    _, guide = estimator.build(event_shape)
    encoder = guide.amortised.encoder
    return tuple(each.out_features for each in encoder.modules() if isinstance(each, nn.Linear))


def test_hidden_layers_are_small_for_small_data_unless_given() -> None:
    assert widths(VaDE(), (64,)) == (256, 256)
    assert widths(VaDE(), (784,)) == (500, 500, 2000)
    assert widths(GMVAE(), (1, 28, 28)) == (500, 500)
    assert widths(DHVC(networks=Perceptron(7)), (784,)) == (7,)


def test_dhvc_has_convolutions_for_images_alone() -> None:
    assert widths(DHVC(), (1, 28, 28)) == ()
    assert widths(DHVC(), (784,)) == (500, 500)


def test_the_information_is_of_one_view_or_of_two() -> None:
    (one,) = VaDE(terms=[MutualInformation(2.0, balance=0.1)]).elbo().terms
    assert isinstance(one, MutualInformation)
    assert (one.weight(0), one.balance, one.views) == (2.0, 0.1, None)
    (two,) = VaDE(terms=[MutualInformation(2.0, views="auto")]).elbo().terms
    assert isinstance(two, MutualInformation)
    assert isinstance(two.views, AutoViews)
    for shape, views in (((3, 64), AffineViews()), ((3, 5), VectorViews())):
        x = torch.rand(shape)
        torch.manual_seed(3)
        expected = views(x)
        torch.manual_seed(3)
        assert torch.equal(two.views(x), expected)


def test_terms_and_weights_are_those_of_the_papers_by_default() -> None:
    assert VaDE().elbo().terms == MFCVAE().elbo().terms == ()
    (floor,) = GMVAE().elbo().terms
    assert isinstance(floor, InformationFloor)
    assert floor.floor == 0.5
    (information,) = DHVC().elbo().terms
    assert isinstance(information, MutualInformation)
    assert (information.weight(0), information.balance) == (5.0, 0.5)


def test_the_latents_of_dhvc_are_weighed_in_over_the_first_epoch() -> None:
    dhvc = DHVC(training=Training(max_epochs=3, batch_size=10), networks=Perceptron(4))
    model, guide = dhvc.build((6,))
    fit = Fit(model, guide, Rows(torch.rand(80, 6)), 0, dhvc.training)
    elbo = dhvc.training.objective(fit, dhvc.elbo()).elbo
    weights = []
    for step in (0, 4, 8, 20):
        elbo.step = step
        weights.append(elbo.kl_weight())
    assert weights == [0.0, 0.5, 1.0, 1.0]
    assert VaDE().elbo().kl_weight() == ClosedFormELBO().kl_weight() == 1.0
