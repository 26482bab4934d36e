"""Predictions against closed forms and quadrature, on stories small enough to have both."""

from __future__ import annotations

import math

import numpy as np
import pyro
import pytest
import torch
from pyro.infer import Predictive
from torch import Tensor, nn

from pyromix.guides import AmortisedGuide, GaussianHead, Guide, OptimalAssignment
from pyromix.inference import (
    bound,
    bound_samples,
    conditional,
    decode,
    encode,
    importance_weighted_bound,
    posterior_predictive,
    reconstruct,
    responsibilities,
    sample,
)
from pyromix.inference.prediction import probabilities
from pyromix.models import (
    GaussianMixture,
    MixtureVAE,
    Normal,
    ReversedVonMisesFisherMixture,
    StyleMixture,
)
from pyromix.testing.evidence import log_evidence

LOC = torch.tensor([[-3.0], [0.0], [3.0]], dtype=torch.float64)
LOGITS = torch.tensor([0.0, 1.0, 0.5], dtype=torch.float64)
SLOPE = torch.tensor([[1.0], [-2.0]], dtype=torch.float64)
OFFSET = torch.tensor([0.5, 0.0], dtype=torch.float64)
NOISE = 0.4


@pytest.fixture
def story() -> tuple[MixtureVAE, Guide]:
    """A mixture on a line, decoded linearly to two features; the guide is a little off."""
    prior, decoder, head = GaussianMixture(3, 1), nn.Linear(1, 2), GaussianHead(2, 1)
    model = MixtureVAE(prior, Normal(decoder, (2,), scale=NOISE)).double()
    guide = AmortisedGuide(nn.Identity(), z=head).double()
    with torch.no_grad():
        prior.loc.copy_(LOC)
        prior.log_scale.fill_(0.0)
        prior.logits.copy_(LOGITS)
        decoder.weight.copy_(SLOPE)
        decoder.bias.copy_(OFFSET)
        head.linear.weight.copy_(torch.tensor([[0.2, -0.4], [0.0, 0.0]]))
        head.linear.bias.copy_(torch.tensor([-0.1, -1.2]))
    return model, guide


@pytest.fixture
def x(story: tuple[MixtureVAE, Guide]) -> Tensor:
    """Data from the story, ``(6, 2)``."""
    return sample(story[0], 6, seed=3)[0]


def test_responsibilities_are_the_law_of_the_rule(
    story: tuple[MixtureVAE, Guide], x: Tensor
) -> None:
    """Under the marginal rule p(c | x), here a Gaussian density for each cluster."""
    model, guide = story
    spread = model.prior.component().stddev.detach()
    scores = []
    for c in range(3):
        covariance = spread[c] ** 2 * SLOPE @ SLOPE.T + NOISE**2 * torch.eye(2).double()
        law = torch.distributions.MultivariateNormal(SLOPE @ LOC[c] + OFFSET, covariance)
        scores.append(law.log_prob(x) + LOGITS[c])
    exact = torch.stack(scores, -1).softmax(-1)
    torch.testing.assert_close(
        responsibilities(model, guide, x, num_samples=4096)["c"], exact, rtol=0, atol=0.01
    )
    torch.testing.assert_close(responsibilities(model, guide, x)["c"], exact, rtol=0, atol=0.1)

    law = guide.posterior(x)["z"]
    distance = law.variance + (law.mean - LOC.T) ** 2
    width = spread.squeeze(-1)
    by_hand = (LOGITS - width.log() - 0.5 * distance / width**2).softmax(-1)
    answer = responsibilities(model, OptimalAssignment(guide, model.prior), x)["c"]
    torch.testing.assert_close(answer, by_hand.detach(), rtol=0, atol=1e-9)


