"""Faults of other implementations (Jiang et al. 2017's code and its re-writings), each ruled out.

Every test states a law, shows that ours obeys it, and that the faulty formula breaks it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import mpmath
import numpy as np
import pytest
import torch
from sklearn.mixture import GaussianMixture as SklearnMixture
from torch import Tensor, nn

from pyromix.guides import AmortisedGuide, GaussianHead, Guide
from pyromix.inference import encode, responsibilities
from pyromix.models import GaussianMixture, MixtureVAE, Normal

from .written_out import normal_log_density


def unclamped(y: Tensor, low: float, high: float) -> Tensor:
    """The x whose smooth clamp is y."""

    def inverse_softplus(value: Tensor) -> Tensor:
        return value + torch.log(-torch.expm1(-value))

    return high - inverse_softplus(high - low - inverse_softplus(y - low))


def mixture(loc: Tensor, log_variance: Tensor, logits: Tensor | None = None) -> GaussianMixture:
    """A diagonal Gaussian mixture with these parameters, float64."""
    prior = GaussianMixture(*loc.shape).double()
    with torch.no_grad():
        prior.loc.copy_(loc)
        prior.log_scale.copy_(unclamped(log_variance / 2, -6.0, 6.0))
        if logits is not None:
            prior.logits.copy_(logits)
    return prior


class TestWeightsAreNormalised:
    """The prior's density integrates to one, whatever its parameters."""

    LOGITS = torch.tensor([0.3, -1.0, 2.0], dtype=torch.float64)
    LOC = torch.tensor([[-2.0], [0.0], [2.0]], dtype=torch.float64)

    @staticmethod
    def holds(density: Callable[[Tensor], Tensor]) -> bool:
        z = torch.linspace(-30, 30, 6001, dtype=torch.float64)
        integral = torch.trapezoid(density(z.unsqueeze(-1)), z)
        return bool((integral - 1).abs() < 1e-9)

    def test_ours(self) -> None:
        prior = mixture(self.LOC, torch.zeros(3, 1), self.LOGITS)
        assert self.holds(lambda z: prior.log_prob(z).exp().detach())
        assert prior.weights.sum().item() == pytest.approx(1.0, abs=1e-12)

    def test_the_fault(self) -> None:
        """A free parameter in the place of π, which the optimiser moves off the simplex."""
        weights = torch.full((3,), 1 / 3, dtype=torch.float64, requires_grad=True)
        ones = torch.ones(1, dtype=torch.float64)

        def density(z: Tensor) -> Tensor:
            parts = [normal_log_density(z, loc, ones).exp() for loc in self.LOC]
            return (torch.stack(parts, -1) * weights).sum(-1)

        assert self.holds(lambda z: density(z).detach())
        data = self.LOC[:1]
        (-density(data).log().mean()).backward()
        assert weights.grad is not None
        weights.data -= 0.1 * weights.grad
        assert not self.holds(lambda z: density(z).detach())


class TestLogVarianceIsHalved:
    """p(c | z) is Bayes' rule for Gaussian densities that integrate to one."""

    LOG_VARIANCE = torch.tensor([[-1.0, -1.0], [1.0, 1.0]], dtype=torch.float64)
    # Where the narrow cluster is a little likelier: the odds are e^0.056.
    Z = torch.tensor([[math.sqrt((2 - 0.056) / math.sinh(1)), 0.0]], dtype=torch.float64)

    def holds(self, gamma: Tensor) -> bool:
        odds = [
            mpmath.npdf(self.Z[0, 0].item(), 0, sd) * mpmath.npdf(0, 0, sd)
            for sd in (math.exp(-0.5), math.exp(0.5))
        ]
        return abs(gamma[0, 0].item() - float(odds[0] / sum(odds))) < 1e-9

    def test_ours(self) -> None:
        gamma = mixture(torch.zeros(2, 2), self.LOG_VARIANCE).responsibilities(self.Z).detach()
        assert self.holds(gamma)
        assert gamma[0, 0].item() == pytest.approx(0.514, abs=5e-4)

    def test_the_fault(self) -> None:
        quadratic = self.Z.square().unsqueeze(1) / self.LOG_VARIANCE.exp()
        gamma = -(self.LOG_VARIANCE + quadratic / 2).sum(-1)
        gamma = gamma.softmax(-1)
        assert not self.holds(gamma)
        assert gamma[0, 0].item() == pytest.approx(0.8865, abs=5e-4)


