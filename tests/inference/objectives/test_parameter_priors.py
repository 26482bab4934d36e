"""Priors on a mixture's parameters: the densities of SciPy, and what they do to a fit."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor
from torch.autograd.functional import jacobian

from pyromix import DeepMixture
from pyromix.inference import (
    Affiliation,
    ClosedFormELBO,
    ComponentPrior,
    OnFacets,
    SparseWeights,
    Training,
)
from pyromix.inference.objectives.parameter_priors import LEAST, log_component_prior
from pyromix.models import (
    GammaMixture,
    GaussianMixture,
    MixturePrior,
    StudentMixture,
    StyleMixture,
)
from pyromix.networks import Perceptron

ANY = torch.eye(4, dtype=torch.float64)  # responsibilities, which no prior of weights looks at
WEIGHTS = torch.tensor([0.2, 0.45, 0.05, 0.3], dtype=torch.float64)


def parts(v: Tensor) -> Tensor:
    """Of a stick broken at v (K-1,): (K,)."""
    left = torch.cat([v.new_ones(1), (1 - v).cumprod(0)])
    return torch.cat([v, v.new_ones(1)]) * left


@pytest.mark.parametrize("alpha", [0.3, 1.0, 6.0])
def test_a_dirichlet_is_that_of_scipy_once_per_data_set(alpha: float) -> None:
    found = SparseWeights(alpha, rows=70)(ANY, WEIGHTS)
    expected = -stats.dirichlet([alpha / 4] * 4).logpdf(WEIGHTS.numpy()) / 70
    assert float(found) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("alpha", [0.3, 1.0, 6.0])
def test_a_stick_is_broken_by_betas_of_scipy(alpha: float) -> None:
    """By the Jacobian of the parts by the breaks, taken numerically, the largest part first."""
    v = torch.tensor([0.5, 0.6, 0.8], dtype=torch.float64)
    weights = parts(v)
    assert weights.tolist() == sorted(weights.tolist(), reverse=True)
    volume = jacobian(lambda each: parts(each)[:-1], v).det().abs().log()
    expected = stats.beta(1, alpha).logpdf(v.numpy()).sum() - float(volume)
    for order in ([0, 1, 2, 3], [2, 0, 3, 1]):
        found = SparseWeights(alpha, "stick-breaking", rows=1)(ANY, weights[order])
        assert float(found) == pytest.approx(-expected, rel=1e-10)


@pytest.mark.parametrize("form", SparseWeights.forms)
def test_its_slope_switches_the_smallest_cluster_off(form: str) -> None:
    logits = WEIGHTS.log().requires_grad_()
    term = SparseWeights(0.5, form, rows=10)
    assert torch.autograd.gradcheck(lambda each: term(ANY, each.softmax(-1)), logits)
    (slope,) = torch.autograd.grad(term(ANY, logits.softmax(-1)), logits)
    assert slope.argmax() == 2  # descent lowers the weight of 0.05 most
    assert slope[1] < 0


@pytest.mark.parametrize("form", SparseWeights.forms)
def test_an_empty_cluster_makes_no_endless_density(form: str) -> None:
    term = SparseWeights(0.5, form, rows=10)
    empty, nearly = ([0.5, 0.5, each] for each in (0.0, LEAST / 10))
    values = [term(ANY, torch.tensor(each, dtype=torch.float64)) for each in (empty, nearly)]
    assert values[0] == pytest.approx(float(values[1]), rel=1e-9)
    lone = SparseWeights(0.5, form, rows=10)(ANY, torch.ones(1))
    assert float(lone) == pytest.approx(0.0, abs=1e-6)


def moved(mixture: MixturePrior) -> MixturePrior:
    for parameter in mixture.parameters():
        parameter.data = 0.4 * torch.randn_like(parameter.double())
    return mixture


@pytest.mark.parametrize("dim", [1, 3])
def test_full_components_have_scipys_wishart(dim: int) -> None:
    mixture = moved(GaussianMixture(5, dim, covariance="full"))
    law = mixture.component()
    scale = np.eye(dim) * 5 ** (2 / dim) / (dim + 2)
    expected = stats.norm.logpdf(law.mean.detach().numpy()).sum()
    for covariance in law.covariance_matrix.detach().numpy():
        precision = np.linalg.inv(covariance)
        expected += stats.wishart(dim + 2, scale).logpdf(precision if dim > 1 else precision[0, 0])
    assert log_component_prior(mixture).item() == pytest.approx(expected, rel=1e-10)


def test_diagonal_components_have_a_wishart_of_one_dimension_on_each_axis() -> None:
    mixture = moved(GaussianMixture(5, 3))
    law = mixture.component()
    precisions = 1 / law.variance.detach().numpy()
    expected = stats.norm.logpdf(law.mean.detach().numpy()).sum()
    expected += stats.wishart(3, 5 ** (2 / 3) / 3).logpdf(precisions.ravel()).sum()
    assert log_component_prior(mixture).item() == pytest.approx(expected, rel=1e-10)
    term = ComponentPrior().attach({"c": mixture}, 20)
    value = term.total({"c": (ANY, mixture.weights)}, lambda views: {})
    assert value.item() == pytest.approx(-expected / 20, rel=1e-10)


@pytest.mark.parametrize(
    "make", [GaussianMixture, partial(GaussianMixture, covariance="full"), StudentMixture]
)
def test_components_without_data_come_to_rest(make: Callable[[int, int], MixturePrior]) -> None:
    """At means of zero, and variances that the prior's mode says."""
    mixture = moved(make(4, 2))
    rate = torch.optim.Adam(mixture.parameters(), 0.05)
    for _ in range(600):
        rate.zero_grad()
        (-log_component_prior(mixture)).backward()
        rate.step()
    law = mixture.component()
    assert law.mean.abs().max() < 1e-2
    full = hasattr(law, "covariance_matrix")
    # The mode of Wishart(ν, S) is (ν - D - 1) S: of S = 4/(D + 2) I, or of one dimension.
    expected = (2 + 2) / 4 if full else 3 / 4
    variances = law.covariance_matrix.diagonal(dim1=-2, dim2=-1) if full else law.variance
    assert (variances - expected).abs().max() < 0.02