@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_batches_change_nothing(
    story: tuple[MixtureVAE, Guide], x: Tensor, batch_size: int
) -> None:
    for function in (responsibilities, encode):
        whole = function(*story, x)
        parts = function(*story, x, batch_size=batch_size)
        for site, value in whole.items():
            torch.testing.assert_close(parts[site], value, rtol=0, atol=1e-12)
    torch.testing.assert_close(
        reconstruct(*story, x, batch_size=batch_size), reconstruct(*story, x), rtol=0, atol=1e-12
    )
    weighed = [
        importance_weighted_bound(*story, x[order], num_samples=7, batch_size=size)
        for size, order in ((2048, slice(None)), (batch_size, torch.arange(5, -1, -1)))
    ]
    torch.testing.assert_close(weighed[0], weighed[1].flip(0), rtol=0, atol=1e-12)


def test_reconstruction_decodes_the_posterior_mean(
    story: tuple[MixtureVAE, Guide], x: Tensor
) -> None:
    z = encode(*story, x)["z"]
    torch.testing.assert_close(z, 0.2 * x[:, :1] - 0.4 * x[:, 1:] - 0.1)
    torch.testing.assert_close(reconstruct(*story, x), z @ SLOPE.T + OFFSET)


@pytest.mark.parametrize("cluster", [0, 1, 2])
def test_samples_of_a_cluster_have_its_moments(
    story: tuple[MixtureVAE, Guide], cluster: int
) -> None:
    n = 100_000
    drawn, clusters = sample(story[0], n, cluster=cluster)
    assert (clusters["c"] == cluster).all()
    mean = SLOPE @ LOC[cluster] + OFFSET
    covariance = SLOPE @ SLOPE.T + NOISE**2 * torch.eye(2).double()
    standard_error = (covariance.diagonal() / n).sqrt()
    assert ((drawn.mean(0) - mean).abs() < 4 * standard_error).all()
    torch.testing.assert_close(drawn.T.cov(), covariance, rtol=0, atol=0.05)


def test_clusters_are_drawn_from_their_weights_and_go_with_their_data(
    story: tuple[MixtureVAE, Guide],
) -> None:
    drawn, clusters = sample(story[0], 60_000)
    shares = torch.bincount(clusters["c"], minlength=3).double() / 60_000
    torch.testing.assert_close(shares, LOGITS.softmax(-1), rtol=0, atol=0.01)
    for cluster in range(3):
        rows = drawn[clusters["c"] == cluster]
        torch.testing.assert_close(rows.mean(0), SLOPE @ LOC[cluster] + OFFSET, rtol=0, atol=0.06)


@pytest.fixture
def reversed_story() -> MixtureVAE:
    """DHVC's, with clusters of unlike weights and concentrations, decoded to z itself."""
    prior, decoder = ReversedVonMisesFisherMixture(4, 3), nn.Linear(3, 3)
    model = MixtureVAE(prior, Normal(decoder, (3,), scale=1e-6)).double()
    with torch.no_grad():
        prior.direction.copy_(torch.tensor([[1, 0, 0], [0, 1, 0], [0, 1, 1], [-1, 0, -1]]))
        prior.log_concentration.copy_(torch.tensor([2.0, 8.0, 5.0, 30.0]).log())
        prior.logits.copy_(torch.tensor([0.2, 0.5, 0.2, 0.1]).log())
        decoder.weight.copy_(torch.eye(3))
        decoder.bias.zero_()
    return model


def on_the_sphere(model: MixtureVAE) -> tuple[Tensor, Tensor]:
    """z by quadrature, ``(M, 3)``, and p(c | z) times each one's share of the area, ``(M, K)``."""
    height, weight = (torch.tensor(v) for v in np.polynomial.legendre.leggauss(200))
    longitude = torch.arange(400, dtype=torch.float64) * 2 * math.pi / 400
    around = torch.stack([longitude.cos(), longitude.sin()], -1)
    flat = (1 - height.square()).sqrt()[:, None, None] * around
    z = torch.cat([flat, height[:, None, None].expand(-1, 400, 1)], -1).flatten(0, 1)
    with torch.no_grad():
        component = model.prior.component()
        scores = component.log_prob(z.unsqueeze(-2)) + model.prior.logits
    return z, scores.softmax(-1) * (weight / 800).repeat_interleave(400).unsqueeze(-1)


