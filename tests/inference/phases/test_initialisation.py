"""Before the joint training: the autoencoder's loss, and the prior's start on groups."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import norm
from sklearn.metrics import adjusted_rand_score
from torch import Tensor, nn

from pyromix.guides import AmortisedGuide, GaussianHead, Guide
from pyromix.inference import Autoencoder, encode, initialise_prior, responsibilities
from pyromix.inference.phases.initialisation import NeighbourAutoencoder, refit_mixture
from pyromix.models import Facets, GaussianMixture, MixtureVAE, Normal, StyleMixture

CENTRES = torch.tensor([[-4.0, 0.0], [0.0, 4.0], [4.0, 0.0]], dtype=torch.float64)
SIZES = (50, 30, 20)


@pytest.fixture
def labels() -> Tensor:
    """The group of each datum."""
    return torch.repeat_interleave(torch.arange(3), torch.tensor(SIZES))


@pytest.fixture
def x(labels: Tensor) -> Tensor:
    """Three separate groups in the plane, of widths 0.1 to 0.3."""
    widths = torch.tensor([0.1, 0.2, 0.3]).double()[labels].unsqueeze(-1)
    return CENTRES[labels] + widths * torch.randn(100, 2, dtype=torch.float64)


@pytest.fixture
def story() -> tuple[MixtureVAE, Guide]:
    """A story whose code is the datum itself."""
    guide = AmortisedGuide(nn.Identity(), z=GaussianHead(2, 2)).double()
    with torch.no_grad():
        linear = guide.heads["z"].linear
        linear.weight[:2] = torch.eye(2)
        linear.bias.zero_()
    model = MixtureVAE(GaussianMixture(3, 2), Normal(nn.Linear(2, 2), (2,), scale=0.5)).double()
    return model, guide


@pytest.mark.parametrize("method", ["gmm", "gmm-diag", "gmm-tied", "kmeans", "data"])
def test_components_are_the_moments_of_the_groups(
    story: tuple[MixtureVAE, Guide], x: Tensor, labels: Tensor, method: str
) -> None:
    model, guide = story
    initialise_prior(model, guide, x, method=method, seed=1)
    component = model.prior.component()
    order = [int((component.mean - x[labels == k].mean(0)).norm(dim=1).argmin()) for k in range(3)]
    assert sorted(order) == [0, 1, 2]
    for k, row in enumerate(order):
        group = x[labels == k]
        torch.testing.assert_close(component.mean[row], group.mean(0))
        deviation = group.std(0, correction=0)
        torch.testing.assert_close(component.stddev[row], deviation, rtol=1e-4, atol=0)
        share = (SIZES[k] + 1) / 103
        assert model.prior.weights[row].item() == pytest.approx(share)
    found = responsibilities(model, guide, x)["c"].argmax(-1)
    assert adjusted_rand_score(labels, found) == 1.0


def test_the_posterior_is_narrow_beside_the_code(
    story: tuple[MixtureVAE, Guide], x: Tensor
) -> None:
    model, guide = story
    means = encode(model, guide, x)["z"]
    initialise_prior(model, guide, x)
    law = guide.posterior(x)["z"]
    torch.testing.assert_close(law.mean.detach(), means)
    assert law.stddev.max() < 0.2 * means.std(0).mean()


def test_same_seed_same_start(story: tuple[MixtureVAE, Guide], x: Tensor) -> None:
    starts = []
    for _ in range(2):
        torch.randn(7)
        initialise_prior(*story, x, method="gmm", seed=4)
        starts.append(story[0].prior.loc.detach().clone())
    assert torch.equal(*starts)


def test_none_leaves_everything_alone(story: tuple[MixtureVAE, Guide], x: Tensor) -> None:
    before = [p.detach().clone() for module in story for p in module.parameters()]
    initialise_prior(*story, x, method="none")
    after = [p for module in story for p in module.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_unknown_method(story: tuple[MixtureVAE, Guide], x: Tensor) -> None:
    with pytest.raises(ValueError, match=r"initialisation is 'random': use one of gmm"):
        initialise_prior(*story, x, method="random")


def test_a_style_mixture_starts_at_the_groups_whatever_w(x: Tensor, labels: Tensor) -> None:
    """Its components are a network of w; at the start they depend on w hardly at all."""
    prior = StyleMixture(3, 2, 2, hidden_dim=8)
    model = MixtureVAE(prior, Normal(nn.Linear(2, 2), (2,))).double()
    prior.initialise(x, torch.nn.functional.one_hot(labels).double())
    for w in torch.randn(5, 2, dtype=torch.float64):
        component = model.prior.component(w=w)
        means = torch.stack([x[labels == k].mean(0) for k in range(3)])
        assert (component.mean - means).norm(dim=1).max() < 1.5


class TestRefit:
    """The data are (s, s + g): s is large and facet 1's, g is small and what facet 0 should find.

    Facet 0's code is s + g, and facet 1's code is s.
    """

    @pytest.fixture
    def shift(self) -> Tensor:
        return torch.arange(120) % 4

    @pytest.fixture
    def group(self) -> Tensor:
        return torch.arange(120) // 4 % 3

    @pytest.fixture
    def x(self, shift: Tensor, group: Tensor) -> Tensor:
        small = group + 0.05 * torch.randn(120, dtype=torch.float64)
        return torch.stack([10.0 * shift, 10.0 * shift + small], -1)

    @pytest.fixture
    def story(self) -> tuple[MixtureVAE, Guide]:
        guide = AmortisedGuide(nn.Identity(), z_0=GaussianHead(2, 1), z_1=GaussianHead(2, 1))
        prior = Facets(GaussianMixture(3, 1), GaussianMixture(4, 1))
        with torch.no_grad():
            for site, column in (("z_0", 1), ("z_1", 0)):
                linear = guide.heads[site].linear
                linear.weight.zero_()
                linear.weight[0, column] = 1.0
                linear.bias.copy_(torch.tensor([0.0, -3.0]))
            prior.mixtures[1].loc.copy_(10.0 * torch.arange(4.0).unsqueeze(-1))
        return MixtureVAE(prior, Normal(nn.Linear(2, 2), (2,))).double(), guide.double()

    def test_it_finds_what_the_given_facet_does_not_tell(
        self, story: tuple[MixtureVAE, Guide], x: Tensor, shift: Tensor, group: Tensor
    ) -> None:
        model, guide = story
        before = {name: value.clone() for name, value in guide.state_dict().items()}
        other = {name: value.clone() for name, value in model.prior.facet_1.state_dict().items()}
        refit_mixture(model, guide, x, 0, given=(1,))
        # Each group of facet 0 is spread over all of facet 1's: moments of the mixed codes.
        component = model.prior.mixtures[0].component()
        wanted = torch.stack([x[group == g, 1].mean() for g in range(3)])
        torch.testing.assert_close(
            component.mean.flatten().sort().values, wanted, atol=0.05, rtol=0
        )
        spread = torch.full((3,), 125.0).sqrt().double()
        torch.testing.assert_close(component.stddev.flatten(), spread, atol=0.1, rtol=0)
        assert all(torch.equal(value, before[name]) for name, value in guide.state_dict().items())
        again = model.prior.facet_1.state_dict()
        assert all(torch.equal(value, other[name]) for name, value in again.items())

    def test_alone_it_finds_the_largest_groups(
        self, story: tuple[MixtureVAE, Guide], x: Tensor, shift: Tensor
    ) -> None:
        model, guide = story
        refit_mixture(model, guide, x, 1)
        found = responsibilities(model, guide, x)["c_1"].argmax(-1)
        assert adjusted_rand_score(shift, found) == 1.0
        deviations = model.prior.mixtures[1].component().stddev.flatten()
        # Moments of draws from q(z | x), whose deviation is e^-3, and not of their means.
        assert (deviations / np.exp(-3)).sub(1).abs().max() < 0.3

    def test_same_seed_same_fit(self, story: tuple[MixtureVAE, Guide], x: Tensor) -> None:
        fits = []
        for _ in range(2):
            torch.randn(7)
            refit_mixture(*story, x, 0, given=(1,), seed=4)
            fits.append(story[0].prior.mixtures[0].loc.detach().clone())
        assert torch.equal(*fits)


class TestAutoencoder:
    def test_loss_is_that_of_the_posterior_mean(
        self, story: tuple[MixtureVAE, Guide], x: Tensor
    ) -> None:
        model, guide = story
        loss, parts = Autoencoder(model, guide)(x)
        decoded = model.likelihood.decoder(x).detach().numpy()
        by_hand = -norm(decoded, 0.5).logpdf(x.numpy()).sum(1).mean()
        assert loss.item() == pytest.approx(by_hand)
        assert parts == {"reconstruction": loss.detach()}

    def test_the_prior_and_the_noise_have_no_gradient(
        self, story: tuple[MixtureVAE, Guide], x: Tensor
    ) -> None:
        model, guide = story
        Autoencoder(model, guide)(x)[0].backward()
        assert all(p.grad is None for p in model.prior.parameters())
        assert (guide.heads["z"].linear.weight.grad[2:] == 0).all()

    def test_neighbours_are_targets_and_the_datum_itself_is_not(
        self, story: tuple[MixtureVAE, Guide], x: Tensor
    ) -> None:
        autoencoder = NeighbourAutoencoder(*story, x, 4)
        distance = np.linalg.norm(x[:, None] - x[None], axis=-1)
        np.fill_diagonal(distance, np.inf)
        nearest = np.sort(np.argsort(distance, axis=1)[:, :4], axis=1)
        np.testing.assert_array_equal(np.sort(autoencoder.neighbours, axis=1), nearest)
        loss, _ = autoencoder(torch.arange(10))
        assert loss.isfinite()

    @pytest.mark.parametrize("n_neighbours", [0, 100])
    def test_more_neighbours_than_data(
        self, story: tuple[MixtureVAE, Guide], x: Tensor, n_neighbours: int
    ) -> None:
        with pytest.raises(ValueError, match=rf"pretrain_neighbours is {n_neighbours}.*100 data"):
            NeighbourAutoencoder(*story, x, n_neighbours)


@pytest.mark.parametrize("covariance", ["diag", "full"])
def test_means_alone(x: Tensor, labels: Tensor, covariance: str) -> None:
    """MFCVAE's start: the mixture's means, variances of 0.01, uniform weights, q as it was."""
    guide = AmortisedGuide(nn.Identity(), z=GaussianHead(2, 2)).double()
    with torch.no_grad():
        guide.heads["z"].linear.weight[:2] = torch.eye(2)
        guide.heads["z"].linear.bias.zero_()
    before = guide.posterior(x)["z"].stddev
    prior = GaussianMixture(3, 2, covariance=covariance)
    model = MixtureVAE(prior, Normal(nn.Linear(2, 2), (2,), scale=0.5)).double()
    initialise_prior(model, guide, x, method="gmm-means", seed=1)
    component = prior.component()
    means = torch.stack([x[labels == k].mean(0) for k in range(3)])
    distances = torch.cdist(means, component.mean)
    assert sorted(distances.argmin(1).tolist()) == [0, 1, 2]
    assert distances.min(1).values.max() < 1e-3
    variance = torch.full((3, 2), 0.01, dtype=torch.float64)
    torch.testing.assert_close(component.variance, variance, rtol=0.02, atol=0)
    if covariance == "full":
        assert component.scale_tril.tril(-1).abs().max() < 1e-12
    torch.testing.assert_close(prior.weights, torch.full((3,), 1 / 3).double())
    assert torch.equal(guide.posterior(x)["z"].stddev, before)
