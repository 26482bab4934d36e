"""Simulation-based calibration: what is right passes, what is known to be wrong does not."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch
from matplotlib.patches import StepPatch
from pyro import distributions as dist
from torch import Tensor, nn
from torch.distributions import MultivariateNormal

from pyromix.criticism import calibration
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
from pyromix.inference import ClosedFormELBO
from pyromix.inference.training import Rows
from pyromix.models import (
    Facets,
    GammaMixture,
    GaussianMixture,
    MixtureVAE,
    Normal,
    Prior,
    ReversedVonMisesFisherMixture,
    StyleMixture,
)

F = 48  # features
LIMIT = 0.02
N = 20_000  # of 8,000 the error of an exact answer is up to .02 by chance


class ExactGuide(Guide):
    """p(z | x) of a linear Gaussian story, a mixture of Gaussians, by Bayes' rule."""

    def __init__(self, model: MixtureVAE) -> None:
        super().__init__()
        object.__setattr__(self, "model", model)

    def posterior(self, x: Tensor, **companions: Tensor) -> dict[str, Any]:
        prior, decoder = self.model.prior, self.model.likelihood.decoder
        law = self.model.likelihood.distribution(torch.zeros(prior.latent_dim))
        component = prior.component()
        noise = law.base_dist.scale.square().diag_embed()
        matrix = decoder.weight
        inner = component.base_dist.scale.square().diag_embed()  # (K, D, D)
        outer = matrix @ inner @ matrix.mT + noise
        gain = inner @ matrix.mT @ torch.linalg.inv(outer)
        innovation = x.unsqueeze(1) - (component.mean @ matrix.mT + decoder.bias)
        loc = component.mean + (gain @ innovation.unsqueeze(-1)).squeeze(-1)  # (B, K, D)
        covariance = inner - gain @ matrix @ inner
        evidence = MultivariateNormal(torch.zeros(x.shape[1]), outer).log_prob(innovation)
        scale = torch.linalg.cholesky(0.5 * (covariance + covariance.mT)).expand(len(x), -1, -1, -1)
        parts = dist.MultivariateNormal(loc, scale_tril=scale)
        weights = dist.Categorical(logits=prior.log_weights() + evidence)
        return {"z": dist.MixtureSameFamily(weights, parts)}


def gaussian_prior(dim: int) -> GaussianMixture:
    prior = GaussianMixture(4, dim)
    with torch.no_grad():
        prior.loc.mul_(1.2)
        prior.log_scale.add_(0.3 * torch.randn_like(prior.log_scale) - 0.4)
    return prior


def style_prior() -> StyleMixture:
    prior = StyleMixture(3, 2, 1, hidden_dim=8)
    with torch.no_grad():
        last = prior.network[2]
        assert isinstance(last, nn.Linear)
        last.bias.unflatten(0, (3, 2, 2))[:, 0].copy_(1.5 * torch.randn(3, 2))
    return prior


def gamma_prior() -> GammaMixture:
    prior = GammaMixture(3, 2)
    with torch.no_grad():
        prior.log_mean.mul_(2.0)
        prior.raw_shape.add_(4.0)
    return prior


def head(kind: type[Head], dim: int, **options: Any) -> Callable[[], Head]:
    return lambda: kind(F, dim, **options)


# The story of every estimator, and the posteriors that its guide may have.
STORIES: dict[str, tuple[Callable[[], Prior], int, dict[str, Callable[[], Head]]]] = {
    "VaDE D=2": (lambda: gaussian_prior(2), 2, {"z": head(GaussianHead, 2)}),
    "VaDE D=5": (lambda: gaussian_prior(5), 5, {"z": head(GaussianHead, 5)}),
    "MFCVAE": (
        lambda: Facets(gaussian_prior(1), gaussian_prior(2)),
        3,
        {"z_0": head(GaussianHead, 1), "z_1": head(GaussianHead, 2)},
    ),
    "GMVAE": (style_prior, 2, {"z": head(GaussianHead, 2), "w": head(GaussianHead, 1)}),
    "GamMMVAE implicit": (gamma_prior, 2, {"z": head(GammaHead, 2)}),
    "GamMMVAE wilson-hilferty": (
        gamma_prior,
        2,
        {"z": head(GammaHead, 2, family="wilson-hilferty")},
    ),
    "DHVC von-mises-fisher": (
        lambda: ReversedVonMisesFisherMixture(3, 3, concentration=5.0),
        3,
        {"z": head(SphericalHead, 3, concentration=10.0)},
    ),
    "DHVC power-spherical": (
        lambda: ReversedVonMisesFisherMixture(3, 3, concentration=5.0),
        3,
        {"z": head(SphericalHead, 3, family="power-spherical", concentration=20.0)},
    ),
}


