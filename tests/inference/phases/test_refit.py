"""Fitting mixtures anew: what is found, when, and apart from which other facets."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_rand_score
from torch import Tensor, nn

from pyromix.guides import AmortisedGuide, GaussianHead, Guide, LadderGuide
from pyromix.inference import (
    ClosedFormELBO,
    CollapseWarning,
    Progressive,
    Recipe,
    Refit,
    Rows,
    Training,
    make_fabric,
    refit_mixture,
    responsibilities,
)
from pyromix.inference.phases import Fit, Joining
from pyromix.inference.phases.refit import Refitting
from pyromix.models import Bernoulli, Facets, GaussianMixture, MixtureVAE, Normal
from pyromix.networks import PerceptronLadder

X = (torch.rand(40, 6, generator=torch.Generator().manual_seed(0)) > 0.5).float()


def ladder() -> tuple[MixtureVAE, Guide]:
    """Two facets in a ladder of perceptrons."""
    networks = PerceptronLadder((8, 7))
    encoder, decoder = networks.encoder((6,), 2), networks.decoder((2, 1), (6,))
    model = MixtureVAE(
        Facets(GaussianMixture(3, 2), GaussianMixture(4, 1)), Bernoulli(decoder, (6,))
    )
    return model, LadderGuide(encoder, z_0=GaussianHead(8, 2), z_1=GaussianHead(7, 1))


@pytest.fixture
def shift() -> Tensor:
    return torch.arange(120) % 4


@pytest.fixture
def group() -> Tensor:
    return torch.arange(120) // 4 % 3


@pytest.fixture
def x(shift: Tensor, group: Tensor) -> Tensor:
    """Data (s, s + g): s is large and facet 1's, g is small and what facet 0 should find."""
    small = group + 0.05 * torch.randn(120, dtype=torch.float64)
    return torch.stack([10.0 * shift, 10.0 * shift + small], -1)


@pytest.fixture
def story() -> tuple[MixtureVAE, Guide]:
    """Facet 0's code is s + g, and facet 1's code is s."""
    heads = GaussianHead(2, 1), GaussianHead(2, 1)
    guide = AmortisedGuide(nn.Identity(), z_0=heads[0], z_1=heads[1])
    prior = Facets(GaussianMixture(3, 1), GaussianMixture(4, 1))
    with torch.no_grad():
        for head, column in zip(heads, (1, 0), strict=True):
            head.linear.weight.zero_()
            head.linear.weight[0, column] = 1.0
            head.linear.bias.copy_(torch.tensor([0.0, -3.0]))
        prior.mixtures[1].loc.copy_(10.0 * torch.arange(4.0).unsqueeze(-1))
    return MixtureVAE(prior, Normal(nn.Linear(2, 2), (2,))).double(), guide.double()


def test_a_mixture_finds_what_the_given_facet_does_not_tell(
    story: tuple[MixtureVAE, Guide], x: Tensor, shift: Tensor, group: Tensor
) -> None:
    model, guide = story
    before = {name: value.clone() for name, value in guide.state_dict().items()}
    other = {name: value.clone() for name, value in model.prior.facet_1.state_dict().items()}
    refit_mixture(model, guide, x, 0, given=(1,))
    # Each group of facet 0 is spread over all of facet 1's: moments of the mixed codes.
    component = model.prior.mixtures[0].component()
    wanted = torch.stack([x[group == g, 1].mean() for g in range(3)])
    torch.testing.assert_close(component.mean.flatten().sort().values, wanted, atol=0.05, rtol=0)
    spread = torch.full((3,), 125.0).sqrt().double()
    torch.testing.assert_close(component.stddev.flatten(), spread, atol=0.1, rtol=0)
    assert all(torch.equal(value, before[name]) for name, value in guide.state_dict().items())
    again = model.prior.facet_1.state_dict()
    assert all(torch.equal(value, other[name]) for name, value in again.items())


def test_alone_it_finds_the_largest_groups(
    story: tuple[MixtureVAE, Guide], x: Tensor, shift: Tensor
) -> None:
    model, guide = story
    refit_mixture(model, guide, x, 1)
    found = responsibilities(model, guide, x)["c_1"].argmax(-1)
    assert adjusted_rand_score(shift, found) == 1.0
    deviations = model.prior.mixtures[1].component().stddev.flatten()
    # Moments of draws from q(z | x), whose deviation is e^-3, and not of their means.
    assert (deviations / np.exp(-3)).sub(1).abs().max() < 0.3


def test_same_seed_same_fit(story: tuple[MixtureVAE, Guide], x: Tensor) -> None:
    fits = []
    for _ in range(2):
        torch.randn(7)
        refit_mixture(*story, x, 0, given=(1,), seed=4)
        fits.append(story[0].prior.mixtures[0].loc.detach().clone())
    assert torch.equal(*fits)


