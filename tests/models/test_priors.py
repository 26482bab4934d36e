"""Priors start at weighted moments, and give the code that is decoded."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import normalize

from pyromix.distributions import SphericalUniform, VonMisesFisher
from pyromix.models import (
    GammaMixture,
    GaussianMixture,
    ReversedVonMisesFisherMixture,
    StyleMixture,
    VonMisesFisherMixture,
)


def test_reversed_story_assigns_as_the_forward_one_and_is_uniform() -> None:
    forward, backward = VonMisesFisherMixture(3, 5), ReversedVonMisesFisherMixture(3, 5)
    backward.load_state_dict(forward.state_dict())
    z = normalize(torch.randn(10, 5), dim=-1)
    torch.testing.assert_close(backward.responsibilities(z), forward.responsibilities(z))
    torch.testing.assert_close(backward.log_prob(z), SphericalUniform(5).log_prob(z))


@pytest.mark.parametrize("away", [0.0, 1e3])
def test_gaussian_log_joint_without_gradients_is_that_of_the_components(away: float) -> None:
    """By products of matrices: in single precision, far from zero, these would lose all digits."""
    prior = GaussianMixture(4, 3)
    with torch.no_grad():
        prior.loc.add_(away)
        prior.log_scale.uniform_(-3, 2)
        prior.logits.normal_()
        z = prior.loc + 0.1 * torch.randn(5, 4, 3)
        quick = prior.log_joint(z)
        prior.double()
        exact = prior.log_weights() + prior.component().log_prob(z.double().unsqueeze(-2))
    assert quick.dtype == torch.float32
    torch.testing.assert_close(quick.double(), exact, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("covariance", ["diag", "full"])
def test_gaussian_start_is_the_weighted_moments(covariance: str) -> None:
    codes = (
        torch.randn(400, 2, dtype=torch.float64) @ torch.tensor([[1.0, 0.8], [0.0, 0.5]]).double()
    )
    gamma = torch.rand(400, 3, dtype=torch.float64)
    gamma /= gamma.sum(1, keepdim=True)
    prior = GaussianMixture(3, 2, covariance=covariance).double()
    prior.initialise(codes, gamma)
    for k in range(3):
        mean = np.average(codes, axis=0, weights=gamma[:, k])
        spread = np.cov(codes.T, aweights=gamma[:, k], ddof=0)
        component = prior.component(torch.tensor(k))
        np.testing.assert_allclose(component.mean.detach(), mean, rtol=1e-9)
        ridge = 1e-4 if covariance == "full" else 0.0
        np.testing.assert_allclose(component.variance.detach(), spread.diagonal() + ridge)


def test_start_copies_weights_as_probabilities() -> None:
    """Weights stored as logits would turn .7, .2, .1 into .46, .28, .25."""
    labels = torch.repeat_interleave(torch.arange(3), torch.tensor([7000, 2000, 1000]))
    gamma = torch.nn.functional.one_hot(labels).double()
    prior = GaussianMixture(3, 2).double()
    prior.initialise(torch.randn(10_000, 2, dtype=torch.float64), gamma)
    expected = torch.tensor([0.7, 0.2, 0.1], dtype=torch.float64)
    torch.testing.assert_close(prior.weights.detach(), expected, atol=1e-3, rtol=0)


def test_gamma_start_is_the_moments_within_range() -> None:
    codes = torch.distributions.Gamma(5.0, 2.0).sample((20_000, 1)).double()
    prior = GammaMixture(1, 1).double()
    prior.initialise(codes, torch.ones(20_000, 1, dtype=torch.float64))
    component = prior.component(torch.tensor(0))
    assert component.mean.item() == pytest.approx(codes.mean().item(), rel=2e-2)
    assert component.variance.item() == pytest.approx(codes.var().item(), rel=5e-2)


def test_gamma_prior_decodes_the_logarithm() -> None:
    prior = GammaMixture(2, 3)
    z = torch.rand(4, 3) + 0.1
    torch.testing.assert_close(prior.code({"z": z}), z.log())
    assert torch.isfinite(prior.code({"z": torch.zeros(4, 3)})).all()


def test_von_mises_fisher_start_points_at_its_data() -> None:
    axis = normalize(torch.tensor([[1.0, 2.0, -1.0]]), dim=-1)
    codes = normalize(axis + 0.2 * torch.randn(2000, 3), dim=-1)
    prior = VonMisesFisherMixture(1, 3)
    prior.initialise(codes, torch.ones(2000, 1))
    assert (prior.component().loc @ axis.T).item() > 0.999


@pytest.mark.parametrize("concentration", [0.06, 1.0, 20.0, 400.0, 1000.0])
def test_von_mises_fisher_concentration_starts_where_it_is_told(concentration: float) -> None:
    prior = VonMisesFisherMixture(2, 3, concentration=concentration)
    got = prior.component().concentration.detach()
    torch.testing.assert_close(got, torch.full((2,), concentration), rtol=1e-4, atol=0)


@pytest.mark.parametrize("concentration", [0.0, 0.049, 1097.0, float("nan")])
def test_von_mises_fisher_concentration_out_of_reach(concentration: float) -> None:
    with pytest.raises(ValueError, match=rf"concentration is {concentration}: "):
        VonMisesFisherMixture(2, 3, concentration=concentration)


@pytest.mark.parametrize("concentration", [15.0, 45.0])
def test_von_mises_fisher_start_is_the_moments_within_range(concentration: float) -> None:
    """Banerjee's approximation, and its ceiling for codes that are all the same."""
    axis = normalize(torch.randn(8, dtype=torch.float64), dim=-1)
    codes = VonMisesFisher(axis, concentration).sample((200_000,))
    prior = VonMisesFisherMixture(1, 8).double()
    prior.initialise(codes, torch.ones(200_000, 1, dtype=torch.float64))
    r = codes.mean(0).norm().item()
    expected = r * (8 - r**2) / (1 - r**2)
    assert expected == pytest.approx(concentration, rel=0.03)
    assert prior.component().concentration.item() == pytest.approx(expected, rel=1e-6)
    prior.initialise(axis.expand(9, 8), torch.ones(9, 1, dtype=torch.float64))
    assert prior.component().concentration.item() == pytest.approx(50, rel=1e-6)


def test_style_start_is_the_weighted_moments() -> None:
    """With scales near both bounds of e^±4; at a style of zero hardly more than the biases."""
    codes = torch.randn(4000, 3, dtype=torch.float64) * torch.tensor([0.03, 1.0, 45.0]).double()
    prior = StyleMixture(2, 3, 1, 4).double()
    last = prior.network[-1]
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        last.weight.zero_()
    prior.initialise(codes, torch.full((4000, 2), 0.5, dtype=torch.float64))
    component = prior.component(w=torch.zeros(1, dtype=torch.float64))
    expected = codes.std(0, correction=0).expand(2, 3)
    torch.testing.assert_close(component.mean, codes.mean(0).expand(2, 3))
    torch.testing.assert_close(component.stddev, expected, rtol=1e-6, atol=0)


def test_at_least_one_cluster() -> None:
    with pytest.raises(ValueError, match="n_clusters is 0"):
        GaussianMixture(0, 2)
    with pytest.raises(ValueError, match="'diag' or 'full'"):
        GaussianMixture(2, 2, covariance="tied")
