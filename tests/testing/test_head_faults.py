"""A wrong head is told which law it breaks, and by how much."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from pyro import distributions as dist
from pyro.distributions import TorchDistribution
from torch import Tensor

from pyromix.guides import GaussianHead, Head, SphericalHead
from pyromix.testing import check_head


class LaplaceHead(Head):
    """A head of one's own that is right: kinks, and no closed cross entropy."""

    def __init__(self, in_features: int, latent_dim: int) -> None:
        super().__init__(in_features, latent_dim)
        self.linear = torch.nn.Linear(in_features, 2 * latent_dim)

    def forward(self, features: Tensor) -> TorchDistribution:
        loc, log_scale = self.linear(features).chunk(2, -1)
        law: TorchDistribution = dist.Laplace(loc, log_scale.clamp(-5, 5).exp()).to_event(1)
        return law


def test_a_head_that_is_right() -> None:
    check_head(LaplaceHead)


class Own(GaussianHead):
    """A Gaussian head with a law of its own."""

    law: Any = dist.Normal

    def forward(self, features: Tensor) -> TorchDistribution:
        q: Any = super().forward(features)
        return dist.Independent(self.law(q.base_dist.loc, q.base_dist.scale), 1)


class DeafDraws(dist.Normal):
    def rsample(self, shape: Sequence[int] = ()) -> Tensor:
        noise: Tensor = dist.Normal(0.0 * self.loc, 1.0).sample(torch.Size(shape))
        return self.loc + self.scale.detach() * noise


class Deaf(Own):
    """The scale gets no gradient from draws."""

    law = DeafDraws


class DoubledDensity(dist.Normal):
    def log_prob(self, value: Tensor) -> Tensor:
        right: Tensor = dist.Normal.log_prob(self, value)
        return right + 0.5


class Doubled(Own):
    law = DoubledDensity


class WideDraws(dist.Normal):
    def rsample(self, shape: Sequence[int] = ()) -> Tensor:
        return self.loc + 1.3 * (super().rsample(torch.Size(shape)) - self.loc)


class Wide(Own):
    law = WideDraws


class WrongEntropy(dist.Normal):
    def entropy(self) -> Tensor:
        right: Tensor = dist.Normal.entropy(self)
        return right - 0.1


class Entropy(Own):
    law = WrongEntropy


class WrongMean(dist.Normal):
    @property
    def mean(self) -> Tensor:
        return self.loc + self.scale


class Mean(Own):
    law = WrongMean


class NoDim(GaussianHead):
    """Every dimension is a datum."""

    def forward(self, features: Tensor) -> TorchDistribution:
        whole: Any = super().forward(features)
        law: TorchDistribution = whole.base_dist
        return law


class Unbounded(GaussianHead):
    def forward(self, features: Tensor) -> TorchDistribution:
        loc, log_variance = self.linear(features).chunk(2, -1)
        law: TorchDistribution = dist.Normal(loc, (5 * log_variance).exp()).to_event(1)
        return law


class Widening(GaussianHead):
    """It forgets that it is given a code, and is as wide as before."""

    def narrow(self, code: Tensor) -> None:
        with torch.no_grad():
            self.linear.bias[code.shape[-1] :] += 0.5


class OffTheSphere(SphericalHead):
    def forward(self, features: Tensor) -> TorchDistribution:
        law: Any = super().forward(features)
        whole = law.rsample
        law.rsample = lambda shape=(): 1.01 * whole(torch.Size(shape))
        swollen: TorchDistribution = law
        return swollen


class Score(GaussianHead):
    """No draw carries a gradient."""

    def forward(self, features: Tensor) -> TorchDistribution:
        law = super().forward(features)
        law.base_dist.has_rsample = False
        return law


@pytest.mark.parametrize(
    ("head", "sentence"),
    [
        (Deaf, r"the gradient of its draws is that of its density\. .* standard errors"),
        (Doubled, r"q\(z\) integrates to one\. Its integral is 1\.648"),
        (Wide, r"draws of q\(z\) follow its density"),
        (Entropy, r"its entropy is that of its density\. .* off by 0\.1"),
        (Mean, r"its mean, in widths of q, is nearly that of its density\. .* off by"),
        (NoDim, r"features \(…, F\) make a law of batch shape"),
        (Unbounded, r"finite at features of size 1"),
        (Widening, r"narrow\(code\) makes q narrow beside the code's spread\. The noise is"),
        (OffTheSphere, r"draws lie in the support\. \d+ of \d+ lie outside"),
        (Score, r"its draws carry a gradient"),
    ],
)
def test_heads_that_are_wrong(head: Any, sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence) as caught:
        check_head(head)
    assert head.__name__ in str(caught.value)
