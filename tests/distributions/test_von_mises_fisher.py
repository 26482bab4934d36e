"""The von Mises–Fisher law against SciPy and 40-digit arithmetic."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor
from torch.distributions import kl_divergence
from torch.nn import functional as F

from pyromix.distributions import PowerSpherical, SphericalUniform, VonMisesFisher
from pyromix.distributions.spherical import angle_derivative


def unit(*shape: int) -> Tensor:
    return F.normalize(torch.randn(shape, dtype=torch.float64), dim=-1)


def exact_log_normaliser(dim: int, concentration: float) -> float:
    """log C_D(κ)."""
    with mpmath.workdps(40):
        kappa, order = mpmath.mpf(concentration), mpmath.mpf(dim) / 2 - 1
        log_bessel = mpmath.log(mpmath.besseli(order, kappa))
        return float(order * mpmath.log(kappa) - dim / 2 * mpmath.log(2 * mpmath.pi) - log_bessel)


@pytest.mark.parametrize("dim", [2, 3, 5, 20, 50])
@pytest.mark.parametrize("concentration", [0.1, 1.0, 10.0, 100.0])
def test_density_and_entropy_agree_with_scipy(dim: int, concentration: float) -> None:
    law = VonMisesFisher(unit(dim), concentration)
    kappa: Any = concentration  # SciPy's stubs ask for a whole number
    scipy_law = stats.vonmises_fisher(law.loc.numpy(), kappa)
    z = torch.cat([law.sample((20,)), unit(20, dim)])
    np.testing.assert_allclose(law.log_prob(z), scipy_law.logpdf(z.numpy()), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(law.entropy(), scipy_law.entropy(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dim", [2, 3, 20, 128, 512])
@pytest.mark.parametrize("concentration", [1e-3, 1.0, 30.0, 1000.0, 1e4])
def test_density_agrees_with_forty_digits(dim: int, concentration: float) -> None:
    law = VonMisesFisher(unit(dim), concentration)
    z = torch.stack([law.loc, -law.loc, unit(dim)])
    expected = exact_log_normaliser(dim, concentration) + concentration * (z @ law.loc)
    torch.testing.assert_close(law.log_prob(z), expected, rtol=1e-10, atol=1e-9)


def test_density_on_the_circle_is_the_von_mises() -> None:
    angle = torch.linspace(-3, 3, 7, dtype=torch.float64)
    z = torch.stack([angle.cos(), angle.sin()], -1)
    expected = torch.distributions.VonMises(torch.tensor(0.0), torch.tensor(4.0)).log_prob(angle)
    got = VonMisesFisher(torch.tensor([1.0, 0.0], dtype=torch.float64), 4.0).log_prob(z)
    torch.testing.assert_close(got, expected.double(), rtol=1e-5, atol=1e-5)


def test_derivative_of_a_draw_is_the_closed_form_in_three_dimensions() -> None:
    """At D = 3 the cosine has the law F(t) = (e^(κt) - e^-κ) / (e^κ - e^-κ)."""
    t = torch.linspace(-0.99, 0.99, 41, dtype=torch.float64)
    for concentration in (0.1, 1.0, 20.0):
        kappa = torch.full_like(t, concentration, requires_grad=True)
        cumulative = torch.expm1(kappa * (t + 1)) / torch.expm1(2 * kappa)
        density = concentration * (concentration * (t + 1)).exp() / math.expm1(2 * concentration)
        (slope,) = torch.autograd.grad(cumulative.sum(), kappa)
        got = -(1 - t.square()).sqrt() * angle_derivative(
            kappa.detach(), t.acos(), VonMisesFisher, 3
        )
        torch.testing.assert_close(got, -slope / density, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("dim", [2, 3, 20, 128, 512])
def test_divergences(dim: int) -> None:
    p, q = VonMisesFisher(unit(4, dim), 15.0), VonMisesFisher(unit(4, dim), 6.0)
    z = p.sample((2000,))
    samples = p.log_prob(z) - q.log_prob(z)
    error = samples.std(0) / math.sqrt(len(samples))
    assert ((samples.mean(0) - kl_divergence(p, q)).abs() < 4 * error).all()
    uniform = SphericalUniform(dim, dtype=torch.float64)
    expected = uniform.entropy() - p.entropy()
    torch.testing.assert_close(kl_divergence(p, uniform), expected)
    torch.testing.assert_close(
        kl_divergence(p, VonMisesFisher(unit(dim), 0.0)), expected, rtol=1e-9, atol=1e-9
    )
    power = PowerSpherical(p.loc, 15.0)
    torch.testing.assert_close(kl_divergence(power, uniform), uniform.entropy() - power.entropy())


def test_divergence_of_near_twins_survives_float32() -> None:
    loc = unit(6, 20).float()
    concentration = torch.tensor(1e4)
    p, q = VonMisesFisher(loc, concentration), VonMisesFisher(loc, concentration * 1.001)
    double = [
        VonMisesFisher(loc.double(), law.concentration.double(), validate_args=False)
        for law in (p, q)
    ]
    torch.testing.assert_close(
        kl_divergence(p, q).double(), kl_divergence(*double), rtol=1e-3, atol=0
    )


def test_seed_decides_the_draw() -> None:
    law = VonMisesFisher(unit(10, 5), 3.0)
    torch.manual_seed(3)
    first = law.sample()
    torch.manual_seed(3)
    torch.testing.assert_close(law.sample(), first, rtol=0, atol=0)
