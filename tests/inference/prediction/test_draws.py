"""A datum's draws have their law, and are the same whatever stands beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from pyro import distributions as dist
from scipy import stats
from torch import Tensor, nn

from pyromix.distributions import PowerSpherical, VonMisesFisher, WilsonHilfertyGamma
from pyromix.guides import Guide
from pyromix.inference.prediction.draws import draw, draws_of, wider
from pyromix.inference.prediction.noise import Noise, keys_of

B, D, S = 400, 3, 64
X = torch.randn(B, 5, generator=torch.Generator().manual_seed(0))


def unit(*rows: list[float]) -> Tensor:
    return nn.functional.normalize(torch.tensor(rows), dim=-1)


def features(n: int) -> Tensor:
    """Parameters between 0 and 1 that vary over the rows, ``(n, D)``."""
    return torch.linspace(0.0, 1.0, n).unsqueeze(-1).expand(n, D)


LAWS: dict[str, Callable[[int], Any]] = {
    "normal": lambda n: dist.Normal(features(n), 0.5 + features(n)).to_event(1),
    "full": lambda n: dist.MultivariateNormal(
        features(n),
        scale_tril=torch.tensor([[1.0, 0.0, 0.0], [0.8, 0.6, 0.0], [-0.5, 0.2, 0.7]]),
    ),
    "laplace": lambda n: dist.Laplace(features(n), 1.0).to_event(1),
    "log-normal": lambda n: dist.LogNormal(features(n), 0.5).to_event(1),
    "gamma": lambda n: dist.Gamma(1 + features(n), 2.0).to_event(1),
    "small-gamma": lambda n: dist.Gamma(torch.full((n, D), 0.4), 2.0).to_event(1),
    "wilson-hilferty": lambda n: WilsonHilfertyGamma(1 + features(n), 2.0).to_event(1),
    "von-mises-fisher": lambda n: VonMisesFisher(unit([1.0, 2.0, -1.0]).expand(n, D), 4.0),
    "circle": lambda n: VonMisesFisher(unit([1.0, 2.0]).expand(n, 2), 0.7),
    "power-spherical": lambda n: PowerSpherical(unit([1.0, 2.0, -1.0]).expand(n, D), 9.0),
}
FAMILIES = pytest.mark.parametrize("family", LAWS)


def of_rows(law: Callable[[int], Any], rows: Tensor, n: int = S, seed: int = 0) -> Tensor:
    """Draws for some rows of X, ``(n, B, D)``, whose laws are those of the rows."""
    return draw(law(len(rows)), Noise(keys_of(rows), n, seed))


@FAMILIES
def test_draws_have_their_law(family: str) -> None:
    """Every coordinate as those of the law's own sampler, by a two-sample Kolmogorov–Smirnov."""
    law = LAWS[family](B)
    ours = of_rows(LAWS[family], X)
    torch.manual_seed(1)
    theirs = law.sample((S,))
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    for d in range(ours.shape[-1]):
        mine, other = ours[..., d].flatten().numpy(), theirs[..., d].flatten().numpy()
        assert stats.ks_2samp(mine, other).pvalue > 1e-3
    torch.testing.assert_close(
        ours.flatten(0, 1).T.cov(), theirs.flatten(0, 1).T.cov(), rtol=0.1, atol=0.05
    )
    assert law.log_prob(ours).isfinite().all()


@FAMILIES
def test_a_datum_draws_the_same_alone(family: str) -> None:
    constant = LAWS[family](1)
    row = LAWS[family](2)
    together = draw(row, Noise(keys_of(X[[0, 7]]), S, 3))[:, :1]
    alone = draw(constant, Noise(keys_of(X[:1]), S, 3))
    torch.testing.assert_close(together, alone, rtol=1e-6, atol=1e-6)
    other = draw(constant, Noise(keys_of(X[:1]), S, 4))
    assert not torch.allclose(other, alone)
    elsewhere = draw(constant, Noise(keys_of(X[7:8]), S, 3))
    assert not torch.allclose(elsewhere, alone)


def test_noise_is_even_within_a_datum_and_independent_between() -> None:
    uniform = Noise(keys_of(X), 64, 0).uniform(torch.Size([2]))
    assert uniform.shape == (64, B, 2)
    assert stats.kstest(uniform[:, :, 0].flatten().numpy(), "uniform").pvalue > 1e-3
    counts = np.stack([np.bincount((row * 16).long(), minlength=16) for row in uniform[..., 0].T])
    assert counts.min() >= 2  # 4 each; of independent draws some sixteenth is empty by e⁻⁴
    means = uniform.mean(0)
    # Errors of different data average out: the mean of all is far nearer than that of one.
    assert (means.mean(0) - 0.5).abs().max() < 4 * means.std(0).max() / B**0.5
    first = uniform[0, :, 0]
    assert stats.kstest(first.numpy(), "uniform").pvalue > 1e-3
    assert abs(float(np.corrcoef(first[:-1], first[1:])[0, 1])) < 4 / B**0.5


