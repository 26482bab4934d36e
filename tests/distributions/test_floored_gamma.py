"""Draws of small shapes against SciPy: the law, what the floor does to log z, and the gradient."""

from __future__ import annotations

import math

import numpy as np
import pyro.distributions as dist
import pytest
import torch
from scipy import special, stats

from pyromix.distributions import FlooredGamma, cross_entropy, unsqueeze_batch

FLOOR = 1e-30


def lift(shape: float, rate: float) -> float:
    """What the floor adds to E[log z]: log f - log z over the levels below F(f) of the quantile."""
    below = special.gammainc(shape, rate * FLOOR)
    level = (np.arange(200_000) + 0.5) / 200_000 * below
    # Far below its mean a Gamma's distribution function is (bz)^a / Γ(a + 1).
    log_z = (np.log(level) + special.gammaln(shape + 1)) / shape - math.log(rate)
    return float(below * (math.log(FLOOR) - log_z).mean())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [0.05, 0.1, 0.3, 1.0, 5.0])
def test_draws_have_the_law_and_the_stated_bias(shape: float, dtype: torch.dtype) -> None:
    rate = shape / 2
    q = FlooredGamma(torch.full((200_000,), shape, dtype=dtype), rate)
    z = q.sample().double()
    assert z.min() >= 0.999 * FLOOR
    cumulative = stats.gamma(shape, scale=1 / rate).cdf
    above = z[z > 1.01 * FLOOR][:20_000]
    start = cumulative(FLOOR)
    assert stats.kstest(above, lambda x: (cumulative(x) - start) / (1 - start)).pvalue > 1e-3
    exact = special.digamma(shape) - math.log(rate)
    error = float(z.log().std()) / math.sqrt(len(z))
    assert z.log().mean().item() == pytest.approx(exact + lift(shape, rate), abs=4 * error)
    assert lift(shape, rate) == pytest.approx(cumulative(FLOOR) / shape, rel=1e-3)


@pytest.mark.parametrize("mean", [1e-3, 20.0])
def test_the_bias_is_as_small_as_is_said(mean: float) -> None:
    assert lift(0.1, 0.1 / mean) < 0.02
    assert lift(0.2, 0.2 / mean) < 2e-5
    assert lift(0.3, 0.3 / mean) < 1e-7


@pytest.mark.parametrize("shape", [0.1, 0.4, 2.0])
def test_gradients_of_log_draws_in_float32(shape: float) -> None:
    """d E[log z]/da is trigamma(a), and steep log-densities stay finite at every draw."""
    a = torch.full((100_000,), shape, requires_grad=True)
    z = FlooredGamma(a, 1.0).rsample()
    (slope,) = torch.autograd.grad(z.log().sum(), a, retain_graph=True)
    expected = special.polygamma(1, shape)
    error = slope.std().item() / math.sqrt(len(slope))
    # At a = .1 the floor hides what lies below: F(f) of the draws, the steepest.
    assert slope.mean().item() == pytest.approx(expected, abs=4 * error + 0.02 * expected)
    (slope,) = torch.autograd.grad(dist.Gamma(100.0, 1.0).log_prob(z).sum(), a)
    assert slope.isfinite().all()


def test_it_is_a_gamma_all_the_same() -> None:
    q = FlooredGamma(torch.rand(4, 1) + 0.2, torch.rand(3) + 0.5)
    same, p = dist.Gamma(q.concentration, q.rate), dist.Gamma(2.0, torch.ones(3))
    torch.testing.assert_close(q.entropy(), same.entropy())
    torch.testing.assert_close(cross_entropy(q, p), cross_entropy(same, p))
    wide = unsqueeze_batch(q.expand([2, 4, 3]).to_event(1))
    assert isinstance(wide, torch.distributions.Independent)
    assert type(wide.base_dist) is FlooredGamma
    assert wide.rsample().shape == (2, 4, 1, 3)