def refitting(joining: Joining, epochs: tuple[int, ...]) -> Refitting:
    """The hook that refits before those steps, epochs of one step."""
    steps = Refit(epochs).steps(joining, 1, 100)
    fit = Fit(*ladder(), Rows(X), 3, Training())
    return Refitting(fit, dict(zip(joining.facets, steps, strict=True)))


def test_facets_are_fitted_anew_apart_from_those_before_them() -> None:
    hook = refitting(Joining((10, 20), 4), (5, 25, 25))
    assert hook.due(4) == ()
    assert hook.due(5) == ((2, ()),)
    assert hook.due(25) == ((1, (2,)), (0, (2, 1)))
    late = refitting(Joining((3,), 4, order=(0, 1)), (9, 4))
    assert late.due(4) == ((1, ()),)
    assert late.due(9) == ((0, ()),)


def test_by_default_halfway_from_joining_to_the_next_or_to_the_end() -> None:
    assert Refit().steps(Joining((), 0), 10, 300) == (150,)
    assert Refit().steps(Joining((0, 0), 0), 10, 300) == (150, 150, 150)
    assert Refit().steps(Joining((40, 40), 0), 10, 300) == (20, 170, 170)
    assert Refit().steps(Joining((100, 160), 20), 10, 300) == (50, 130, 230)
    assert Refit((0, 12, 29)).steps(Joining((100, 120), 20), 10, 300) == (0, 120, 290)


@pytest.mark.parametrize(
    "epochs",
    [(3,), (3, 4), (0, 30), (0, 10, 20), (-1, 11)],
    ids=["too few", "before it joins", "after the end", "too many", "negative"],
)
def test_refusals(epochs: tuple[int, ...]) -> None:
    words = r"there are 2 mixture\(s\) .* no sooner than it joins|takes \(int from 0"
    with pytest.raises(ValueError, match=words):
        Refit(epochs).steps(Joining((50,), 1), steps_per_epoch=10, end=300)


def test_before_its_step_a_mixture_is_fitted_anew_and_only_in_training() -> None:
    model, guide = ladder()
    during = (Progressive((2,), 1), Refit((0, 4)))
    training = Training(max_epochs=6, batch_size=40, during=during)
    fit = Fit(model, guide, Rows(X), 3, training)
    elbo = ClosedFormELBO()
    objective = training.objective(fit, elbo)
    elbo.step = 4
    before = [mixture.loc.detach().clone() for mixture in model.prior.mixtures]
    other = copy.deepcopy((model, guide))
    with torch.no_grad():
        objective.eval()(X)
    assert torch.equal(model.prior.mixtures[0].loc, before[0])
    objective.train()(X)
    fitted = model.prior.mixtures[0].loc.detach().clone()
    assert not torch.equal(fitted, before[0])
    assert torch.equal(model.prior.mixtures[1].loc, before[1])
    objective(X)  # the next step leaves it alone
    assert torch.equal(model.prior.mixtures[0].loc, fitted)
    refit_mixture(*other, X, 0, given=(1,), seed=3)
    assert torch.equal(other[0].prior.mixtures[0].loc, fitted)


def test_codes_that_are_no_numbers_are_told_apart() -> None:
    model, guide = ladder()
    with torch.no_grad():
        guide.heads["z_0"].linear.bias.fill_(torch.nan)
    with pytest.raises(FloatingPointError, match="codes of facet 0 are no numbers"):
        refit_mixture(model, guide, X, 0)


def history(during: tuple[Any, ...]) -> tuple[list[str], list[dict[str, Any]]]:
    """Words of collapse and rows of a training whose facet 0 has clusters that are alike."""

    def alike() -> tuple[MixtureVAE, Guide]:
        model, guide = ladder()
        with torch.no_grad():
            model.prior.mixtures[0].loc.zero_()
        return model, guide

    training = Training(max_epochs=6, batch_size=10, learning_rate=1e-9, during=during)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _, _, rows = Recipe(ClosedFormELBO(), training).fit(make_fabric("cpu"), alike, X)
    return [str(each.message) for each in caught if each.category is CollapseWarning], rows


def test_until_it_is_fitted_anew_a_facet_may_be_one_cluster() -> None:
    """Nothing is warned of, though the clusters of facet 0 are alike all along."""
    at_once = Progressive((0,), 0)
    for during, told in (((at_once,), True), ((at_once, Refit((0, 5))), False)):
        words, rows = history(during)
        assert any("all data have fallen in one cluster of 'c_0'" in each for each in words) is told
        expected = [None] * 6 if told else [0.0] * 5 + [1.0]
        assert [row.get("refitted_0") for row in rows] == expected
        assert [row.get("refitted_1") for row in rows] == ([None] * 6 if told else [1.0] * 6)


def test_without_progressive_all_facets_are_there_from_the_start() -> None:
    _, rows = history((Refit(),))
    for facet in (0, 1):
        assert [row[f"refitted_{facet}"] for row in rows] == [0.0] * 3 + [1.0] * 3
    assert not any("alpha_0" in row for row in rows)
