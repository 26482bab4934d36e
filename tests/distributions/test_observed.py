"""What is not observed is left out of a density, and of its gradient."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from pyro import distributions as dist
from torch import Tensor

from pyromix.distributions import ContinuousBernoulli, ObservedLaw, log_prob_by_feature
from pyromix.distributions.observed import inside
from pyromix.models.standardised import Rescaled

B, X = 5, 3
RAW = torch.linspace(-2, 2, B * X, dtype=torch.float64).reshape(B, X)
SCALE = torch.tensor([0.5, 2.0, 7.0], dtype=torch.float64)

LAWS: dict[str, Any] = {
    "normal": lambda raw: dist.Normal(raw, raw.exp()),
    "student": lambda raw: dist.StudentT(4.0, raw, 0.5),
    "laplace": lambda raw: dist.Laplace(raw, 0.5),
    "bernoulli": lambda raw: dist.Bernoulli(logits=raw),
    "continuous bernoulli": lambda raw: ContinuousBernoulli(raw),
    "poisson": lambda raw: dist.Poisson(raw.exp()),
    "negative binomial": lambda raw: dist.NegativeBinomial(1 + raw.exp(), logits=raw),
    "zero-inflated": lambda raw: dist.ZeroInflatedPoisson(raw.exp(), gate_logits=raw),
    "gamma": lambda raw: dist.Gamma(raw.exp(), raw.exp()),
    "beta": lambda raw: dist.Beta(raw.exp(), 2.0),
    "categories": lambda raw: dist.Categorical(logits=torch.stack([raw, -raw], -1)),
}


@pytest.mark.parametrize("name", LAWS)
def test_gaps_are_left_out_of_density_and_gradient(name: str) -> None:
    torch.manual_seed(0)
    raw = RAW.clone().requires_grad_()
    law = LAWS[name](raw)
    whole = law.sample()
    x = whole.to(torch.float64)
    gaps = torch.rand(B, X) < 0.5
    gaps[0], gaps[1] = False, True
    observed = ObservedLaw(law.to_event(1))
    assert torch.equal(observed.log_prob(x), law.to_event(1).log_prob(x))
    found = observed.log_prob(x.masked_fill(gaps, math.nan))
    wanted = law.log_prob(whole).masked_fill(gaps, 0.0).sum(-1)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)
    (slope,) = torch.autograd.grad(found.sum(), raw)
    (right,) = torch.autograd.grad(
        torch.where(gaps, 0.0, LAWS[name](raw).log_prob(whole)).sum(), raw
    )
    torch.testing.assert_close(slope, right, rtol=0, atol=1e-12)
    assert torch.equal(slope[1], torch.zeros(X, dtype=torch.float64))


def test_gaps_have_no_jacobian() -> None:
    loc = torch.tensor([1.0, -3.0, 0.0], dtype=torch.float64)
    law = Rescaled(dist.Normal(RAW, 1.0).to_event(1), loc, SCALE)
    x = law.sample()
    observed = ObservedLaw(law)
    torch.testing.assert_close(observed.log_prob(x), law.log_prob(x), rtol=0, atol=1e-12)
    wanted = dist.Normal(loc + SCALE * RAW, SCALE).log_prob(x)[:, [0, 2]].sum(-1)
    x[:, 1] = math.nan
    torch.testing.assert_close(observed.log_prob(x), wanted, rtol=0, atol=1e-12)


def test_draws_moments_and_batches_are_those_of_whole_data() -> None:
    law = dist.Normal(RAW, 1.0).to_event(1)
    observed = ObservedLaw(law)
    assert torch.equal(observed.mean, law.mean)
    assert torch.equal(observed.variance, law.variance)
    assert observed.has_rsample
    assert observed.rsample().shape == (B, X)
    assert not observed.sample(torch.Size([2])).isnan().any()
    wide = observed.expand(torch.Size([4, B]))
    assert wide.batch_shape == (4, B)
    assert wide.log_prob(torch.full((B, X), math.nan)).tolist() == torch.zeros(4, B).tolist()


def test_whole_laws_are_refused_and_can_join() -> None:
    class Whole(dist.MultivariateNormal):
        pass

    law = Whole(torch.zeros(2), torch.eye(2))
    x = torch.tensor([0.0, math.nan])
    with pytest.raises(NotImplementedError, match="Whole is a law of whole data"):
        ObservedLaw(law).log_prob(x)

    @log_prob_by_feature.register(Whole)
    def _(law: Whole, x: Tensor) -> Tensor:
        return log_prob_by_feature(dist.Normal(law.loc, law.variance.sqrt()), x)

    assert ObservedLaw(law).log_prob(x).item() == pytest.approx(-0.5 * math.log(2 * math.pi))


def test_a_support_that_holds_no_known_number_is_refused() -> None:
    far = torch.distributions.constraints.interval(3.0, 4.0)
    with pytest.raises(NotImplementedError, match="nothing can stand for a gap"):
        inside(far)


def test_what_is_unseen_may_spread_further() -> None:
    law = ObservedLaw(dist.Normal(RAW, 2.0).to_event(1), SCALE)
    x = law.sample()
    assert torch.equal(law.log_prob(x), dist.Normal(RAW, 2.0).to_event(1).log_prob(x))
    wide = dist.Normal(RAW, 2.0 * SCALE)
    torch.testing.assert_close(law.unseen.variance, wide.variance.expand(B, X))
    each = log_prob_by_feature(law.unseen, x.masked_fill(x > 1, math.nan))
    wanted = wide.log_prob(x).masked_fill(x > 1, 0.0)
    torch.testing.assert_close(each, wanted, rtol=0, atol=1e-12)
    torch.manual_seed(0)
    draws = law.unseen.sample(torch.Size([20_000]))
    torch.testing.assert_close(draws.std(0), wide.stddev.expand(B, X), rtol=0.03, atol=0)
    assert ObservedLaw(law.law).unseen is law.law
