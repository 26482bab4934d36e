"""Assignment rules as objects around a guide, made of the guide and the prior."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pyromix.guides import (
    AmortisedAssignment,
    AmortisedGuide,
    GaussianHead,
    Guide,
    LadderGuide,
    Marginal,
    OptimalAssignment,
)
from pyromix.inference import ClosedFormELBO, EnumeratedELBO, MixtureELBO, responsibilities
from pyromix.models import Bernoulli, Facets, GaussianMixture, MixtureVAE
from pyromix.networks import PerceptronLadder
from pyromix.parts import build

X = torch.rand(6, 5, generator=torch.Generator().manual_seed(0))


def inner() -> AmortisedGuide:
    return AmortisedGuide(nn.Linear(5, 4), z=GaussianHead(4, 2))


@pytest.mark.parametrize("elbo", [ClosedFormELBO, EnumeratedELBO])
def test_marginal_is_what_a_bare_guide_is(elbo: type[MixtureELBO]) -> None:
    prior, bare = GaussianMixture(3, 2), inner()
    model = MixtureVAE(prior, Bernoulli(nn.Linear(2, 5), (5,)))
    ruled = build("assignment", "marginal", Guide, bare, prior)
    assert type(ruled) is Marginal
    losses, slopes = [], []
    for guide in (bare, ruled):
        torch.manual_seed(1)
        losses.append(elbo().differentiable_loss(model, guide, X))
        slopes.append(torch.autograd.grad(losses[-1], list(bare.parameters())))
    assert torch.equal(*losses)
    assert all(torch.equal(one, other) for one, other in zip(*slopes, strict=True))
    answers = [responsibilities(model, guide, X)["c"] for guide in (bare, ruled)]
    assert torch.equal(*answers)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("marginal", Marginal), ("optimal", OptimalAssignment), ("amortised", AmortisedAssignment)],
)
def test_a_rule_is_made_of_a_guide_and_a_prior_and_hands_on_what_the_guide_says(
    name: str, kind: type[Guide]
) -> None:
    guide = inner()
    ruled = build("assignment", name, Guide, guide, GaussianMixture(3, 2))
    assert type(ruled) is kind
    assert ruled.assignment == name
    assert ruled.amortised is guide
    assert torch.equal(ruled.posterior(X)["z"].mean, guide.posterior(X)["z"].mean)
    code = 50.0 * torch.randn(100, 2)
    ruled.narrow("z", code)
    scale = guide.posterior(X)["z"].stddev
    assert torch.allclose(scale, scale[:1, :1].expand_as(scale))
    assert scale.max() < 0.2 * code.std(0).mean()


def test_every_clustering_gets_a_linear_layer_on_its_own_rung() -> None:
    encoder = PerceptronLadder((6, 8)).encoder((5,), 2)
    guide = LadderGuide(encoder, z_0=GaussianHead(6, 3), z_1=GaussianHead(8, 2))
    prior = Facets(GaussianMixture(3, 3), GaussianMixture(4, 2))
    own = nn.Sequential(nn.Linear(8, 4), nn.Tanh())
    ruled = AmortisedAssignment(guide, prior, c_1=own)
    logits = ruled.infer(X)[1]
    features = guide.features(X)
    layer = ruled.networks["c_0"]
    assert isinstance(layer, nn.Linear)
    assert (layer.in_features, layer.out_features) == (6, 3)
    assert torch.equal(logits["c_0"], layer(features[0]))
    assert torch.equal(logits["c_1"], own(features[1]))
    assert ruled.networks["c_1"] is own


def test_a_network_is_needed_for_some_clustering() -> None:
    with pytest.raises(ValueError, match="networks are missing"):
        AmortisedAssignment(inner())
