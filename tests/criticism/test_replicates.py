"""Checks of data against replicates: silent where the story is right, loud where it is planted."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from matplotlib.figure import Figure
from scipy.stats import kstest
from torch import nn

from pyromix.criticism import (
    density_check,
    predictive_calibration,
    predictive_checks,
    zero_fraction,
)
from pyromix.inference import prior_predictive
from pyromix.models import GaussianMixture, MixtureVAE, NegativeBinomial, Normal

from ..evaluation.reading import crowded

Array = npt.NDArray[Any]


def drawn(figure: Figure) -> None:
    figure.savefig(io.BytesIO(), dpi=30)
    assert crowded(figure) == []


def test_p_values_are_uniform_where_the_story_is_right() -> None:
    """Over 300 data sets of a right story; with ties they keep to the middle, and are fair."""
    rng = np.random.default_rng(0)
    statistics = {
        "mean": lambda x: float(x.mean()),
        "ones": lambda x: float((x > 1.5).sum()),
    }
    tables = [
        predictive_checks(rng.normal(size=(10, 2)), rng.normal(size=(99, 10, 2)), statistics).table
        for _ in range(300)
    ]
    p = np.array([table["p_value"] for table in tables])
    assert kstest(p[:, 0], "uniform").pvalue > 0.001
    assert abs(p[:, 1].mean() - 0.5) < 4 * 0.29 / 300**0.5
    assert (np.minimum(p, 1 - p)[:, 1] < 0.05).mean() < 0.15
    assert 0 < p.min() < p.max() < 1


def test_what_is_wrong_in_one_cluster_is_told_of_that_cluster() -> None:
    rng = np.random.default_rng(11)
    clusters = np.repeat([0, 1, 2], 100)
    x = rng.normal(size=(300, 4))
    x[clusters == 1] *= 1.6
    replicated = (rng.normal(size=(300, 4)) for _ in range(100))  # one at a time
    statistics = {"mean": lambda data: float(data.mean()), "spread": lambda data: float(data.std())}
    checks = predictive_checks(x, replicated, statistics, clusters=clusters)
    told = checks.surprising(0.011)
    assert set(told["statistic"]) == {"spread"}
    assert set(told["cluster"]) == {"all", "1"}
    row = told[told["cluster"] == "1"].iloc[0]
    assert row["n"] == 100
    assert row["observed"] == pytest.approx(x[clusters == 1].std())
    assert row["p_value"] == 0.5 / 101
    drawn(checks.figure())


def test_gaps_are_gaps_in_replicates_too() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(200, 3))
    x[:, 1] += 5
    replicated = np.stack([rng.normal(size=(200, 3)) + np.array([0, 5, 0]) for _ in range(80)])
    x[:180, 1] = np.nan  # the mean of what is left is far from that of all
    p = predictive_checks(x, replicated).table["p_value"]
    assert 0.01 < p[0] < 0.99
    assert density_check(x, replicated).table["p_value"].min() > 0.01
    values = predictive_calibration(x, replicated).values
    assert np.isnan(values).sum() == 180


def test_replicates_of_another_shape_are_refused() -> None:
    x = np.zeros((5, 3))
    for check in (predictive_checks, density_check, predictive_calibration, zero_fraction):
        with pytest.raises(ValueError, match=r"shape \(5, 3\), as x has, got \(4, 3\)"):
            check(x, np.zeros((2, 4, 3)))
    with pytest.raises(ValueError, match="replicated is empty"):
        predictive_checks(x, [])
    with pytest.raises(ValueError, match=r"statistics\['means'\] gives an array of shape \(3,\)"):
        predictive_checks(x, x[None], {"means": lambda data: data.mean(0)})
    with pytest.raises(ValueError, match="5 data came with 2 clusters"):
        predictive_checks(x, x[None], clusters=[0, 1])
    with pytest.raises(ValueError, match="2 feature_names came for 3 features"):
        density_check(x, np.stack([x, x]), names=["a", "b"])
    with pytest.raises(ValueError, match="give two or more"):
        density_check(x, x[None])


def test_the_feature_that_has_another_law_comes_first() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(400, 8))
    x[:, 5] = rng.exponential(size=400) - 1
    found = density_check(x, rng.normal(size=(40, 400, 8)))
    assert found.table["feature"][0] == "feature 5"
    assert found.table["p_value"][0] == pytest.approx(1 / 41)
    assert (found.table["p_value"][1:] > 1 / 41).all()
    drawn(found.figure())


def simulated(kind: str) -> tuple[Array, Array, Array]:
    """Data of a law, draws of the same law, and of one that is too narrow."""
    rng = np.random.default_rng(4)
    n, s = (1500, 2), (199, 1500, 2)
    if kind == "continuous":
        return rng.normal(size=n), rng.normal(size=s), 0.6 * rng.normal(size=s)
    if kind == "counts":
        return rng.negative_binomial(2, 0.4, n), rng.negative_binomial(2, 0.4, s), rng.poisson(3, s)
    zeros = rng.random(n) < 0.5  # a law with an atom
    x = np.where(zeros, 0.0, rng.gamma(2.0, size=n))
    right = np.where(rng.random(s) < 0.5, 0.0, rng.gamma(2.0, size=s))
    return x, right, np.where(rng.random(s) < 0.5, 0.0, rng.gamma(20.0, 0.1, size=s))


@pytest.mark.parametrize("kind", ["continuous", "counts", "with an atom"])
def test_the_transform_is_uniform_and_coverage_right_on_data_of_the_law(kind: str) -> None:
    x, right, narrow = simulated(kind)
    found = predictive_calibration(x, right)
    assert (found.table["p_value"] > 0.001).all()
    for _, row in found.coverage().iterrows():
        error = np.sqrt(row["level"] * (1 - row["level"]) / x.size)
        assert abs(row["covered"] - row["level"]) < 4 * error
    wrong = predictive_calibration(x, narrow)
    assert (wrong.table["p_value"] < 1e-3).all()
    assert wrong.coverage([0.9])["covered"][0] < 0.85
    drawn(found.figure())


@pytest.mark.parametrize("kind", ["Normal", "NegativeBinomial"])
def test_data_of_the_story_are_calibrated_under_it(kind: str) -> None:
    """A law that is common to all data, of which the story is asked once."""
    likelihood: type[Normal] | type[NegativeBinomial]
    likelihood = Normal if kind == "Normal" else NegativeBinomial
    torch.manual_seed(0)
    model = MixtureVAE(GaussianMixture(3, 2), likelihood(nn.Linear(2, 3), (3,)))
    x = prior_predictive(model, 1500, seed=1)["x"]
    law = prior_predictive(model, 6000, seed=2)["x"]
    found = predictive_calibration(x, law)
    assert found.common
    assert (found.table["p_value"] > 0.001).all()
    other = predictive_calibration(x + 1, law)
    assert (other.table["p_value"] < 1e-6).all()


def test_zeros_that_the_story_does_not_make_are_found() -> None:
    rng = np.random.default_rng(5)
    rates = np.array([0.5, 1.0, 2.0, 4.0])
    x = rng.poisson(rates, (500, 4)).astype(np.float64)
    x[:, 2] *= rng.random(500) < 0.7  # zeros on top of the law's own
    table = zero_fraction(x, rng.poisson(rates, (100, 500, 4)), names=list("abcd")).table
    assert table["p_value"][2] < 0.01
    assert ((table["p_value"] > 0.01) | (table["feature"] == "c")).all()
    np.testing.assert_allclose(table["mean"], np.exp(-rates), atol=0.01)
    drawn(zero_fraction(x, rng.poisson(rates, (100, 500, 4))).figure())


def test_two_values_are_drawn_as_two_steps_and_not_as_a_slope() -> None:
    x = np.repeat([[0.0], [1.0]], [30, 10], 0)
    replicated = np.stack([x, 1 - x])
    axes = density_check(x, replicated).figure().axes[0]
    for line, share in zip(axes.lines, (0.75, 0.25), strict=True):
        edges, heights = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
        assert line.get_drawstyle() == "steps-post"
        np.testing.assert_allclose(edges, [-0.5, 0.5, 1.5])
        np.testing.assert_allclose(heights, [share, 1 - share, 1 - share])
