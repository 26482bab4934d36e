"""Directions given their class: quadrature over the sphere, and importance weights beyond it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor
from torch.nn import functional as F

from pyromix.distributions import VonMisesFisher, sample_spherical_softmax, spherical_softmax


def softmax(n_classes: int, dim: int, concentration: float, offset: float) -> tuple[Tensor, Tensor]:
    """Offsets, class 0's apart from the others', and slopes with lengths about the given one."""
    slope = F.normalize(torch.randn(n_classes, dim, dtype=torch.float64), dim=-1)
    lengths = concentration * torch.linspace(0.7, 1.3, n_classes, dtype=torch.float64)
    offsets = torch.zeros(n_classes, dtype=torch.float64) - 0.4 * lengths
    offsets[0] += offset
    return offsets, lengths.unsqueeze(-1) * slope


def features(z: Tensor) -> Tensor:
    """Functions of z whose means are compared: coordinates, their squares, and products."""
    return torch.cat([z, z.square(), z * z.roll(1, -1), (3 * z[:, :1]).sin()], -1)


@pytest.mark.parametrize("concentration", [2.0, 20.0, 200.0])
@pytest.mark.parametrize("offset", [0.0, -8.0, 5.0])
@pytest.mark.parametrize("index", [0, 2])
def test_angles_on_the_circle(concentration: float, offset: float, index: int) -> None:
    a, theta = softmax(4, 2, concentration, offset)
    z = sample_spherical_softmax(a, theta, torch.full((5000,), index))
    edges = np.linspace(-math.pi, math.pi, 40_001)
    middle = torch.tensor((edges[1:] + edges[:-1]) / 2)
    on_circle = torch.stack([middle.cos(), middle.sin()], -1)
    log_density = (a + on_circle @ theta.T).log_softmax(-1)[:, index]
    density = (log_density - log_density.max()).exp().numpy()
    cumulative = np.concatenate([[0.0], np.cumsum(density)])
    angle = torch.atan2(z[:, 1], z[:, 0])
    result = stats.kstest(angle, lambda x: np.interp(x, edges, cumulative / cumulative[-1]))
    assert result.pvalue > 1e-3


@pytest.mark.parametrize("concentration", [2.0, 30.0])
@pytest.mark.parametrize("offset", [0.0, -8.0, -40.0])
def test_moments_on_the_sphere_by_quadrature(concentration: float, offset: float) -> None:
    a, theta = softmax(5, 3, concentration, offset)
    height, weight = (torch.tensor(v) for v in np.polynomial.legendre.leggauss(200))
    longitude = torch.arange(200, dtype=torch.float64) * 2 * math.pi / 200
    flat = (1 - height.square()).sqrt()[:, None, None]
    around = torch.stack([longitude.cos(), longitude.sin()], -1)
    grid = torch.cat([flat * around, height[:, None, None].expand(-1, 200, 1)], -1).flatten(0, 1)
    log_p = (a + grid @ theta.T).log_softmax(-1)
    for index in (0, 3):
        density = (log_p[:, index] - log_p[:, index].max()).exp()
        density = density * weight.repeat_interleave(200)
        expected = density @ features(grid) / density.sum()
        got = features(sample_spherical_softmax(a, theta, torch.full((20_000,), index)))
        error = got.std(0) / math.sqrt(len(got))
        assert ((got.mean(0) - expected).abs() < 4.5 * error).all()


@pytest.mark.parametrize(
    ("dim", "concentration", "offset"), [(10, 5.0, 0.0), (10, 20.0, -3.0), (32, 20.0, 0.0)]
)
def test_moments_in_many_dimensions_by_importance_weights(
    dim: int, concentration: float, offset: float
) -> None:
    a, theta = softmax(6, dim, concentration, offset)
    uniform = F.normalize(torch.randn(100_000, dim, dtype=torch.float64), dim=-1)
    p = (a + uniform @ theta.T).softmax(-1)
    for index in (0, 4):
        w = p[:, index] / p[:, index].sum()
        size = 1 / w.square().sum()
        assert size > 1000
        values = features(uniform)
        expected = w @ values
        spread = (w @ (values - expected).square()).sqrt()
        got = features(sample_spherical_softmax(a, theta, torch.full((20_000,), index)))
        error = spread * (1 / size + 1 / len(got)).sqrt()
        assert ((got.mean(0) - expected).abs() < 4.5 * error).all()


def test_any_weights_are_exact_and_the_best_are_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rejection from the uniform takes 1 / p(c) proposals; and the same law comes out."""
    a, theta = softmax(8, 4, 30.0, -8.0)
    proposals = []

    class Counted(VonMisesFisher):
        def sample(self, shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
            z: Tensor = super().sample(shape)
            proposals.append(len(z) * z.shape[1])
            return z

    monkeypatch.setattr(spherical_softmax, "VonMisesFisher", Counted)
    index = torch.zeros(20_000, dtype=torch.long)
    best = features(sample_spherical_softmax(a, theta, index))
    fast = sum(proposals)
    proposals.clear()

    def alone(offset: Tensor, theta: Tensor, classes: Tensor) -> Tensor:
        return F.one_hot(classes, len(offset)).to(theta)

    monkeypatch.setattr(spherical_softmax, "_best_weights", alone)
    naive = features(sample_spherical_softmax(a, theta, index))
    error = (best.var(0) / len(best) + naive.var(0) / len(naive)).sqrt()
    assert ((best.mean(0) - naive.mean(0)).abs() < 4.5 * error).all()
    assert 5 * fast < sum(proposals)


def test_a_class_rarer_than_any_count_of_proposals_from_the_uniform() -> None:
    """p(c) about 1e-11: the class is where a narrow component stands out, and is drawn at once."""
    dim = 32
    theta = torch.tensor([200.0, 20.0, 20.0]).diag_embed().double() @ torch.eye(3, dim).double()
    a = torch.tensor([-150.0, 0.0, 0.0], dtype=torch.float64)
    z = sample_spherical_softmax(a, theta, torch.zeros(2000, dtype=torch.long))
    p = (a + z @ theta.T).softmax(-1)[:, 0]
    height = (torch.arange(200_000, dtype=torch.float64) + 0.5) / 100_000 - 1
    log_density = (dim - 3) / 2 * torch.log1p(-height.square()) - F.softplus(150 - 200 * height)
    density = (log_density - log_density.max()).exp()
    # Beside the first axis the others' scores are near log 2, a constant that shifts all alike.
    expected = float((density * height).sum() / density.sum())
    assert z[:, 0].mean().item() == pytest.approx(expected, abs=0.01)
    assert 0.2 < p.mean() < 0.9


def test_it_ends_with_an_error_or_not_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    a, theta = softmax(4, 3, 5.0, 0.0)
    index = torch.arange(4)
    for bad in (math.nan, math.inf):
        assert sample_spherical_softmax(a, bad * theta, index).isnan().all()
    monkeypatch.setattr(spherical_softmax, "_ROUNDS", 1)
    monkeypatch.setattr(spherical_softmax, "_PROPOSALS", 1)
    with pytest.raises(ValueError, match=r"class \d is too rare .*: \d+ of 400 directions"):
        sample_spherical_softmax(a, theta, index.repeat(100))


def test_shapes_types_and_length() -> None:
    a, theta = softmax(4, 3, 5.0, 0.0)
    z = sample_spherical_softmax(a.float(), theta.float(), torch.tensor([3, 1, 1]))
    assert z.shape == (3, 3)
    assert z.dtype == torch.float32
    torch.testing.assert_close(z.norm(dim=-1), torch.ones(3))
