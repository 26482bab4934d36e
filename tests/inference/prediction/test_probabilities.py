"""The probability of a cluster: against closed forms and quadrature, alone and in company."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from pyromix.guides import (
    AmortisedAssignment,
    AmortisedGuide,
    GammaHead,
    GaussianHead,
    Guide,
    Head,
    OptimalAssignment,
    SphericalHead,
)
from pyromix.inference import importance_weighted_bound, responsibilities
from pyromix.inference.prediction import probabilities
from pyromix.inference.prediction.draws import draws_of, wider
from pyromix.models import (
    Bernoulli,
    Facets,
    GammaMixture,
    GaussianMixture,
    MixtureVAE,
    Normal,
    Prior,
    ReversedVonMisesFisherMixture,
    StyleMixture,
    VonMisesFisherMixture,
)

X = 4


def gaussian(sites: dict[str, int]) -> dict[str, Head]:
    return {site: GaussianHead(X, dim) for site, dim in sites.items()}


STORIES: dict[str, Callable[[], tuple[Prior, dict[str, Head]]]] = {
    "gaussian": lambda: (GaussianMixture(3, 2), gaussian({"z": 2})),
    "style": lambda: (StyleMixture(3, 2, 1, hidden_dim=4), gaussian({"z": 2, "w": 1})),
    "facets": lambda: (
        Facets(GaussianMixture(3, 1), GaussianMixture(2, 1, covariance="full")),
        gaussian({"z_0": 1, "z_1": 1}),
    ),
    "gamma": lambda: (GammaMixture(3, 2), {"z": GammaHead(X, 2)}),
    "wilson-hilferty": lambda: (
        GammaMixture(3, 2),
        {"z": GammaHead(X, 2, family="wilson-hilferty")},
    ),
    "sphere": lambda: (
        VonMisesFisherMixture(3, 2, concentration=3.0),
        {"z": SphericalHead(X, 2, concentration=1.0)},
    ),
    "power-spherical": lambda: (
        VonMisesFisherMixture(3, 2, concentration=3.0),
        {"z": SphericalHead(X, 2, family="power-spherical", concentration=0.5)},
    ),
    "reversed": lambda: (
        ReversedVonMisesFisherMixture(3, 2, concentration=3.0),
        {"z": SphericalHead(X, 2, concentration=1.0)},
    ),
}
ALL = pytest.mark.parametrize("name", STORIES)


def build(name: str) -> tuple[MixtureVAE, Guide]:
    """A story in the plane, decoded so weakly that a rough guide is good enough, in float64."""
    torch.manual_seed(3)
    prior, heads = STORIES[name]()
    model = MixtureVAE(prior, Bernoulli(nn.Linear(2, X), (X,)))
    guide = AmortisedGuide(nn.Linear(X, X), **heads)
    with torch.no_grad():
        for head in heads.values():
            assert isinstance(head, GaussianHead | GammaHead | SphericalHead)
            half = (
                head.linear.weight[-1:]
                if isinstance(head, SphericalHead)
                else (head.linear.weight.chunk(2)[1])
            )
            half.mul_(0.1)
            if isinstance(head, GammaHead):
                head.linear.bias.chunk(2)[1].sub_(3.0)
                head.linear.bias.chunk(2)[0].add_(1.5)
    return model.double(), guide.double()


def data(n: int = 7) -> Tensor:
    return (torch.rand(n, X, generator=torch.Generator().manual_seed(n)) > 0.5).double()


def by_prior_draws(model: MixtureVAE, x: Tensor, n: int = 200_000) -> dict[str, Tensor]:
    """p(c | x) of every clustering by weighing draws of the story itself with p(x | z)."""
    torch.manual_seed(0)
    prior = model.prior
    latents: dict[str, Tensor] = {}
    for mixture in prior.mixtures:
        latents |= mixture.draw_joint(n)[1]
    law = model.likelihood.distribution(prior.code(latents))
    weights = torch.stack([law.log_prob(row) for row in x]).softmax(-1)
    return {
        mixture.site("c"): weights @ mixture.responsibilities(**mixture.own(latents))
        for mixture in prior.mixtures
    }


@ALL
@torch.no_grad()
def test_it_is_the_posterior_of_the_story(name: str) -> None:
    model, guide = build(name)
    x = data()
    wanted = by_prior_draws(model, x)
    found = responsibilities(model, guide, x, num_samples=8192)
    assert found.keys() == wanted.keys()
    for site, gamma in found.items():
        assert wanted[site].std(0).max() > 0.02  # the data say something of the cluster
        torch.testing.assert_close(gamma, wanted[site], rtol=0, atol=0.03)
        torch.testing.assert_close(gamma.sum(-1), torch.ones(len(x)).double())


@ALL
@pytest.mark.parametrize("num_samples", [None, 0])
def test_a_datum_has_the_same_answer_in_any_company(name: str, num_samples: int | None) -> None:
    model, guide = build(name)
    x = torch.cat([data(), torch.rand(300, X).round().double()])
    together = responsibilities(model, guide, x, num_samples=num_samples)
    some = torch.tensor([250, 3, 0, 6])
    for batch_size in (2048, 64, 1):
        apart = responsibilities(
            model, guide, x[some], num_samples=num_samples, batch_size=batch_size
        )
        for site, gamma in together.items():
            torch.testing.assert_close(apart[site], gamma[some], rtol=0, atol=1e-10)
    other = responsibilities(model, guide, x, num_samples=num_samples, seed=1)
    assert not torch.equal(next(iter(other.values())), next(iter(together.values())))


@ALL
def test_so_has_its_bound(name: str) -> None:
    model, guide = build(name)
    x = torch.cat([data(), torch.rand(300, X).round().double()])
    together = importance_weighted_bound(model, guide, x)
    some = torch.tensor([250, 3, 0, 6])
    for batch_size in (2048, 64, 1):
        apart = importance_weighted_bound(model, guide, x[some], batch_size=batch_size)
        torch.testing.assert_close(apart, together[some], rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", ["gaussian", "gamma", "reversed"])
def test_the_order_of_the_rows_changes_not_a_bit(name: str) -> None:
    model, guide = build(name)
    model.float(), guide.float()
    x = torch.rand(501, X)
    order = torch.randperm(501)
    gamma = responsibilities(model, guide, x)["c"]
    assert torch.equal(responsibilities(model, guide, x[order])["c"], gamma[order])
    bound = importance_weighted_bound(model, guide, x)
    assert torch.equal(importance_weighted_bound(model, guide, x[order]), bound[order])


def test_unweighted_it_is_the_guide_s_expectation() -> None:
    model, guide = build("gaussian")
    x = data()
    with torch.no_grad():
        z = guide.posterior(x)["z"].sample((200_000,))
        wanted = model.prior.responsibilities(z).mean(0)
    found = responsibilities(model, guide, x, num_samples=0)["c"]
    torch.testing.assert_close(found, wanted, rtol=0, atol=0.05)


@pytest.mark.parametrize("name", ["gaussian", "facets", "style"])
@torch.no_grad()
def test_the_optimal_rule_reports_its_own_law(name: str) -> None:
    """π_c exp E_q[log p(z | c)], by Monte Carlo, averaged over the style."""
    model, guide = build(name)
    x = data(3)
    found = responsibilities(model, OptimalAssignment(guide, model.prior), x, num_samples=1024)
    laws = guide.posterior(x)
    for mixture in model.prior.mixtures:
        z = laws[mixture.site("z")].sample((20_000,))
        if name == "style":
            styles = laws["w"].sample((200,))
            scores = torch.stack([mixture.log_joint(z, w).mean(0) for w in styles])
            wanted = scores.softmax(-1).mean(0)
        else:
            wanted = mixture.log_joint(z).mean(0).softmax(-1)
        torch.testing.assert_close(found[mixture.site("c")], wanted, rtol=0, atol=0.02)


def test_the_amortised_rule_reports_its_network() -> None:
    model, guide = build("reversed")
    network = nn.Linear(X, 3).double()
    wrapped = AmortisedAssignment(guide, c=network)
    x = data()
    with torch.no_grad():
        wanted = network(guide.amortised.encoder(x)).softmax(-1)
    assert torch.equal(responsibilities(model, wrapped, x)["c"], wanted)


def test_what_agrees_is_not_decoded() -> None:
    """Data that are sure, and only they, are answered without the decoder."""
    prior = GaussianMixture(2, 1)
    decoder = nn.Linear(1, 1)
    model = MixtureVAE(prior, Normal(decoder, (1,), scale=0.5)).double()
    head = GaussianHead(1, 1)
    guide = AmortisedGuide(nn.Identity(), z=head).double()
    with torch.no_grad():
        prior.loc.copy_(torch.tensor([[-3.0], [3.0]]))
        head.linear.weight.copy_(torch.tensor([[1.0], [0.0]]))
        head.linear.bias.copy_(torch.tensor([0.0, -1.0]))
    rows: list[int] = []
    decoder.register_forward_hook(lambda module, given, answer: rows.append(given[0].shape[-2]))
    x = torch.tensor([[-3.0], [0.1], [3.0], [-0.2]], dtype=torch.float64)
    gamma = responsibilities(model, guide, x)["c"]
    assert sum(rows[1:]) == 2  # the first measures what decoding costs
    assert (gamma[[0, 2]].max(-1).values >= probabilities.AGREED).all()
    assert (gamma[[1, 3]].max(-1).values < probabilities.AGREED).all()


def test_weights_are_cut_off_and_less_so_with_more_draws() -> None:
    weights = torch.tensor([0.0] * 99 + [30.0]).unsqueeze(-1)
    cut = probabilities._truncated(weights)
    assert cut.max().item() == pytest.approx(1.0, abs=1e-3)  # one is everything: nothing to save
    spread = torch.cat([torch.zeros(99), torch.tensor([4.0])]).unsqueeze(-1)
    share = spread.softmax(0).max().item()
    by_hand = 0.1 / (0.1 + 99 * (1 - share) / 99)
    assert probabilities._truncated(spread).max().item() == pytest.approx(by_hand, rel=1e-5)
    many = torch.cat([torch.zeros(9999), torch.tensor([4.0])]).unsqueeze(-1)
    assert torch.allclose(probabilities._truncated(many), many.softmax(0))


@pytest.mark.parametrize(
    "layer",
    [
        nn.Linear(6, 5),
        nn.Sequential(nn.Unflatten(-1, (1, 2, 3)), nn.Conv2d(1, 4, 2, padding=1)),
        nn.Sequential(nn.Unflatten(-1, (1, 2, 3)), nn.ConvTranspose2d(1, 4, 3, stride=2)),
    ],
)
def test_decoding_is_counted_as_torch_counts_it(layer: nn.Module) -> None:
    """By the multiplications and additions of torch's own counter, where there is no padding."""
    code = torch.zeros(1, 6)
    with FlopCounterMode(display=False) as counter:
        layer(code)
    likelihood = Bernoulli(layer, tuple(layer(code).shape[1:]))
    assert probabilities._operations(likelihood, code) == counter.get_total_flops()


