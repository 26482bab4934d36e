"""The Power Spherical law against the Beta law of its cosine."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats
from torch.nn import functional as F

from pyromix.distributions import PowerSpherical
from pyromix.distributions.spherical import angle_derivative, cosine


@pytest.mark.parametrize("dim", [2, 3, 20, 128])
@pytest.mark.parametrize("concentration", [1e-3, 1.0, 40.0, 1e4])
def test_density_is_that_of_the_beta_law(dim: int, concentration: float) -> None:
    loc = F.one_hot(torch.tensor(0), dim).double()
    half = torch.linspace(0.05, 0.95, 9, dtype=torch.float64)
    z = torch.zeros(9, dim, dtype=torch.float64)
    z[:, 0], z[:, 1] = 2 * half - 1, 2 * (half - half.square()).sqrt()
    beta = (dim - 1) / 2
    log_belt = math.log(2) + beta * math.log(math.pi) - math.lgamma(beta)
    radial = torch.tensor(stats.beta(beta + concentration, beta).logpdf(half))
    # dz = 2 (4h(1-h))^((D-3)/2) dh over the belt of S^(D-2)
    expected = radial - math.log(2) - log_belt - (dim - 3) / 2 * (4 * half * (1 - half)).log()
    got = PowerSpherical(loc, concentration).log_prob(z)
    torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-9)


def test_half_the_concentration_of_a_von_mises_fisher_near_the_mode() -> None:
    law = PowerSpherical(torch.eye(3)[0], 1e4)
    variance = (1 - law.mean[0]).item()
    assert variance == pytest.approx(2 / 1e4, rel=0.01)  # 1 - E[t] = (D - 1) / 2κ of a vMF


@pytest.mark.parametrize("dim", [5, 20])
def test_gradient_is_better_than_that_of_the_beta(dim: int) -> None:
    """d φ/dκ against a finite difference of SciPy's quantiles; torch's Beta is 1e-4 to 1e-3 off."""
    concentration, beta = 10.0, (dim - 1) / 2
    level = torch.linspace(0.02, 0.98, 13, dtype=torch.float64)
    low, middle, high = (
        2 * torch.tensor(stats.beta(beta + concentration + s, beta).ppf(level)).sqrt().acos()
        for s in (-1e-4, 0.0, 1e-4)
    )
    got = angle_derivative(torch.full_like(middle, concentration), middle, PowerSpherical, dim)
    torch.testing.assert_close(got, (high - low) / 2e-4, rtol=1e-6, atol=1e-9)


def test_no_draw_sits_on_the_axis() -> None:
    law = PowerSpherical(torch.eye(8)[0], torch.tensor(1e4))
    z = law.sample((1000,))
    assert (cosine(z, law.loc) < 1).all()
