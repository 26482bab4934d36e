"""What estimators predict is what the functions of a story and a guide do, in the units of X."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pyromix import DHVC, MFCVAE, VaDE
from pyromix.inference import Training, posterior_draws
from pyromix.networks import Perceptron

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3)).astype(np.float32) * [1, 10, 100] + 50
SETTINGS: dict[str, Any] = {
    "pretraining": None,
    "training": Training(max_epochs=1),
    "networks": Perceptron(8),
    "random_state": 0,
}


@pytest.fixture(scope="module")
def vade() -> VaDE:
    return VaDE(n_clusters=3, latent_dim=2, start="gmm", standardise=True, **SETTINGS).fit(X)


def test_ways_between_data_end_at_their_reconstructions(vade: VaDE) -> None:
    way = vade.interpolate(X[:5], X[5:10], steps=5)
    assert way.shape == (5, 5, 3)
    np.testing.assert_allclose(way[0], vade.reconstruct(X[:5]), rtol=1e-4)
    np.testing.assert_allclose(way[-1], vade.reconstruct(X[5:10]), rtol=1e-4)
    middle = (vade.transform(X[:5]) + vade.transform(X[5:10])) / 2
    np.testing.assert_allclose(way[2], vade.inverse_transform(middle), rtol=1e-4)
    with pytest.raises(ValueError, match="give pairs of data"):
        vade.interpolate(X[:5], X[:4])


def test_draws_and_spreads_are_those_of_the_story_and_the_guide(vade: VaDE) -> None:
    spread = vade.responsibility_spread(X, n=400)
    np.testing.assert_allclose(spread.mean.sum(1), 1, atol=1e-4)
    assert (spread.lower <= spread.upper).all()
    draws = vade.posterior_draws(X, 400)
    shares = (draws["c"][..., None] == np.arange(3)).mean(0)
    assert np.abs(shares - spread.mean).max() < 0.12
    rows = vade._rows(X, None, None)
    again = posterior_draws(vade.model_, vade.guide_, rows, 400)
    np.testing.assert_array_equal(draws["c"], again["c"].numpy())


def test_what_the_story_says_before_data_is_in_their_units(vade: VaDE) -> None:
    drawn = vade.prior_predictive(4000)
    assert {site: value.shape for site, value in drawn.items()} == {
        "c": (4000,),
        "z": (4000, 2),
        "x": (4000, 3),
    }
    sampled, _ = vade.sample(4000, seed=5)
    np.testing.assert_allclose(drawn["x"].mean(0), sampled.mean(0), atol=0.15 * X.std(0).max())
    assert drawn["x"].std(0)[2] > 20 * drawn["x"].std(0)[0]


def test_facets_have_a_spread_each_and_the_sphere_its_circles() -> None:
    few = {**SETTINGS, "start": None, "standardise": True}
    facets = MFCVAE(
        n_clusters=(2, 3),
        latent_dim=(1, 2),
        pretraining=None,
        start=None,
        standardise=True,
        training=Training(max_epochs=1),
        random_state=0,
    ).fit(X)
    spreads = facets.responsibility_spread(X[:4], n=20)
    assert [each.mean.shape for each in spreads] == [(4, 2), (4, 3)]
    sphere = DHVC(n_clusters=3, latent_dim=3, terms=[], **few).fit(X)
    way = sphere.interpolate(X[:2], X[2:4], steps=3)
    assert np.isfinite(way).all()
    assert way.shape == (3, 2, 3)
