"""What a story predicts before and after data, against a linear-Gaussian mixture's closed form."""

from __future__ import annotations

import math
from typing import Any

import pyro
import pytest
import torch
from pyro import distributions as dist
from pyro.infer import config_enumerate
from torch import Tensor, nn
from torch.distributions import MultivariateNormal

from pyromix.guides import (
    AmortisedAssignment,
    AmortisedGuide,
    GammaHead,
    GaussianHead,
    Guide,
    OptimalAssignment,
    SphericalHead,
)
from pyromix.inference import (
    Predictive,
    geodesic,
    interpolate,
    posterior_draws,
    prior_predictive,
    responsibility_spread,
)
from pyromix.models import (
    Facets,
    GammaMixture,
    GaussianMixture,
    MixtureVAE,
    Normal,
    VonMisesFisherMixture,
)

SLOPE = torch.tensor([[1.0, 0.2], [-0.5, 1.0], [0.3, 0.3]])
NOISE = 0.8
BIAS = torch.tensor([0.5, 0.0, -1.0])
CENTRES = torch.tensor([[-1.5, 0.0], [1.5, 0.0], [0.0, 2.0]])
LOGITS = torch.tensor([0.5, 0.0, -0.7])


def story() -> MixtureVAE:
    """Three clusters in the plane, decoded linearly to three features."""
    prior, decoder = GaussianMixture(3, 2), nn.Linear(2, 3)
    with torch.no_grad():
        prior.loc.copy_(CENTRES)
        prior.logits.copy_(LOGITS)
        prior.log_scale.copy_(torch.tensor([[0.0, -0.5], [-0.3, 0.2], [0.1, 0.0]]))
        decoder.weight.copy_(SLOPE)
        decoder.bias.copy_(BIAS)
    return MixtureVAE(prior, Normal(decoder, (3,), scale=NOISE))


class Exact(Guide):
    """p(z | x) of that story by Bayes' rule, a mixture of three Gaussians."""

    def __init__(self, model: MixtureVAE) -> None:
        super().__init__()
        object.__setattr__(self, "parts", parts(model))

    def posterior(self, x: Tensor, **companions: Tensor) -> dict[str, Any]:
        _, mean, outer, inner = self.parts
        gain = inner @ SLOPE.T @ outer.inverse()  # (K, 2, 3)
        codes = CENTRES + (gain @ (x.unsqueeze(1) - mean).unsqueeze(-1)).squeeze(-1)
        covariance = inner - gain @ SLOPE @ inner
        gamma = evidence(self.parts, x).softmax(-1)
        law = dist.MultivariateNormal(codes, covariance.expand(len(x), -1, -1, -1))
        return {"z": dist.MixtureSameFamily(dist.Categorical(gamma), law)}


def parts(model: MixtureVAE) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Weights, and mean and covariance of x in each cluster, and the covariance of z there."""
    scale: Tensor = model.prior.log_scale
    inner = (2 * scale).exp().diag_embed().detach()
    mean = CENTRES @ SLOPE.T + BIAS
    return LOGITS.softmax(-1), mean, SLOPE @ inner @ SLOPE.T + NOISE**2 * torch.eye(3), inner


def evidence(of: tuple[Tensor, ...], x: Tensor) -> Tensor:
    """log p(c) + log p(x | c), ``(N, K)``."""
    weights, mean, outer, _ = of
    likelihood: Tensor = MultivariateNormal(mean, outer).log_prob(x.unsqueeze(-2))
    return weights.log() + likelihood


def within(found: Tensor, wanted: Tensor, spread: Tensor, n: int) -> None:
    """Within four standard errors."""
    assert bool(((found - wanted).abs() <= 4 * spread / math.sqrt(n)).all())


def test_before_data_the_story_has_its_mean_and_covariance() -> None:
    n, (weights, mean, outer, _) = 40_000, parts(story())
    drawn = prior_predictive(story(), n, seed=1)
    shares = torch.bincount(drawn["c"], minlength=3) / n
    within(shares, weights, (weights * (1 - weights)).sqrt(), n)
    x = drawn["x"]
    whole = weights @ mean
    between = torch.einsum("k,ki,kj->ij", weights, mean - whole, mean - whole)
    covariance = torch.einsum("k,kij->ij", weights, outer) + between
    within(x.mean(0), whole, covariance.diagonal().sqrt(), n)
    products = torch.einsum("ni,nj->nij", x - whole, x - whole)
    within(products.mean(0), covariance, products.std(0), n)
    inside = x[drawn["c"] == 2]  # clusters, codes and data are drawn together
    within(inside.mean(0), mean[2], outer[2].diagonal().sqrt(), len(inside))
    again = prior_predictive(story(), n, seed=1, batch_size=n)
    assert torch.equal(again["c"], prior_predictive(story(), n, seed=1, batch_size=n)["c"])


def folded(draws: dict[str, Tensor], n: int) -> dict[str, Tensor]:
    """Draws of the same n data many times over as so many more draws of each."""
    return {site: v.reshape(-1, n, *v.shape[2:]) for site, v in draws.items()}


X = torch.tensor([[0.4, 0.1, -1.0], [2.0, -0.9, -0.6], [0.9, 1.0, -0.7]])


@pytest.mark.parametrize("kind", ["ours", "Pyro's names"])
def test_after_data_clusters_codes_and_replicates_have_theirs(kind: str) -> None:
    """Pyro's own draws c from its prior, .52 .31 .15, whatever x is."""
    model, n = story(), 2500
    guide, of = Exact(model), parts(model)
    if kind == "ours":
        drawn = posterior_draws(model, guide, X, n)
    else:
        drawn = folded(Predictive(model, guide, num_samples=25)(X.repeat(100, 1)), len(X))
    gamma = evidence(of, X).softmax(-1)
    assert gamma.max(-1).values.min() < 0.8  # there is something to be unsure of
    found = nn.functional.one_hot(drawn["c"], 3).float().mean(0)
    within(found, gamma, (gamma * (1 - gamma)).sqrt() + 1e-3, n)
    law = guide.posterior(X)["z"]
    within(drawn["z"].mean(0), law.mean, law.variance.sqrt(), n)
    for k in range(3):  # the code lies where its cluster does
        inside = drawn["c"][:, 0] == k
        code = law.component_distribution.mean[0, k]
        spread = law.component_distribution.variance[0, k].sqrt()
        if inside.sum() > 50:
            within(drawn["z"][inside, 0].mean(0), code, spread, int(inside.sum()))
    if kind != "ours":
        mean = law.mean @ SLOPE.T + BIAS
        spread = drawn["x"].std(0)
        within(drawn["x"].mean(0), mean, spread, n)
        assert spread.min() > NOISE  # a replicate, and not the datum once more


