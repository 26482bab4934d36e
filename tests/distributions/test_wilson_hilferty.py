"""The folded cube against quadrature, SciPy's Gamma and Monte Carlo."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch import Tensor
from torch.autograd import gradcheck

from pyromix.distributions import WilsonHilfertyGamma

SHAPES = [0.05, 0.3, 1.0, 2.0, 10.0, 100.0, 1000.0]


def law(concentration: float, rate: float = 2.0) -> WilsonHilfertyGamma:
    return WilsonHilfertyGamma(*torch.tensor([concentration, rate], dtype=torch.float64))


def integral(q: WilsonHilfertyGamma, function: Callable[[Tensor], Tensor | float]) -> float:
    """∫ q(z) f(z) dz with z = y³, in pieces of the Normal's standard deviation."""

    def integrand(y: float) -> float:
        z = torch.tensor(y**3, dtype=torch.float64)
        return float(q.log_prob(z).exp() * 3 * y**2 * function(z))

    scale, centre = float(q.scale), float((q.scale * q.standardised_loc).abs())
    pieces = [max(1e-12, centre + k * scale) for k in (-9, -6, -4, -2, -1, 0, 1, 2, 4, 6, 9)]
    pieces = sorted({1e-12, 1e-6 * scale, 1e-3 * scale, 0.1 * scale, *pieces})
    return sum(
        integrate.quad(integrand, a, b, epsabs=1e-12, epsrel=1e-10)[0]
        for a, b in itertools.pairwise(pieces)
    )


@pytest.mark.parametrize("concentration", SHAPES)
def test_density_mean_and_entropy_by_quadrature(concentration: float) -> None:
    q = law(concentration)
    assert integral(q, lambda z: 1.0) == pytest.approx(1.0, abs=1e-8)
    assert integral(q, lambda z: z) == pytest.approx(float(q.mean), rel=1e-8)
    assert integral(q, torch.log) == pytest.approx(float(q.mean_log), abs=2e-7)
    assert integral(q, lambda z: -q.log_prob(z)) == pytest.approx(float(q.entropy()), abs=2e-7)


@pytest.mark.parametrize(
    ("concentration", "least", "most"),
    [
        (0.1, 0.36, 0.38),
        (0.2, 0.12, 0.13),
        (0.5, 0.02, 0.022),
        (1.0, 0.0, 0.0125),
        (2.0, 0.0, 0.0045),
        (50.0, 0.0, 2e-4),
    ],
)
def test_distance_to_the_gamma(concentration: float, least: float, most: float) -> None:
    q = law(concentration)
    y = np.concatenate([np.geomspace(1e-12, 1e-4, 4000), np.linspace(1e-4, 6, 4000)])
    normal = stats.norm(float(q.scale * q.standardised_loc), float(q.scale))
    folded = normal.cdf(y) - normal.cdf(-y)
    distance = np.abs(folded - stats.gamma(concentration, scale=0.5).cdf(y**3)).max()
    assert least < distance < most


@pytest.mark.parametrize("concentration", SHAPES)
def test_draws_follow_the_density(concentration: float) -> None:
    q = law(concentration)
    z = q.sample((20_000,))
    for samples, expected in (
        (z, q.mean), (z.log(), q.mean_log), (-q.log_prob(z), q.entropy()),
    ):  # fmt: skip
        assert (samples.mean() - expected).abs() < 4 * samples.std() / math.sqrt(len(samples))


@pytest.mark.parametrize("concentration", [0.05, 1.0, 10.0])
def test_gradients(concentration: float) -> None:
    parameters = torch.tensor([concentration, 2.0], dtype=torch.float64, requires_grad=True)

    def values(parameters: Tensor) -> Tensor:
        q = WilsonHilfertyGamma(*parameters)
        z = torch.tensor([0.01, 0.5, 7.0], dtype=torch.float64)
        return torch.stack([q.mean, q.mean_log, q.entropy(), *q.log_prob(z)])

    assert gradcheck(values, parameters, atol=2e-6)
    each = parameters.detach().repeat(20_000, 1).requires_grad_()
    WilsonHilfertyGamma(*each.unbind(-1)).rsample().log().sum().backward()
    expected = torch.autograd.functional.jacobian(lambda p: values(p)[1], parameters)
    assert each.grad is not None
    error = each.grad.std(0) / math.sqrt(len(each))
    if concentration >= 1:  # below, log|y| has no finite variance of its slope
        assert ((each.grad.mean(0) - expected).abs() < 4 * error + 1e-9).all()


def test_float32_keeps_up() -> None:
    concentration = torch.tensor([1.0, 3.0, 30.0, 100.0, 1000.0])
    single = WilsonHilfertyGamma(concentration, torch.rand(5) + 0.5)
    double = WilsonHilfertyGamma(single.concentration.double(), single.rate.double())
    z = double.sample((500,))
    for got, expected in (
        (single.log_prob(z.float()), double.log_prob(z.float().double())),
        (single.entropy(), double.entropy()),
        (single.mean, double.mean),
        (single.mean_log, double.mean_log),
    ):
        torch.testing.assert_close(got.double(), expected, rtol=1e-4, atol=1e-4)


def test_shapes_and_support() -> None:
    q = WilsonHilfertyGamma(torch.ones(4, 1), torch.ones(5)).expand([3, 4, 5])
    z = q.rsample((2,))
    assert z.shape == (2, 3, 4, 5)
    assert (z > 0).all()
    assert q.to_event(1).log_prob(z).shape == (2, 3, 4)
    with pytest.raises(ValueError, match="concentration"):
        WilsonHilfertyGamma(0.0, 1.0)
    with pytest.raises(ValueError, match="support"):
        q.log_prob(torch.tensor(-1.0))
