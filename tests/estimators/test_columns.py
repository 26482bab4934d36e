"""Columns have names: a fit keeps them, also on disk, and takes no others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pyromix import MFCVAE, VaDE
from pyromix.estimators import DeepMixture, load
from pyromix.inference import GaussianMixtureStart, Training
from pyromix.networks import Perceptron

pytestmark = pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")

X = pd.DataFrame(np.random.default_rng(0).random((30, 3)), columns=["a", "b", "c"])
SMALL: dict[str, Any] = {
    "pretraining": None,
    "start": GaussianMixtureStart(),
    "training": Training(max_epochs=1),
}


@pytest.fixture(scope="module")
def fitted() -> DeepMixture:
    rng = np.random.RandomState(3)
    return VaDE(n_clusters=2, networks=Perceptron(8), random_state=rng, **SMALL).fit(X)


def test_a_loaded_estimator_is_the_one_that_was_saved(fitted: DeepMixture, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    loaded = load(tmp_path)
    assert loaded.feature_names_in_.tolist() == ["a", "b", "c"]
    assert loaded.feature_names_in_.dtype == object
    assert loaded.seed_ == fitted.seed_
    np.testing.assert_array_equal(loaded.labels_, fitted.labels_)
    assert loaded.labels_.dtype == fitted.labels_.dtype
    mine, theirs = vars(fitted), vars(loaded)
    assert {name for name in mine if name.endswith("_")} == {
        name for name in theirs if name.endswith("_")
    }


def test_labels_of_facets_come_back_as_columns(tmp_path: Path) -> None:
    several = MFCVAE(n_clusters=(2, 3), latent_dim=(2, 2), **SMALL).fit(X.to_numpy())
    several.save(tmp_path)
    loaded = load(tmp_path)
    np.testing.assert_array_equal(loaded.labels_, several.labels_)
    assert not hasattr(loaded, "feature_names_in_")


@pytest.mark.parametrize("when", ["fitted", "loaded"])
def test_other_columns_are_refused(fitted: DeepMixture, tmp_path: Path, when: str) -> None:
    if when == "loaded":
        fitted.save(tmp_path)
    estimator = load(tmp_path) if when == "loaded" else fitted
    with pytest.raises(ValueError, match="same order"):
        estimator.predict(X[["b", "a", "c"]])
    with pytest.raises(ValueError, match=r"(?s)unseen at fit time:.*- d.*now missing:.*- c"):
        estimator.predict(X.rename(columns={"c": "d"}))
    np.testing.assert_array_equal(estimator.predict(X), fitted.labels_)


def test_a_fit_without_names_forgets_none(tmp_path: Path) -> None:
    plain = VaDE(n_clusters=2, **SMALL).fit(X.to_numpy())
    plain.save(tmp_path)
    assert not hasattr(load(tmp_path), "feature_names_in_")


def test_names_that_do_not_fit_are_damage(fitted: DeepMixture, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    path = tmp_path / "config.json"
    config = json.loads(path.read_text())
    config["data"]["feature_names"] = ["a", "b"]
    path.write_text(json.dumps(config))
    with pytest.raises(ValueError, match="feature_names are not 3 names"):
        load(tmp_path)
    config["data"]["feature_names"] = None
    path.write_text(json.dumps(config))
    (tmp_path / "labels.csv").write_text("cluster\n1.5\n")
    with pytest.raises(ValueError, match=r"labels\.csv is damaged"):
        load(tmp_path)


def test_a_table_for_images_says_both_shapes() -> None:
    images = np.random.default_rng(0).random((12, 1, 4, 4))
    vade = VaDE(n_clusters=2, networks=Perceptron(8), **SMALL).fit(images)
    with pytest.raises(ValueError, match=r"data of shape \(3,\).*fitted on \(1, 4, 4\)"):
        vade.predict(X.to_numpy())
    with pytest.raises(ValueError, match=r"data of shape \(1, 5, 4\).*fitted on \(1, 4, 4\)"):
        vade.predict(np.zeros((2, 1, 5, 4)))
    with pytest.raises(ValueError, match="minimum of 1"):
        vade.predict(np.zeros((0, 1, 4, 4)))
