"""A wrong likelihood is told which law it breaks, and by how much."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyro
import pytest
from pyro import distributions as dist
from pyro.distributions import TorchDistribution
from torch import Tensor
from torch.distributions import constraints

from pyromix.models import Bernoulli, Likelihood, Normal, Poisson
from pyromix.testing import check_likelihood


class LogNormal(Likelihood):
    """A likelihood of one's own that is right, of positive data."""

    support = constraints.positive
    support_words = "positive numbers"

    def distribution(self, z: Tensor) -> TorchDistribution:
        values = dist.LogNormal(self.decoder(z).clamp(-20, 20), 0.5)
        law: TorchDistribution = values.to_event(len(self.event_shape))
        return law


def test_a_likelihood_that_is_right() -> None:
    check_likelihood(LogNormal)


class Own(Normal):
    law: Callable[[Tensor, Tensor], TorchDistribution] = dist.Normal

    def noise(self, loc: Tensor, scale: Tensor) -> TorchDistribution:
        return self.law(loc, scale)


class NoLogarithm(dist.Normal):
    """Squared error, as many call it."""

    def log_prob(self, value: Tensor) -> Tensor:
        return -(((value - self.loc) / self.scale) ** 2) / 2


class Unnormalised(Own):
    law = NoLogarithm


class OtherMean(Normal):
    def mean(self, z: Tensor, **companions: Tensor) -> Tensor:
        return super().mean(z) + 0.1


class Continuous(Bernoulli):
    """A Bernoulli that says it is a density of grey values (Loaiza-Ganem & Cunningham 2019)."""

    is_density = True


class Lenient(Poisson):
    @classmethod
    def check(cls, x: Tensor) -> None:
        return None


class Strict(Normal):
    @classmethod
    def check(cls, x: Tensor) -> None:
        raise ValueError("x is no good")


class Deaf(Normal):
    """The decoder learns nothing."""

    def distribution(self, z: Tensor) -> TorchDistribution:
        values = dist.Normal(self.decoder(z).detach(), self.log_scale.exp())
        law: TorchDistribution = values.to_event(len(self.event_shape))
        return law


class Elsewhere(Normal):
    """The program scores under another law than it tells."""

    def forward(self, z: Tensor, x: Tensor | None = None, **companions: Tensor) -> Tensor:
        law: Any = dist.Normal(self.decoder(z), 1.0)
        drawn: Tensor = pyro.sample("x", law.to_event(len(self.event_shape)), obs=x)
        return drawn


class Overflowing(Poisson):
    def distribution(self, z: Tensor, **companions: Tensor | None) -> TorchDistribution:
        counts = dist.Poisson(self.decoder(z).exp(), validate_args=False)
        law: TorchDistribution = counts.to_event(len(self.event_shape))
        return law


class LastDimOnly(Normal):
    def distribution(self, z: Tensor) -> TorchDistribution:
        law: TorchDistribution = dist.Normal(self.decoder(z), 1.0).to_event(1)
        return law


@pytest.mark.parametrize(
    ("likelihood", "sentence"),
    [
        (Unnormalised, r"p\(x \| z\) sums or integrates to one over its support\. It gives .*"),
        (Continuous, r"p\(x \| z\) sums or integrates to one over its support"),
        (OtherMean, r"its mean, in standard deviations, is that of its density"),
        (Lenient, r"check refuses data outside its support\. It takes nan"),
        (Strict, r"check takes what it draws\. It says: x is no good"),
        (Deaf, r"its gradient|the gradient of log p\(x \| z\) is that of finite differences"),
        (Elsewhere, r"its program scores data as its law says\. .* off by"),
        (Overflowing, r"finite at outputs of the decoder of size"),
        (LastDimOnly, r"of the event shape of a datum"),
    ],
)
def test_likelihoods_that_are_wrong(likelihood: Any, sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence) as caught:
        check_likelihood(likelihood)
    assert likelihood.__name__ in str(caught.value)
