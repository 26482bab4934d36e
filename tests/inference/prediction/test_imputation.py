"""Gaps are filled as they are distributed given what is observed, and answers are of that alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from pyro import distributions as dist
from pyro.distributions import TorchDistribution
from scipy.stats import multivariate_normal
from torch import Tensor, nn

from pyromix.guides import Guide
from pyromix.inference import (
    ClosedFormELBO,
    EnumeratedELBO,
    MixtureELBO,
    calibrate_gaps,
    importance_weighted_bound,
    imputation_log_prob,
    imputation_moments,
    impute,
    responsibilities,
)
from pyromix.models import (
    Bernoulli,
    Coded,
    ColumnLaw,
    GaussianMixture,
    Mixed,
    MixtureVAE,
    Normal,
    Observed,
    Standardised,
)
from pyromix.models.families import NormalFamily
from pyromix.models.location_scale import LOG_SCALE_RANGE
from pyromix.networks import Scaling, inverse_soft_clamp

D, X, NOISE = 2, 4, 0.5
GAPS = torch.tensor([False, True, True, False])


class Wide(Guide, abstract=True):
    """A posterior that is wider than any true one, whatever the data."""

    def __init__(self, dim: int, scale: float = 3.0) -> None:
        super().__init__()
        self.dim, self.scale = dim, nn.Parameter(torch.tensor(scale, dtype=torch.float64))

    def posterior(self, x: Tensor, **companions: Tensor) -> dict[str, TorchDistribution]:
        loc = x.new_zeros(len(x), self.dim)
        return {"z": dist.Normal(loc, self.scale).to_event(1)}


def linear(features: int = X) -> MixtureVAE:
    """Two clusters in two dimensions, seen linearly with noise."""
    torch.manual_seed(0)
    prior = GaussianMixture(2, D)
    decoder = nn.Linear(D, features)
    with torch.no_grad():
        prior.loc.copy_(torch.tensor([[-1.0, 0.5], [1.5, -0.5]]))
        prior.logits.copy_(torch.tensor([0.3, -0.2]))
    return MixtureVAE(prior, Observed(Normal(decoder, (features,), scale=NOISE))).double()


def decoder_of(story: MixtureVAE) -> Any:
    return story.likelihood.decoder


class Exact:
    """The same story by NumPy: Gaussians of all features, cluster by cluster."""

    def __init__(self, story: MixtureVAE) -> None:
        prior, decoder = story.prior.mixtures[0], decoder_of(story)
        component = prior.component()
        weight = decoder.weight.detach().numpy()
        self.shares = prior.weights.detach().numpy()
        self.means = component.mean.detach().numpy() @ weight.T + decoder.bias.detach().numpy()
        spread = component.variance.detach().numpy()
        noise = NOISE**2 * np.eye(X)
        self.covariances = [weight @ np.diag(each) @ weight.T + noise for each in spread]

    def clusters(self, x: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, float]:
        """p(c | observed) and log p(observed) of one datum."""
        logs = np.array(
            [
                np.log(share) + multivariate_normal.logpdf(x[seen], mean[seen], cov[seen][:, seen])
                for share, mean, cov in zip(self.shares, self.means, self.covariances, strict=True)
            ]
        )
        total = float(np.logaddexp.reduce(logs))
        return np.exp(logs - total), total

    def given(self, x: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance of the gaps of one datum."""
        share = self.clusters(x, seen)[0]
        means, seconds = [], []
        for mean, cov in zip(self.means, self.covariances, strict=True):
            gain = cov[~seen][:, seen] @ np.linalg.inv(cov[seen][:, seen])
            loc = mean[~seen] + gain @ (x[seen] - mean[seen])
            means.append(loc)
            seconds.append(cov[~seen][:, ~seen] - gain @ cov[seen][:, ~seen] + np.outer(loc, loc))
        mean = np.einsum("k,ki->i", share, np.stack(means))
        second = np.einsum("k,kij->ij", share, np.stack(seconds))
        return mean, second - np.outer(mean, mean)


def data(story: MixtureVAE, n: int = 6) -> Tensor:
    torch.manual_seed(1)
    x: Tensor = story(n=n).detach()
    x[:, GAPS] = math.nan
    return x


