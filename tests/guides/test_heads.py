"""Heads give laws of the right family, inside their bounds, with gradients at extreme features."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pyromix.guides import AmortisedGuide, GammaHead, GaussianHead, SphericalHead

HEADS = [
    lambda: GaussianHead(6, 3),
    lambda: GammaHead(6, 3),
    lambda: GammaHead(6, 3, family="wilson-hilferty"),
    lambda: SphericalHead(6, 3),
    lambda: SphericalHead(6, 3, family="power-spherical"),
]


@pytest.mark.parametrize("make", HEADS)
@pytest.mark.parametrize("size", [1.0, 100.0])
def test_draws_and_gradients_are_finite(make: object, size: float) -> None:
    head = make()  # type: ignore[operator]
    posterior = head(size * torch.randn(50, 6))
    assert posterior.batch_shape == (50,)
    assert posterior.event_shape == (3,)
    z = posterior.rsample()
    (posterior.log_prob(z.detach()).sum() + z.sum()).backward()
    assert all(torch.isfinite(p.grad).all() for p in head.parameters())


def test_gaussian_noise_starts_where_it_is_told() -> None:
    head = GaussianHead(6, 3, log_scale=-2.0)
    scale = head(torch.zeros(1, 6)).stddev
    torch.testing.assert_close(scale, torch.full((1, 3), -2.0).exp(), rtol=0.1, atol=0)


def test_narrowing_leaves_the_mean_and_scales_the_noise_with_the_code() -> None:
    head, features = GaussianHead(6, 3), torch.randn(500, 6)
    before = head(features).mean
    for factor in (1.0, 10.0):
        head.narrow(factor * before)
        after = head(features)
        torch.testing.assert_close(after.mean, before)
        ratio = after.stddev / (factor * before.std(0).mean())
        torch.testing.assert_close(ratio, torch.full_like(ratio, 0.1353), rtol=0.15, atol=0)


def test_guide_emits_a_site_for_each_head() -> None:
    guide = AmortisedGuide(nn.Linear(4, 6), z=GaussianHead(6, 3), w=GaussianHead(6, 2))
    assert {site: q.event_shape[0] for site, q in guide.posterior(torch.zeros(5, 4)).items()} == {
        "z": 3,
        "w": 2,
    }
    with pytest.raises(ValueError, match="heads are missing"):
        AmortisedGuide(nn.Linear(4, 6))


@pytest.mark.parametrize("kind", [GammaHead, SphericalHead])
def test_unknown_family(kind: type[GammaHead | SphericalHead]) -> None:
    with pytest.raises(ValueError, match="family is 'normal'"):
        kind(6, 3, family="normal")
