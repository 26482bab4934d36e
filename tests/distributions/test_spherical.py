"""Both laws of the sphere against quadrature over their angle: density, moments and gradients.

The reference knows nothing of the code under test: midpoints in the angle, whose law is
proportional to exp(κT(cos φ)) sin(φ)^(D-2) and smooth, so that 20,000 of them give six digits.
"""

from __future__ import annotations

import math
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyro
import pytest
import torch
from pyro.infer import Trace_ELBO, TraceMeanField_ELBO
from scipy import stats
from torch import Tensor
from torch.distributions import kl_divergence
from torch.nn import functional as F

from pyromix.distributions import PowerSpherical, SphericalUniform, VonMisesFisher, cross_entropy
from pyromix.distributions.spherical import SphericalFamily, angle_derivative, cosine

FAMILIES = [VonMisesFisher, PowerSpherical]
DIMENSIONS = [3, 5, 20, 50, 128]
CONCENTRATIONS = [0.5, 2.0, 12.0, 100.0]
EDGES = np.linspace(0, math.pi, 20_001)
ANGLE = (EDGES[1:] + EDGES[:-1]) / 2


@pytest.fixture(autouse=True)
def _float64() -> Iterator[None]:
    torch.manual_seed(1)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def log_density(family: type, concentration: float, dim: int) -> np.ndarray:
    """The angle's log-density at ANGLE, not normalised."""
    cos = np.cos(ANGLE)
    statistic = cos if family is VonMisesFisher else np.log1p(cos)
    return np.asarray(concentration * statistic + (dim - 2) * np.log(np.sin(ANGLE)))


def expectation(
    family: type, concentration: float, dim: int, function: Callable[[np.ndarray], np.ndarray]
) -> float:
    """E[f(μᵀz)], to rounding."""
    logs = log_density(family, concentration, dim)
    weights = np.exp(logs - logs.max())
    return float((weights * function(np.cos(ANGLE))).sum() / weights.sum())


def unit(*shape: int) -> Tensor:
    return F.normalize(torch.randn(shape), dim=-1)


def tangent(loc: Tensor) -> Tensor:
    w = unit(*loc.shape)
    return F.normalize(w - (w @ loc) * loc, dim=-1)


def within_four_errors(samples: Tensor, expected: Tensor | float) -> bool:
    error = samples.std(0) / math.sqrt(len(samples))
    return bool(((samples.mean(0) - expected).abs() < 4 * error).all())


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("concentration", [0.0, 1e-3, 1.0, 30.0])
def test_density_integrates_to_one_on_the_sphere(family: type, concentration: float) -> None:
    height, weight = (torch.tensor(v) for v in np.polynomial.legendre.leggauss(150))
    longitude = torch.arange(150) * 2 * math.pi / 150
    around = torch.stack([longitude.cos(), longitude.sin()], -1)
    flat = (1 - height.square()).sqrt()[:, None, None] * around
    z = torch.cat([flat, height[:, None, None].expand(-1, 150, 1)], -1)
    density = family(unit(3), concentration).log_prob(z).exp()
    total = (weight[:, None] * density).sum() * 2 * math.pi / 150
    torch.testing.assert_close(total.item(), 1.0, rtol=1e-6, atol=0)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dim", [2, 3, 10, 128, 512])
@pytest.mark.parametrize("concentration", [1e-3, 1.0, 50.0])
def test_density_and_entropy_along_the_angle(family: type, dim: int, concentration: float) -> None:
    law = family(F.one_hot(torch.tensor(0), dim).double(), concentration)
    angle = (torch.arange(2000) + 0.5) * math.pi / 2000
    z = torch.zeros(len(angle), dim)
    z[:, 0], z[:, 1] = angle.cos(), angle.sin()
    log_prob = law.log_prob(z)
    belt = SphericalUniform(dim - 1).entropy() if dim > 2 else math.log(2)
    mass = (log_prob + belt + (dim - 2) * angle.sin().log()).exp() * math.pi / len(angle)
    torch.testing.assert_close(mass.sum().item(), 1.0, rtol=1e-5, atol=0)
    torch.testing.assert_close(-(mass * log_prob).sum(), law.entropy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dim", [2, *DIMENSIONS])
@pytest.mark.parametrize("concentration", CONCENTRATIONS)
def test_moments(family: type, dim: int, concentration: float) -> None:
    law = family(unit(dim), concentration)
    z = law.sample((20_000,))
    cos = z @ law.loc
    first = expectation(family, concentration, dim, lambda t: t)
    second = expectation(family, concentration, dim, np.square)
    torch.testing.assert_close(law.mean, first * law.loc, rtol=1e-4, atol=1e-6)
    assert within_four_errors(cos, first)
    assert within_four_errors(cos.square(), second)
    across = tangent(law.loc)
    assert within_four_errors((z @ across).square(), (1 - second) / (dim - 1))
    assert within_four_errors(-law.log_prob(z), law.entropy())


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("dim", "concentration"), [(2, 1.0), (3, 1e4), (20, 12.0), (512, 1e4)])
def test_law_of_the_angle(family: type, dim: int, concentration: float) -> None:
    """A Kolmogorov–Smirnov test; s-vae's sampler fails it at D = 20, κ = 12."""
    law = family(unit(dim), concentration)
    angle = cosine(law.sample((4000,)), law.loc).clamp(max=1).acos()
    logs = log_density(family, concentration, dim)
    cumulative = np.concatenate([[0.0], np.cumsum(np.exp(logs - logs.max()))])
    result = stats.kstest(angle, lambda x: np.interp(x, EDGES, cumulative / cumulative[-1]))
    assert result.pvalue > 1e-3


