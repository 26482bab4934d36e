"""What is scored, for every method, and what the tables show of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from rich.console import Console

from pyromix.data import Dataset
from pyromix.estimators import ESTIMATORS, MFCVAE, DeepMixture
from pyromix.evaluation import affiliation_variance, curves, evaluate_clustering, evaluate_facets
from pyromix.inference import responsibilities as probabilities
from pyromix.networks import Perceptron, PerceptronLadder
from pyromix.reports import main_scores, metrics_table, responsibilities, scored

RNG = np.random.default_rng(0)
GAMMAS = [RNG.dirichlet(np.ones(4), 50), RNG.dirichlet(np.ones(3), 50)]
X = RNG.random((50, 4)).astype(np.float32)
ONE = Dataset(X, RNG.integers(3, size=50), "one", ("kind",))
TWO = Dataset(X, RNG.integers(3, size=(50, 2)), "two", ("hue", "size"))
NONE = Dataset(X, None, "none")


@pytest.mark.parametrize("kind", ESTIMATORS.values(), ids=ESTIMATORS.keys())
def test_every_method_tells_the_affiliation_variance(kind: type[DeepMixture]) -> None:
    networks = PerceptronLadder(8) if kind is MFCVAE else Perceptron(8)
    estimator = kind(n_clusters=3, latent_dim=2, networks=networks)
    estimator.set_params(training__max_epochs=1)
    if estimator.pretraining is not None:
        estimator.set_params(pretraining__epochs=1)
    gammas = responsibilities(estimator.fit(X), X)
    told = scored(ONE, gammas)["affiliation_variance"]
    assert told == affiliation_variance(gammas[0])
    row = estimator.history_[-1]
    (name,) = (name for name in row if name.startswith("affiliation_variance"))
    # While training it is measured by the guide's own law, which needs no decoding.
    (cheap,) = probabilities(
        estimator.model_, estimator.guide_, torch.from_numpy(X), num_samples=0
    ).values()
    assert row[name] == pytest.approx(affiliation_variance(cheap.numpy()), rel=1e-4)
    assert 0 <= told <= (3 - 1) / 3**2
    titles = [axes.get_title(loc="left") for axes in curves(estimator.history_).axes]
    assert "affiliation variance" in titles


def test_one_clustering_is_scored_by_each_label() -> None:
    assert scored(ONE, GAMMAS[:1]) == evaluate_clustering(ONE.labels, GAMMAS[0])
    assert scored(NONE, GAMMAS[:1]) == evaluate_clustering(None, GAMMAS[0])
    assert TWO.labels is not None
    found = scored(TWO, GAMMAS[:1])
    for f, name in enumerate(TWO.label_names):
        for metric, value in evaluate_clustering(TWO.labels[:, f], GAMMAS[0]).items():
            assert found.get(f"{name}/{metric}", found.get(metric)) == value


@pytest.mark.parametrize("data", [ONE, TWO, NONE], ids=lambda data: data.name)
@pytest.mark.parametrize("n_facets", [1, 2])
def test_a_comparison_finds_what_it_shows(data: Dataset, n_facets: int) -> None:
    for columns in main_scores(data, n_facets):
        for gamma in GAMMAS:
            assert set(columns) <= scored(data, [gamma]).keys()


def test_facets_have_a_column_each() -> None:
    scores = evaluate_facets(TWO.labels, GAMMAS, TWO.label_names) | {"bound": -1.5}
    table = metrics_table(scores, 2)
    assert [column.header for column in table.columns] == [
        "metric", "facet 0", "facet 1", "together",
    ]  # fmt: skip
    console = Console(width=100)
    with console.capture() as captured:
        console.print(table)
    lines = {
        line.split("│")[1].strip(): line for line in captured.get().splitlines() if "│" in line
    }
    assert f" {scores['facet_1/hue/nmi']:.3f} " in lines["hue: NMI"]
    assert " -1.500 " in lines["bound"]
    assert len(lines) == 4 + 2 * 3 + 1
