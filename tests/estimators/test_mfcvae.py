"""MFCVAE's surface: everything by facet, swaps, the published settings, and on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import clone

from pyromix.estimators import ESTIMATORS, MFCVAE, load
from pyromix.estimators.ladder import joining
from pyromix.inference import ProgressiveRecipe
from pyromix.inference.phases.progressive import Progressive

pytestmark = pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")

SIZES: dict[str, Any] = {
    "n_clusters": (4, 3),
    "latent_dim": (3, 2),
    "covariance": ("full", "diag"),
    "hidden_dims": (12, 10),
    "max_epochs": 3,
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
    drawn, clusters = fitted.sample(200, clusters=(3, None), seed=1)
    assert drawn.shape == (200, 8)
    assert (clusters[:, 0] == 3).all()
    assert set(clusters[:, 1]) == {0, 1, 2}
    assert set(fitted.sample(200)[1][:, 0]) == {0, 1, 2, 3}
    with pytest.raises(ValueError, match="give one cluster"):
        fitted.sample(2, clusters=(3,))
    with pytest.raises(ValueError, match="clusters 0 to 2"):
        fitted.sample(2, clusters=(None, 3))


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
    assert loaded.get_params() == fitted.get_params()
    np.testing.assert_array_equal(loaded.predict(x), fitted.labels_)
    assert loaded.history_[-1]["alpha_0"] == 1.0


def test_clone_and_the_same_seed(fitted: MFCVAE, x: NDArray[np.float32]) -> None:
    again = clone(fitted)
    assert again.get_params() == fitted.get_params()
    np.testing.assert_array_equal(again.fit_predict(x), fitted.labels_)


def test_history(fitted: MFCVAE) -> None:
    rows = [row for row in fitted.history_ if row["phase"] == "train"]
    assert rows[0]["alpha_0"] == 0.0
    assert rows[-1]["alpha_0"] == rows[-1]["beta_0"] == 1.0
    parts = ("reconstruction", "kl_z_0", "kl_c_0", "kl_z_1", "kl_c_1")
    for row in rows:
        assert sum(row[name] for name in parts) == pytest.approx(row["loss"], rel=1e-4)


@pytest.mark.parametrize(
    "settings",
    [
        {"n_clusters": 4, "latent_dim": 3, "covariance": "full", "hidden_dims": (12,)},
        {"progressive": False, "patience": 5, "refit_epochs": (), "n_init": 2},
        {"progressive": False, "refit_epochs": (1, 1)},
        {"facet_order": (0, 1), "assignment": "optimal", "bound": "enumerated"},
        {"kl_weight": (0.5, 2.0), "learn_weights": False, "kl_warmup_epochs": 1},
        {"assignment": "amortised", "information_floor": 0.5, "affiliation": 0.1},
        {"mutual_information": 1.0, "views": "vector", "term_facets": (1,)},
        {"initialisation": "gmm", "pretrain_epochs": 2, "batch_norm": True, "scale": 0.6},
        {"n_clusters": (2, 3, 4), "latent_dim": 1, "covariance": "diag", "hidden_dims": (5, 6, 7)},
        {"hidden_dims": None, "max_epochs": 2, "precision": "64-true"},
    ],
)
def test_settings(settings: dict[str, Any], x: NDArray[np.float32]) -> None:
    likelihood = "normal" if "scale" in settings else "auto"
    mfcvae = MFCVAE(**{**SIZES, "likelihood": likelihood, **settings}).fit(x)
    n_clusters = mfcvae.clusterings()
    assert mfcvae.labels_.shape == (90, len(n_clusters))
    assert [gamma.shape[1] for gamma in mfcvae.predict_proba(x)] == list(n_clusters)
    assert np.isfinite(mfcvae.history_[-1]["loss"])
    if "kl_weight" in settings:
        assert [mfcvae.history_[-1][f"beta_{j}"] for j in (0, 1)] == [0.5, 2.0]
        assert np.allclose(mfcvae.model_.prior.mixtures[0].weights.detach(), 0.25)


def test_images_make_a_ladder_of_convolutions() -> None:
    images = np.random.RandomState(0).rand(12, 3, 16, 16).astype(np.float32)
    settings = {**SIZES, "channels": 2, "n_clusters": (3, 2), "max_epochs": 2}
    mfcvae = MFCVAE(**settings).fit(images)
    assert mfcvae.swap(images[:2], images[2:4]).shape == (2, 3, 16, 16)
    flat = MFCVAE(**settings, network="mlp").fit(images)
    assert flat.reconstruct(images).shape == images.shape
    assert not any("conv" in name for name in flat.model_.state_dict())


def test_the_published_settings_make_the_published_schedules() -> None:
    """Batches of 512 of 60,000 digits, and of 150 of 3,840 scenes."""
    mnist = MFCVAE(
        batch_size=512,
        max_epochs=402,
        join_epochs=(201,),
        fade_steps=15_000,
        refit_epochs=(),
        network="mlp",
    )
    shapes = MFCVAE(
        n_clusters=(60, 20),
        latent_dim=(20, 2),
        covariance="full",
        learn_weights=False,
        likelihood="normal",
        scale=0.6,
        batch_size=150,
        learning_rate=3e-4,
        max_epochs=402,
        join_epochs=(101,),
        fade_steps=2000,
        refit_epochs=(),
    )
    for estimator, steps, shape, progressive in (
        (mnist, 118, (784,), Progressive((118 * 201,), 15_000)),
        (shapes, 26, (3, 32, 32), Progressive((26 * 101,), 2000)),
    ):
        recipe = estimator.recipe(steps, shape)
        assert isinstance(recipe, ProgressiveRecipe)
        assert recipe.progressive == progressive
        assert recipe.initialisation == "gmm-means"
        assert recipe.pretrain is not None
        assert recipe.pretrain.max_epochs == 0
        assert recipe.train.learning_rate_decay is None
    model, guide = shapes.story((3, 32, 32), "normal")
    assert guide.encoder.out_features == (3136, 1024)
    assert [mixture.covariance for mixture in model.prior.mixtures] == ["full", "full"]
    assert not model.prior.mixtures[0].learn_weights
    model, guide = mnist.story((784,), "bernoulli")
    assert guide.encoder.out_features == (500, 2000)


def test_default_joinings() -> None:
    assert joining(3, 40, 5) == Progressive((50, 100), 25, refits=(25, 75, 150))
    early = joining(2, 30, 10, join_epochs=(25,), fade_steps=50, refit_epochs=())
    assert early == Progressive((250,), 50)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"latent_dim": (3,)}, r"latent_dim is \(3,\).*2 facet"),
        ({"covariance": ("full",) * 3}, "give one for each"),
        ({"covariance": "round"}, "use 'diag' or 'full'"),
        ({"kl_weight": (1.0, 1.0, 1.0)}, "kl_weight is"),
        ({"join_epochs": (1, 2)}, "an epoch for each but the first"),
        ({"join_epochs": (2,), "fade_steps": 500}, "would not come in"),
        ({"patience": 2}, "before all facets"),
        ({"refit_epochs": (1, 400)}, "refit_epochs is"),
        ({"refit_epochs": (2,)}, "refits is"),
        ({"n_heads": 3}, "n_heads is 3"),
        ({"term_facets": (2,)}, "term_facets is"),
        ({"term_facets": ()}, "numbers from 0 to 1"),
        ({"n_clusters": (4, 91)}, "n_clusters is"),
        ({"network": "conv"}, "network='mlp'"),
        ({"network": "strided"}, "use one of auto, mlp, conv"),
        ({"hidden_dims": (5,)}, "one width for each facet"),
    ],
)
def test_refusals(settings: dict[str, Any], words: str, x: NDArray[np.float32]) -> None:
    with pytest.raises(ValueError, match=words):
        MFCVAE(**{**SIZES, **settings}).fit(x)
