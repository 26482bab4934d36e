"""Published recipes: their parts by the papers' tables, optimiser, start, and a tiny fit."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.mixture import GaussianMixture as Mixture
from torch import Tensor, nn

from pyromix import GMVAE, MFCVAE, DeepMixture, VaDE
from pyromix.guides import AmortisedGuide, GaussianHead, Guide
from pyromix.inference import (
    Clock,
    ClosedFormELBO,
    ComponentMeans,
    GaussianMixtureStart,
    Progressive,
    Training,
)
from pyromix.inference.phases import Joining
from pyromix.inference.training import trainer as training_loop
from pyromix.inference.training.batches import Share, batches_of
from pyromix.inference.training.loop import fused_adam
from pyromix.models import Bernoulli, Facets, GaussianMixture, MixtureVAE, Normal
from pyromix.networks import Perceptron, PerceptronLadder
from pyromix.parts import spelt

pytestmark = pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")

RECIPES: dict[str, tuple[Callable[[], DeepMixture], tuple[int, ...]]] = {
    "vade": (VaDE.published, (784,)),
    "gmvae mnist": (GMVAE.published, (1, 28, 28)),
    "gmvae svhn": (lambda: GMVAE.published("svhn"), (3, 32, 32)),
    "gmvae synthetic": (lambda: GMVAE.published("synthetic"), (2,)),
    "mfcvae mnist": (MFCVAE.published, (784,)),
    "mfcvae shapes3d": (lambda: MFCVAE.published("shapes3d"), (3, 32, 32)),
    "mfcvae svhn": (lambda: MFCVAE.published("svhn"), (3, 32, 32)),
}
STYLE = "StyleMixture(style_dim=150, hidden_dim=500)"
LADDER = "ConvolutionalLadder(channels=64, output_norm=True, rung_norm=True, weight_norm=True)"
FULL = "GaussianMixture(covariance='full', learn_weights=False)"
TABLE: dict[str, dict[str, Any]] = {
    "vade": {
        "n_clusters": 10,
        "latent_dim": 10,
        "prior": "GaussianMixture",
        "likelihood": "Bernoulli",
        "hidden": (500, 500, 2000),
        "batch_norm": False,
        "start": "ComponentMeans(variance=None)",
        "pace": (3000, 100, 2e-3, (0.9, 10, 0.1), 1e-4),
    },
    "gmvae mnist": {
        "n_clusters": 10,
        "latent_dim": 200,
        "prior": STYLE,
        "likelihood": "Bernoulli",
        "networks": "Convolutional()",
        "terms": "(InformationFloor(floor=0.5, weight=1.0),)",
        "start": "None",
        "pace": (100, 50, 1e-4, None, 1e-8),
    },
    "gmvae svhn": {
        "n_clusters": 10,
        "latent_dim": 200,
        "prior": STYLE,
        "likelihood": "Bernoulli",
        "networks": "Convolutional()",
        "start": "None",
        "pace": (100, 128, 1e-4, None, 1e-8),
    },
    "gmvae synthetic": {
        "n_clusters": 8,
        "latent_dim": 2,
        "prior": "StyleMixture(style_dim=2, hidden_dim=100)",
        "likelihood": "HeteroscedasticNormal",
        "hidden": (100, 100),
        "batch_norm": False,
        "start": "None",
        "pace": (500, 200, 1e-4, None, 1e-8),
    },
    "mfcvae mnist": {
        "n_clusters": (25, 25),
        "latent_dim": (5, 5),
        "prior": "GaussianMixture",
        "likelihood": "Bernoulli",
        "hidden": (500, 2000),
        "batch_norm": False,
        "start": "ComponentMeans(variance=0.01)",
        "pace": (401, 512, 5e-4, None, 1e-8),
    },
    "mfcvae shapes3d": {
        "n_clusters": (60, 20),
        "latent_dim": (20, 2),
        "prior": FULL,
        "likelihood": "Normal(scale=0.6)",
        "networks": LADDER,
        "start": "ComponentMeans(variance=0.01)",
        "pace": (401, 150, 3e-4, None, 1e-8),
    },
    "mfcvae svhn": {
        "n_clusters": (200, 50),
        "latent_dim": (22, 7),
        "prior": FULL,
        "likelihood": "Normal(scale=0.3, sigmoid=True)",
        "networks": LADDER,
        "start": "ComponentMeans(variance=0.01)",
        "pace": (401, 150, 5e-4, None, 1e-8),
    },
}


@pytest.mark.parametrize("name", RECIPES)
def test_the_parts_are_the_table_s(name: str) -> None:
    made, table = RECIPES[name][0](), TABLE[name]
    training = made.training
    pace = (
        training.max_epochs,
        training.batch_size,
        training.learning_rate,
        training.learning_rate_decay,
        training.epsilon,
    )
    found = {
        "n_clusters": made.n_clusters,
        "latent_dim": made.latent_dim,
        "prior": spelt(made.prior),
        "likelihood": spelt(made.likelihood),
        "networks": spelt(made.networks),
        "terms": spelt(made.terms),
        "start": spelt(made.start),
        "hidden": getattr(made.networks, "hidden_dims", None),
        "batch_norm": getattr(made.networks, "batch_norm", None),
        "pace": pace,
    }
    assert {key: found[key] for key in table} == table
    assert training.gradient_clip is None
    assert training.patience is None
    assert made.assignment == "marginal"
    assert (made.pretraining is not None) == (name == "vade")


def test_estimators_of_the_bound_are_the_papers() -> None:
    """VaDE and GMVAE score by E_q log p(z, c) and take γ at the sample; MFCVAE has the bound."""
    for published, particles in ((VaDE.published(), 1), (GMVAE.published(num_particles=10), 10)):
        elbo = published.elbo()
        assert isinstance(elbo, ClosedFormELBO)
        assert elbo.expected_scores
        assert elbo.num_particles == particles
    elbo = MFCVAE.published().elbo()
    assert isinstance(elbo, ClosedFormELBO)
    assert not elbo.expected_scores
    assert GMVAE.published(n_clusters=16).n_clusters == 16


def test_vade_minimises_the_authors_loss() -> None:
    """Equation by equation at one draw of z, in value and in gradient by every parameter."""
    estimator = VaDE.published().set_params(n_clusters=3, latent_dim=2, networks=Perceptron(8))
    torch.manual_seed(0)
    model, guide = (part.double() for part in estimator.build((6,)))
    with torch.no_grad():
        model.prior.logits.normal_()
        model.prior.log_scale.normal_()
    x = torch.rand(5, 6, dtype=torch.float64)
    parameters = [*model.parameters(), *guide.parameters()]
    torch.manual_seed(1)
    ours = estimator.elbo().evaluate(model, guide, x).loss

    torch.manual_seed(1)
    posterior = guide.posterior(x)["z"]
    m, s2 = posterior.mean, posterior.variance
    z = m + s2.sqrt() * torch.randn(5, 2, dtype=torch.float64)
    log_pi, component = model.prior.logits.log_softmax(0), model.prior.component()
    mu, var = component.mean, component.variance
    log_densities = -0.5 * ((2 * math.pi * var).log() + (z.unsqueeze(1) - mu).square() / var).sum(
        -1
    )
    gamma = (log_pi + log_densities).softmax(-1)
    crossed = (m.unsqueeze(1) - mu).square()
    inner = (2 * math.pi * var).log() + s2.unsqueeze(1) / var + crossed / var
    logits = model.likelihood.decoder(z)
    by_hand = (
        nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
        + 0.5 * (gamma * inner.sum(-1)).sum(-1)
        - 0.5 * (s2.log() + 1 + math.log(2 * math.pi)).sum(-1)
        - (gamma * log_pi).sum(-1)
        + (gamma * gamma.log()).sum(-1)
    ).mean()
    torch.testing.assert_close(ours, by_hand)
    slopes = (torch.autograd.grad(loss, parameters) for loss in (ours, by_hand))
    for found, wanted in zip(*slopes, strict=True):
        torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("published", [GMVAE.published, MFCVAE.published])
def test_another_data_set_is_named(published: Callable[..., DeepMixture]) -> None:
    with pytest.raises(ValueError, match="data is 'minst': did you mean 'mnist'"):
        published("minst")


def images(shape: tuple[int, ...], n: int = 60) -> NDArray[np.float32]:
    """Grey values about three means."""
    generator = np.random.default_rng(0)
    means = generator.uniform(0.2, 0.8, (3, *shape))
    noise = 0.1 * generator.standard_normal((n, *shape))
    drawn: NDArray[np.float32] = (means[np.arange(n) % 3] + noise).clip(0, 1).astype(np.float32)
    return drawn


@pytest.mark.parametrize("name", RECIPES)
def test_each_fits_and_comes_back_from_disk(name: str, tmp_path: Path) -> None:
    made, shape = RECIPES[name]
    estimator = made().set_params(training__max_epochs=1, random_state=0, device="cpu")
    if isinstance(estimator, VaDE):
        estimator.set_params(n_clusters=3, pretraining__epochs=1)
    if isinstance(estimator, MFCVAE):
        estimator.set_params(n_clusters=(4, 3), training__during=(Progressive((0,), 1),))
    x = images(shape)
    estimator.fit(x)
    assert np.isfinite(estimator.history_[-1]["loss"])
    estimator.save(tmp_path / "run")
    loaded = type(estimator).load(tmp_path / "run")
    assert spelt(loaded.get_params()) == spelt(estimator.get_params())
    np.testing.assert_array_equal(loaded.predict(x), estimator.labels_)


class Slope(nn.Module):
    """The square of one parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, batch: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        return (batch * self.weight).square().mean(), {}


