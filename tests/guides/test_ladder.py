"""The ladder's guide: each head on its own rung, also under the assignment rules."""

from __future__ import annotations

import torch

from pyromix.guides import GaussianHead, LadderGuide, OptimalAssignment
from pyromix.models import Facets, GaussianMixture, StyleMixture
from pyromix.networks import PerceptronLadder


def test_heads_see_their_own_rung() -> None:
    encoder = PerceptronLadder((6, 8)).encoder((4,), 2)
    heads = {
        "z_0": GaussianHead(6, 3),
        "z_1": GaussianHead(8, 2),
        "w_1": GaussianHead(8, 1),
    }
    guide = LadderGuide(encoder, **heads)
    x = torch.rand(5, 4)
    features, laws = encoder(x), guide.posterior(x)
    for site, head in heads.items():
        torch.testing.assert_close(laws[site].mean, head(features[int(site[-1])]).mean)
    assert [guide.width(site) for site in ("z_0", "c_0", "c_1")] == [6, 6, 8]


def test_the_optimal_rule_probes_every_facet() -> None:
    encoder = PerceptronLadder((6, 8)).encoder((4,), 2)
    guide = LadderGuide(
        encoder,
        z_0=GaussianHead(6, 3),
        z_1=GaussianHead(8, 2),
        w_1=GaussianHead(8, 1),
    )
    prior = Facets(GaussianMixture(3, 3, covariance="full"), StyleMixture(4, 2, 1, 8))
    latents = OptimalAssignment(guide, prior)(torch.rand(5, 4))
    assert sorted(latents) == ["c_0", "c_1", "w_1", "z_0", "z_1"]
    assert latents["c_1"].shape == (5,)
