"""MFCVAE's surface: everything by facet, swaps, the published settings, and on disk."""

from __future__ import annotations

import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.metrics import (
    adjusted_mutual_info_score,
    adjusted_rand_score,
    normalized_mutual_info_score,
)

from pyromix.data import colour_digits
from pyromix.data import load as load_data
from pyromix.estimators import ESTIMATORS, MFCVAE, load
from pyromix.inference import (
    Affiliation,
    Autoencoder,
    BestHead,
    Clock,
    ClosedFormELBO,
    ClusterMonitor,
    CollapseWarning,
    ComponentMeans,
    EnumeratedELBO,
    GaussianMixtureStart,
    InformationFloor,
    LinearWarmup,
    MutualInformation,
    OnFacets,
    PerEpoch,
    Product,
    Progressive,
    Refit,
    Training,
    TwoView,
    as_schedule,
)
from pyromix.inference.phases import Joining
from pyromix.models import GaussianMixture, Normal
from pyromix.networks import ConvolutionalLadder, Perceptron, PerceptronLadder, Strided
from pyromix.parts import describe

pytestmark = pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")

ONE = PerceptronLadder((12,))
SIZES: dict[str, Any] = {
    "n_clusters": (4, 3),
    "latent_dim": (3, 2),
    "prior": (partial(GaussianMixture, covariance="full"), GaussianMixture),
    "networks": PerceptronLadder((12, 10)),
    "start": ComponentMeans(),
    "training": Training(max_epochs=3, learning_rate=5e-4, during=(Progressive(), Refit())),
    "random_state": 0,
    "device": "cpu",
}


@pytest.fixture(scope="module")
def x() -> NDArray[np.float32]:
    """Two independent binary factors, one on each half of the features."""
    rng = np.random.RandomState(0)
    left, right = rng.rand(2, 90, 1) > 0.5
    means = np.concatenate([left.repeat(4, 1), right.repeat(4, 1)], 1) * 0.8 + 0.1
    return (rng.rand(90, 8) < means).astype(np.float32)


@pytest.fixture(scope="module")
def fitted(x: NDArray[np.float32]) -> MFCVAE:
    """Trained for three epochs, two facets."""
    return MFCVAE(**SIZES).fit(x)


def test_everything_is_by_facet(fitted: MFCVAE, x: NDArray[np.float32]) -> None:
    gammas = fitted.predict_proba(x)
    assert [gamma.shape for gamma in gammas] == [(90, 4), (90, 3)]
    for facet, gamma in enumerate(gammas):
        np.testing.assert_allclose(gamma.sum(1), 1, atol=1e-5)
        np.testing.assert_array_equal(fitted.predict(x)[:, facet], gamma.argmax(1))
    np.testing.assert_array_equal(fitted.labels_, fitted.predict(x))
    assert [code.shape for code in fitted.transform(x)] == [(90, 3), (90, 2)]
    assert fitted.score_samples(x, num_samples=5).shape == (90,)
    assert fitted.posterior_predictive(x[:4], 3).shape == (3, 4, 8)
    np.testing.assert_allclose(
        fitted.inverse_transform(fitted.transform(x)), fitted.reconstruct(x), atol=1e-6
    )
    with pytest.raises(ValueError, match=r"D \(3, 2\) by facet"):
        fitted.inverse_transform(fitted.transform(x)[::-1])


def test_one_facet_is_fixed_and_the_other_varies(fitted: MFCVAE) -> None:
    drawn, clusters = fitted.sample(200, cluster=(3, None), seed=1)
    assert drawn.shape == (200, 8)
    assert (clusters[:, 0] == 3).all()
    assert set(clusters[:, 1]) == {0, 1, 2}
    assert set(fitted.sample(200)[1][:, 0]) == {0, 1, 2, 3}
    with pytest.raises(ValueError, match="give one cluster"):
        fitted.sample(2, cluster=(3,))
    with pytest.raises(ValueError, match="clusters 0 to 2"):
        fitted.sample(2, cluster=(None, 3))