def test_the_reversed_story_is_drawn_as_it_is_told(reversed_story: MixtureVAE) -> None:
    """z uniform, and c from p(c | z): clusters drawn from ω would have shares .2, .5, .2, .1."""
    n = 1_000_000
    drawn, clusters = sample(reversed_story, n, batch_size=100_000)
    z, mass = on_the_sphere(reversed_story)
    expected = mass.sum(0)
    torch.testing.assert_close(expected.sum().item(), 1.0)
    assert (expected - reversed_story.prior.weights).abs().max() > 0.1
    shares = torch.bincount(clusters["c"], minlength=4) / n
    assert ((shares - expected).abs() < 4 * (expected * (1 - expected) / n).sqrt()).all()
    assert (drawn.mean(0).abs() < 4 / math.sqrt(3 * n)).all()
    for cluster in range(4):
        rows = drawn[clusters["c"] == cluster]
        mean = z.T @ mass[:, cluster] / expected[cluster]
        assert ((rows.mean(0) - mean).abs() < 4.5 * rows.std(0) / math.sqrt(len(rows))).all()


@pytest.mark.parametrize("cluster", [0, 1, 2, 3])
def test_a_cluster_of_the_reversed_story(reversed_story: MixtureVAE, cluster: int) -> None:
    drawn, clusters = sample(reversed_story, 100_000, cluster=cluster, batch_size=50_000)
    assert (clusters["c"] == cluster).all()
    z, mass = on_the_sphere(reversed_story)
    density = mass[:, cluster] / mass[:, cluster].sum()
    for got, at in ((drawn, z), (drawn**2, z**2), (drawn * drawn.roll(1, 1), z * z.roll(1, 1))):
        error = got.std(0) / math.sqrt(len(got))
        assert ((got.mean(0) - density @ at).abs() < 4.5 * error).all()


def test_a_sample_of_means_has_no_noise_of_x(story: tuple[MixtureVAE, Guide]) -> None:
    drawn, _ = sample(story[0], 1000, mean=True)
    z = (drawn[:, 0] - OFFSET[0]) / SLOPE[0]
    torch.testing.assert_close(drawn[:, 1], z * SLOPE[1] + OFFSET[1])


