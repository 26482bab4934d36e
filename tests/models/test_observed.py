"""A likelihood of data with gaps is that of the features that are there."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from pyromix.models import Bernoulli, Likelihood, Normal, Observed, Poisson


@pytest.mark.parametrize("kind", [Bernoulli, Normal, Poisson])
def test_a_column_of_gaps_is_no_column(kind: type[Likelihood]) -> None:
    torch.manual_seed(0)
    decoder = nn.Linear(2, 3).double()
    whole = Observed(kind(decoder, (3,)).double())
    less = nn.Linear(2, 2).double()
    with torch.no_grad():
        less.weight.copy_(decoder.weight[[0, 2]])
        less.bias.copy_(decoder.bias[[0, 2]])
    marginal = kind(less, (2,)).double()
    z = torch.randn(4, 2, dtype=torch.float64)
    x = whole.distribution(z).sample()
    part = x[:, [0, 2]]
    x[:, 1] = math.nan
    torch.testing.assert_close(
        whole.distribution(z).log_prob(x),
        marginal.distribution(z).log_prob(part),
        rtol=0,
        atol=1e-12,
    )
    assert whole.mean(z).shape == (4, 3)


def test_only_what_is_observed_must_lie_in_the_support() -> None:
    likelihood = Observed(Bernoulli(nn.Linear(2, 2), (2,)))
    likelihood.check(torch.tensor([[0.2, math.nan], [math.nan, 1.0]]))
    with pytest.raises(ValueError, match="x holds 3"):
        likelihood.check(torch.tensor([[0.2, math.nan], [math.nan, 3.0]]))