def test_swaps(fitted: MFCVAE, x: NDArray[np.float32]) -> None:
    ours, theirs = x[:20], x[20:40]
    np.testing.assert_allclose(fitted.swap(ours, theirs, []), fitted.reconstruct(ours), atol=1e-6)
    np.testing.assert_allclose(
        fitted.swap(ours, theirs, [0, 1]), fitted.reconstruct(theirs), atol=1e-6
    )
    np.testing.assert_allclose(
        fitted.swap(ours, theirs, [0]), fitted.swap(theirs, ours, [1]), atol=1e-6
    )
    (own, _), (_, its) = fitted.transform(ours), fitted.transform(theirs)
    by_hand = fitted.inverse_transform([own, its])
    np.testing.assert_allclose(fitted.swap(ours, theirs, [1]), by_hand, atol=1e-6)
    assert not np.allclose(by_hand, fitted.reconstruct(ours), atol=1e-4)
    with pytest.raises(ValueError, match="as many of both"):
        fitted.swap(ours, x[:3])
    with pytest.raises(ValueError, match="numbers from 0 to 1"):
        fitted.swap(ours, theirs, [2])


def test_save_and_load(fitted: MFCVAE, x: NDArray[np.float32], tmp_path: Path) -> None:
    fitted.save(tmp_path / "run")
    loaded = load(tmp_path / "run")
    assert isinstance(loaded, MFCVAE)
    assert ESTIMATORS["mfcvae"] is MFCVAE
    assert describe(loaded.get_params()) == describe(fitted.get_params())
    np.testing.assert_array_equal(loaded.predict(x), fitted.labels_)
    assert loaded.history_[-1]["alpha_0"] == 1.0


def test_clone_and_the_same_seed(fitted: MFCVAE, x: NDArray[np.float32]) -> None:
    again = clone(fitted)
    assert describe(again.get_params()) == describe(fitted.get_params())
    np.testing.assert_array_equal(again.fit_predict(x), fitted.labels_)


def test_history(fitted: MFCVAE) -> None:
    rows = [row for row in fitted.history_ if row["phase"] == "train"]
    assert rows[0]["alpha_0"] == 0.0
    assert rows[-1]["alpha_0"] == rows[-1]["beta_0"] == 1.0
    parts = ("reconstruction", "kl_z_0", "kl_c_0", "kl_z_1", "kl_c_1")
    for row in rows:
        assert sum(row[name] for name in parts) == pytest.approx(row["loss"], rel=1e-4)


def training(*during: Any, **settings: Any) -> Training:
    """The default training of three epochs, with another course."""
    return Training(max_epochs=3, learning_rate=5e-4, during=during, **settings)


BETAS = tuple(
    Product([PerEpoch(LinearWarmup(0.0, 1.0, 1)), as_schedule(each)]) for each in (0.5, 2.0)
)