class TestWeightsOfAMixtureAreNoLogits:
    """After initialisation p(c) is the share of the data in each group."""

    SHARES = torch.tensor([0.7, 0.2, 0.1], dtype=torch.float64)

    def holds(self, weights: Tensor) -> bool:
        return bool((weights - self.SHARES).abs().max() < 1e-3)

    def test_ours(self) -> None:
        groups = torch.eye(3).double().repeat_interleave(torch.tensor([7000, 2000, 1000]), 0)
        prior = GaussianMixture(3, 2).double()
        prior.initialise(torch.randn(10_000, 2).double(), groups)
        assert self.holds(prior.weights.detach())

    def test_the_fault(self) -> None:
        weights = self.SHARES.softmax(-1)
        assert not self.holds(weights)
        assert [round(value, 2) for value in weights.tolist()] == [0.46, 0.28, 0.25]


class TestResponsibilitiesDontUnderflow:
    """p(c | z) is Bayes' rule however far z is from every cluster."""

    LOC = torch.tensor([[0.0], [1.0], [-5.0]], dtype=torch.float64)
    Z = torch.tensor([[60.0]], dtype=torch.float64)

    def holds(self, gamma: Tensor) -> bool:
        with mpmath.workdps(2000):
            density = [mpmath.npdf(self.Z.item(), loc) for loc in self.LOC.flatten().tolist()]
            truth = [float(value / mpmath.fsum(density)) for value in density]
        return bool(np.allclose(gamma.flatten().numpy(), truth, atol=1e-9))

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_ours(self, dtype: torch.dtype) -> None:
        prior = mixture(self.LOC, torch.zeros(3, 1)).to(dtype)
        assert self.holds(prior.responsibilities(self.Z.to(dtype)).detach())

    def test_the_fault(self) -> None:
        density = (-0.5 * (self.Z - self.LOC.T).square()).exp() / math.sqrt(2 * math.pi) + 1e-10
        gamma = density / density.sum(-1, keepdim=True)
        assert not self.holds(gamma)
        assert gamma.flatten().tolist() == pytest.approx([1 / 3] * 3)


@pytest.fixture
def story() -> tuple[MixtureVAE, Guide, Tensor]:
    """Three clusters on a line, half of whose data lie between two of them."""
    prior = mixture(torch.tensor([[-2.0], [0.0], [2.0]]), torch.zeros(3, 1))
    head = GaussianHead(1, 1)
    guide = AmortisedGuide(nn.Identity(), z=head).double()
    with torch.no_grad():
        head.linear.weight.copy_(torch.tensor([[1.0], [0.0]]))
        head.linear.bias.zero_()
    model = MixtureVAE(prior, Normal(nn.Linear(1, 1), (1,))).double()
    x = torch.linspace(-3, 3, 60, dtype=torch.float64).unsqueeze(-1)
    return model, guide, x


class TestPredictionIsNoSample:
    """The same datum gets the same answer each time, whatever the state of the generators."""

    @staticmethod
    def holds(predict: Callable[[], Tensor]) -> bool:
        answers = []
        for seed in range(5):
            torch.manual_seed(seed)
            answers.append(predict())
        return all(torch.equal(answers[0], answer) for answer in answers)

    def test_ours(self, story: tuple[MixtureVAE, Guide, Tensor]) -> None:
        model, guide, x = story
        assert self.holds(lambda: responsibilities(model, guide, x)["c"])
        assert self.holds(lambda: responsibilities(model, guide, x)["c"].argmax(-1))

    def test_the_fault(self, story: tuple[MixtureVAE, Guide, Tensor]) -> None:
        model, guide, x = story

        def predict() -> Tensor:
            z = guide.posterior(x)["z"].sample()
            clusters: Tensor = model.prior.responsibilities(z).argmax(-1)
            return clusters

        assert not self.holds(predict)


class TestLabelsAreTheModels:
    """A datum's label is a function of it and of the fitted story, of no other datum."""

    @staticmethod
    def holds(predict: Callable[[Tensor], Tensor], x: Tensor) -> bool:
        together = predict(x)
        alone = torch.cat([predict(part) for part in (x[:45], x[45:])])
        return torch.equal(together, alone)

    def test_ours(self, story: tuple[MixtureVAE, Guide, Tensor]) -> None:
        model, guide, x = story

        def predict(rows: Tensor) -> Tensor:
            return responsibilities(model, guide, rows)["c"].argmax(-1)

        assert self.holds(predict, x)
        before = predict(x)
        order = torch.tensor([2, 0, 1])
        with torch.no_grad():
            model.prior.loc.copy_(model.prior.loc[order])
        assert torch.equal(order[predict(x)], before)

    def test_the_fault(self, story: tuple[MixtureVAE, Guide, Tensor]) -> None:
        model, guide, x = story

        def predict(rows: Tensor) -> Tensor:
            codes = encode(model, guide, rows)["z"].numpy()
            return torch.as_tensor(SklearnMixture(3, random_state=0).fit_predict(codes))

        assert not self.holds(predict, x)
        before = predict(x)
        with torch.no_grad():
            model.prior.loc.copy_(model.prior.loc.flip(0))
        assert torch.equal(predict(x), before)