def test_dear_decoders_are_left_alone() -> None:
    for width, affordable in ((10, probabilities.MOST), (10**5, 100), (10**6, 0)):
        model = MixtureVAE(GaussianMixture(2, 1), Bernoulli(nn.Linear(1, width), (width,)))
        guide = AmortisedGuide(nn.Linear(width, 1), z=GaussianHead(1, 1))
        found, size = probabilities._look(model, guide, torch.zeros(1, width))
        assert size == 2
        assert found == affordable


@pytest.mark.parametrize("dims", [2, 10, 32])
def test_the_wider_law_of_many_dimensions_leaves_a_quarter_of_the_draws(dims: int) -> None:
    width = probabilities._width(dims)
    torch.manual_seed(0)
    standard = torch.randn(200_000, dims, dtype=torch.float64)
    log_weights = (-0.5 * (width**2 - 1) * standard.square()).sum(-1) + dims * math.log(width)
    weights = log_weights.softmax(0)
    share = 1 / float(weights.square().sum()) / len(weights)
    expected = (math.sqrt(2 * width**2 - 1) / width**2) ** dims
    assert share == pytest.approx(expected, rel=0.05)
    assert expected == pytest.approx(probabilities.EFFECTIVE) or width == probabilities.WIDTH


def test_draws_that_hardly_count_are_averaged() -> None:
    """Of forty dimensions a guide beside the posterior has no two draws of like weight."""
    torch.manual_seed(0)
    prior = GaussianMixture(3, 40)
    model = MixtureVAE(prior, Normal(nn.Linear(40, 40), (40,), scale=0.02)).double()
    guide = AmortisedGuide(nn.Linear(40, 40), z=GaussianHead(40, 40)).double()
    x = torch.randn(5, 40, dtype=torch.float64)
    found = responsibilities(model, guide, x, num_samples=64)["c"]
    drawn = draws_of(
        guide,
        {site: wider(law, probabilities._width(40)) for site, law in guide.posterior(x).items()},
        x,
        64,
        0,
    )
    average = prior.responsibilities(drawn["z"]).mean(0)
    torch.testing.assert_close(found, average)
