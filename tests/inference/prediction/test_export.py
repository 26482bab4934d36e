"""What is handed to ArviZ: its groups, its leave-one-out, and no more than there is room for."""

from __future__ import annotations

import sys
import warnings
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from pyro import distributions as dist
from pyro.distributions import TorchDistribution
from torch import Tensor, nn
from torch.distributions import MultivariateNormal

from pyromix.guides import AmortisedGuide, GaussianHead, Guide
from pyromix.inference import Rows, responsibilities, sample, to_arviz
from pyromix.inference.prediction import export
from pyromix.models import Facets, GaussianMixture, MixtureVAE, Normal

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", category=FutureWarning)
    import arviz

SLOPE = torch.tensor([[1.0, 0.2], [-0.5, 1.0], [0.3, 0.3]])
NOISE = 0.8


def story(scale: float = 1.0) -> tuple[MixtureVAE, Guide]:
    """Three clusters in the plane, decoded linearly to three features, and a guide that is near."""
    prior, decoder, head = GaussianMixture(3, 2), nn.Linear(2, 3), GaussianHead(3, 2)
    model = MixtureVAE(prior, Normal(decoder, (3,), scale=NOISE * scale))
    guide = AmortisedGuide(nn.Identity(), z=head)
    covariance = SLOPE.T @ SLOPE + NOISE**2 * torch.eye(2)
    gain = torch.linalg.solve(covariance, SLOPE.T)  # of a standard Normal prior of z
    with torch.no_grad():
        prior.loc.copy_(torch.tensor([[-1.5, 0.0], [1.5, 0.0], [0.0, 2.0]]))
        decoder.weight.copy_(SLOPE)
        decoder.bias.zero_()
        head.linear.weight.copy_(torch.cat([gain, torch.zeros(2, 3)]))
        head.linear.bias.copy_(torch.tensor([0.0, 0.0, -0.3, -0.3]))
    return model, guide


def log_evidence(model: MixtureVAE, x: Tensor) -> Tensor:
    """log p(x) in closed form, ``(N,)``."""
    prior = model.prior
    noise = model.likelihood.distribution(torch.zeros(1, 2)).variance[0].diag_embed()
    parts = []
    for c in range(3):
        component = prior.component(torch.tensor(c))
        covariance = SLOPE @ component.variance.diag_embed() @ SLOPE.T + noise
        law = MultivariateNormal(component.mean @ SLOPE.T, covariance)
        parts.append(law.log_prob(x) + prior.log_weights()[c])
    return torch.stack(parts).logsumexp(0).detach()


@pytest.fixture(scope="module")
def x() -> Tensor:
    return sample(story()[0], 120, seed=2)[0]


class Beside(Normal):
    """A likelihood that adds a companion to its mean."""

    companions = ("more",)

    def distribution(self, z: Tensor, *, more: Tensor | None = None) -> TorchDistribution:
        assert more is not None
        plain = super().distribution(z)
        law: TorchDistribution = dist.Normal(plain.mean + more, plain.stddev).to_event(1)
        return law


def test_companions_of_the_rows_are_handed_on(x: Tensor) -> None:
    model, guide = story()
    plain = to_arviz(model, guide, x, n=30)
    model.likelihood = Beside(model.likelihood.decoder, (3,), scale=NOISE)
    guide.amortised.encoder = Less(guide.amortised.encoder)
    more = torch.arange(3.0).expand_as(x)
    found = to_arviz(model, guide, Rows(x + more, more=more), n=30)
    for group in ("log_likelihood", "posterior_predictive"):
        ours, wanted = (np.asarray(data[group]["x"]) for data in (found, plain))
        wanted = wanted if group == "log_likelihood" else wanted + more.numpy()
        assert np.abs(ours.mean(1) - wanted.mean(1)).mean() < 0.3


class Less(nn.Module):
    """An encoder that takes a companion away from what it is given."""

    companions = ("more",)

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor, more: Tensor) -> Tensor:
        answer: Tensor = self.inner(x - more)
        return answer