def exact_slope(family: type, concentration: float, dim: int) -> float:
    """dE[e^t]/dκ by central differences of the exact expectation."""
    step = 1e-4 * max(1.0, concentration)
    above, below = (expectation(family, concentration + s, dim, np.exp) for s in (step, -step))
    return (above - below) / (2 * step)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dim", [2, *DIMENSIONS])
@pytest.mark.parametrize("concentration", CONCENTRATIONS)
def test_gradient_in_the_concentration_is_unbiased(
    family: type, dim: int, concentration: float
) -> None:
    each = torch.full((20_000,), concentration, requires_grad=True)
    law = family(unit(dim), each)
    cosine(law.rsample(), law.loc).exp().sum().backward()
    assert each.grad is not None
    assert within_four_errors(each.grad, exact_slope(family, concentration, dim))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dim", [2, 3, 5, 20, 128])
@pytest.mark.parametrize("concentration", [0.5, 12.0, 100.0])
def test_implicit_derivative_has_no_bias_at_all(
    family: type[SphericalFamily], dim: int, concentration: float
) -> None:
    """Weighted by the angle's law instead of drawn from it: no Monte Carlo error remains."""
    logs = log_density(family, concentration, dim)
    kept = logs > logs.max() - 30
    angle = torch.tensor(ANGLE[kept])
    weights = torch.tensor(np.exp(logs[kept] - logs.max()))
    slope = angle_derivative(torch.full_like(angle, concentration), angle, family, dim)
    chain = -angle.sin() * angle.cos().exp() * slope
    got = (weights * chain).sum() / weights.sum()
    expected = exact_slope(family, concentration, dim)
    torch.testing.assert_close(got.item(), expected, rtol=1e-4, atol=1e-7)


def test_uncorrected_gradient_is_told_apart() -> None:
    """Rejection alone, differentiated through its envelope as s-vae does: -13 % at D = 5, κ = 2."""
    dim, concentration = 5, 2.0
    kappa = torch.full((20_000,), concentration, requires_grad=True)
    law = VonMisesFisher(unit(dim), kappa)
    cos = cosine(law.sample(), law.loc).detach()

    def width(k: Tensor) -> Tensor:
        return (dim - 1) / (2 * k + (4 * k.square() + (dim - 1) ** 2).sqrt())

    b = width(kappa.detach())
    proposal = (1 - cos) / (1 + b - (1 - b) * cos)
    b = width(kappa)
    uncorrected = (1 - (1 + b) * proposal) / (1 - (1 - b) * proposal)
    torch.testing.assert_close(uncorrected.detach(), cos)
    (grad,) = torch.autograd.grad(uncorrected.sum(), kappa)
    above, below = (expectation(VonMisesFisher, k, dim, lambda t: t) for k in (2.001, 1.999))
    exact = (above - below) / 0.002
    assert not within_four_errors(grad, exact)
    assert -0.16 < grad.mean().item() / exact - 1 < -0.10
    (grad,) = torch.autograd.grad(cosine(law.rsample(), law.loc).sum(), kappa)
    assert within_four_errors(grad, exact)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dim", [2, *DIMENSIONS])
