"""Draws a second and the bias of their gradients: ``python benchmarks/distributions.py``.

The bias is that of the gradient of one expectation in the concentration, E[μᵀz] on the sphere and
E[z] on the half-line, relative to the exact value; one thread, float32, CPU; under a minute.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Beta, Distribution, Gamma
from torch.nn import functional as F

from pyromix.distributions import (
    PowerSpherical,
    VonMisesFisher,
    WilsonHilfertyGamma,
    bessel_ratio,
)

BATCH, REPEATS, DRAWS = 512, 30, 200_000
Draw = Callable[
    [Tensor], Tensor
]  # concentrations (N,) to one differentiable statistic of each draw


def sphere(family: type[PowerSpherical | VonMisesFisher], dim: int) -> Draw:
    loc = F.normalize(torch.ones(dim), dim=-1)
    return lambda kappa: (family(loc, kappa, validate_args=False).rsample() * loc).sum(-1)


def power_spherical_by_beta(dim: int) -> Draw:
    """The published sampler: the gradient of the cosine is that of torch's Beta."""
    beta = torch.tensor((dim - 1) / 2)

    def draw(kappa: Tensor) -> Tensor:
        tangent = F.normalize(torch.randn(len(kappa), dim - 1), dim=-1)
        cos = 2 * Beta(beta + kappa, beta, validate_args=False).rsample() - 1
        z = torch.cat([cos.unsqueeze(-1), (1 - cos.square()).sqrt().unsqueeze(-1) * tangent], -1)
        return z[:, 0]

    return draw


def rejection_without_correction(dim: int) -> Draw:
    """Wood's rejection, differentiated as if acceptance did not depend on κ (s-vae)."""
    loc = F.normalize(torch.ones(dim), dim=-1)

    def draw(kappa: Tensor) -> Tensor:
        with torch.no_grad():
            cos = (VonMisesFisher(loc, kappa, validate_args=False).sample() * loc).sum(-1)
            width = (dim - 1) / (2 * kappa + (4 * kappa.square() + (dim - 1) ** 2).sqrt())
            proposal = (1 - cos) / (1 + width - (1 - width) * cos)
        width = (dim - 1) / (2 * kappa + (4 * kappa.square() + (dim - 1) ** 2).sqrt())
        return (1 - (1 + width) * proposal) / (1 - (1 - width) * proposal)

    return draw


def half_line(family: Callable[..., Distribution]) -> Draw:
    return lambda shape: family(shape, torch.ones(()), validate_args=False).rsample()


def vmf_slope(dim: int) -> Draw:
    return lambda kappa: bessel_ratio(dim / 2 - 1, kappa)


def measure(draw: Draw, exact: Draw, concentration: float) -> tuple[float, float, float]:
    """Draws a second with their backward pass, relative bias and its standard error."""
    kappa = torch.full((BATCH,), concentration, requires_grad=True)
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        torch.autograd.grad(draw(kappa).sum(), kappa)
        seconds.append(time.perf_counter() - start)
    kappa = torch.full((DRAWS,), concentration, requires_grad=True)
    (grad,) = torch.autograd.grad(draw(kappa).sum(), kappa)
    point = torch.tensor(concentration, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(exact(point), point)
    relative = grad.double() / slope
    error = float(relative.std()) / DRAWS**0.5
    return BATCH / sorted(seconds)[REPEATS // 2], float(relative.mean()) - 1, error


def main() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    rows: list[tuple[str, Draw, Draw, float]] = []
    for dim, kappa in ((5, 2.0), (20, 12.0), (128, 50.0)):
        where = f"D = {dim}, κ = {kappa:g}"
        power = lambda k, dim=dim: k / (k + dim - 1)  # noqa: E731
        rows += [
            (f"VonMisesFisher, {where}", sphere(VonMisesFisher, dim), vmf_slope(dim), kappa),
            (f"  uncorrected, {where}", rejection_without_correction(dim), vmf_slope(dim), kappa),
            (f"PowerSpherical, {where}", sphere(PowerSpherical, dim), power, kappa),
            (f"  by torch Beta, {where}", power_spherical_by_beta(dim), power, kappa),
        ]
    for shape in (1.0, 3.0, 30.0):
        rows += [
            (f"torch Gamma, a = {shape:g}", half_line(Gamma), lambda a: a, shape),
            (
                f"WilsonHilfertyGamma, a = {shape:g}",
                half_line(WilsonHilfertyGamma),
                lambda a: WilsonHilfertyGamma(a, 1.0).mean,
                shape,
            ),
        ]
    print(f"| law | draws/s with backward (batch {BATCH}) | bias of the gradient |")
    print("|---|---:|---:|")
    for name, draw, exact, concentration in rows:
        rate, bias, error = measure(draw, exact, concentration)
        print(f"| {name} | {rate:,.0f} | {100 * bias:+.2f} ± {100 * error:.2f} % |")


if __name__ == "__main__":
    main()