def test_answers_with_gaps_are_bayes_rule_on_the_marginal() -> None:
    story = linear()
    exact, x, seen = Exact(story), data(story), ~GAPS.numpy()
    wanted = [exact.clusters(row, seen) for row in x.numpy()]
    gamma = responsibilities(story, Wide(D), x, num_samples=8192)["c"]
    np.testing.assert_allclose(gamma, np.stack([each[0] for each in wanted]), atol=5e-3)
    nats = importance_weighted_bound(story, Wide(D), x, num_samples=8192)
    np.testing.assert_allclose(nats, [each[1] for each in wanted], atol=0.02)


def test_moments_of_gaps_are_those_of_the_conditional_law() -> None:
    """Within four standard errors, over eight seeds."""
    story = linear()
    x = data(story)
    wanted = [Exact(story).given(row, ~GAPS.numpy()) for row in x.numpy()]
    runs = [imputation_moments(story, Wide(D), x, num_samples=2048, seed=s) for s in range(8)]
    for place, right in (
        (0, np.stack([mean for mean, _ in wanted])),
        (1, np.stack([np.sqrt(np.diag(cov)) for _, cov in wanted])),
    ):
        found = torch.stack([run[place][:, GAPS] for run in runs]).numpy()
        error = found.std(0, ddof=1) / math.sqrt(len(runs))
        assert (abs(found.mean(0) - right) < 4 * error + 1e-4).all()
        assert error.max() < 0.02
    observed = runs[0][0][:, ~GAPS], runs[0][1][:, ~GAPS]
    assert torch.equal(observed[0], x[:, ~GAPS])
    assert not observed[1].any()


def test_draws_of_gaps_follow_the_conditional_law() -> None:
    story = linear()
    x = data(story, 2)
    draws = impute(story, Wide(D), x, 4000, num_samples=8192)
    assert draws.shape == (4000, 2, X)
    assert torch.equal(draws[:, :, ~GAPS], x[:, ~GAPS].expand(4000, -1, -1))
    for row, datum in enumerate(x.numpy()):
        mean, cov = Exact(story).given(datum, ~GAPS.numpy())
        found = draws[:, row][:, GAPS].numpy()
        error = np.sqrt(np.diag(cov) / len(found))
        assert (abs(found.mean(0) - mean) < 4 * error).all()
        np.testing.assert_allclose(np.cov(found.T), cov, atol=0.1 * np.diag(cov).max())


@pytest.mark.parametrize("elbo", [ClosedFormELBO, EnumeratedELBO])
def test_the_bound_is_that_of_the_story_of_what_is_observed(elbo: type[MixtureELBO]) -> None:
    """Value and gradient, where the story within is of the observed columns alone."""
    whole, part = linear(), linear(2)
    decoder, less = decoder_of(whole), decoder_of(part)
    with torch.no_grad():
        less.weight.copy_(decoder.weight[~GAPS])
        less.bias.copy_(decoder.bias[~GAPS])
    x, found = data(whole), []
    for story, given in ((whole, x), (part, x[:, ~GAPS])):
        torch.manual_seed(2)
        loss = elbo().evaluate(story, Wide(D, 0.7), given).loss
        slopes = torch.autograd.grad(loss, list(story.parameters()))
        found.append((loss, dict(zip(dict(story.named_parameters()), slopes, strict=True))))
    torch.testing.assert_close(found[0][0], found[1][0], rtol=0, atol=1e-10)
    for name, slope in found[1][1].items():
        mine = found[0][1][name]
        assert mine.isfinite().all()
        mine = mine[~GAPS] if "decoder" in name else mine
        torch.testing.assert_close(mine, slope, rtol=0, atol=1e-10, msg=name)
    assert not found[0][1]["likelihood.inner.decoder.weight"][GAPS].any()


@pytest.mark.parametrize("elbo", [ClosedFormELBO, EnumeratedELBO])
def test_whole_data_have_the_bits_that_they_had(elbo: type[MixtureELBO]) -> None:
    story = linear()
    x = data(story).nan_to_num(nan=0.25)
    bare = MixtureVAE(story.prior, story.likelihood.inner)
    losses = []
    for each in (story, bare):
        torch.manual_seed(2)
        losses.append(elbo().evaluate(each, Wide(D, 0.7), x).loss)
    assert torch.equal(losses[0], losses[1])
    nats = [importance_weighted_bound(each, Wide(D), x) for each in (story, bare)]
    assert torch.equal(nats[0], nats[1])
    assert torch.equal(impute(story, Wide(D), x), x)