def test_gradient_in_the_location_is_unbiased(family: type, dim: int) -> None:
    """Of E(wᵀz)² = a (wᵀμ)² + b (|w|² - (wᵀμ)²), along a tangent at μ."""
    concentration = 6.0
    loc = unit(dim)
    across = tangent(loc)
    w = (loc + across) / math.sqrt(2)
    each = loc.repeat(20_000, 1).requires_grad_()
    z = family(each, concentration).rsample()
    (z @ w).square().sum().backward()
    second = expectation(family, concentration, dim, np.square)
    exact = 2 * (second - (1 - second) / (dim - 1)) * (w @ loc) * (w @ across)
    assert each.grad is not None
    assert within_four_errors(each.grad @ across, exact)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_everything_is_finite_everywhere(family: type, dtype: torch.dtype, device: str) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    concentration = torch.logspace(-3, 4, 8, dtype=dtype, device=device)
    for dim in (2, 3, 10, 100, 512):
        loc = F.normalize(torch.randn(8, dim, dtype=dtype, device=device), dim=-1)
        parameters = loc.requires_grad_(), concentration.clone().requires_grad_()
        law = family(*parameters)
        z = law.rsample((100,))
        assert z.dtype == law.log_prob(z).dtype == law.entropy().dtype == dtype
        total = law.log_prob(z).sum() + law.entropy().sum() + law.mean.sum() + z.square().sum()
        for tensor in (z, total, *torch.autograd.grad(total, parameters)):
            assert tensor.isfinite().all()
            assert tensor.device.type == device


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dim", [2, 3, 20, 512])
def test_float32_log_density_is_right_to_four_digits(family: type, dim: int) -> None:
    concentration = torch.logspace(-3, 4, 8)
    law = family(unit(8, dim), concentration)
    z = law.sample((200,)).float()
    single = family(law.loc.float(), concentration.float())
    double = family(F.normalize(single.loc.double(), dim=-1), concentration.float().double())
    expected = double.log_prob(F.normalize(z.double(), dim=-1))
    torch.testing.assert_close(single.log_prob(z).double(), expected, rtol=1e-6, atol=1e-4)
    torch.testing.assert_close(single.entropy().double(), double.entropy(), rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dim", [2, 3, 64])
def test_float32_draws_lie_on_the_sphere(family: type, dim: int) -> None:
    law = family(unit(dim).float(), 1.0)
    assert law.support.check(law.sample((1_000_000 // dim,))).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_shapes_expand_and_events(family: type[SphericalFamily]) -> None:
    law = family(unit(4, 1, 3), torch.rand(5))
    assert (law.batch_shape, law.event_shape) == ((4, 5), (3,))
    assert law.rsample((2,)).shape == (2, 4, 5, 3)
    assert law.mean.shape == law.mode.shape == (4, 5, 3)
    assert law.entropy().shape == law.log_prob(unit(3)).shape == (4, 5)
    wide = law.expand([6, 4, 5])
    assert type(wide) is family
    z = wide.sample()
    assert z.shape == (6, 4, 5, 3)
    torch.testing.assert_close(wide.log_prob(z), law.log_prob(z))
    torch.testing.assert_close(law.to_event(1).log_prob(z), law.log_prob(z).sum(-1))
    torch.testing.assert_close(law.mask(False).log_prob(z), torch.zeros(6, 4, 5))


@pytest.mark.parametrize("family", FAMILIES)
def test_bad_parameters_are_refused(family: type) -> None:
    with pytest.raises(ValueError, match=r"D >= 2, got \(4, 1\)"):
        family(torch.ones(4, 1), 1.0)
    with pytest.raises(ValueError, match="loc"):
        family(torch.ones(3), 1.0)
    with pytest.raises(ValueError, match="concentration"):
        family(unit(3), -1.0)
    with pytest.raises(ValueError, match="Sphere"):
        family(unit(3), 1.0).log_prob(torch.ones(3))


@contextmanager
def within_seconds(limit: int) -> Iterator[None]:
    """A scope that fails instead of hanging."""

    def give_up(*_: Any) -> None:
        raise TimeoutError(f"not done within {limit} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(limit)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("concentration", [math.inf, math.nan, 1e20])
def test_a_concentration_out_of_range_gives_no_numbers(family: type, concentration: float) -> None:
    with pytest.raises(ValueError, match="concentration"):
        family(unit(3), concentration)
    kappa = torch.tensor([concentration, 1.0])
    law = family(unit(2, 3), kappa, validate_args=False)
    uniform, other = SphericalUniform(3), VonMisesFisher(unit(3), 2.0)
    with within_seconds(10):
        z = law.rsample((50,))
    assert z.isfinite()[:, 1].all()
    for value in (
        z[0].sum(-1),
        law.log_prob(unit(3)),
        law.entropy(),
        law.mean.sum(-1),
        kl_divergence(law, uniform),
        cross_entropy(law, other),
    ):
        assert value.isnan().tolist() == [True, False]


def test_rejection_ends_though_nothing_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "rand_like", lambda like: torch.full_like(like, math.inf))
    with within_seconds(10):
        assert VonMisesFisher(unit(3), 2.0).sample((4,)).isnan().all()


@pytest.mark.parametrize("family", FAMILIES)
def test_pyro_reads_it_in_a_plate(family: type) -> None:
    """With no data the negative bound is the KL to the prior: in closed form, and by particles."""
    loc, concentration = unit(5, 4).requires_grad_(), (6 * torch.rand(5)).requires_grad_()

    def model() -> None:
        with pyro.plate("data", 5):
            pyro.sample("z", SphericalUniform(4))

    def guide() -> None:
        with pyro.plate("data", 5):
            pyro.sample("z", family(loc, concentration))

    expected = kl_divergence(family(loc, concentration), SphericalUniform(4)).sum()
    exact = torch.autograd.grad(expected, concentration)[0]
    closed = TraceMeanField_ELBO().differentiable_loss(model, guide)
    torch.testing.assert_close(closed, expected)
    torch.testing.assert_close(torch.autograd.grad(closed, concentration)[0], exact)
    particles = Trace_ELBO(4000, vectorize_particles=True, max_plate_nesting=1)
    drawn = particles.differentiable_loss(model, guide)
    torch.testing.assert_close(drawn, expected, rtol=0.05, atol=0.05)
    torch.testing.assert_close(
        torch.autograd.grad(drawn, concentration)[0], exact, rtol=0.1, atol=0.02
    )