def test_same_seed_same_sample(story: tuple[MixtureVAE, Guide]) -> None:
    first, second, other = (sample(story[0], 10, seed=seed)[0] for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("cluster", [-1, 3])
def test_a_cluster_that_is_not_there(story: tuple[MixtureVAE, Guide], cluster: int) -> None:
    with pytest.raises(ValueError, match=rf"cluster is {cluster}: .*0 to 2"):
        sample(story[0], 5, cluster=cluster)


def test_nothing_to_draw(story: tuple[MixtureVAE, Guide], x: Tensor) -> None:
    with pytest.raises(ValueError, match="n is 0"):
        sample(story[0], 0)
    with pytest.raises(ValueError, match="n is 0"):
        posterior_predictive(*story, x, 0)
    with pytest.raises(ValueError, match="1 clustering"):
        sample(story[0], 5, cluster=[0, 1])


def test_posterior_predictive_has_the_moments_of_the_guide(
    story: tuple[MixtureVAE, Guide], x: Tensor
) -> None:
    n = 40_000
    replicates = posterior_predictive(*story, x, n)
    assert replicates.shape == (n, *x.shape)
    law = story[1].posterior(x)["z"]
    mean = (law.mean @ SLOPE.T + OFFSET).detach()
    variance = (law.variance @ (SLOPE**2).T + NOISE**2).detach()
    assert ((replicates.mean(0) - mean).abs() < 4.5 * (variance / n).sqrt()).all()
    torch.testing.assert_close(replicates.var(0), variance, rtol=0.05, atol=0)


def test_importance_weights_rise_to_the_evidence(
    story: tuple[MixtureVAE, Guide], x: Tensor
) -> None:
    """E of the bound over samples rises with S, from the bound itself to log p(x)."""
    repeats = 2000
    rows = x.repeat_interleave(repeats, 0)
    rows = rows + 1e-12 * torch.arange(len(rows)).unsqueeze(-1)  # draws are a datum's own
    with torch.no_grad():
        evidence = log_evidence(story[0], x)

    def mean_over_draws(values: Tensor) -> Tensor:
        return values.reshape(len(x), repeats).mean(1)

    draws = bound(*story, rows, seed=5)
    elbo, error = mean_over_draws(draws), draws.reshape(len(x), -1).std(1) / repeats**0.5
    rising = [
        mean_over_draws(importance_weighted_bound(*story, rows, num_samples=s, seed=s))
        for s in (1, 4, 32)
    ]
    assert ((rising[0] - elbo).abs() < 4 * 2**0.5 * error).all()
    assert rising[0].mean() < rising[1].mean() < rising[2].mean() < evidence.mean()
    assert (rising[2] < evidence + 1e-3).all()
    many = importance_weighted_bound(*story, x, num_samples=20_000)
    torch.testing.assert_close(many, evidence, rtol=0, atol=0.05)


def test_importance_weights_with_a_style() -> None:
    prior = StyleMixture(3, 1, 1, hidden_dim=4)
    model = MixtureVAE(prior, Normal(nn.Linear(1, 2), (2,), scale=0.7)).double()
    guide = AmortisedGuide(nn.Identity(), z=GaussianHead(2, 1), w=GaussianHead(2, 1)).double()
    x = torch.randn(3, 2, dtype=torch.float64)
    with torch.no_grad():
        for head in guide.heads.values():
            assert isinstance(head, GaussianHead)
            head.linear.weight.mul_(0.1)  # a guide wide enough for its weights to have a variance
            head.linear.bias.copy_(torch.tensor([0.0, 0.5]))
        evidence = log_evidence(model, x)
    many = importance_weighted_bound(model, guide, x, num_samples=50_000)
    torch.testing.assert_close(many, evidence, rtol=0, atol=0.05)
    assert (bound(model, guide, x, num_samples=4000) < evidence).all()


def test_more_samples_of_the_bound_are_a_mean(story: tuple[MixtureVAE, Guide], x: Tensor) -> None:
    one = bound(*story, x.repeat_interleave(4000, 0)).reshape(len(x), -1)
    many = bound(*story, x, num_samples=4000)
    error = one.std(1) / math.sqrt(4000)
    assert ((one.mean(1) - many).abs() < 6 * error).all()


def test_pyro_s_predictive_forgets_the_data_and_ours_does_not(
    story: tuple[MixtureVAE, Guide],
) -> None:
    """An enumerated cluster that is not in the guide is drawn from its prior, silently."""
    model, guide = story
    x = (SLOPE @ LOC[0] + OFFSET).expand(50, 2)
    predictive = Predictive(model, guide=guide, num_samples=200, return_sites=("c", "x"))
    drawn = predictive(x)
    shares = torch.bincount(drawn["c"].flatten(), minlength=3).double() / drawn["c"].numel()
    torch.testing.assert_close(shares, LOGITS.softmax(-1), rtol=0, atol=0.02)
    assert torch.equal(drawn["x"][0].reshape(50, 2), x)

    assert responsibilities(model, guide, x)["c"][:, 0].min() > 0.96
    replicates = posterior_predictive(model, guide, x, 2)
    assert (replicates != x).all()


def test_batch_norm_is_not_moved_and_looks_at_no_other_row() -> None:
    encoder = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4))
    prior = GaussianMixture(3, 1)
    model = MixtureVAE(prior, Normal(nn.Linear(1, 2), (2,))).double()
    guide = AmortisedGuide(encoder, z=GaussianHead(4, 1)).double()
    x = torch.randn(9, 2, dtype=torch.float64)
    before = {name: value.clone() for name, value in guide.state_dict().items()}
    together = responsibilities(model, guide, x)["c"]
    alone = responsibilities(model, guide, x[:1])["c"]
    torch.testing.assert_close(together[:1], alone)
    sample(model, 5), posterior_predictive(model, guide, x), bound(model, guide, x)
    assert all(torch.equal(value, before[name]) for name, value in guide.state_dict().items())


