"""NaN is "not observed": every estimator fits and answers with gaps, and says what it cannot."""

from __future__ import annotations

import json
import logging
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone

from pyromix import MFCVAE, VaDE
from pyromix.estimators import ESTIMATORS, DeepMixture, UnscaledWarning, load, select_k
from pyromix.inference import (
    Autoencoder,
    AutoStart,
    GaussianMixtureStart,
    GroupsOf,
    Neighbours,
    PseudoLabels,
    ResidualStart,
    Training,
    TwoView,
    TwoViewStart,
    filled,
    spare,
)
from pyromix.models import MixtureVAE, Normal, Observed
from pyromix.networks import Masked, Perceptron, Strided

pytestmark = pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")

QUICK: dict[str, Any] = {
    "n_clusters": 3,
    "latent_dim": 2,
    "networks": Perceptron(16, batch_norm=True),
    "pretraining": Neighbours(3, epochs=2),
    "start": GaussianMixtureStart(),
    "training": Training(max_epochs=2, batch_size=32),
    "random_state": 0,
    "device": "cpu",
}


def table(n: int = 90, missing: float = 0.3) -> np.ndarray[Any, Any]:
    """Three groups of real numbers with gaps."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 5)) + 4 * np.eye(3, 5)[np.arange(n) % 3]
    gaps = rng.random(x.shape) < missing
    gaps[gaps.all(1), 0] = False
    return np.where(gaps, np.nan, x).astype(np.float32)


X = table()
WHOLE = np.where(np.isnan(X), 0.0, X)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_estimator_fits_and_answers_with_gaps(name: str, tmp_path: Path) -> None:
    kind = ESTIMATORS[name]
    usual = {key: QUICK[key] for key in ("random_state", "device", "training")}
    own = {"n_clusters": (3, 2), "latent_dim": 2} if kind is MFCVAE else {"n_clusters": 3}
    quick = {**usual, **own, "pretraining": Neighbours(3, epochs=1)}
    estimator = kind(**quick, start=GaussianMixtureStart(), networks=small(kind)).fit(X)
    assert estimator.n_missing_ == np.isnan(X).sum()
    assert isinstance(estimator.model_.likelihood, Observed)
    for answer in (estimator.predict_proba(X), estimator.transform(X), estimator.score_samples(X)):
        for each in answer if isinstance(answer, list) else [answer]:
            assert np.isfinite(each).all()
    for whole in (estimator.reconstruct(X), estimator.posterior_predictive(X)[0]):
        assert whole.shape == X.shape
        assert np.isfinite(whole).all()
    full = estimator.impute(X)
    observed = ~np.isnan(X)
    assert (full[observed] == X[observed]).all()
    assert np.isfinite(full).all()
    estimator.save(tmp_path / "run")
    other = load(tmp_path / "run")
    assert other.n_missing_ == estimator.n_missing_
    np.testing.assert_array_equal(other.impute(X), full)
    stretch = estimator.model_.likelihood.stretch
    assert bool((stretch != 1).any())
    assert torch.equal(other.model_.likelihood.stretch, stretch)
    np.testing.assert_array_equal(other.score_samples(X), estimator.score_samples(X))


def small(kind: type[DeepMixture]) -> Any:
    from pyromix.networks import PerceptronLadder

    return PerceptronLadder(16) if kind is MFCVAE else Perceptron(16)


@pytest.mark.parametrize(
    "phases",
    [
        {"pretraining": TwoView(n_heads=2, epochs=1), "start": "best-head"},
        {"pretraining": Autoencoder(1), "start": "auto"},
        {"pretraining": None, "start": PseudoLabels(AutoStart(), epochs=1)},
        {"pretraining": None, "start": PseudoLabels(TwoViewStart(n_heads=2, epochs=1), epochs=1)},
        {"pretraining": None, "start": PseudoLabels(ResidualStart(), epochs=1)},
        {"pretraining": None, "start": PseudoLabels(GroupsOf(VaDE(**QUICK)), epochs=1)},
        {"prior": "vamp-prior-mixture"},
        {"assignment": "optimal"},
        {"assignment": "amortised", "objective": "enumerated"},
        {"n_init": 2},
        {"standardise": True, "precision": "64-true"},
        {"likelihood": "student-t", "missing": "allow"},
    ],
    ids=lambda phases: " ".join(phases),
)
def test_every_phase_and_part_takes_gaps(phases: dict[str, Any]) -> None:
    estimator = VaDE(**{**QUICK, **phases}).fit(X)
    for module in (estimator.model_, estimator.guide_):
        assert all(bool(each.isfinite().all()) for each in module.state_dict().values())
    assert np.isfinite(estimator.predict_proba(X)).all()


def test_whole_data_are_fitted_as_they_were() -> None:
    plain, strict = (VaDE(**QUICK, missing=m).fit(WHOLE) for m in ("auto", "error"))
    assert not isinstance(plain.model_.likelihood, Observed)
    assert not isinstance(plain.guide_.amortised.encoder, Masked)
    assert plain.n_missing_ == 0
    np.testing.assert_array_equal(plain.predict_proba(WHOLE), strict.predict_proba(WHOLE))


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match=r"X holds NaN at \[0, 1\], .* missing is 'error'"):
        VaDE(**QUICK, missing="error").fit(X)
    with pytest.raises(ValueError, match=r"fitted to data without: .* missing='allow'"):
        VaDE(**QUICK).fit(WHOLE).predict(X)
    nothing = X.copy()
    nothing[[4, 7]] = np.nan
    with pytest.raises(ValueError, match=r"row 4 of X has no observed value, nor have 1 others"):
        VaDE(**QUICK).fit(nothing)
    nothing = X.copy()
    nothing[:, 3] = np.nan
    with pytest.raises(ValueError, match="column 3 of X has no observed value"):
        VaDE(**QUICK).fit(nothing)
    with pytest.raises(ValueError, match=r"X holds inf at \[7, 2\]"):
        VaDE(**QUICK).fit(np.where(np.arange(450).reshape(90, 5) == 37, np.inf, X))
    with pytest.raises(ValueError, match=r"missing is 'never'|missing"):
        VaDE(**{**QUICK, "missing": "never"}).fit(X)
    fitted = VaDE(**QUICK).fit(X)
    with pytest.raises(ValueError, match="row 0 of X has no observed value"):
        fitted.predict(X[:2] * np.nan)
    with pytest.raises(ValueError, match="n_draws and return_std are both given"):
        fitted.impute(X, n_draws=2, return_std=True)
    assert fitted.impute(X[:1]).shape == (1, 5)  # a lone row has columns without a value


def test_gaps_are_outside_no_support() -> None:
    grey = np.clip(X, 0, 1)
    assert VaDE(**QUICK).fit(grey).likelihood_ == "bernoulli"
    with pytest.raises(ValueError, match="outside the support of the Bernoulli"):
        VaDE(**QUICK, likelihood="bernoulli").fit(X)


def test_the_count_is_said(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    with caplog.at_level(logging.INFO, "pyromix"):
        estimator = VaDE(**QUICK).fit(X)
    assert f"{np.isnan(X).sum()} of 450 values of X are not observed" in caplog.text
    estimator.save(tmp_path / "run")
    said = json.loads((tmp_path / "run" / "config.json").read_text())["data"]
    assert said["gaps"] is True
    assert said["missing_values"] == np.isnan(X).sum()


def test_moments_are_of_what_is_observed() -> None:
    wide = X * np.float32(100) + np.float32(1000)
    with pytest.warns(UnscaledWarning):
        fitted = VaDE(**QUICK).fit(wide)
    scaling = fitted.model_.likelihood.inner.scaling
    np.testing.assert_allclose(scaling.loc, np.nanmean(wide, 0), rtol=1e-6)
    np.testing.assert_allclose(scaling.scale, np.nanstd(wide, 0), rtol=1e-4)
    with pytest.warns(UnscaledWarning):
        again = clone(fitted).fit(wide)
    np.testing.assert_array_equal(again.impute(wide, n_draws=2), fitted.impute(wide, n_draws=2))
    mean, std = fitted.impute(wide, return_std=True)
    gaps = np.isnan(wide)
    assert (std[gaps] > 1).all()
    assert not std[~gaps].any()
    assert abs(mean[gaps] - 1000).max() < 1500


def test_allowed_gaps_may_come_later() -> None:
    estimator = VaDE(**QUICK, missing="allow").fit(WHOLE)
    encoder = estimator.guide_.amortised.encoder
    assert isinstance(encoder, Masked)
    assert encoder.hide > 0
    assert np.isfinite(estimator.predict_proba(X)).all()
    assert estimator.set_params(warm_start=True).fit(X).n_missing_ > 0


def test_a_warm_start_goes_on_with_gaps_or_says_why_not() -> None:
    fitted = VaDE(**QUICK, warm_start=True, standardise=True).fit(X)
    before = {name: each.clone() for name, each in fitted.model_.state_dict().items()}
    fitted.set_params(training__max_epochs=0).fit(WHOLE)
    for name, each in fitted.model_.state_dict().items():
        if not name.endswith("stretch"):  # which is measured anew
            torch.testing.assert_close(each, before[name], rtol=0, atol=0)
    other = VaDE(**QUICK, warm_start=True).fit(WHOLE)
    with pytest.raises(ValueError, match="was not made for any: use warm_start=False"):
        other.fit(X)


def test_a_checkpoint_goes_on_with_gaps(tmp_path: Path) -> None:
    straight = VaDE(**QUICK).fit(X)
    first = VaDE(**{**QUICK, "training": Training(max_epochs=2, batch_size=32)})
    first.fit(X, checkpoint=tmp_path / "state.pt")
    again = VaDE(**QUICK).fit(X, checkpoint=tmp_path / "state.pt")
    np.testing.assert_array_equal(again.score_samples(X), straight.score_samples(X))
    with pytest.raises(ValueError, match="X"):
        VaDE(**QUICK).fit(WHOLE, checkpoint=tmp_path / "state.pt")


def test_images_have_their_gaps_in_channels() -> None:
    rng = np.random.default_rng(0)
    images = rng.random((40, 1, 8, 8)).astype(np.float32)
    images[rng.random(images.shape) < 0.3] = np.nan
    estimator = VaDE(
        **{**QUICK, "networks": Strided(), "n_clusters": 2}, likelihood=partial(Normal, scale=0.2)
    ).fit(images)
    assert estimator.impute(images, n_draws=2).shape == (2, 40, 1, 8, 8)
    first = next(estimator.guide_.amortised.encoder.parameters())
    assert first.shape[1] == 2


@pytest.mark.long
def test_the_number_of_clusters_is_found_with_gaps() -> None:
    x = table(240, 0.1)
    found = VaDE(**{**QUICK, "n_clusters": "auto"}).fit(x)
    assert found.n_clusters_ == 3
    assert select_k(VaDE(**QUICK), x, ks=range(1, 6), seeds=[0]).best_k == 3


def test_filling_leaves_whole_data_alone_and_is_asked_once() -> None:
    x = torch.from_numpy(X)
    whole = filled(x)
    assert filled(x) is whole
    assert filled(whole) is whole
    observed = ~x.isnan()
    assert torch.equal(whole[observed], x[observed])
    with torch.no_grad():
        x[0, 0] = 7.0
    assert filled(x)[0, 0] == 7.0


def test_networks_for_gaps_are_as_large_as_those_without() -> None:
    """Twice the features of 64 would be taken for large data."""
    model, guide = VaDE().build((64,), fill=torch.zeros(64))
    encoder = guide.amortised.encoder
    assert isinstance(model, MixtureVAE)
    assert [layer.out_features for layer in encoder.modules() if hasattr(layer, "in_features")][
        :2
    ] == [256, 256]


@pytest.mark.filterwarnings("ignore::pyromix.inference.UnclearNumberWarning")
def test_spared_values_are_not_trained_on_and_intervals_hold_what_was_hidden() -> None:
    """In the data's own units, however they were scaled."""
    rng = np.random.default_rng(1)
    codes = rng.normal(size=(300, 2))
    whole = 50 + 20 * (codes @ rng.normal(size=(2, 6)) + 0.3 * rng.normal(size=(300, 6)))
    gaps = rng.random(whole.shape) < 0.3
    gaps[gaps.all(1), 0] = False
    given = np.where(gaps, np.nan, whole)
    spared = spare(torch.from_numpy(given), 0).numpy()
    assert not (spared & gaps).any()
    assert 0.04 * (~gaps).sum() < spared.sum() < 0.11 * (~gaps).sum()
    assert ((~gaps & ~spared).sum(1)[spared.any(1)] >= 2).all()
    settings = QUICK | {"training": Training(max_epochs=40, batch_size=64, learning_rate=3e-3)}
    fitted = VaDE(**settings, standardise=True).fit(given)
    stretch = fitted.model_.likelihood.stretch
    assert isinstance(stretch, torch.Tensor)
    assert bool((stretch != 1).all())
    draws = fitted.impute(given, n_draws=100)
    low, high = np.quantile(draws, [0.05, 0.95], axis=0)
    assert 0.85 < ((whole >= low) & (whole <= high))[gaps].mean() < 0.95