@pytest.mark.parametrize(
    "settings",
    [
        {"n_clusters": 4, "latent_dim": 3, "prior": GaussianMixture, "networks": ONE},
        {"n_clusters": (4,), "latent_dim": 3, "prior": GaussianMixture, "networks": ONE},
        {"training": training(patience=5), "n_init": 2},
        {"training": training(Refit((1, 1)))},
        {
            "training": training(Progressive(order=(0, 1)), Refit()),
            "assignment": "optimal",
            "objective": EnumeratedELBO,
        },
        {
            "objective": partial(ClosedFormELBO, kl_weight=BETAS),
            "prior": partial(GaussianMixture, learn_weights=False),
        },
        {"assignment": "amortised", "terms": [InformationFloor(0.5), Affiliation(0.1)]},
        {"terms": [OnFacets(MutualInformation(1.0, views="vector"), (1,))]},
        {
            "start": GaussianMixtureStart(),
            "pretraining": Autoencoder(2),
            "networks": PerceptronLadder((12, 10), batch_norm=True),
            "likelihood": partial(Normal, scale=0.6),
        },
        {
            "n_clusters": (2, 3, 4),
            "latent_dim": 1,
            "prior": GaussianMixture,
            "networks": PerceptronLadder((5, 6, 7)),
        },
        {"networks": PerceptronLadder(), "precision": "64-true"},
        {"networks": Perceptron(12), "training": training(Refit())},
    ],
)
def test_settings(settings: dict[str, Any], x: NDArray[np.float32]) -> None:
    mfcvae = MFCVAE(**{**SIZES, **settings}).fit(x)
    lone, n_clusters = isinstance(mfcvae.n_clusters, int), mfcvae.clusterings()
    assert mfcvae.labels_.shape == ((90,) if lone else (90, len(n_clusters)))
    gammas = mfcvae.predict_proba(x)
    assert [gamma.shape[1] for gamma in ([gammas] if lone else gammas)] == list(n_clusters)
    assert np.isfinite(mfcvae.history_[-1]["loss"])
    if "objective" in settings and settings["objective"] is not EnumeratedELBO:
        assert [mfcvae.history_[-1][f"beta_{j}"] for j in (0, 1)] == [0.5, 2.0]
        assert np.allclose(mfcvae.model_.prior.mixtures[0].weights.detach(), 0.25)


def test_one_clustering_is_the_lone_facet(x: NDArray[np.float32]) -> None:
    """A number of clusters, and a tuple of one, are the same fit told in two shapes."""
    settings = {**SIZES, "latent_dim": 3, "prior": GaussianMixture, "networks": ONE}
    lone = MFCVAE(**{**settings, "n_clusters": 4}).fit(x)
    tupled = MFCVAE(**{**settings, "n_clusters": (4,)}).fit(x)
    np.testing.assert_array_equal(lone.transform(x), tupled.transform(x)[0])
    for ours, theirs in zip(
        lone.model_.state_dict().values(), tupled.model_.state_dict().values(), strict=True
    ):
        assert torch.equal(ours, theirs)
    # Draws of z are named after its site.
    np.testing.assert_allclose(lone.predict_proba(x), tupled.predict_proba(x)[0], atol=0.03)
    assert lone.model_.prior.site("z") == "z"


def test_a_lone_clustering_may_merge_until_it_is_fitted_anew(x: NDArray[np.float32]) -> None:
    networks = PerceptronLadder((4,))
    model, guide = MFCVAE(n_clusters=2, latent_dim=1, networks=networks).build((8,))
    model.prior.loc.data.zero_()
    monitor = ClusterMonitor(model, guide, torch.as_tensor(x))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for epoch in range(4):
            monitor(epoch, {"refitted_0": 0.0})
        monitor(4, {"refitted_0": 1.0})
        monitor(5, {"refitted_0": 1.0})
    with pytest.warns(CollapseWarning, match="all data have fallen in one cluster of 'c'"):
        monitor(6, {"refitted_0": 1.0})


def test_images_make_a_ladder_of_convolutions() -> None:
    images = np.random.RandomState(0).rand(12, 3, 16, 16).astype(np.float32)
    short = {**SIZES, "n_clusters": (3, 2), "training": SIZES["training"].with_params(max_epochs=2)}
    mfcvae = MFCVAE(**{**short, "networks": MFCVAE.networks})
    mfcvae.set_params(networks__images__channels=2).fit(images)
    assert mfcvae.swap(images[:2], images[2:4]).shape == (2, 3, 16, 16)
    assert any(value.dim() == 4 for value in mfcvae.model_.state_dict().values())
    flat = MFCVAE(**short).fit(images)
    assert flat.reconstruct(images).shape == images.shape
    assert not any(value.dim() == 4 for value in flat.model_.state_dict().values())