def test_calls_are_independent_point_by_point() -> None:
    """Scrambled Sobol points of one dimension go together however they are scrambled."""
    for n in (64, 1024):
        noise = Noise(keys_of(X[:100]), n, 0)
        pair = [(8 * noise.uniform(torch.Size([]))).long().flatten() for _ in range(2)]
        cells = torch.bincount(8 * pair[0] + pair[1], minlength=64).numpy()
        # All data share the points, so that as many cells as points are independent.
        assert np.square(cells / (100 * n / 64) - 1).mean() < 3 * 64 / n


def test_keys_tell_data_apart() -> None:
    binary = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 12)
    assert len(keys_of(binary).unique()) == len(binary)
    assert torch.equal(keys_of(binary.double()), keys_of(binary))
    assert torch.equal(keys_of(-0.0 * binary[:1]), keys_of(0.0 * binary[:1]))
    images = X.reshape(B, 1, 5, 1)
    assert torch.equal(keys_of(images), keys_of(X))
    assert len(keys_of(X.flip(1)).unique()) == B
    assert not set(keys_of(X.flip(1)).tolist()) & set(keys_of(X).tolist())


def test_a_rejection_never_hangs_on_what_is_not_a_number() -> None:
    law = VonMisesFisher(
        unit([1.0, 2.0, 3.0]).expand(2, 3), torch.tensor([4.0, torch.nan]), validate_args=False
    )
    drawn = draw(law, Noise(keys_of(X[:2]), S, 0))
    assert drawn[:, 0].isfinite().all()
    assert drawn[:, 1].isnan().all()


class StudentGuide(Guide):
    """A posterior that the zoo has no head for, and that torch cannot invert."""

    def posterior(self, x: Tensor, **companions: Tensor) -> dict[str, Any]:
        return {"z": dist.StudentT(5.0, x[:, :2], 1.0).to_event(1)}


def test_a_law_of_the_test_s_own_is_drawn_row_by_row() -> None:
    guide = StudentGuide()
    together = draws_of(guide, guide.posterior(X), X, S, 0)["z"]
    assert together.shape == (S, B, 2)
    some = torch.tensor([5, 399, 0])
    apart = draws_of(guide, guide.posterior(X[some]), X[some], S, 0)["z"]
    assert torch.equal(apart, together[:, some])
    standard = (together - X[:, :2]).flatten().numpy()
    assert stats.kstest(standard, stats.t(5).cdf).pvalue > 1e-3


@pytest.mark.parametrize("family", ["normal", "full", "log-normal", "gamma", "wilson-hilferty"])
def test_wider_laws_are_as_much_wider(family: str) -> None:
    law = LAWS[family](2) if "gamma" not in family else dist.Gamma(9.0 * torch.ones(2, D), 2.0)
    if family == "wilson-hilferty":
        law = WilsonHilfertyGamma(9.0 * torch.ones(2, D), 2.0).to_event(1)
    torch.manual_seed(0)
    before, after = law.sample((40_000,)), wider(law, 1.5).sample((40_000,))
    if family == "log-normal":
        before, after = before.log(), after.log()
    torch.testing.assert_close(after.std(0), 1.5 * before.std(0), rtol=0.03, atol=0)
    torch.testing.assert_close(after.mean(0), before.mean(0), rtol=0.02, atol=0.03)


@pytest.mark.parametrize("family", [VonMisesFisher, PowerSpherical])
def test_wider_laws_on_the_sphere(family: Any) -> None:
    law = family(unit([1.0, 2.0, -1.0]), 80.0)
    torch.manual_seed(0)
    spread = [
        1 - (each.sample((40_000,)) * law.loc).sum(-1).mean() for each in (law, wider(law, 1.5))
    ]
    assert (spread[1] / spread[0]).item() == pytest.approx(1.5**2, rel=0.05)


def test_a_wider_gamma_stays_away_from_zero_and_an_unknown_law_as_it_is() -> None:
    law = wider(dist.Gamma(torch.tensor([1.2]), 3.0), 1.5)
    assert isinstance(law, dist.Gamma)
    assert law.concentration.item() == pytest.approx(1.0)
    assert law.mean.item() == pytest.approx(0.4)
    student = dist.StudentT(5.0, 0.0, 1.0)
    assert wider(student, 1.5) is student
