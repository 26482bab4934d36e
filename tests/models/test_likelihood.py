"""Likelihoods are normalised where decoders go far, and refuse data outside their support."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from pyromix import VaDE
from pyromix.models import (
    Bernoulli,
    ContinuousBernoulli,
    HeteroscedasticNormal,
    Laplace,
    Likelihood,
    LocationScale,
    NegativeBinomial,
    Normal,
    Poisson,
    StudentT,
)
from pyromix.networks import Strided


class Same(nn.Module):
    """A decoder that gives the same values whatever z."""

    def __init__(self, *values: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(values, dtype=torch.float64))

    def forward(self, z: Tensor) -> Tensor:
        return self.value.expand(*z.shape[:-1], len(self.value))


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


def test_a_normal_s_mean_may_be_a_sigmoid() -> None:
    x = torch.linspace(-10, 10, 40001, dtype=torch.float64)
    likelihood = Normal(Same(0.7), (1,), scale=0.3, sigmoid=True)
    mean = torch.trapezoid(density(likelihood, x) * x, x).item()
    assert mean == pytest.approx(1 / (1 + math.exp(-0.7)), abs=1e-8)


@pytest.mark.parametrize("log_scale", [-2.0, 0.0, 0.5])
def test_the_decoder_gives_mean_and_scale(log_scale: float) -> None:
    """Moments by quadrature, and the gradient of the density in both by the score's formula."""
    x = torch.linspace(-15, 15, 300_001, dtype=torch.float64)
    decoder = Same(0.7, log_scale)
    likelihood = HeteroscedasticNormal(decoder, (1,)).double()
    p = density(likelihood, x)
    mean = torch.trapezoid(p * x, x)
    variance = torch.trapezoid(p * (x - mean).square(), x)
    assert torch.trapezoid(p, x).item() == pytest.approx(1, abs=1e-8)
    assert mean.item() == pytest.approx(0.7, abs=1e-8)
    assert variance.sqrt().log().item() == pytest.approx(log_scale, abs=0.06)
    scale = likelihood.distribution(Z).stddev.item()
    assert variance.sqrt().item() == pytest.approx(scale, rel=1e-6)
    likelihood.distribution(Z).log_prob(torch.tensor([[1.1]], dtype=torch.float64)).sum().backward()
    slope = decoder.value.grad
    assert slope is not None
    assert slope[0].item() == pytest.approx(0.4 / scale**2)


def test_the_decoder_of_images_gives_two_maps_for_each_channel() -> None:
    model, _ = VaDE(likelihood=HeteroscedasticNormal, networks=Strided()).build((3, 16, 16))
    z = torch.randn(5, model.prior.latent_dim)
    law, maps = model.eval().likelihood.distribution(z), model.likelihood.decoder(z)
    assert law.batch_shape + law.event_shape == (5, 3, 16, 16)
    torch.testing.assert_close(law.mean, maps[:, :3])
    torch.testing.assert_close(law.stddev.log(), maps[:, 3:], rtol=0, atol=0.05)
    assert model(n=4).shape == (4, 3, 16, 16)


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
