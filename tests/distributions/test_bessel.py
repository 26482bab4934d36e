"""The Bessel functions against 40-digit arithmetic."""

from __future__ import annotations

import mpmath
import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from pyromix.distributions.bessel import bessel_ratio, log_bessel_i, log_bessel_i_reduced

ORDERS = [0, 0.5, 1, 2, 4, 9, 14, 14.5, 15, 24, 63, 127, 255, 256]
ARGUMENTS = [1e-6, 1e-3, 0.3, 1, 8, 30, 100, 600, 1e4, 1e6]


def exact(order: float) -> tuple[list[float], list[float], list[float]]:
    """log I, the ratio and the ratio's derivative, at all ARGUMENTS."""
    with mpmath.workdps(40):
        log_value, ratio, slope = [], [], []
        for x in map(mpmath.mpf, ARGUMENTS):
            value = mpmath.besseli(order, x)
            a = mpmath.besseli(order + 1, x) / value
            log_value.append(float(mpmath.log(value)))
            ratio.append(float(a))
            slope.append(float(1 - a**2 - (2 * order + 1) * a / x))
    return log_value, ratio, slope


@pytest.mark.parametrize("order", ORDERS)
def test_error_bounds_hold(order: float) -> None:
    x = torch.tensor(ARGUMENTS, dtype=torch.float64, requires_grad=True)
    log_value, ratio, slope = (torch.tensor(v, dtype=torch.float64) for v in exact(order))
    torch.testing.assert_close(log_bessel_i(order, x), log_value, rtol=2e-12, atol=2e-12)
    torch.testing.assert_close(
        log_bessel_i_reduced(order, x), log_value - order * x.log(), rtol=2e-12, atol=4e-12
    )
    torch.testing.assert_close(bessel_ratio(order, x), ratio, rtol=2e-12, atol=0)
    (got,) = torch.autograd.grad(bessel_ratio(order, x).sum(), x)
    bound = 2e-11 * (x.square() / (order + 1)).clamp(min=1)
    assert ((got / slope - 1).abs() < bound).all()
    (got,) = torch.autograd.grad(log_bessel_i(order, x).sum(), x)
    torch.testing.assert_close(got, (ratio + order / x).detach(), rtol=1e-11, atol=0)


@pytest.mark.parametrize("order", [0, 0.5, 9, 63])
def test_gradients_of_first_and_second_order(order: float) -> None:
    x = torch.tensor([0.0, 0.2, 3.0, 40.0], dtype=torch.float64, requires_grad=True)
    for function in (log_bessel_i_reduced, bessel_ratio):
        inside = x[1:].detach().requires_grad_()
        assert gradcheck(lambda v, f=function: f(order, v), inside)
        assert gradgradcheck(lambda v, f=function: f(order, v), inside)
    (at_zero,) = torch.autograd.grad(bessel_ratio(order, x).sum(), x)
    torch.testing.assert_close(at_zero[0].item(), 1 / (2 * order + 2))


@pytest.mark.parametrize("order", ORDERS)
def test_float32_is_the_rounding_of_float64(order: float) -> None:
    x = torch.tensor(ARGUMENTS, requires_grad=True)
    value = log_bessel_i(order, x) + bessel_ratio(order, x)
    assert value.dtype == torch.float32
    torch.testing.assert_close(
        value.double(), log_bessel_i(order, x.double()) + bessel_ratio(order, x.double()),
        rtol=1e-6, atol=1e-6,
    )  # fmt: skip
    (grad,) = torch.autograd.grad(value.sum(), x)
    assert grad.isfinite().all()


def test_negative_order_is_refused() -> None:
    with pytest.raises(ValueError, match="order must be at least 0, got -1"):
        log_bessel_i(-1, torch.ones(2))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_gpu_agrees_with_cpu() -> None:
    x = torch.tensor(ARGUMENTS)
    torch.testing.assert_close(log_bessel_i(4, x.cuda()).cpu(), log_bessel_i(4, x))
