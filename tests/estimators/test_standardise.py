"""Data in units of their own: noticed, standardised within the story, and answered in their units.

The law: a change of units x' = s x + m changes nothing but the units. Labels stay, samples and
reconstructions become s x + m, and log-densities lose Σ log s.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from pyromix import MFCVAE, VaDE
from pyromix.estimators import DeepMixture, UnscaledWarning, load
from pyromix.inference import Autoencoder, GaussianMixtureStart, Training, bound
from pyromix.models import Normal, StudentT
from pyromix.networks import Perceptron

pytestmark = pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")

FACTOR, OFFSET = 2.0**20, 2.0**20
SMALL: dict[str, Any] = {
    "n_clusters": 3,
    "latent_dim": 2,
    "networks": Perceptron(8),
    "pretraining": Autoencoder(2),
    "start": GaussianMixtureStart(),
    "training": Training(max_epochs=3, batch_size=32),  # more rows than a batch keep their order
    "random_state": 0,
    "precision": "64-true",
}


def grouped(n: int = 64) -> np.ndarray[Any, Any]:
    """Three groups in four dimensions and a constant, on a grid that changes of units keep."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 4)) + 4 * np.eye(3, 4)[rng.integers(3, size=n)]
    return np.column_stack([np.round(x * 64) / 64, np.full(n, 3.0)])


@pytest.fixture(scope="module")
def both() -> tuple[DeepMixture, DeepMixture]:
    """Fits of the same data in two units."""
    one = VaDE(standardise=True, **SMALL).fit(grouped())
    other = VaDE(standardise=True, **SMALL).fit(grouped() * FACTOR + OFFSET)
    return one, other