def story(name: str) -> MixtureVAE:
    """The true parameters: a linear decoder to six features with noise."""
    torch.manual_seed(1)
    make, dim, _ = STORIES[name]
    prior = make()
    decoder = nn.Linear(dim, 6)
    with torch.no_grad():
        decoder.weight.copy_(torch.randn(6, dim))
    return MixtureVAE(prior, Normal(decoder, (6,), scale=1.0)).requires_grad_(False)


@cache
def trained(name: str) -> tuple[MixtureVAE, AmortisedGuide]:
    """The story, and a guide fitted to data without end from it, by the bound of a bare guide."""
    model = story(name)
    encoder = nn.Sequential(nn.Linear(6, F), nn.ReLU(), nn.Linear(F, F), nn.ReLU())
    guide = AmortisedGuide(encoder, **{site: make() for site, make in STORIES[name][2].items()})
    optimiser = torch.optim.Adam(guide.parameters(), 4e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=400)
    for _ in range(400):
        with torch.no_grad():
            latents: dict[str, Tensor] = {}
            for mixture in model.prior.mixtures:
                latents |= mixture.draw_joint(256)[1]
            x = model.likelihood.distribution(model.prior.code(latents)).sample()
        optimiser.zero_grad()
        loss(model, guide, x).backward()
        optimiser.step()
        schedule.step()
    return model, guide


def loss(model: MixtureVAE, guide: Guide, x: Tensor) -> Tensor:
    """The bound with the clusters summed out, also where an estimator would refuse it."""
    if not isinstance(model.prior, ReversedVonMisesFisherMixture):
        return ClosedFormELBO().differentiable_loss(model, guide, x)
    q = guide.posterior(x)["z"]
    z = q.rsample()
    reconstruction = model.likelihood.distribution(model.prior.code({"z": z})).log_prob(x)
    return -(reconstruction + q.entropy()).mean()


@pytest.mark.parametrize("dim", [2, 5])
def test_with_the_exact_posterior_all_is_calibrated(dim: int) -> None:
    model = story(f"VaDE D={dim}")
    found = calibration(model, ExactGuide(model), n=1500)
    assert found.errors["c"] < 0.035  # .3 √(11 / 1500) is chance
    assert found.uniformity()["z"].min() > 1e-3


def test_companions_and_gaps_are_those_of_the_rows_given() -> None:
    """Given a shift of each row all is calibrated, and taken for unshifted it is not."""

    class Shifted(MixtureVAE):
        def law(self, latents: Any, **companions: Tensor) -> Any:
            law = super().law(latents)
            return dist.Normal(law.mean + companions["shift"], law.variance.sqrt()).to_event(1)

    plain = story("VaDE D=2")
    model, exact = Shifted(plain.prior, plain.likelihood), ExactGuide(plain)
    seen: list[Tensor] = []

    class Knows(Guide):
        def posterior(self, x: Tensor, **companions: Tensor) -> dict[str, Any]:
            seen.append(x)
            return exact.posterior(x.nan_to_num() - companions["shift"])

    class Deaf(Guide):
        def posterior(self, x: Tensor, **companions: Tensor) -> dict[str, Any]:
            return exact.posterior(x)

    like = Rows(torch.zeros(7, 6), shift=torch.linspace(-3, 3, 7).unsqueeze(-1))
    found = calibration(model, Knows(), like=like, n=1500)
    assert found.errors["c"] < 0.05  # three deviations of chance
    assert found.uniformity()["z"].min() > 1e-3
    assert calibration(model, Deaf(), like=like, n=1500).uniformity()["z"].min() < 1e-6
    seen.clear()
    with_gaps = Rows(
        torch.zeros(7, 6).index_fill(1, torch.tensor([1]), torch.nan), **like.companions
    )
    calibration(model, Knows(), like=with_gaps, n=20)
    assert all(x[:, 1].isnan().all() for x in seen)
    assert all(x[:, 0].isfinite().all() for x in seen)