def test_groups_dims_and_values(x: Tensor) -> None:
    model, guide = story()
    data = to_arviz(model, guide, x, n=40)
    assert data.posterior["z"].dims == ("chain", "draw", "datum", "z_dim")
    assert data.posterior["z"].shape == (1, 40, 120, 2)
    assert data.posterior["z"].dtype == np.float32
    assert data.posterior["responsibilities_c"].dims[-1] == "cluster_c"
    gamma = responsibilities(model, guide, x)["c"].numpy()
    np.testing.assert_array_equal(data.posterior["responsibilities_c"][0, 7], gamma)
    assert data.posterior_predictive["x"].dims == ("chain", "draw", "datum", "x_dim_0")
    np.testing.assert_array_equal(data.observed_data["x"], x.numpy())
    assert data.log_likelihood["x"].dims == ("chain", "draw", "datum")
    assert data.sample_stats["pareto_k"].dims == ("datum",)
    means = guide.posterior(x)["z"].mean.detach().numpy()
    error = 5 * np.exp(-0.3) / np.sqrt(40)
    assert np.abs(data.posterior["z"][0].mean("draw") - means).max() < error
    again = to_arviz(model, guide, x[:5], n=40)
    np.testing.assert_allclose(again.posterior["z"], data.posterior["z"][:, :, :5], atol=1e-5)
    np.testing.assert_allclose(
        again.log_likelihood["x"], data.log_likelihood["x"][:, :, :5], atol=1e-4
    )


def test_weights_are_those_of_the_draws(x: Tensor) -> None:
    model, guide = story()
    data = to_arviz(model, guide, x, n=60)
    z = torch.as_tensor(data.posterior["z"].values[0])
    with torch.no_grad():
        by_hand = model.likelihood.distribution(z).log_prob(x) + model.prior.log_prob(z)
        by_hand = by_hand - guide.posterior(x)["z"].log_prob(z)
    weights = data.sample_stats["log_weight"].values[0]
    np.testing.assert_allclose(weights, by_hand, atol=1e-4)
    _, shapes = arviz.psislw(weights.T.astype(np.float64))
    np.testing.assert_allclose(data.sample_stats["pareto_k"], shapes, atol=1e-4)
    assert np.isnan(to_arviz(model, guide, x, n=9).sample_stats["pareto_k"]).all()


def test_leaving_one_out_is_exact_where_parameters_are_given(x: Tensor) -> None:
    """Rows are independent then, so that it is log p(x); log p(x | z) is far above it."""
    model, guide = story()
    data = to_arviz(model, guide, x, n=1000, var_names=["z"])
    exact = log_evidence(model, x)
    found = arviz.loo(data, pointwise=True)
    assert abs(found["elpd_loo"] - exact.sum()) < 0.1 * found["se"]
    np.testing.assert_allclose(found["loo_i"], exact, atol=0.3)
    assert found["p_loo"] < 1.0  # nothing was fitted
    z = torch.as_tensor(data.posterior["z"].values[0])
    local = model.likelihood.distribution(z).log_prob(x).logsumexp(0) - np.log(1000)
    assert local.sum() - exact.sum() > 3 * found["se"]


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # ArviZ on a new pandas
def test_comparing_stories_is_exact_too(x: Tensor) -> None:
    stories = {"true": story(), "wide": story(2.0)}
    data = {name: to_arviz(*parts, x, n=500, var_names=["z"]) for name, parts in stories.items()}
    table = arviz.compare(data)
    assert list(table.index) == ["true", "wide"]
    exact = {name: log_evidence(parts[0], x) for name, parts in stories.items()}
    difference = exact["true"] - exact["wide"]
    error = difference.std() * len(x) ** 0.5
    assert abs(table.loc["wide", "elpd_diff"] - difference.sum()) < error
    assert table.loc["wide", "dse"] == pytest.approx(float(error), rel=0.1)


