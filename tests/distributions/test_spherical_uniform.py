"""The uniform law on the sphere."""

from __future__ import annotations

import math

import mpmath
import pytest
import torch
from torch.distributions import kl_divergence
from torch.nn import functional as F

from pyromix.distributions import PowerSpherical, SphericalUniform, VonMisesFisher


@pytest.mark.parametrize(("dim", "area"), [(2, 2 * math.pi), (3, 4 * math.pi), (4, 2 * math.pi**2)])
def test_density_is_one_over_the_area(dim: int, area: float) -> None:
    law = SphericalUniform(dim, dtype=torch.float64)
    z = law.sample((5,))
    torch.testing.assert_close(law.log_prob(z), torch.full((5,), -math.log(area)).double())
    torch.testing.assert_close(law.entropy().item(), math.log(area))


@pytest.mark.parametrize("family", [VonMisesFisher, PowerSpherical])
@pytest.mark.parametrize("dim", [2, 3, 20, 512])
def test_limit_of_no_concentration(family: type, dim: int) -> None:
    loc = F.normalize(torch.randn(dim, dtype=torch.float64), dim=-1)
    uniform = SphericalUniform(dim, dtype=torch.float64)
    z = uniform.sample((5,))
    torch.testing.assert_close(family(loc, 0.0).log_prob(z), uniform.log_prob(z))
    torch.testing.assert_close(family(loc, 0.0).entropy(), uniform.entropy())


def exact_divergence(family: type, dim: int, concentration: float) -> float:
    """KL to the uniform law, ∫ p log(p/u), in 60 digits from the normaliser's textbook form."""
    with mpmath.workdps(60):
        kappa = mpmath.mpf(concentration)
        if family is VonMisesFisher:

            def log_mgf(k: mpmath.mpf) -> mpmath.mpf:
                return mpmath.log(mpmath.hyp0f1(mpmath.mpf(dim) / 2, k**2 / 4))
        else:

            def log_mgf(k: mpmath.mpf) -> mpmath.mpf:
                half = mpmath.mpf(dim - 1) / 2
                return mpmath.log(mpmath.beta(half + k, half) / mpmath.beta(half, half))

        return float(kappa * mpmath.diff(log_mgf, kappa) - log_mgf(kappa))


@pytest.mark.parametrize("family", [VonMisesFisher, PowerSpherical])
@pytest.mark.parametrize("dim", [2, 3, 20, 512])
def test_divergence_near_no_concentration_survives_float32(family: type, dim: int) -> None:
    kappa = torch.tensor([1e-4, 1e-3, 0.03, 0.5, 1.4, 2.0, 8.0, 30.0], requires_grad=True)
    loc = F.normalize(torch.randn(8, dim), dim=-1)
    got = kl_divergence(family(loc, kappa), SphericalUniform(dim))
    expected = [exact_divergence(family, dim, float(k)) for k in kappa.detach()]
    # Beside a Power Spherical law's divergence stands the rounding of lgamma, 1e3 at D = 512.
    atol = 0.0 if family is VonMisesFisher else 1e-12
    torch.testing.assert_close(got.double(), torch.tensor(expected).double(), rtol=1e-6, atol=atol)
    (slope,) = torch.autograd.grad(got.sum(), kappa)
    # dKL/dκ = κ Var[T]; central differences of the exact divergence
    for k, s in zip(kappa.tolist(), slope.tolist(), strict=True):
        step = 1e-3 * k
        above, below = (exact_divergence(family, dim, k + d) for d in (step, -step))
        assert s == pytest.approx((above - below) / (2 * step), rel=1e-4, abs=1e-9)


def test_draws_are_isotropic() -> None:
    z = SphericalUniform(6).sample((20_000,))
    torch.testing.assert_close(z.norm(dim=-1), torch.ones(20_000))
    assert (z.mean(0).abs() < 4 / math.sqrt(6 * 20_000)).all()
    torch.testing.assert_close(z.T @ z / 20_000, torch.eye(6) / 6, rtol=0, atol=0.006)


def test_shapes() -> None:
    law = SphericalUniform(3, (4, 1)).expand([4, 5])
    assert law.sample((2,)).shape == (2, 4, 5, 3)
    assert law.log_prob(torch.eye(3)[0]).shape == law.entropy().shape == (4, 5)
    torch.testing.assert_close(law.mean, torch.zeros(4, 5, 3))
    assert SphericalUniform(3, dtype=torch.float64).sample().dtype == torch.float64


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="dim must be at least 2, got 1"):
        SphericalUniform(1)
    with pytest.raises(ValueError, match="Sphere"):
        SphericalUniform(3).log_prob(torch.ones(3))