def test_answers_are_a_datum_s_own() -> None:
    story = linear()
    x = data(story, 40)
    x[3:20, 2] = 0.5
    order = torch.randperm(40)
    assert torch.equal(impute(story, Wide(D), x)[order], impute(story, Wide(D), x[order]))
    draws = impute(story, Wide(D), x, 3)
    assert torch.equal(draws[:, order], impute(story, Wide(D), x[order], 3))
    assert not torch.equal(draws, impute(story, Wide(D), x, 3, seed=1))


def test_log_p_of_what_is_observed_is_that_by_quadrature() -> None:
    """A story that is not linear, with gaps of every pattern."""
    torch.manual_seed(0)
    decoder = nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 3))
    story = MixtureVAE(GaussianMixture(2, 1), Observed(Bernoulli(decoder, (3,)))).double()
    x = torch.cartesian_prod(*[torch.tensor([0.0, 1.0, math.nan], dtype=torch.float64)] * 3)
    z = torch.linspace(-9, 9, 4001, dtype=torch.float64).reshape(-1, 1, 1)
    with torch.no_grad():
        likelihood = torch.ones(len(z), len(x), dtype=torch.float64)
        for i in range(3):
            p = torch.sigmoid(decoder(z)[..., i])
            column = x[:, i]
            term = torch.where(column == 1, p, 1 - p)
            likelihood *= torch.where(column.isnan(), 1.0, term)
        density = story.prior.log_prob(z).exp()
        wanted = torch.trapezoid(likelihood * density, z[:, 0], dim=0).log()
    found = importance_weighted_bound(story, Wide(1, 2.0), x, num_samples=8192)
    torch.testing.assert_close(found, wanted, rtol=0, atol=5e-3)


def test_gaps_are_filled_in_the_units_of_the_data() -> None:
    story = linear()
    loc = torch.tensor([10.0, -5.0, 100.0, 0.0], dtype=torch.float64)
    scale = torch.tensor([1.0, 20.0, 0.1, 3.0], dtype=torch.float64)
    other = MixtureVAE(
        story.prior, Observed(Standardised(story.likelihood.inner, Scaling(loc, scale)))
    )
    x = data(story)
    mine, spread = imputation_moments(story, Wide(D), x)
    theirs, wide = imputation_moments(other, Wide(D), loc + scale * x)
    # Random numbers are a datum's own, and this one is another datum: both are near the truth.
    torch.testing.assert_close((theirs - loc) / scale, mine, rtol=0, atol=0.4)
    torch.testing.assert_close(wide / scale, spread, rtol=0, atol=0.4)


def test_nats_of_what_stands_in_gaps_are_those_of_the_conditional_law() -> None:
    story = linear()
    x = data(story)
    truth = x.nan_to_num(nan=0.4)
    nats = imputation_log_prob(story, Wide(D), x, truth, num_samples=8192)
    assert not nats[:, ~GAPS].any()
    for row, (datum, given) in enumerate(zip(x.numpy(), nats.numpy(), strict=True)):
        seen = ~GAPS.numpy()
        for place in np.flatnonzero(~seen):
            more = seen.copy()
            more[place] = True
            joint = Exact(story).clusters(truth[row].numpy(), more)[1]
            marginal = Exact(story).clusters(datum, seen)[1]
            assert given[place] == pytest.approx(joint - marginal, abs=0.03)


