"""Every part of the zoo is put to the contract that users put their own parts to."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from pyromix.guides import (
    AmortisedGuide,
    FlowHead,
    FullGaussianHead,
    GammaHead,
    GaussianHead,
    SphericalHead,
)
from pyromix.inference import (
    Affiliation,
    Classification,
    ComponentPrior,
    FacetIndependence,
    InformationFloor,
    MutualInformation,
    OnFacets,
    PairwiseConstraints,
    SparseWeights,
    VectorViews,
)
from pyromix.models import (
    Bernoulli,
    ContinuousBernoulli,
    GammaMixture,
    GaussianMixture,
    HeteroscedasticNormal,
    Laplace,
    NegativeBinomial,
    Normal,
    Poisson,
    ReversedVonMisesFisherMixture,
    StudentMixture,
    StudentT,
    StyleMixture,
    VampPriorMixture,
    VonMisesFisherMixture,
    ZeroInflatedNegativeBinomial,
)
from pyromix.parts import names
from pyromix.testing import check_head, check_likelihood, check_prior, check_term

PRIORS = [
    GaussianMixture,
    partial(GaussianMixture, covariance="full"),
    partial(GaussianMixture, learn_weights=False),
    StudentMixture,
    GammaMixture,
    VonMisesFisherMixture,
    ReversedVonMisesFisherMixture,
]


class Attached(VampPriorMixture):
    """Attached to an encoder that is the same each time."""

    def __init__(self, n_clusters: int, latent_dim: int) -> None:
        super().__init__(n_clusters, latent_dim)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            guide = AmortisedGuide(torch.nn.Linear(4, 3), z=GaussianHead(3, latent_dim))
        self.attach(guide.double(), (4,))


STYLE = partial(StyleMixture, style_dim=1, hidden_dim=4)
HEADS = [
    GaussianHead,
    FullGaussianHead,
    partial(FlowHead, hidden_dim=16),
    GammaHead,
    partial(GammaHead, family="wilson-hilferty"),
    SphericalHead,
    partial(SphericalHead, family="power-spherical"),
]
LIKELIHOODS = [
    Bernoulli,
    ContinuousBernoulli,
    Normal,
    partial(Normal, scale=0.2),
    partial(Normal, scale=0.2, sigmoid=True),
    HeteroscedasticNormal,
    Laplace,
    StudentT,
    Poisson,
    NegativeBinomial,
    ZeroInflatedNegativeBinomial,
]
TERMS = [
    *(Affiliation(2.0, form) for form in Affiliation.forms),
    InformationFloor(0.5),
    InformationFloor(9.0),
    Classification(),
    PairwiseConstraints(),
    MutualInformation(),
    MutualInformation(balance=0.0, views=VectorViews()),
    OnFacets(Affiliation(), (1,)),
    FacetIndependence(),
    OnFacets(FacetIndependence(), (0, 1)),
    *(SparseWeights(0.5, form, rows=50) for form in SparseWeights.forms),
    ComponentPrior().attach({"c": GaussianMixture(3, 2).double()}, 50),
]


def permute_style(prior: Any, order: Tensor) -> None:
    """Reorder the heads of a style mixture, which stand in the rows of its last layer."""
    last = prior.network[2]
    with torch.no_grad():
        for parameter in (last.weight, last.bias):
            heads = parameter.unflatten(0, (prior.n_clusters, 2 * prior.latent_dim))
            parameter.copy_(heads[order].flatten(0, 1).clone())


@pytest.mark.parametrize("prior", PRIORS, ids=str)
def test_priors(prior: Any) -> None:
    check_prior(prior)


def test_the_prior_with_a_style() -> None:
    check_prior(STYLE, permute=permute_style)


def test_the_prior_of_a_guides_posteriors() -> None:
    check_prior(Attached)


@pytest.mark.parametrize("head", HEADS, ids=str)
def test_heads(head: Any) -> None:
    check_head(head)


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=str)
def test_likelihoods(likelihood: Any) -> None:
    check_likelihood(likelihood)


@pytest.mark.parametrize("term", TERMS, ids=str)
def test_terms(term: Any) -> None:
    check_term(term)


@pytest.mark.parametrize(
    ("kind", "tried"),
    [
        ("prior", [*PRIORS, STYLE, VampPriorMixture]),
        ("head", HEADS),
        ("likelihood", LIKELIHOODS),
        ("term", [type(term) for term in TERMS]),
    ],
)
def test_no_part_of_the_zoo_is_left_out(kind: str, tried: list[Any]) -> None:
    ours = {part for part in names(kind).values() if part.__module__.startswith("pyromix.")}
    # Several of the others, or of columns, which have tests of their own.
    several = {part for part in ours if part.__name__ in ("Facets", "Mixed")}
    assert {getattr(part, "func", part) for part in tried} == ours - several
