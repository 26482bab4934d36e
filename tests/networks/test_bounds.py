"""The smooth clamp: inside its range, monotone, near the identity, with a gradient everywhere."""

from __future__ import annotations

import math

import torch

from pyromix.networks import inverse_soft_clamp, soft_clamp, soft_clamp_exp


def test_range_identity_and_gradient() -> None:
    low, high = -6.0, 5.0
    x = torch.linspace(-40, 40, 4001, dtype=torch.float64, requires_grad=True)
    y = soft_clamp(x, low, high)
    (slope,) = torch.autograd.grad(y.sum(), x)
    assert (y > low).all()
    assert (y <= high + math.log1p(math.exp(low - high))).all()
    assert (slope > 0).all()
    assert (slope <= 1).all()
    inside = (x > -1) & (x < 1)
    assert (y - x)[inside].abs().max() < 0.02


def test_inverse() -> None:
    low, high = -6.0, 5.0
    y = torch.linspace(low + 1e-3, high - 1e-3, 1001, dtype=torch.float64)
    x = inverse_soft_clamp(y, low, high)
    torch.testing.assert_close(soft_clamp(x, low, high), y, rtol=0, atol=1e-9)
    outside = torch.tensor([-1e9, low, high, 1e9], dtype=torch.float64)
    assert inverse_soft_clamp(outside, low, high).isfinite().all()


def test_exponential() -> None:
    low, high = -6.0, 5.0
    x = torch.linspace(-40, 40, 4001, dtype=torch.float64, requires_grad=True)
    values = soft_clamp_exp(x, low, high), soft_clamp(x, low, high).exp()
    torch.testing.assert_close(*values)
    slopes = [torch.autograd.grad(value.sum(), x)[0] for value in values]
    torch.testing.assert_close(*slopes)