def test_nothing_is_left_in_pyro_s_store(story: tuple[MixtureVAE, Guide], x: Tensor) -> None:
    store = pyro.get_param_store()
    for answer in (
        responsibilities(*story, x)["c"],
        sample(story[0], 5)[0],
        reconstruct(*story, x),
        posterior_predictive(*story, x),
        bound(*story, x),
        importance_weighted_bound(*story, x, num_samples=3),
    ):
        assert not answer.requires_grad
        assert answer.device.type == "cpu"
    assert len(list(store.keys())) == 0


class TestConditional:
    """Latents of a cluster in a style."""

    @pytest.fixture
    def styled(self) -> MixtureVAE:
        return MixtureVAE(StyleMixture(3, 2, 1, hidden_dim=4), Normal(nn.Linear(2, 4), (4,)))

    def test_they_have_the_moments_of_the_component(self, styled: MixtureVAE) -> None:
        n = 20_000
        for cluster, style in ((0, -1.0), (2, 1.5)):
            w = torch.full((n, 1), style)
            latents = conditional(styled, torch.full((n,), cluster), w)
            assert torch.equal(latents["w"], w)
            with torch.no_grad():
                law = styled.prior.component(w=w[:1])
            mean, spread = law.mean[0, cluster], law.stddev[0, cluster]
            assert ((latents["z"].mean(0) - mean).abs() < 5 * spread / n**0.5).all()
            torch.testing.assert_close(latents["z"].std(0), spread, rtol=0.03, atol=0)

    def test_means_are_the_same_each_time_and_are_decoded(self, styled: MixtureVAE) -> None:
        cluster = torch.arange(3).repeat_interleave(4)
        w = torch.linspace(-2, 2, 4).repeat(3).unsqueeze(-1)
        latents = conditional(styled, cluster, w, mean=True)
        with torch.no_grad():
            wanted = styled.prior.component(w=w).mean[torch.arange(12), cluster]
        torch.testing.assert_close(latents["z"], wanted)
        assert decode(styled, latents).shape == (12, 4)
        first, again = (conditional(styled, cluster, w, seed=3)["z"] for _ in range(2))
        assert torch.equal(first, again)
        assert not torch.equal(first, conditional(styled, cluster, w, seed=4)["z"])

    def test_what_does_not_go(
        self, styled: MixtureVAE, story: tuple[MixtureVAE, Guide], x: Tensor
    ) -> None:
        with pytest.raises(ValueError, match="no style latent w"):
            conditional(story[0], torch.zeros(1).long(), torch.zeros(1, 1))
        with pytest.raises(ValueError, match=r"w has shape \(2, 3\): use \(N, 1\)"):
            conditional(styled, torch.zeros(2).long(), torch.zeros(2, 3))
        with pytest.raises(ValueError, match="cluster goes beyond 0 to 2"):
            conditional(styled, torch.tensor([3]), torch.zeros(1, 1))


@pytest.mark.parametrize(
    ("width", "affordable", "draws"), [(8, 10**9, 100), (20_000, 10**9, 44), (20_000, 10**8, 10)]
)
def test_a_dear_decoder_has_fewer_draws_in_a_bound(
    width: int, affordable: int, draws: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the operations of its linear layers allow, two for each weight and draw of a datum."""
    assert probabilities.BOUND_OPERATIONS == 10**9
    monkeypatch.setattr(probabilities, "BOUND_OPERATIONS", affordable)
    decoder = nn.Sequential(nn.Linear(2, 560), nn.ReLU(), nn.Linear(560, width))
    model = MixtureVAE(GaussianMixture(2, 2), Normal(decoder, (width,), scale=1.0))
    guide = AmortisedGuide(nn.Identity(), z=GaussianHead(width, 2))
    operations = 2 * (2 * 560 + 560 * width)
    assert bound_samples(model, guide, torch.zeros(1, width)) == draws
    assert draws == min(max(affordable // operations, 10), 100)