@pytest.mark.parametrize("told", [0.25, 0.5, 1.0])
def test_how_far_gaps_spread_is_measured(told: float) -> None:
    """A story that is told of another noise than there is spreads gaps as far as is right."""
    story = linear()
    torch.manual_seed(3)
    whole = story(n=400).detach()
    inner = story.likelihood.inner
    assert isinstance(inner, Normal)
    inner.log_scale.fill_(math.log(told))
    gaps = torch.rand_like(whole) < 0.3
    gaps[gaps.all(1)] = False
    x = whole.masked_fill(gaps, math.nan)
    before = importance_weighted_bound(story, Wide(D), x)
    calibrate_gaps(story, Wide(D), x)
    assert torch.equal(importance_weighted_bound(story, Wide(D), x), before)
    draws = impute(story, Wide(D), x, 200, num_samples=400)
    low, high = draws.quantile(0.05, 0), draws.quantile(0.95, 0)
    inside = ((whole >= low) & (whole <= high))[gaps].double().mean()
    assert 0.87 < float(inside) < 0.93


def test_intervals_hold_nine_tenths_where_errors_have_long_tails() -> None:
    """Variances alone would make them too wide."""
    story = linear()
    torch.manual_seed(4)
    clean = story.likelihood.mean(story.prior.code({"z": torch.randn(600, D).double()})).detach()
    noise = torch.where(torch.rand(600, X) < 0.06, 6.0, 0.3) * torch.randn(600, X)
    whole = clean + noise
    gaps = torch.rand_like(whole) < 0.3
    gaps[gaps.all(1)] = False
    x = whole.masked_fill(gaps, math.nan)
    calibrate_gaps(story, Wide(D), x)
    draws = impute(story, Wide(D), x, 200, num_samples=400)
    low, high = draws.quantile(0.05, 0), draws.quantile(0.95, 0)
    inside = ((whole >= low) & (whole <= high))[gaps].double().mean()
    assert 0.87 < float(inside) < 0.93


def coded(told: float) -> MixtureVAE:
    """A table of two reals and two counts, of the story that other tests have."""
    laws = [ColumnLaw("normal", loc=5.0, scale=2.0)] * 2 + [ColumnLaw("poisson", loc=2.0)] * 2
    columns = (*laws, ColumnLaw("categorical", n_categories=2), ColumnLaw("log-normal"))
    torch.manual_seed(0)
    inner = Mixed(nn.Linear(D, 7), (7,), columns=columns)
    for family in inner.families:
        if isinstance(family, NormalFamily) and family.start is not None:
            free = inverse_soft_clamp(torch.tensor(told).log(), *LOG_SCALE_RANGE)
            torch.nn.init.constant_(family.free, float(free))
    return MixtureVAE(linear().prior, Coded(inner, inner.encoding)).double()


@pytest.mark.parametrize("told", [0.3, 1.0])
def test_how_far_gaps_of_tables_spread_is_measured(told: float) -> None:
    """Reals that are told of another noise, and counts of more spread than their law has."""
    right = coded(0.5)
    torch.manual_seed(3)
    whole = right(n=1500).detach()
    wide = dist.NegativeBinomial(2.0, logits=torch.log(whole[:, 2:4].clamp(min=0.3) / 2.0))
    whole[:, 2:4] = wide.sample()
    story = coded(told)
    gaps = torch.rand_like(whole) < 0.3
    gaps[gaps.all(1)] = False
    x = whole.masked_fill(gaps, math.nan)
    before = importance_weighted_bound(story, Wide(D), x)
    calibrate_gaps(story, Wide(D), x)
    assert torch.equal(importance_weighted_bound(story, Wide(D), x), before)
    stretch: Any = story.likelihood.stretch
    assert (stretch[4:] == 1).all()
    assert (stretch[2:4] > 1.2).all()
    draws = impute(story, Wide(D), x, 200, num_samples=400)
    low, high = draws.quantile(0.05, 0), draws.quantile(0.95, 0)
    inside = (whole >= low) & (whole <= high)
    assert 0.87 < float(inside[:, :2][gaps[:, :2]].double().mean()) < 0.93
    # Intervals of whole numbers hold more than they say, as ends belong to them.
    assert 0.87 < float(inside[:, 2:4][gaps[:, 2:4]].double().mean()) < 0.97
    nats = [
        imputation_log_prob(story, Wide(D), x[:1], torch.full((1, 6), float(n))) for n in range(400)
    ]
    total = torch.stack(nats).exp().sum(0)
    counted = gaps[:1].clone()
    counted[:, :2] = counted[:, 4:] = False
    assert torch.allclose(total[counted], torch.ones(1).double(), atol=0.01)