def test_a_change_of_units_changes_nothing_but_the_units(
    both: tuple[DeepMixture, DeepMixture],
) -> None:
    one, other = both
    x, y = grouped(), grouped() * FACTOR + OFFSET
    np.testing.assert_array_equal(one.labels_, other.labels_)
    np.testing.assert_array_equal(one.transform(x), other.transform(y))
    for mine, theirs in (
        (one.reconstruct(x), other.reconstruct(y)),
        (one.inverse_transform(one.transform(x)), other.inverse_transform(other.transform(y))),
        (one.sample(50)[0], other.sample(50)[0]),
        (one.sample(50, mean=True)[0], other.sample(50, mean=True)[0]),
        (one.posterior_predictive(x, 2), other.posterior_predictive(y, 2)),
    ):
        varying = np.s_[..., :4]
        np.testing.assert_allclose(theirs[varying], mine[varying] * FACTOR + OFFSET, rtol=1e-9)
        # A constant has no unit: it is moved, and its noise is not widened.
        np.testing.assert_allclose(theirs[..., 4] - (3 * FACTOR + OFFSET), mine[..., 4] - 3, atol=1)
    jacobian = 4 * np.log(FACTOR)
    bounds = [
        bound(e.model_, e.guide_, torch.from_numpy(data), num_samples=5)
        for e, data in ((one, x), (other, y))
    ]
    torch.testing.assert_close(bounds[1], bounds[0] - jacobian, rtol=0, atol=1e-9)
    scores = [e.score_samples(data) for e, data in ((one, x), (other, y))]
    np.testing.assert_allclose(scores[1], scores[0] - jacobian, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("likelihood", "law"),
    [
        (partial(Normal, scale=0.5), lambda m, s: stats.norm(m, 0.5 * s)),
        (partial(StudentT, scale=0.5, df=3.0), lambda m, s: stats.t(3.0, m, 0.5 * s)),
    ],
)
def test_the_density_is_scipys_in_the_datas_units(likelihood: Any, law: Any) -> None:
    x = grouped() * FACTOR + OFFSET
    vade = VaDE(standardise=True, likelihood=likelihood, **SMALL).fit(x)
    z = torch.randn(7, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = vade.model_.likelihood.distribution(z)
    scale = np.append(x.std(0)[:4], 1.0)
    own = law(found.mean.detach().numpy(), scale)
    np.testing.assert_allclose(
        found.log_prob(torch.from_numpy(x[:7])).detach().numpy(), own.logpdf(x[:7]).sum(-1)
    )
    np.testing.assert_allclose(found.variance.detach().numpy(), own.var(), rtol=1e-6)
    np.testing.assert_allclose(vade.inverse_transform(z), own.mean(), rtol=1e-9)


def test_a_saved_fit_keeps_its_units(both: tuple[DeepMixture, DeepMixture], tmp_path: Path) -> None:
    fitted, x = both[1], grouped() * FACTOR + OFFSET
    fitted.save(tmp_path)
    loaded = load(tmp_path)
    np.testing.assert_array_equal(loaded.predict_proba(x), fitted.predict_proba(x))
    np.testing.assert_array_equal(loaded.reconstruct(x), fitted.reconstruct(x))
    np.testing.assert_array_equal(loaded.score_samples(x), fitted.score_samples(x))


@pytest.mark.parametrize("assignment", ["optimal", "amortised"])
def test_every_rule_of_assignment(assignment: str) -> None:
    found = [
        VaDE(standardise=True, **SMALL, assignment=assignment).fit(x).predict_proba(x)
        for x in (grouped(), grouped() * FACTOR + OFFSET)
    ]
    np.testing.assert_allclose(found[1], found[0], rtol=1e-9)


def test_facets_and_images() -> None:
    more = {**SMALL, "n_clusters": (2, 2), "latent_dim": (2, 2), "pretraining": None}
    more |= {"networks": MFCVAE().networks, "start": None}
    x = np.random.default_rng(0).normal(size=(32, 2, 16, 16)) * [[[10]], [[1e4]]] + 1e3
    facets = MFCVAE(standardise=True, likelihood="normal", **more).fit(x)
    assert facets.model_.likelihood.scaling.scale.shape == (2, 1, 1)
    assert facets.reconstruct(x).std((0, 2, 3))[1] > 100
    assert facets.sample(5)[0].shape == (5, 2, 16, 16)


@pytest.mark.parametrize("change", [(1e6, 0), (1e-6, 0), (1, 1e6), (1e6, 1e6)])
def test_auto_notices_such_units_and_names_the_columns(change: tuple[float, float]) -> None:
    table = pd.DataFrame(grouped()[:, :4], columns=list("abcd"))
    table["b"] = table["b"] * change[0] + change[1]
    with pytest.warns(UnscaledWarning, match=r"are standardised: standardise=True says.*: 'b' \("):
        auto = VaDE(**SMALL).fit(table)
    meant = VaDE(standardise=True, **SMALL).fit(table)
    np.testing.assert_array_equal(auto.predict_proba(table), meant.predict_proba(table))
    with pytest.warns(UnscaledWarning, match=r"collapse; use standardise=True: 'b' \("):
        VaDE(standardise=False, **SMALL).fit(table)


def test_auto_notices_a_table_that_is_small_throughout() -> None:
    x = np.abs(grouped()[:, :4]) * 1e-6
    with pytest.warns(UnscaledWarning, match="are standardised"):
        vade = VaDE(**SMALL).fit(x)
    assert vade.likelihood_ == "normal"


def test_auto_leaves_what_is_scaled(recwarn: pytest.WarningsRecorder) -> None:
    x = grouped()
    plain = VaDE(**SMALL).fit(x)
    np.testing.assert_array_equal(
        plain.predict_proba(x), VaDE(standardise=False, **SMALL).fit(x).predict_proba(x)
    )
    assert VaDE(**SMALL).fit(np.abs(x) / np.abs(x).max()).likelihood_ == "bernoulli"
    assert not [each for each in recwarn if issubclass(each.category, UnscaledWarning)]


def test_grey_values_are_not_standardised() -> None:
    x = np.random.default_rng(0).random((20, 3))
    with pytest.raises(ValueError, match=r"Bernoulli is a likelihood of values in \[0, 1\]"):
        VaDE(standardise=True, likelihood="bernoulli", **SMALL).fit(x)
    assert VaDE(standardise=True, **SMALL).fit(x).likelihood_ == "normal"
    with pytest.raises((TypeError, ValueError), match="standardise is 'always'"):
        VaDE(standardise="always", **SMALL).fit(x)  # type: ignore[arg-type]


def test_a_warm_start_keeps_the_scaling(both: tuple[DeepMixture, DeepMixture]) -> None:
    found = []
    for x in (grouped(), grouped() * FACTOR + OFFSET):
        vade = VaDE(standardise=True, warm_start=True, **SMALL).fit(x)
        scaling = vade.model_.likelihood.scaling
        first = vade.transform(x)
        found.append(vade.fit(x[:50]).transform(x))
        torch.testing.assert_close(vade.model_.likelihood.scaling.scale, scaling.scale)
        assert not (found[-1] == first).all()
    np.testing.assert_allclose(found[1], found[0], rtol=1e-9)


def test_the_history_is_in_nats_of_the_datas_units() -> None:
    histories = []
    patient = {**SMALL, "training": SMALL["training"].with_params(patience=50)}
    for x in (grouped(), grouped() * FACTOR + OFFSET):
        vade = VaDE(standardise=True, **patient).fit(x)
        histories.append([row for row in vade.history_ if row["phase"] == "train"])
    jacobian = 4 * np.log(FACTOR)
    assert histories[0]
    for mine, theirs in zip(*histories, strict=True):
        for name in ("loss", "reconstruction", "validation"):
            assert theirs[name] == pytest.approx(mine[name] + jacobian, abs=1e-6)
        assert theirs["kl_z"] == pytest.approx(mine["kl_z"], abs=1e-6)


def test_standardised_warm_starts_go_on_in_the_same_units() -> None:
    x = grouped() * FACTOR + OFFSET
    vade = VaDE(standardise=True, warm_start=True, **SMALL).fit(x)
    before = vade.history_[-1]["loss"]
    again = vade.fit(x).history_
    assert [row["phase"] for row in again] == ["train"] * len(again)
    assert again[0]["loss"] < before + 1.0
    assert vade.score(x) > -before - 20
