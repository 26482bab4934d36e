"""Heads give laws of the right family, inside their bounds, with gradients at extreme features."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.distributions import Distribution

from pyromix.guides import (
    AmortisedGuide,
    FlowHead,
    FullGaussianHead,
    GammaHead,
    GaussianHead,
    Head,
    SphericalHead,
)

HEADS: list[Callable[[], Head]] = [
    lambda: GaussianHead(6, 3),
    lambda: FullGaussianHead(6, 3),
    lambda: FlowHead(6, 3),
    lambda: GammaHead(6, 3),
    lambda: GammaHead(6, 3, min_shape=0.1),
    lambda: GammaHead(6, 3, family="wilson-hilferty"),
    lambda: SphericalHead(6, 3),
    lambda: SphericalHead(6, 3, family="power-spherical"),
]


@pytest.mark.parametrize("make", HEADS)
@pytest.mark.parametrize("size", [1.0, 100.0])
def test_draws_and_gradients_are_finite(make: Callable[[], Head], size: float) -> None:
    head = make()
    posterior = head(size * torch.randn(50, 6))
    assert posterior.batch_shape == (50,)
    assert posterior.event_shape == (3,)
    z = posterior.rsample()
    (posterior.log_prob(z.detach()).sum() + z.sum()).backward()
    assert finite_gradients(head)


def finite_gradients(head: Head) -> bool:
    """Every parameter has a gradient, and all of it is finite."""
    gradients = [p.grad for p in head.parameters()]
    return all(grad is not None and bool(torch.isfinite(grad).all()) for grad in gradients)


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
    torch.testing.assert_close(scale, torch.full((1, 3), -2.0).exp(), rtol=1e-5, atol=0)


@pytest.mark.parametrize("concentration", [1.1, 2.0, 50.0, 900.0])
def test_concentrations_start_where_they_are_told(concentration: float) -> None:
    law = SphericalHead(6, 3, concentration=concentration)(torch.zeros(1, 6) + 1e-9)
    torch.testing.assert_close(law.concentration, torch.tensor([concentration]), rtol=1e-3, atol=0)


def test_a_flow_leaves_validation_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "zuko"]:
        monkeypatch.delitem(sys.modules, name)
    assert Distribution._validate_args
    FlowHead(6, 3)
    assert Distribution._validate_args


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


@pytest.mark.parametrize("min_shape", [0.1, 0.5, 1.0, 3.0])
def test_shapes_of_gammas_go_down_to_their_least(min_shape: float) -> None:
    head = GammaHead(6, 3, min_shape=min_shape)
    with torch.no_grad():
        head.linear.weight.zero_()
        head.linear.bias[3:] = torch.tensor([-40.0, -2.0, 40.0])
    law = head(torch.zeros(1, 6))
    shape = law.base_dist.concentration[0]
    assert shape[0].item() == pytest.approx(min_shape, rel=1e-6)
    assert min_shape < shape[1] < min_shape + 0.2
    assert shape[2].item() == pytest.approx(40, rel=1e-6)
    torch.testing.assert_close(law.mean, head(torch.ones(1, 6)).mean)


def test_draws_of_small_shapes_are_told_from_zero_in_float32() -> None:
    """log z, its log-density and their gradients, at shapes near .1 and small means."""
    head = GammaHead(6, 3, min_shape=0.1)
    with torch.no_grad():
        head.linear.weight.mul_(0.1)
        head.linear.bias.copy_(torch.tensor([-8.0, 0.0, 3.0, -8.0, -8.0, -8.0]))
    law = head(torch.randn(5000, 6))
    z = law.rsample()
    assert (z == z.min()).float().mean() < 0.003
    (law.log_prob(z).sum() + z.log().sum()).backward()
    assert finite_gradients(head)


@pytest.mark.parametrize("family", ["implicit", "wilson-hilferty"])
@pytest.mark.parametrize("min_shape", [0.05, 0.0, -1.0, 100.0, float("nan")])
def test_least_shapes_out_of_reach(family: str, min_shape: float) -> None:
    with pytest.raises(ValueError, match=rf"min_shape is {min_shape}: .* takes"):
        GammaHead(6, 3, family=family, min_shape=min_shape)


def test_cubed_normals_look_like_gammas_from_one_on() -> None:
    with pytest.raises(ValueError, match=r"0.5: 'wilson-hilferty' takes .* from 1 .*'implicit'"):
        GammaHead(6, 3, family="wilson-hilferty", min_shape=0.5)


@pytest.mark.parametrize("min_shape", [0.1, 1.0])
@pytest.mark.parametrize("spread", [0.8, 2.0, 3.5])
def test_narrowing_gives_gammas_the_shape_that_is_meant(min_shape: float, spread: float) -> None:
    """Shapes e⁴ / spread², so that the noise of log z is e⁻² of the code's."""
    code = (spread * torch.randn(2000, 3)).exp()
    head = GammaHead(6, 3, min_shape=min_shape)
    head.narrow(code)
    shape = head(torch.randn(4, 6)).base_dist.concentration
    expected = (4 - 2 * code.clamp(min=1e-6).log().std(0).mean().log()).exp()
    expected = expected.clamp(max=90).expand_as(shape)
    torch.testing.assert_close(shape, expected, rtol=1e-3, atol=0)
