"""Counts: laws against SciPy, sums to one, shares of a row's size, and no overflow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor, nn

from pyromix.models import Counts, NegativeBinomial, Poisson, ZeroInflatedNegativeBinomial
from pyromix.networks import log_counts

KINDS: list[type[Counts]] = [Poisson, NegativeBinomial, ZeroInflatedNegativeBinomial]
Z = torch.zeros(2, 3, dtype=torch.float64)
SIZES = torch.tensor([4.0, 900.0], dtype=torch.float64)


class Says(nn.Module):
    """A decoder that says the same of every code."""

    def __init__(self, numbers: Tensor) -> None:
        super().__init__()
        self.numbers = nn.Parameter(numbers.double())

    def forward(self, z: Tensor) -> Tensor:
        return self.numbers.expand(*z.shape[:-1], -1)


def made(kind: type[Counts], sizing: Any, numbers: Tensor | None = None) -> Counts:
    given = torch.tensor([0.5, -1.0, 1.5, -0.3, 0.8, 2.0]) if numbers is None else numbers
    return kind(Says(given[: 3 * kind.outputs]), (3,), size_factors=sizing).double()


@pytest.mark.parametrize("sizing", [None, "share", "scale"])
def test_laws_are_scipy_s(sizing: str | None) -> None:
    numbers = np.array([0.5, -1.0, 1.5])
    size = np.ones((2, 1)) if sizing is None else SIZES.numpy()[:, None]
    share = np.exp(numbers) / (np.exp(numbers).sum() if sizing == "share" else 1.0)
    mean, given = size * share, {} if sizing is None else {"size_factors": SIZES}
    x = torch.tensor([[0.0, 2.0, 5.0], [7.0, 0.0, 30.0]], dtype=torch.float64)
    r = np.log1p(np.e) + 1e-4
    law = stats.nbinom(r, r / (r + mean))
    loss = 1 / (1 + np.exp(-np.array([-0.3, 0.8, 2.0])))
    wanted = {
        Poisson: stats.poisson(mean).logpmf(x).sum(-1),
        NegativeBinomial: law.logpmf(x).sum(-1),
        ZeroInflatedNegativeBinomial: np.log(loss * (x.numpy() == 0) + (1 - loss) * law.pmf(x)).sum(
            -1
        ),
    }
    moments = {
        Poisson: (mean, mean),
        NegativeBinomial: (law.mean(), law.var()),
        ZeroInflatedNegativeBinomial: (
            (1 - loss) * mean,
            (1 - loss) * (law.var() + mean**2) - ((1 - loss) * mean) ** 2,
        ),
    }
    for kind in KINDS:
        found = made(kind, sizing).given(Z, **given)
        # A millionth of a row is shared evenly, decoders' outputs and losses are softly clamped.
        np.testing.assert_allclose(found.log_prob(x).detach(), wanted[kind], rtol=3e-3)
        for ours, theirs in zip((found.mean, found.variance), moments[kind], strict=True):
            np.testing.assert_allclose(ours.detach(), theirs, rtol=5e-3)


@pytest.mark.parametrize("sizing", [None, "share", "scale"])
def test_inflated_counts_sum_to_one_and_draws_follow(sizing: str | None) -> None:
    numbers = torch.tensor([0.5, -1.0, 1.5, -0.3, 0.8, 2.0])
    likelihood = made(ZeroInflatedNegativeBinomial, sizing, numbers)
    given = {} if sizing is None else {"size_factors": torch.tensor([5.0, 5.0]).double()}
    law = likelihood.given(Z, **given)
    every = torch.arange(3000.0).double().reshape(-1, 1, 1).expand(-1, 2, 3)
    probabilities = law.base_dist.log_prob(every).exp()
    torch.testing.assert_close(probabilities.sum(0), torch.ones(2, 3).double(), atol=1e-8, rtol=0)
    torch.testing.assert_close((probabilities * every).sum(0), law.mean, atol=1e-6, rtol=0)
    torch.manual_seed(0)
    draws = law.sample((20_000,))
    error = (law.variance / 20_000).sqrt()
    assert ((draws.mean(0) - law.mean).abs() < 5 * error).all()


@pytest.mark.parametrize("kind", KINDS)
def test_shares_add_up_to_the_size_and_scales_multiply(kind: type[Counts]) -> None:
    likelihood = made(kind, "share")
    mean = likelihood.log_mean(torch.randn(7, 2, 3).double(), SIZES).exp()
    torch.testing.assert_close(mean.sum(-1), SIZES.expand(7, 2), rtol=1e-12, atol=0)
    scaled = made(kind, "scale").mean(Z, size_factors=SIZES)
    torch.testing.assert_close(scaled[1] / scaled[0], torch.full((3,), 225.0).double())
    with pytest.raises(ValueError, match="size_factors are missing"):
        likelihood.mean(Z)
    with pytest.raises(ValueError, match="size_factors is 'all'"):
        made(kind, "all")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sizing", ["share", "scale"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_nothing_overflows(kind: type[Counts], sizing: str, dtype: torch.dtype) -> None:
    """Neither where a decoder says that a feature is all of a row, nor in rows of many million."""
    likelihood = made(kind, sizing, torch.tensor([1e4, -1e4, 0.0, 1e4, -1e4, 0.0])).to(dtype)
    sizes = torch.tensor([1e-3, 1e8], dtype=dtype)
    x = torch.tensor([[0.0, 3.0, 1.0], [1e7, 2.0, 0.0]], dtype=dtype)
    law = likelihood.given(Z.to(dtype), size_factors=sizes)
    score = law.log_prob(x)
    score.sum().backward()
    slopes = [each.grad for each in likelihood.parameters() if each.grad is not None]
    assert score.isfinite().all()
    assert len(slopes) == 1 + (kind is not Poisson)
    assert all(slope.isfinite().all() for slope in slopes)
    assert law.sample().isfinite().all()


def test_logarithms_do_not_know_how_much_of_a_row_there_is() -> None:
    x = torch.tensor([[[1.0, 3.0]], [[20.0, 60.0]]])
    seen = log_counts(x, x.flatten(1).sum(1))
    torch.testing.assert_close(seen[0], seen[1])
    torch.testing.assert_close(seen[0, 0], torch.tensor([1.5, 2.5]).log())
    likelihood = Poisson(nn.Identity(), (1, 2), size_factors="share")
    assert torch.equal(likelihood.coordinates(x, size_factors=x.flatten(1).sum(1)), seen)
    assert Poisson(nn.Identity(), (1, 2)).coordinates(x) is x
