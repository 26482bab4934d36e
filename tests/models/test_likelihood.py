"""Likelihoods are normalised over their support, and refuse data outside it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pyromix.models import (
    Bernoulli,
    ContinuousBernoulli,
    Laplace,
    Likelihood,
    LocationScale,
    NegativeBinomial,
    Normal,
    Poisson,
    StudentT,
)


class Same(nn.Module):
    """A decoder that gives the same value whatever z."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor([value], dtype=torch.float64))

    def forward(self, z: Tensor) -> Tensor:
        return self.value.expand(*z.shape[:-1], 1)


Z = torch.zeros(1, 2, dtype=torch.float64)


def density(likelihood: Likelihood, x: Tensor) -> Tensor:
    return likelihood.double().distribution(Z).log_prob(x.unsqueeze(-1)).exp()


@pytest.mark.parametrize("logit", [-50.0, -20.0, -3.0, 0.0, 0.4, 5.0, 20.0, 50.0])
def test_continuous_bernoulli_integrates_to_one_and_to_its_mean(logit: float) -> None:
    x = torch.linspace(0, 1, 200_001, dtype=torch.float64)
    likelihood = ContinuousBernoulli(Same(logit), (1,))
    p = density(likelihood, x)
    assert torch.trapezoid(p, x).item() == pytest.approx(1, abs=1e-6)
    mean = torch.trapezoid(p * x, x).item()
    assert likelihood.mean(Z).item() == pytest.approx(mean, rel=1e-5)


@pytest.mark.parametrize("scale", [0.1, 0.6, None])
def test_normal_integrates_to_one(scale: float | None) -> None:
    x = torch.linspace(-10, 10, 40001, dtype=torch.float64)
    total = torch.trapezoid(density(Normal(Same(0.7), (1,), scale=scale), x), x)
    assert total.item() == pytest.approx(1, abs=1e-8)


@pytest.mark.parametrize("value", [-2.0, 0.0, 2.5])
@pytest.mark.parametrize("kind", [Poisson, NegativeBinomial])
def test_counts_sum_to_one_and_have_the_stated_mean(
    kind: type[Poisson | NegativeBinomial], value: float
) -> None:
    x = torch.arange(3000, dtype=torch.float64)
    likelihood = kind(Same(value), (1,))
    p = density(likelihood, x)
    assert p.sum().item() == pytest.approx(1, abs=1e-8)
    mean = likelihood.mean(Z).item()
    assert (p * x).sum().item() == pytest.approx(mean, rel=1e-6)
    assert mean == pytest.approx(torch.tensor(value).exp().item(), rel=1e-4)


def test_negative_binomial_variance() -> None:
    x = torch.arange(20000, dtype=torch.float64)
    likelihood = NegativeBinomial(Same(1.5), (1,))
    p = density(likelihood, x)
    mean = likelihood.mean(Z).item()
    total_count = nn.functional.softplus(likelihood.dispersion).item() + 1e-4
    variance = (p * (x - mean) ** 2).sum().item()
    assert variance == pytest.approx(mean + mean**2 / total_count, rel=1e-6)


def test_bernoulli_scores_grey_values_as_expected_log_probability() -> None:
    likelihood = Bernoulli(Same(0.8), (1,)).double()
    law = likelihood.distribution(Z)
    black, white, grey = (
        law.log_prob(torch.tensor([[value]], dtype=torch.float64)).item()
        for value in (0.0, 1.0, 0.3)
    )
    assert grey == pytest.approx(0.3 * white + 0.7 * black, abs=1e-12)


@pytest.mark.parametrize(
    ("kind", "bad"),
    [(Bernoulli, 1.5), (ContinuousBernoulli, -0.1), (Poisson, 0.5), (NegativeBinomial, -1.0)],
)
def test_data_outside_the_support_are_named(kind: type[Likelihood], bad: float) -> None:
    likelihood = kind(Same(0.0), (1,))
    likelihood.check(torch.ones(4, 1))
    with pytest.raises(ValueError, match=f"{bad:g}.*{kind.__name__}"):
        likelihood.check(torch.tensor([[1.0], [bad]]))


def test_scale_must_be_positive() -> None:
    with pytest.raises(ValueError, match="scale is 0"):
        Normal(Same(0.0), (1,), scale=0)


@pytest.mark.parametrize("kind", [Laplace, Normal, StudentT])
def test_a_learnt_scale_starts_where_it_says(kind: type[LocationScale]) -> None:
    likelihood = kind(nn.Linear(2, 3), (3,))
    law = likelihood.distribution(torch.zeros(1, 2))
    torch.testing.assert_close(law.base_dist.scale, torch.full((1, 3), 0.3), rtol=1e-5, atol=0)