def test_a_program_of_ones_own_is_predicted_from_too() -> None:
    """A mixture of two Normals with global parameters, whose cluster nobody marked."""

    def model(x: Tensor) -> None:
        loc = pyro.sample("loc", dist.Normal(torch.zeros(2), 5.0).to_event(1))
        with pyro.plate("rows", len(x)):
            c = pyro.sample("c", dist.Categorical(torch.tensor([0.5, 0.5])))
            pyro.sample("x", dist.Normal(loc[..., c], 1.0), obs=x)

    def guide(x: Tensor) -> None:
        loc = pyro.param("middle", torch.tensor([-1.0, 1.0]))
        pyro.sample("loc", dist.Delta(loc).to_event(1))

    pyro.clear_param_store()
    x = torch.tensor([-1.5, 0.0, 0.3, 2.0])
    drawn = Predictive(config_enumerate(model), guide, 20, return_sites=["c", "x"])(x.repeat(100))
    drawn = folded(drawn, len(x))
    assert list(drawn) == ["c", "x"]
    second = torch.sigmoid(2 * x)
    within(drawn["c"].float().mean(0), second, (second * (1 - second)).sqrt(), 2000)
    assert "middle" in dict(pyro.get_param_store())
    pyro.clear_param_store()
    with pytest.raises(ValueError, match="return_sites has 'y': the story has 'loc', 'c', 'x'"):
        Predictive(model, guide, 1, return_sites=["y"])(x)
    assert Predictive(model, None, 3)(x)["c"].shape == (3, 4)
    pyro.clear_param_store()


def test_clusters_are_drawn_by_the_guides_own_rule() -> None:
    prior = Facets(GaussianMixture(3, 1), GaussianMixture(2, 1))
    model = MixtureVAE(prior, Normal(nn.Linear(2, 4), (4,)))
    inner = AmortisedGuide(nn.Linear(4, 5), z_0=GaussianHead(5, 1), z_1=GaussianHead(5, 1))
    x, n = torch.randn(2, 4), 4000
    networks = AmortisedAssignment(inner, c_0=nn.Linear(5, 3), c_1=nn.Linear(5, 2))
    for guide in (OptimalAssignment(inner, prior), networks):
        posteriors, logits = guide.infer(x)
        others = folded(Predictive(model, guide, 10)(x.repeat(100, 1)), len(x))
        for drawn in (posterior_draws(model, guide, x, n), others):
            for j, mixture in enumerate(prior.mixtures):
                scores = logits.get(f"c_{j}")
                if scores is None:
                    scores = mixture.expected_log_joint(posteriors[f"z_{j}"])
                gamma = scores.softmax(-1).detach()
                found = nn.functional.one_hot(drawn[f"c_{j}"], gamma.shape[-1]).float().mean(0)
                within(found, gamma, (gamma * (1 - gamma)).sqrt() + 1e-3, len(drawn["z_0"]))


def near() -> tuple[MixtureVAE, AmortisedGuide]:
    """One dimension, two clusters of one width, and a guide whose laws are known."""
    prior, head = GaussianMixture(2, 1), GaussianHead(1, 1)
    model = MixtureVAE(prior, Normal(nn.Linear(1, 1), (1,)))
    guide = AmortisedGuide(nn.Identity(), z=head)
    with torch.no_grad():
        prior.loc.copy_(torch.tensor([[-1.0], [1.0]]))
        head.linear.weight.copy_(torch.tensor([[1.0], [0.0]]))
        head.linear.bias.copy_(torch.tensor([0.0, -0.3]))
    return model, guide