def test_decay_floor_and_epsilon_reach_the_optimiser(monkeypatch: pytest.MonkeyPatch) -> None:
    """VaDE: rate 2e-3 times .9 for every ten epochs done, but at least 2e-4; Adam's ε 1e-4."""
    made: list[torch.optim.Optimizer] = []
    adam = fused_adam

    def remembered(*args: Any, **options: Any) -> torch.optim.Adam:
        made.append(adam(*args, **options))
        return made[0]  # type: ignore[return-value]

    monkeypatch.setattr(training_loop, "fused_adam", remembered)
    rates: list[float] = []
    trainer = replace(VaDE.published().training.trainer(1), max_epochs=260)
    trainer.fit(
        Slope(),
        torch.ones(2, 1),
        callbacks=[lambda _, __: rates.append(made[0].param_groups[0]["lr"])],
    )
    by_hand, rate = [], 2e-3
    for epoch in range(260):
        if epoch and epoch % 10 == 0:
            rate = max(0.9 * rate, 2e-4)
        by_hand.append(rate)
    np.testing.assert_allclose(rates, by_hand, rtol=1e-12)
    assert math.isclose(min(rates), 2e-4)
    assert made[0].param_groups[0]["eps"] == 1e-4
    assert made[0].param_groups[0]["betas"] == (0.9, 0.999)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"learning_rate_decay": (0.9, 10, 0.0)}, r"learning_rate_decay is \(0\.9, 10, 0\.0\)"),
        ({"epsilon": 0.0}, r"epsilon is 0\.0"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Training(max_epochs=1, **settings).trainer(1)


@pytest.fixture
def code() -> Tensor:
    """Three groups that overlap: hard and soft moments are not the same."""
    centres = torch.tensor([[-1.0, 0.0], [0.0, 1.5], [1.5, 0.0]]).double()
    groups = torch.arange(300) % 3
    widths = torch.tensor([0.4, 0.6, 0.8]).double()[groups].unsqueeze(-1)
    return centres[groups] + widths * torch.randn(300, 2, dtype=torch.float64)


def story() -> tuple[MixtureVAE, Guide]:
    """A story whose code is the datum itself."""
    head = GaussianHead(2, 2)
    guide = AmortisedGuide(nn.Identity(), z=head).double()
    with torch.no_grad():
        head.linear.weight[:2] = torch.eye(2)
        head.linear.bias.zero_()
    model = MixtureVAE(GaussianMixture(3, 2), Normal(nn.Linear(2, 2), (2,))).double()
    return model, guide


def test_vade_starts_at_the_fitted_mixture(code: Tensor) -> None:
    """Its own means and variances, uniform weights, and the posterior bit for bit as it was."""
    model, guide = story()
    before = {name: value.clone() for name, value in guide.state_dict().items()}
    start = VaDE.published().start
    assert isinstance(start, ComponentMeans)
    start.begin(model, guide, code, seed=3)
    width = float(code.numpy().std(0).mean())
    mixture = Mixture(3, covariance_type="diag", n_init=10, reg_covar=1e-3, random_state=3)
    mixture.fit(code.numpy() / width)
    means = torch.as_tensor(mixture.means_ * width)
    variances = torch.as_tensor(mixture.covariances_ * width**2)
    with torch.no_grad():
        component = model.prior.component()
        torch.testing.assert_close(component.mean, means, rtol=0, atol=1e-4)
        torch.testing.assert_close(component.variance, variances, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(model.prior.weights, torch.full((3,), 1 / 3).double())
    assert all(torch.equal(value, before[name]) for name, value in guide.state_dict().items())
    hard, narrowed = story()
    GaussianMixtureStart("diag").begin(hard, narrowed, code, seed=3)
    with torch.no_grad():
        assert (hard.prior.component().variance - variances).abs().max() > 1e-2


def test_mfcvae_starts_with_one_variance(code: Tensor) -> None:
    model, guide = story()
    start = MFCVAE.published().start
    assert isinstance(start, ComponentMeans)
    start.begin(model, guide, code, seed=3)
    with torch.no_grad():
        variance = model.prior.component().variance
        torch.testing.assert_close(variance, torch.full_like(variance, 0.01), rtol=1e-4, atol=0)
    with pytest.raises(ValueError, match=r"variance is 0\.0: ComponentMeans takes"):
        ComponentMeans(0.0)


def test_mfcvae_s_facets_join_when_the_authors_do() -> None:
    """402 epochs of which the first trains nothing; 60,000 digits by 512, 3,840 scenes by 150."""
    for data, rows, steps, join, fade in (
        ("mnist", 60_000, 117, 200, 15_000),
        ("shapes3d", 3840, 26, 100, 2000),
        ("svhn", 73_257, 488, 100, 15_000),
    ):
        training = MFCVAE.published(data).training
        taken = batches_of(
            torch.zeros(rows, 1),
            training.batch_size,
            Share(torch.device("cpu"), torch.float32),
        )
        assert len(taken) == steps
        (progressive,) = training.during
        assert isinstance(progressive, Progressive)
        assert progressive.joining(2, Clock(steps, 401)) == Joining((steps * join,), fade)


def test_schedules_count_the_steps_that_are_taken() -> None:
    """Of 21 rows by ten the last one is left out: two steps an epoch, and not three."""
    prior = MFCVAE(
        n_clusters=(2, 2),
        latent_dim=2,
        likelihood=Bernoulli,
        networks=PerceptronLadder((6, 5)),
        start=None,
        training=Training(max_epochs=6, batch_size=10, during=(Progressive((2,), 4),)),
        random_state=0,
        device="cpu",
    )
    rows = prior.fit(images((4,), 21)).history_
    assert [row["alpha_0"] for row in rows] == [0.0, 0.0, 0.5, 1.0, 1.0, 1.0]


def test_each_recipe_builds_what_its_paper_has() -> None:
    model, guide = VaDE.published().build((784,))
    sizes = [layer.out_features for layer in guide.modules() if isinstance(layer, nn.Linear)]
    assert sizes == [500, 500, 2000, 20]
    assert not any(isinstance(layer, nn.BatchNorm1d) for layer in model.modules())
    head = guide.amortised.head("z")
    assert isinstance(head, GaussianHead)
    assert head.linear.bias[10:].abs().max() < 1e-3
    model, guide = GMVAE.published("svhn", n_clusters=12).build((3, 32, 32))
    maps = [layer.out_channels for layer in guide.modules() if isinstance(layer, nn.Conv2d)]
    assert maps == [64, 128, 256, 500]
    hidden, squash, heads = model.prior.network
    assert isinstance(squash, nn.Tanh)
    assert (hidden.in_features, hidden.out_features) == (150, 500)
    assert heads.out_features == 2 * 12 * 200
    model, _ = GMVAE.published("synthetic").build((2,))
    assert model.likelihood.decoder.out_features == 4
    model, _ = MFCVAE.published("svhn").build((3, 32, 32))
    assert isinstance(model.prior, Facets)
    assert not any(mixture.learn_weights for mixture in model.prior.mixtures)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("error")
        mean = model.eval().likelihood.mean(100 * torch.randn(3, 29))
    assert bool(((mean >= 0) & (mean <= 1)).all())
