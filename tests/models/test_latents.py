"""Guides that make no sense for a prior are refused in one line, wherever the two meet."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from torch import nn

from pyromix.estimators import DHVC
from pyromix.guides import (
    AmortisedAssignment,
    AmortisedGuide,
    GammaHead,
    GaussianHead,
    Head,
    OptimalAssignment,
    SphericalHead,
)
from pyromix.inference import ClosedFormELBO, ObjectiveModule
from pyromix.models import (
    Bernoulli,
    Facets,
    GammaMixture,
    GaussianMixture,
    MixturePrior,
    MixtureVAE,
    Prior,
    ReversedVonMisesFisherMixture,
    StyleMixture,
    VonMisesFisherMixture,
)

MISMATCHES = [
    (GammaMixture, GaussianHead, "on all vectors and GammaMixture on positive ones"),
    (GammaMixture, SphericalHead, "on the sphere and GammaMixture on positive ones"),
    (GaussianMixture, SphericalHead, "on the sphere and GaussianMixture on all vectors"),
    (VonMisesFisherMixture, GaussianHead, "on all vectors and VonMisesFisherMixture on the sphere"),
    (VonMisesFisherMixture, GammaHead, "on positive ones and VonMisesFisherMixture on the sphere"),
]


def meet(prior: Prior, guide: AmortisedGuide | AmortisedAssignment) -> ObjectiveModule:
    model = MixtureVAE(prior, Bernoulli(nn.Linear(prior.latent_dim, 5), (5,)))
    return ObjectiveModule(ClosedFormELBO(), model, guide)


@pytest.mark.parametrize(("family", "head", "words"), MISMATCHES)
def test_posteriors_on_another_space(
    family: Callable[[int, int], MixturePrior], head: Callable[[int, int], Head], words: str
) -> None:
    guide = AmortisedGuide(nn.Linear(5, 4), z=head(4, 2))
    prior = family(3, 2)
    assigned = AmortisedAssignment(guide, c=nn.Linear(4, 3))
    for build in (
        lambda: meet(prior, guide),
        lambda: meet(prior, assigned),
        lambda: OptimalAssignment(guide, prior),
    ):
        with pytest.raises(ValueError, match=words) as caught:
            build()
        assert "\n" not in str(caught.value)


def test_gammas_are_among_all_vectors() -> None:
    meet(GaussianMixture(3, 2), AmortisedGuide(nn.Linear(5, 4), z=GammaHead(4, 2)))


def test_a_latent_without_a_posterior() -> None:
    guide = AmortisedGuide(nn.Linear(5, 4), z=GaussianHead(4, 2))
    with pytest.raises(ValueError, match="no head for 'w', a latent of StyleMixture"):
        meet(StyleMixture(3, 2, 1), guide)


def test_every_facet_is_looked_at() -> None:
    prior = Facets(GaussianMixture(3, 2), GammaMixture(3, 2))
    heads = {"z_0": GaussianHead(4, 2), "z_1": GaussianHead(4, 2)}
    with pytest.raises(ValueError, match="'z_1' is on all vectors"):
        meet(prior, AmortisedGuide(nn.Linear(5, 4), **heads))


def test_the_reversed_story_wants_a_network_for_its_clusters() -> None:
    prior = ReversedVonMisesFisherMixture(3, 2)
    guide = AmortisedGuide(nn.Linear(5, 4), z=SphericalHead(4, 2))
    words = "learns no cluster by it; use 'amortised'"
    for build in (
        lambda: meet(prior, guide),
        lambda: OptimalAssignment(guide, prior),
        lambda: DHVC(assignment="optimal").build((5,)),
        lambda: DHVC(assignment="marginal").build((5,)),
    ):
        with pytest.raises(ValueError, match=words):
            build()
    meet(prior, AmortisedAssignment(guide, c=nn.Linear(4, 3)))