def test_the_fit_tells_its_terms_of_story_and_data() -> None:
    x = np.random.RandomState(0).rand(40, 3)
    sparse = SparseWeights(0.5)
    mixture = DeepMixture(
        n_clusters=4,
        latent_dim=2,
        networks=Perceptron(8),
        terms=[sparse, ComponentPrior()],
        pretraining=None,
        start=None,
        training=Training(max_epochs=1, learning_rate=1e-9),
        random_state=0,
    ).fit(x)
    prior = mixture.model_.prior.mixtures[0]
    row = mixture.history_[-1]
    assert row["sparse_weights"] == pytest.approx(
        -stats.dirichlet([0.125] * 4).logpdf([0.25] * 4) / 40, rel=1e-4
    )
    expected = -log_component_prior(prior).item() / 40
    assert row["component_prior"] == pytest.approx(expected, rel=1e-4)
    assert sparse.rows is None  # what the estimator was given knows of no data


def test_sparse_weights_switch_off_what_is_not_needed() -> None:
    """Of a mixture on its codes alone: two groups, six components, by MAP."""
    torch.manual_seed(0)
    z = torch.cat([torch.randn(200, 2) - 4, torch.randn(200, 2) + 4]).double()
    used = {}
    for name, pressure in {"none": 0.0, "dirichlet": 1.0, "stick-breaking": 1.0}.items():
        mixture = GaussianMixture(6, 2).double()
        mixture.loc.data = z[30::67].clone()
        form = "dirichlet" if name == "none" else name
        terms = [SparseWeights(0.5, form), ComponentPrior()]
        told = [term.attach({"c": mixture}, len(z)) for term in terms]
        adam = torch.optim.Adam(mixture.parameters(), 0.05)
        for _ in range(500):
            adam.zero_grad()
            loss = -mixture.log_prob(z).mean()
            found = {"c": (mixture.responsibilities(z), mixture.weights)}
            for term in told:
                loss = loss + 20 * pressure * term.total(found, lambda views: {})
            loss.backward()
            adam.step()
        used[name] = int((mixture.weights > 0.02).sum())
    assert used["dirichlet"] == used["stick-breaking"] == 2 < used["none"]


@pytest.mark.parametrize(
    ("term", "mixture", "words"),
    [
        (SparseWeights(), GaussianMixture(3, 2, learn_weights=False), "weights that are learnt"),
        (ComponentPrior(), GammaMixture(3, 2), "GammaMixture is elsewhere"),
        (ComponentPrior(), StyleMixture(3, 2, 1), "functions of a style"),
    ],
)
def test_a_story_that_it_is_not_for_is_refused(
    term: SparseWeights | ComponentPrior, mixture: MixturePrior, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        term.attach({"c": mixture}, 10)
    with pytest.raises(ValueError, match=words):
        OnFacets(term, (0,)).attach({"c_0": mixture}, 10)


def test_without_the_number_of_data_it_says_what_would_do() -> None:
    with pytest.raises(ValueError, match="use its attach"):
        SparseWeights()(ANY, WEIGHTS)
    with pytest.raises(ValueError, match="use its attach"):
        ComponentPrior().total({"c": (ANY, WEIGHTS)}, lambda views: {})
    with pytest.raises(ValueError, match="rows is 0"):
        SparseWeights(rows=0)
    with pytest.raises(ValueError, match="concentration is 0"):
        SparseWeights(0.0)
    with pytest.raises(ValueError, match="use one of dirichlet, stick-breaking"):
        SparseWeights(form="pitman-yor")


def test_on_facets_a_term_is_told_of_its_own_alone() -> None:
    mixtures: dict[str, MixturePrior] = {
        "c_0": GaussianMixture(3, 2, learn_weights=False),
        "c_1": GaussianMixture(3, 2),
    }
    term = OnFacets(SparseWeights(3.0), (1,)).attach(mixtures, 8)
    found = {site: (ANY, mixture.weights) for site, mixture in mixtures.items()}
    assert term.total(found, lambda views: {}).item() == pytest.approx(-math.log(2) / 8, rel=1e-5)
    assert ClosedFormELBO([term]).terms[0] is term
    affiliation = Affiliation()
    assert affiliation.attach(mixtures, 8) is affiliation
