"""Heads give laws of the right family, inside their bounds, with gradients at extreme features."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pyromix.guides import (
    AmortisedGuide,
    FlowHead,
    FullGaussianHead,
    GammaHead,
    GaussianHead,
    SphericalHead,
)

HEADS = [
    lambda: GaussianHead(6, 3),
    lambda: FullGaussianHead(6, 3),
    lambda: FlowHead(6, 3),
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


@pytest.mark.parametrize("kind", [FullGaussianHead, FlowHead])
def test_flexible_heads_start_as_the_diagonal_gaussian(
    kind: type[FullGaussianHead] | type[FlowHead],
) -> None:
    head = kind(6, 3, log_scale=-1.0)
    inner = head.diagonal if isinstance(head, FullGaussianHead) else head.gaussian
    features, z = torch.randn(50, 6), torch.randn(50, 3)
    ours, diagonal = head(features), inner(features)
    torch.testing.assert_close(ours.log_prob(z), diagonal.log_prob(z), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ours.mean, diagonal.mean, rtol=1e-3, atol=1e-3)
    head.narrow(5.0 + torch.randn(500, 3))
    spread = head(features).sample((500,)).std(0)
    torch.testing.assert_close(spread.mean(), torch.tensor(-2.0).exp(), rtol=0.1, atol=0)


@pytest.mark.parametrize("kind", [FullGaussianHead, FlowHead])
def test_flexible_heads_can_be_correlated_and_keep_their_mean(
    kind: type[FullGaussianHead] | type[FlowHead],
) -> None:
    head = kind(6, 3)
    for parameter in head.parameters():
        nn.init.normal_(parameter, 0.0, 0.3)
    law = head(torch.randn(1, 6))
    draws = law.sample((40_000,))[:, 0]
    error = 4 * draws.std(0) / 200  # of the draws; a flow's own mean is within a hundredth more
    assert ((draws.mean(0) - law.mean[0]).abs() < error + 0.03 * draws.std(0)).all()
    correlations = torch.corrcoef(draws.T) - torch.eye(3)
    assert float(correlations.abs().max()) > 0.05


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
