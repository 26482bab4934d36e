"""The continuous Bernoulli law against 60-digit arithmetic and its distribution function."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pyro.distributions as dist
import pytest
import torch
from scipy import stats
from torch import Tensor

from pyromix.distributions import ContinuousBernoulli, unsqueeze_batch

LOGITS = [-1e4, -50.0, -20.0, -3.0, -0.5, -0.49, -1e-3, 0.0, 1e-9, 0.3, 0.6, 7.0, 50.0, 1e4]
X = [0.0, 1e-3, 0.3, 0.5, 0.9, 1.0]


def log_partition(logit: mpmath.mpf) -> mpmath.mpf:
    """log ∫ e^(λx) dx over [0, 1]."""
    return mpmath.log(mpmath.expm1(logit) / logit) if logit else mpmath.mpf(0)


def exact(logit: float) -> tuple[list[float], float, float]:
    """The log-density at X, the mean and the variance, of the law ∝ e^(λx)."""
    with mpmath.workdps(60):
        at = mpmath.mpf(logit) or mpmath.mpf("1e-15")
        log_p = [float(at * mpmath.mpf(x) - log_partition(at)) for x in X]
        mean = 1 / -mpmath.expm1(-at) - 1 / at
        variance = 1 / at**2 - 1 / (4 * mpmath.sinh(at / 2) ** 2)
        return log_p, float(mean), float(variance)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("logit", LOGITS)
def test_density_moments_and_their_gradients(logit: float, dtype: torch.dtype) -> None:
    rtol = 1e-6 if dtype == torch.float32 else 1e-13
    given = torch.tensor(logit, dtype=dtype, requires_grad=True)
    law = ContinuousBernoulli(given)
    x = torch.tensor(X, dtype=dtype)
    log_p, mean, variance = exact(given.item())
    exact_log_p = torch.tensor(log_p, dtype=torch.float64)
    got = law.log_prob(x)
    torch.testing.assert_close(got.double(), exact_log_p, rtol=rtol, atol=4 * rtol)
    assert law.mean.item() == pytest.approx(mean, rel=rtol)
    assert law.variance.item() == pytest.approx(variance, rel=20 * rtol)
    for value, weight in zip(got, X, strict=True):
        (slope,) = torch.autograd.grad(value, given, retain_graph=True)
        assert slope.item() == pytest.approx(weight - mean, abs=4 * rtol)
    (slope,) = torch.autograd.grad(law.mean, given)
    assert slope.item() == pytest.approx(variance, rel=100 * rtol)
    (slope,) = torch.autograd.grad(law.variance, given)
    assert slope.isfinite()


@pytest.mark.parametrize("logit", [-50.0, -20.0, -0.7, 0.0, 0.2, 20.0, 50.0])
def test_it_integrates_to_one_and_torch_s_does_not(logit: float) -> None:
    nodes, weights = (torch.tensor(v) for v in np.polynomial.legendre.leggauss(200))
    given = torch.tensor(logit, dtype=torch.float64)

    def total(law: dist.TorchDistribution) -> float:
        return float((weights / 2 * law.log_prob((nodes + 1) / 2).exp()).sum())

    assert total(ContinuousBernoulli(given)) == pytest.approx(1, abs=1e-12)
    if logit == -20:
        clamped = dist.ContinuousBernoulli(logits=given.float()).log_prob((nodes + 1).float() / 2)
        assert float((weights / 2 * clamped.exp()).sum()) < 0.9


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("logit", LOGITS)
def test_draws_follow_the_distribution_function(logit: float, dtype: torch.dtype) -> None:
    law = ContinuousBernoulli(torch.tensor(logit, dtype=dtype))
    x = law.sample((20_000,))
    assert x.dtype == dtype
    assert ((x >= 0) & (x <= 1)).all()

    def cumulative(x: Any) -> Any:
        """(e^(λx) - 1)/(e^λ - 1), for negative logits; others are mirrored."""
        return np.expm1(-abs(logit) * x) / np.expm1(-abs(logit)) if logit else x

    x = x.double() if logit <= 0 else 1 - x.double()
    assert stats.kstest(x, cumulative).pvalue > 1e-3


def test_shapes_and_support() -> None:
    law = ContinuousBernoulli(torch.randn(4, 1, 3)).expand([4, 5, 3])
    assert law.sample((2,)).shape == (2, 4, 5, 3)
    assert law.mean.shape == law.variance.shape == (4, 5, 3)
    assert law.to_event(2).log_prob(torch.rand(2, 4, 5, 3)).shape == (2, 4)
    assert law.log_prob(torch.tensor(0.3)).shape == (4, 5, 3)
    assert unsqueeze_batch(law.to_event(1)).batch_shape == (4, 5, 1)
    with pytest.raises(ValueError, match="support"):
        law.log_prob(torch.tensor(1.1))
    with pytest.raises(ValueError, match="logits"):
        ContinuousBernoulli(torch.tensor(math.nan))


def test_values_have_gradients() -> None:
    x = torch.tensor([0.1, 0.9], dtype=torch.float64, requires_grad=True)
    given: Tensor = torch.tensor([-30.0, 4.0], dtype=torch.float64)
    (slope,) = torch.autograd.grad(ContinuousBernoulli(given).log_prob(x).sum(), x)
    torch.testing.assert_close(slope, given)
