"""``unsqueeze_batch`` keeps the law and inserts one batch dimension."""

from __future__ import annotations

from collections.abc import Callable

import pyro.distributions as dist
import pytest
import torch
from pyro.distributions import TorchDistribution
from torch.nn import functional as F

from pyromix.distributions import (
    PowerSpherical,
    SphericalUniform,
    VonMisesFisher,
    WilsonHilfertyGamma,
    unsqueeze_batch,
)

TRIL = torch.eye(3) + torch.ones(3, 3).tril(-1)
LAWS: dict[str, Callable[[], TorchDistribution]] = {
    "normal": lambda: dist.Normal(torch.randn(4), 1.0),
    "normal, expanded": lambda: dist.Normal(0.0, 1.0).expand([2, 4]),
    "independent": lambda: dist.Normal(torch.randn(4, 3), torch.rand(4, 3) + 0.1).to_event(1),
    "independent of two": lambda: dist.Normal(torch.randn(4, 3, 2), 1.0).to_event(2),
    "gamma": lambda: dist.Gamma(torch.rand(4, 3) + 1, torch.rand(4, 3) + 1).to_event(1),
    "beta": lambda: dist.Beta(torch.rand(4) + 1, torch.rand(4) + 1),
    "dirichlet": lambda: dist.Dirichlet(torch.rand(4, 3) + 1),
    "mvn, scale_tril": lambda: dist.MultivariateNormal(torch.randn(4, 3), scale_tril=TRIL),
    "mvn, covariance": lambda: dist.MultivariateNormal(torch.randn(4, 3), torch.eye(3)),
    "categorical, probs": lambda: dist.Categorical(torch.rand(4, 3)),
    "bernoulli, logits": lambda: dist.Bernoulli(logits=torch.randn(4)),
    "log-normal": lambda: dist.LogNormal(torch.randn(4), 1.0),
    "vmf": lambda: VonMisesFisher(F.normalize(torch.randn(4, 3), dim=-1), 2.0),
    "power spherical": lambda: PowerSpherical(F.normalize(torch.randn(4, 3), dim=-1), 2.0),
    "uniform": lambda: SphericalUniform(3, (4,)),
    "wilson-hilferty": lambda: WilsonHilfertyGamma(torch.rand(4, 3) + 1, 2.0).to_event(1),
}


@pytest.mark.parametrize("name", LAWS)
def test_same_law_with_one_more_dimension(name: str) -> None:
    torch.manual_seed(0)
    law = LAWS[name]()
    got = unsqueeze_batch(law)
    assert type(got) is type(law)
    assert got.batch_shape == (*law.batch_shape, 1)
    assert got.event_shape == law.event_shape
    value = law.sample()
    expected = law.log_prob(value)
    position = value.dim() - len(law.event_shape)
    torch.testing.assert_close(got.log_prob(value.unsqueeze(position)), expected.unsqueeze(-1))


def test_derived_parameters_do_not_confuse_it() -> None:
    law = dist.MultivariateNormal(torch.zeros(4, 3), torch.eye(3))
    assert law.precision_matrix.shape == (4, 3, 3)  # computed and kept by torch on first use
    assert unsqueeze_batch(law).batch_shape == (4, 1)


def test_gradients_and_memory_are_shared() -> None:
    loc = torch.randn(4, requires_grad=True)
    got = unsqueeze_batch(dist.Normal(loc, 1.0))
    assert isinstance(got, dist.Normal)
    assert got.loc.data_ptr() == loc.data_ptr()
    got.mean.sum().backward()
    torch.testing.assert_close(loc.grad, torch.ones(4))


def test_what_cannot_be_rebuilt_is_refused() -> None:
    law = dist.RelaxedBernoulli(torch.tensor(1.0), logits=torch.zeros(2))
    with pytest.raises(NotImplementedError, match="RelaxedBernoulli cannot be rebuilt"):
        unsqueeze_batch(law)