@pytest.mark.parametrize("name", STORIES)
def test_reported_probabilities_mean_what_they_say(name: str) -> None:
    found = calibration(*trained(name), n=N, seed=1)
    assert max(found.errors.values()) < LIMIT


def test_the_best_law_for_the_bound_is_over_confident() -> None:
    """What the optimal rule reports, and what was reported under every rule once."""
    model, guide = trained("VaDE D=5")
    found = calibration(model, OptimalAssignment(guide, model.prior), n=N)
    gamma = found.probabilities["c"]
    right = (gamma.argmax(1) == found.clusters["c"]).mean()
    assert found.errors["c"] > 2 * LIMIT
    assert gamma.max(1).mean() > right + LIMIT


def test_an_untrained_network_is_not_calibrated() -> None:
    model, guide = trained("DHVC von-mises-fisher")
    torch.manual_seed(0)
    found = calibration(model, AmortisedAssignment(guide, c=nn.Linear(F, 3)), n=2000)
    assert found.errors["c"] > 0.1


@pytest.mark.parametrize("shift", [-1.0, 1.0])
def test_ranks_tell_a_posterior_too_narrow_from_one_too_wide(shift: float) -> None:
    model = story("VaDE D=2")
    exact = ExactGuide(model)

    class Wrong(Guide):
        def posterior(self, x: Tensor, **companions: Tensor) -> dict[str, Any]:
            law = exact.posterior(x)["z"]
            return {"z": dist.Normal(law.mean, law.variance.sqrt() * 2**shift).to_event(1)}

    ranks = calibration(model, Wrong(), n=1500)
    assert ranks.uniformity()["z"].max() < 1e-6
    ends = ((ranks.ranks["z"] < 8) | (ranks.ranks["z"] >= 56)).mean()
    assert ends > 0.35 if shift < 0 else ends < 0.15  # uniform ranks give a quarter


def test_same_seed_same_answer_and_an_estimator_will_do() -> None:
    class Fitted:
        model_, guide_ = trained("GMVAE")

    first, again = calibration(Fitted(), n=100), calibration(*trained("GMVAE"), n=100)
    other = calibration(Fitted(), n=100, seed=1)
    for site in ("z", "w"):
        assert (first.ranks[site] == again.ranks[site]).all()
        assert (first.ranks[site] != other.ranks[site]).any()
    assert first.errors == again.errors
    assert first.ranks["w"].min() >= 0
    assert first.ranks["w"].max() <= first.n_draws


def test_what_is_no_fitted_story() -> None:
    with pytest.raises(TypeError, match="a MixtureVAE came: give a fitted estimator"):
        calibration(story("GMVAE"))
    with pytest.raises(TypeError, match="a str came"):
        calibration("vade")


def test_the_picture_has_a_panel_for_every_dimension() -> None:
    found = calibration(*trained("MFCVAE"), n=300)
    figure = found.figure("c_1")
    titles = [axes.get_title(loc="left") for axes in figure.axes[2:] if axes.get_visible()]
    assert titles == ["z_0, dimension 1", "z_1, dimension 1", "z_1, dimension 2"]
    error = found.errors["c_1"]
    assert figure.axes[0].get_title(loc="left") == f"Expected calibration error {error:.3f}"
    outline = list(figure.axes[2].patches)[-1]
    assert isinstance(outline, StepPatch)
    (counted, *_) = outline.get_data()
    assert counted.mean() == pytest.approx(1.0, abs=0.1)