def test_clusters_shares_and_what_came_before_have_names(x: Tensor) -> None:
    model, guide = story()
    names = {"x_dim_0": ["height", "width", "depth"], "cluster_c": ["left", "right", "above"]}
    data = to_arviz(model, guide, x, n=200, coords=names)
    c = data.posterior["c"].values[0]  # (draw, datum)
    wanted = np.stack([(c == k).mean(1) for k in range(3)], -1)
    np.testing.assert_allclose(data.posterior["shares_c"][0], wanted, atol=1e-6)
    z = torch.as_tensor(data.posterior["z"].values[0])
    gamma = model.prior.mixtures[0].responsibilities(z).detach().mean(0)  # c is drawn at its z
    error = 4 * (gamma * (1 - gamma) / 200).sqrt() + 0.01
    assert bool(((torch.as_tensor(c == 1).float().mean(0) - gamma[:, 1]).abs() < error[:, 1]).all())
    assert data.posterior["shares_c"].sel(cluster_c="above").shape == (1, 200)
    assert data.observed_data["x"].sel(x_dim_0="width").shape == (120,)
    assert data.prior_predictive["x"].dims == data.posterior_predictive["x"].dims
    assert data.prior["z"].shape == data.posterior["z"].shape
    shares = [(data.prior["c"] == k).mean().item() for k in range(3)]
    np.testing.assert_allclose(shares, model.prior.mixtures[0].weights.detach(), atol=0.02)
    stats = data.sample_stats
    np.testing.assert_allclose(stats["log_p"] - stats["log_q"], stats["log_weight"], atol=1e-4)
    with pytest.raises(ValueError, match="coords has 'feature': the dims are cluster_c, datum"):
        to_arviz(model, guide, x, n=30, coords={"feature": ["a"]})


@pytest.mark.filterwarnings("ignore")  # ArviZ and xarray on new versions of others
def test_what_arviz_says_and_draws_runs_on_it(x: Tensor) -> None:
    import matplotlib.pyplot as plt

    data = to_arviz(*story(), x[:20], n=60, coords={"cluster_c": ["left", "right", "above"]})
    table = arviz.summary(data, var_names=["shares_c"], kind="stats")
    assert list(table.index) == ["shares_c[left]", "shares_c[right]", "shares_c[above]"]
    assert table["mean"].sum() == pytest.approx(1, abs=2e-3)
    with plt.rc_context({"backend": "agg"}):
        arviz.plot_forest(data, var_names=["shares_c"])
        arviz.plot_ppc(data, num_pp_samples=5)
        arviz.plot_ppc(data, group="prior", num_pp_samples=5)
        plt.close("all")


def test_only_what_is_asked_for() -> None:
    prior = Facets(GaussianMixture(3, 1), GaussianMixture(2, 2))
    model = MixtureVAE(prior, Normal(nn.Linear(3, 4), (4,)))
    guide = AmortisedGuide(nn.Linear(4, 5), z_0=GaussianHead(5, 1), z_1=GaussianHead(5, 2))
    rows = torch.randn(6, 4)
    data = to_arviz(model, guide, rows, n=10, var_names=["z_1", "responsibilities_c_0"])
    assert set(data.posterior.data_vars) == {"z_1", "responsibilities_c_0"}
    assert "posterior_predictive" not in data.groups()
    assert "log_likelihood" in data.groups()
    names = (
        "z_0, z_1, c_0, shares_c_0, responsibilities_c_0, c_1, shares_c_1, responsibilities_c_1, x"
    )
    with pytest.raises(ValueError, match=f"var_names has 'y': use some of {names}"):
        to_arviz(model, guide, rows, var_names=["y"])
    with pytest.raises(ValueError, match="n is 0"):
        to_arviz(model, guide, rows, n=0)


def test_more_than_there_is_room_for_is_refused_before_anything_is_drawn() -> None:
    model, guide = story()
    many = torch.zeros(1, 3).expand(10_000_000, 3)
    with pytest.raises(ValueError, match=r"1.8e\+10 numbers \(\d+\.\d GiB\), .* use var_names="):
        to_arviz(model, guide, many)


def test_arviz_1_takes_one_mapping(x: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its from_dict, as it is called; what it gives is its own."""
    calls: list[tuple[Any, Any, Any]] = []

    class Tree(dict[str, Any]):
        pass

    def from_dict(groups: Any, dims: Any, coords: Any) -> Tree:
        calls.append((groups, dims, coords))
        return Tree(groups)

    fake = ModuleType("arviz")
    fake.__version__, fake.from_dict = "1.0.0", from_dict  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "arviz", fake)
    groups = {"posterior": {"z": np.zeros((1, 2, 3, 4))}}
    per_datum = {"log_likelihood": {"x": np.zeros((1, 2, 3))}}
    named = {"z_dim": ["a", "b", "c", "d"]}
    tree = export._inference_data(groups, {"z": ["datum", "z_dim"]}, per_datum, named)
    assert set(tree) == {"posterior", "log_likelihood"}
    assert calls == [
        (groups, {"z": ["datum", "z_dim"]}, named),
        (per_datum, {"x": ["datum"]}, named),
    ]