def test_the_spread_is_that_of_the_responsibility_over_z() -> None:
    model, guide = near()
    x = torch.tensor([[0.0], [0.8], [-2.0]])
    found = responsibility_spread(model, guide, x, n=4096, level=0.8)["c"]
    law = guide.posterior(x)["z"].base_dist
    z = law.mean + law.stddev * torch.linspace(-8, 8, 20001)  # (3, 20001)
    density = (law.log_prob(z.T.unsqueeze(-1)).exp().squeeze(-1).T).detach()
    gamma = torch.sigmoid(2 * z)
    mean = (gamma * density).sum(-1) / density.sum(-1)
    sd = ((gamma - mean.unsqueeze(-1)).square() * density).sum(-1) / density.sum(-1)
    torch.testing.assert_close(found.mean[:, 1], mean, atol=0.004, rtol=0)
    torch.testing.assert_close(found.sd[:, 1], sd.sqrt(), atol=0.004, rtol=0)
    ends = torch.distributions.Normal(law.mean, law.stddev).icdf(torch.tensor([0.1, 0.9]))
    wanted = torch.sigmoid(2 * ends)  # a quantile of what rises with z
    torch.testing.assert_close(found.lower[:, 1], wanted[:, 0], atol=0.01, rtol=0)
    torch.testing.assert_close(found.upper[:, 1], wanted[:, 1], atol=0.01, rtol=0)


def test_draws_are_a_datums_own() -> None:
    model, guide = near()
    x = torch.randn(40, 1)
    whole = posterior_draws(model, guide, x, 7)
    alone = posterior_draws(model, guide, x[11:12], 7, batch_size=3)
    assert torch.equal(whole["c"][:, 11:12], alone["c"])
    torch.testing.assert_close(whole["z"][:, 11:12], alone["z"])
    with pytest.raises(ValueError, match="n is too large: so many draws take"):
        posterior_draws(model, guide, x, 10**12)


@pytest.mark.parametrize("space", ["real", "sphere", "positive", "unit_interval", "simplex"])
def test_a_geodesic_goes_from_end_to_end_at_one_speed(space: str) -> None:
    a, b = torch.rand(2, 6, 4, dtype=torch.float64).clamp(0.05, 0.95)
    if space == "sphere":
        a, b = (nn.functional.normalize(2 * each - 1, dim=-1) for each in (a, b))
    if space == "simplex":
        a, b = (each / each.sum(-1, keepdim=True) for each in (a, b))
    way = geodesic(space, a, b, torch.linspace(0, 1, 5))
    torch.testing.assert_close(way[0], a)
    torch.testing.assert_close(way[-1], b)
    chart: dict[str, Any] = {
        "positive": torch.log,
        "unit_interval": torch.logit,
        "simplex": torch.sqrt,
    }
    steps = chart.get(space, lambda z: z)(way).diff(dim=0).norm(dim=-1)
    torch.testing.assert_close(steps, steps[:1].expand_as(steps))
    if space == "sphere":
        torch.testing.assert_close(way.norm(dim=-1), torch.ones(5, 6, dtype=torch.float64))
    if space == "simplex":
        torch.testing.assert_close(way.sum(-1), torch.ones(5, 6, dtype=torch.float64))


def test_opposite_and_equal_directions_have_a_great_circle_too() -> None:
    a = nn.functional.normalize(torch.tensor([[1.0, 2.0, -1.0]]), dim=-1)
    half = geodesic("sphere", a, -a, torch.tensor([0.5]))
    torch.testing.assert_close(half.norm(dim=-1), torch.ones(1, 1))
    assert abs(float((half * a).sum())) < 1e-6
    torch.testing.assert_close(geodesic("sphere", a, a, torch.tensor([0.3]))[0], a)
    with pytest.raises(ValueError, match="space"):
        geodesic("torus", a, a, torch.tensor([0.3]))


def test_the_data_between_data_are_of_codes_in_the_familys_space() -> None:
    """A decoder that hands its code on shows where the way has been."""
    x, other = torch.randn(2, 5, 4)
    sphere = MixtureVAE(VonMisesFisherMixture(2, 3), Normal(nn.Identity(), (3,)))
    guide = AmortisedGuide(nn.Linear(4, 5), z=SphericalHead(5, 3))
    way = interpolate(sphere, guide, x, other, steps=4)
    assert way.shape == (4, 5, 3)
    torch.testing.assert_close(way.norm(dim=-1), torch.ones(4, 5))
    positive = MixtureVAE(GammaMixture(2, 3), Normal(nn.Identity(), (3,)))
    gamma = AmortisedGuide(nn.Linear(4, 5), z=GammaHead(5, 3))
    way = interpolate(positive, gamma, x, other, steps=3)  # the decoder is given log z
    torch.testing.assert_close(way[1], (way[0] + way[2]) / 2)
    with pytest.raises(ValueError, match=r"x has shape \(5, 4\) and other \(4, 4\)"):
        interpolate(sphere, guide, x, other[:4])
