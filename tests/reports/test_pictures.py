"""The pictures of a fit say what they show."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from pyromix.data import Dataset
from pyromix.estimators import GMVAE, VaDE
from pyromix.inference import Training
from pyromix.networks import Perceptron
from pyromix.reports import draw_pictures, samples_picture

RNG = np.random.default_rng(0)
WINES = ("red", "white")
DATA = Dataset(
    RNG.random((40, 64)).astype(np.float32), np.arange(40) % 2, "digits", ("kind",), (WINES,)
)


@pytest.fixture(scope="module")
def vade() -> VaDE:
    return VaDE(
        n_clusters=3,
        latent_dim=2,
        networks=Perceptron(8),
        pretraining=None,
        training=Training(max_epochs=1),
        random_state=0,
    ).fit(DATA.x)


def test_classes_are_called_by_their_names(vade: VaDE) -> None:
    found = dict(draw_pictures(vade, DATA, [vade.predict_proba(DATA.x)]))
    assert found.keys() == {"curves", "parts", "starts", "latent-map", "confusion", "clusters"}
    matrix, codes = found["confusion"].axes[0], found["latent-map"].axes[1]
    assert [tick.get_text() for tick in matrix.get_yticklabels()] == list(WINES)
    assert matrix.get_ylabel() == "kind"
    assert [text.get_text() for text in codes.texts] == list(WINES)


def test_a_picture_of_many_samples_is_bounded(vade: VaDE) -> None:
    def size(figure: Figure) -> float:
        return float(max(figure.get_size_inches() * figure.dpi))

    every = samples_picture(vade, (1, 8, 8), 500)
    assert every.get_suptitle() == "Means of samples of each cluster"
    assert size(every) < 3400
    one = samples_picture(vade, (1, 8, 8), 509, cluster=2)
    assert one.get_suptitle() == "Means of samples of cluster 2"
    assert one.axes[0].get_yticklabels()[0].get_text() == "2"
    assert size(one) < 3400


def test_styles_are_drawn_where_a_story_has_them(vade: VaDE) -> None:
    images = Dataset(DATA.x.reshape(40, 1, 8, 8), DATA.labels, "digits", ("kind",), (WINES,))
    training = Training(max_epochs=1)
    gmvae = GMVAE(n_clusters=3, latent_dim=2, networks=Perceptron(8), training=training)
    gmvae.set_params(pretraining=None, random_state=0).fit(images.x)
    found = dict(draw_pictures(gmvae, images, [gmvae.predict_proba(images.x)]))
    assert "styles" in found
    assert found["styles"].get_suptitle() == "Clusters in styles, w_1 from -2 to 2"
    plain = dict(draw_pictures(vade, DATA, [vade.predict_proba(DATA.x)]))
    assert "styles" not in plain
