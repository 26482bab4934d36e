"""Cross entropies against quadrature, torch's KL and Monte Carlo; dispatch and broadcasting."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck
from torch.distributions import Distribution, Independent, kl_divergence
from torch.nn import functional as F

from pyromix.distributions import (
    PowerSpherical,
    SphericalUniform,
    VonMisesFisher,
    WilsonHilfertyGamma,
    cross_entropy,
    register_cross_entropy,
    unsqueeze_batch,
)
from pyromix.distributions.cross_entropy import _RULES


@pytest.fixture(autouse=True)
def _float64() -> Iterator[None]:
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def quadrature(q: Distribution, p: Distribution, low: float, high: float) -> Tensor:
    """-E_q[log p] of univariate laws, substituting z = low + (high - low) u^4."""
    nodes, weights = (torch.tensor(v) for v in np.polynomial.legendre.leggauss(400))
    u = ((nodes + 1) / 2).reshape(-1, *[1] * max(len(q.batch_shape), len(p.batch_shape)))
    weights = weights.reshape(u.shape) * 2 * u**3 * (high - low)
    z = low + (high - low) * u**4
    return -(weights * q.log_prob(z).exp() * p.log_prob(z)).sum(0)


def normal(*shape: int) -> dist.Normal:
    return dist.Normal(torch.randn(shape), torch.rand(shape) + 0.2)


def gamma(*shape: int) -> dist.Gamma:
    return dist.Gamma(1 + 4 * torch.rand(shape), 0.5 + torch.rand(shape))


def vmf(*shape: int) -> VonMisesFisher:
    return VonMisesFisher(F.normalize(torch.randn(shape), dim=-1), 5 * torch.rand(shape[:-1]))


def test_normal_and_gamma_by_quadrature() -> None:
    q, p = normal(3, 1), normal(4)
    torch.testing.assert_close(cross_entropy(q, p), quadrature(q, p, -20.0, 20.0))
    q, p = gamma(3, 1), gamma(4)
    torch.testing.assert_close(cross_entropy(q, p), quadrature(q, p, 0.0, 80.0))
    r = WilsonHilfertyGamma(q.concentration, q.rate)
    torch.testing.assert_close(cross_entropy(r, p), quadrature(r, p, 0.0, 80.0))


@pytest.mark.parametrize("size", [2, 10])
@pytest.mark.parametrize("clusters", [3, 20])
def test_diagonal_normals_agree_with_torch(size: int, clusters: int) -> None:
    q, p = normal(6, 1, size).to_event(1), normal(clusters, size).to_event(1)
    torch.testing.assert_close(cross_entropy(q, p), kl_divergence(q, p) + q.entropy())
    assert cross_entropy(normal(size).to_event(1), p).shape == (clusters,)


def test_full_posteriors_agree_with_torch() -> None:
    tril = torch.randn(6, 1, 3, 3).tril(-1) + (torch.rand(6, 1, 3) + 0.3).diag_embed()
    q = dist.MultivariateNormal(torch.randn(6, 1, 3), scale_tril=tril)
    other = torch.randn(4, 3, 3).tril(-1) + (torch.rand(4, 3) + 0.3).diag_embed()
    full = dist.MultivariateNormal(torch.randn(4, 3), scale_tril=other)
    diagonal = normal(4, 3).to_event(1)
    as_full = dist.MultivariateNormal(diagonal.mean, diagonal.variance.diag_embed())
    wide = q.expand([6, 4])
    for p, same in ((full, full), (diagonal, as_full)):
        expected = kl_divergence(wide, same.expand([6, 4])) + q.entropy()
        torch.testing.assert_close(cross_entropy(q, p), expected)


def test_full_covariance_agrees_with_torch_and_its_own_diagonal() -> None:
    q = normal(6, 1, 3).to_event(1)
    tril = torch.randn(4, 3, 3).tril(-1) + (torch.rand(4, 3) + 0.3).diag_embed()
    p = dist.MultivariateNormal(torch.randn(4, 3), scale_tril=tril)
    full = dist.MultivariateNormal(q.mean, q.variance.diag_embed())
    expected = kl_divergence(full.expand([6, 4]), p.expand([6, 4])) + q.entropy()
    torch.testing.assert_close(cross_entropy(q, p), expected)
    diagonal = normal(4, 3).to_event(1)
    as_full = dist.MultivariateNormal(
        diagonal.mean, scale_tril=diagonal.base_dist.scale.diag_embed()
    )
    torch.testing.assert_close(cross_entropy(q, as_full), cross_entropy(q, diagonal))


@pytest.mark.parametrize("family", [VonMisesFisher, PowerSpherical])
def test_von_mises_fisher_on_the_sphere_by_quadrature(family: type) -> None:
    """Gauss–Legendre in the height, equal steps in the longitude: exact for smooth functions."""
    height, weight = (torch.tensor(v) for v in np.polynomial.legendre.leggauss(200))
    longitude = torch.arange(200) * 2 * math.pi / 200
    radius = (1 - height**2).sqrt()
    z = torch.stack(
        [
            radius[:, None] * longitude.cos(),
            radius[:, None] * longitude.sin(),
            height[:, None].expand(-1, 200),
        ],
        -1,
    )
    q = family(F.normalize(torch.randn(3), dim=-1), 4.0)
    p = vmf(5, 3)
    area = weight[:, None] * (2 * math.pi / 200) * q.log_prob(z).exp()
    expected = -(area[..., None] * p.log_prob(z[..., None, :])).sum((0, 1))
    torch.testing.assert_close(cross_entropy(q, p), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [2, 3, 20, 128])
def test_cross_entropy_less_entropy_is_the_kl_on_the_sphere(size: int) -> None:
    q, p = vmf(4, 1, size), vmf(5, size)
    torch.testing.assert_close(cross_entropy(q, p) - q.entropy(), kl_divergence(q, p))
    assert (kl_divergence(q, p) > 0).all()
    torch.testing.assert_close(kl_divergence(q, q), torch.zeros(4, 1))
    uniform = SphericalUniform(size)
    torch.testing.assert_close(cross_entropy(q, uniform) - q.entropy(), kl_divergence(q, uniform))
    nearly_uniform = VonMisesFisher(p.loc, 1e-9)
    torch.testing.assert_close(
        cross_entropy(q, uniform).expand(4, 5), cross_entropy(q, nearly_uniform)
    )


def test_anything_on_the_sphere_against_the_uniform() -> None:
    q = dist.ProjectedNormal(torch.randn(4, 1, 3))
    expected = torch.full((4, 5), math.log(4 * math.pi))
    torch.testing.assert_close(cross_entropy(q, SphericalUniform(3, (5,))), expected)


@pytest.mark.parametrize(
    "q",
    [
        dist.Normal(torch.zeros(4, 1, 3), 1.0).to_event(1),
        dist.Gamma(torch.ones(4, 1, 3), 1.0).to_event(1),
        dist.MultivariateNormal(torch.zeros(4, 1, 3), torch.eye(3)),
    ],
)
@pytest.mark.parametrize("family", [SphericalUniform, VonMisesFisher, PowerSpherical])
def test_nothing_off_the_sphere_is_scored_on_it(q: Distribution, family: type) -> None:
    p = SphericalUniform(3, (5,)) if family is SphericalUniform else family(torch.eye(3), 2.0)
    with pytest.raises(NotImplementedError, match=f"no closed-form .* and {family.__name__}"):
        cross_entropy(q, p)
    with pytest.raises(NotImplementedError, match=f"no closed-form .*{family.__name__} and "):
        cross_entropy(p, q)


@pytest.mark.parametrize(
    ("q", "p"),
    [
        (lambda a, b: dist.Normal(a, b).to_event(1), lambda c, d: dist.Normal(c, d).to_event(1)),
        (lambda a, b: dist.Normal(a, b), lambda c, d: dist.Normal(c, d)),
        (
            lambda a, b: dist.Normal(a, b).to_event(1),
            lambda c, d: dist.MultivariateNormal(c, scale_tril=d.diag_embed() + c.tril(-1)),
        ),
        (
            lambda a, b: dist.Gamma(a.exp(), b).to_event(1),
            lambda c, d: dist.Gamma(c.exp(), d).to_event(1),
        ),
        (
            lambda a, b: WilsonHilfertyGamma(a.exp(), b).to_event(1),
            lambda c, d: dist.Gamma(c.exp(), d).to_event(1),
        ),
        (
            lambda a, b: VonMisesFisher(F.normalize(a, dim=-1), b[..., 0]),
            lambda c, d: VonMisesFisher(F.normalize(c, dim=-1), d[..., 0]),
        ),
        (
            lambda a, b: PowerSpherical(F.normalize(a, dim=-1), b[..., 0]),
            lambda c, d: VonMisesFisher(F.normalize(c, dim=-1), d[..., 0]),
        ),
    ],
)
def test_gradients_in_all_parameters(q: type, p: type) -> None:
    inputs = (
        torch.randn(2, 1, 3), torch.rand(2, 1, 3) + 0.5, torch.randn(3, 3), torch.rand(3, 3) + 0.5,
    )  # fmt: skip
    for tensor in inputs:
        tensor.requires_grad_()
    assert gradcheck(lambda a, b, c, d: cross_entropy(q(a, b), p(c, d)), inputs)


def test_unregistered_pairs_fall_back_to_the_kl() -> None:
    q, p = dist.Categorical(torch.rand(4, 1, 3)), dist.Categorical(torch.rand(5, 3))
    expected = -(q.probs * p.logits).sum(-1)
    torch.testing.assert_close(cross_entropy(q, p), expected)


def test_monte_carlo_only_by_request() -> None:
    q = gamma(4, 1, 2).to_event(1)
    p = dist.MultivariateNormal(torch.zeros(5, 2), torch.eye(2))
    with pytest.raises(NotImplementedError, match=r"Independent\(Gamma\) and MultivariateNormal"):
        cross_entropy(q, p)
    estimate = cross_entropy(q, p, num_samples=100_000)
    second_moment = (q.variance + q.mean**2).sum(-1)
    expected = (math.log(2 * math.pi) + 0.5 * second_moment).expand(4, 5)
    torch.testing.assert_close(estimate, expected, rtol=0.02, atol=0.0)
    discrete = dist.Poisson(torch.ones(3))
    with pytest.raises(NotImplementedError, match="Poisson has no rsample"):
        cross_entropy(discrete, dist.NegativeBinomial(2, torch.tensor(0.5)), num_samples=10)


def test_different_event_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"one event shape, got \(3,\) of Independent\(Normal\)"):
        cross_entropy(normal(3).to_event(1), normal(3))


def test_independent_dimensions_nest_freely() -> None:
    q, p = normal(4, 2, 3), normal(4, 2, 3)
    expected = cross_entropy(q, p).sum((-1, -2))
    torch.testing.assert_close(cross_entropy(q.to_event(2), p.to_event(2)), expected)
    nested = Independent(Independent(p, 1), 1)
    torch.testing.assert_close(cross_entropy(q.to_event(2), nested), expected)
    rows = Independent(dist.MultivariateNormal(p.loc, p.scale.square().diag_embed()), 1)
    torch.testing.assert_close(cross_entropy(q.to_event(2), rows), expected)
    torch.testing.assert_close(
        cross_entropy(Independent(q, 0), Independent(p, 0)), cross_entropy(q, p)
    )


def test_the_nearest_rule_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    class Special(dist.Normal):
        pass

    q, p = Special(0.0, 1.0), normal()
    torch.testing.assert_close(cross_entropy(q, p), cross_entropy(dist.Normal(0.0, 1.0), p))
    rules: dict[Any, Any] = _RULES
    monkeypatch.setitem(rules, (Special, dist.Normal), None)
    register_cross_entropy(Special, dist.Normal)(lambda q, p: torch.tensor(7.0))
    assert cross_entropy(q, p) == 7.0
    assert cross_entropy(p, q) != 7.0


def test_no_cancellation_far_from_the_origin() -> None:
    shift = 1e4
    q, p = normal(5, 1, 8).to_event(1), normal(20, 8).to_event(1)
    far_q = dist.Normal((q.mean + shift).float(), q.base_dist.scale.float()).to_event(1)
    far_p = dist.Normal((p.mean + shift).float(), p.base_dist.scale.float()).to_event(1)
    exact = cross_entropy(
        dist.Normal(far_q.mean.double(), far_q.base_dist.scale.double()).to_event(1),
        dist.Normal(far_p.mean.double(), far_p.base_dist.scale.double()).to_event(1),
    )
    torch.testing.assert_close(cross_entropy(far_q, far_p).double(), exact, rtol=1e-5, atol=1e-4)


def test_a_batch_of_posteriors_meets_the_components() -> None:
    posterior = normal(6, 3).to_event(1)
    assert cross_entropy(unsqueeze_batch(posterior), normal(4, 3).to_event(1)).shape == (6, 4)