def test_default_joinings() -> None:
    clock = Clock(steps_per_epoch=5, epochs=40)
    thirds = Progressive().joining(3, clock)
    assert thirds == Joining((50, 100), 25)
    assert Refit().steps(thirds, 5, 200) == (25, 75, 150)
    early = Progressive((25,), 50).joining(2, Clock(steps_per_epoch=10, epochs=30))
    assert early == Joining((250,), 50)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"latent_dim": (3,)}, r"latent_dim is \(3,\).*2 facet"),
        ({"prior": (GaussianMixture,) * 3}, r"prior is \(GaussianMixture, .*give one for each"),
        ({"prior": partial(GaussianMixture, covariance="round")}, "use 'diag' or 'full'"),
        (
            {"objective": partial(ClosedFormELBO, kl_weight=(1.0, 1.0, 1.0))},
            "kl_weight has 3 weights and there are 2 facets",
        ),
        (
            {
                "objective": partial(ClosedFormELBO, kl_weight=(1.0, 1.0, 1.0)),
                "training": training(),
            },
            "kl_weight has 3 weights and there are 2 facets",
        ),
        ({"training": training(Progressive((1, 2)))}, "an epoch for each but the first"),
        ({"training": training(Progressive((2,), 500))}, "would not come in"),
        (
            {"training": training(Progressive(), Refit(), patience=2)},
            "patience is 2: .*before all facets.*without Progressive and Refit",
        ),
        ({"training": training(Refit(), patience=2)}, "before all facets.*without Refit"),
        ({"training": training(Refit((1, 400)))}, r"Refit's epochs are \(1, 400\)"),
        ({"training": training(Refit((2,)))}, r"Refit's epochs are \(2,\), .* 2 mixture"),
        ({"pretraining": TwoView(), "start": BestHead()}, "the story has 2 clusterings"),
        ({"terms": [OnFacets(Affiliation(), (2,))]}, "facets name 'c_2'.*'c_0', 'c_1'"),
        ({"n_clusters": (4, 91)}, "n_clusters is"),
        ({"networks": ConvolutionalLadder()}, "or use perceptrons"),
        ({"networks": Strided()}, "or use perceptrons"),
        ({"networks": PerceptronLadder((5,))}, "one width for each facet"),
    ],
)
def test_refusals(settings: dict[str, Any], words: str, x: NDArray[np.float32]) -> None:
    with pytest.raises(ValueError, match=words):
        MFCVAE(**{**SIZES, **settings}).fit(x)


def test_a_term_looks_at_one_facet_at_least() -> None:
    with pytest.raises(ValueError, match="facets are missing"):
        OnFacets(Affiliation(), ())


@pytest.mark.slow
def test_by_default_facets_keep_what_their_starts_found_apart() -> None:
    """Digits in ten hues: one facet has the colours, the other groups of the forms."""
    digits = load_data("digits")
    painted, colours = colour_digits(digits.x[:400].reshape(-1, 1, 8, 8))
    mfcvae = MFCVAE(n_clusters=(10, 10), networks=PerceptronLadder(64, batch_norm=True))
    mfcvae.set_params(random_state=0, start__epochs=40, training__max_epochs=5).fit(painted)
    by_colour, by_form = mfcvae.labels_.T
    assert adjusted_rand_score(colours, by_colour) > 0.95
    assert len(np.unique(by_form)) == 10
    assert adjusted_mutual_info_score(by_colour, by_form) < 0.1
    assert digits.labels is not None
    assert normalized_mutual_info_score(digits.labels[:400], by_form) > 0.6


@pytest.mark.long
@pytest.mark.filterwarnings("error::pyromix.inference.CollapseWarning")
def test_the_default_does_not_collapse_on_the_digits() -> None:
    digits = load_data("digits")
    assert digits.labels is not None
    for seed in range(3):
        mfcvae = MFCVAE(random_state=seed).fit(digits.x)
        occupied = [len(np.unique(clusters)) for clusters in mfcvae.labels_.T]
        print(seed, occupied)
        assert min(occupied) >= 20
        mfcvae = MFCVAE(n_clusters=(10, 10), random_state=seed).fit(digits.x)
        assert normalized_mutual_info_score(digits.labels, mfcvae.labels_[:, 0]) > 0.8
