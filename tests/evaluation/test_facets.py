"""Several partitions: which facet found which label, and whether facets repeat each other."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import ArrayLike
from sklearn.metrics import adjusted_mutual_info_score, normalized_mutual_info_score

from pyromix.evaluation import (
    best_facets,
    evaluate_clustering,
    evaluate_facets,
    facet_dependence,
    facet_matrices,
    hungarian_accuracy,
    purity,
)

RNG = np.random.default_rng(0)
LABELS = RNG.integers([3, 5], size=(600, 2))
CLUSTERS = np.stack([LABELS[:, 1], LABELS[:, 0], RNG.integers(4, size=600)], 1)


def test_matrices_hold_the_scores_of_each_pair() -> None:
    matrices = facet_matrices(LABELS, CLUSTERS)
    for j in range(3):
        for f in range(2):
            pair = LABELS[:, f], CLUSTERS[:, j]
            assert matrices["accuracy"][j, f] == pytest.approx(hungarian_accuracy(*pair))
            assert matrices["purity"][j, f] == pytest.approx(purity(*pair))
            assert matrices["nmi"][j, f] == pytest.approx(normalized_mutual_info_score(*pair))


def test_each_label_finds_its_facet() -> None:
    assert best_facets(LABELS, CLUSTERS).tolist() == [1, 0]
    assert best_facets(LABELS, CLUSTERS[:, [2, 1, 0]]).tolist() == [1, 2]


def test_renaming_clusters_changes_nothing() -> None:
    renamed = np.stack([RNG.permutation(9)[CLUSTERS[:, j]] for j in range(3)], 1)
    for name, matrix in facet_matrices(LABELS, CLUSTERS).items():
        np.testing.assert_allclose(facet_matrices(LABELS, renamed)[name], matrix)
    np.testing.assert_allclose(facet_dependence(renamed), facet_dependence(CLUSTERS))


def test_dependence_of_equal_and_of_independent_facets() -> None:
    table = facet_dependence(np.column_stack([CLUSTERS, 7 - CLUSTERS[:, 0]]))
    np.testing.assert_allclose(table, table.T)
    np.testing.assert_allclose(np.diag(table), 1)
    assert table[0, 3] == pytest.approx(1)
    assert abs(table[0, 2]) < 0.02
    assert table[0, 1] == pytest.approx(adjusted_mutual_info_score(CLUSTERS[:, 0], CLUSTERS[:, 1]))


def test_the_flat_table_names_every_score() -> None:
    gammas = [np.eye(5)[CLUSTERS[:, 0]], np.eye(6)[CLUSTERS[:, 1]]]
    scores = evaluate_facets(LABELS, gammas, ["hue", "shape"])
    assert scores["facet_0/shape/accuracy"] == scores["facet_1/hue/accuracy"] == 1
    assert (scores["best_facet/hue"], scores["best_facet/shape"]) == (1, 0)
    assert scores["facet_1/n_clusters"] == 6
    assert scores["facet_1/occupied_clusters"] == 3
    assert abs(scores["dependence/0-1"]) < 0.02
    assert len(scores) == 2 * 4 + 2 * 2 * 3 + 2 + 1
    assert all(isinstance(value, float) for value in scores.values())


def test_one_facet_and_one_label_agree_with_the_plain_scores() -> None:
    gamma = RNG.dirichlet(np.ones(4), 600)
    plain = evaluate_clustering(LABELS[:, 0], gamma)
    scores = evaluate_facets(LABELS[:, 0], [gamma])
    for name in ("accuracy", "purity", "nmi"):
        assert scores[f"facet_0/label_0/{name}"] == pytest.approx(plain[name])
    for name in ("confidence", "affiliation_variance"):
        assert scores[f"facet_0/{name}"] == pytest.approx(plain[name])


def test_without_labels_facets_are_still_compared() -> None:
    scores = evaluate_facets(None, [np.eye(3)[[0, 1, 2, 0]], np.eye(2)[[0, 1, 0, 1]]])
    assert "dependence/0-1" in scores
    assert not any("label" in name for name in scores)


@pytest.mark.parametrize(
    ("labels", "gammas", "names", "message"),
    [
        (None, [], [], "got none"),
        (None, [np.eye(2), np.eye(3)], [], "must be as long, got 2, 3"),
        ([0, 1, 2], [np.eye(2)], [], "as long, got 3 and 2"),
        ([0, 1], [np.eye(2)], ["a", "b"], "label_names must hold 1 names, got 2"),
        ([0.5, 1], [np.eye(2)], [], "labels must be a table of whole numbers"),
    ],
)
def test_bad_input(
    labels: ArrayLike | None, gammas: list[np.ndarray], names: list[str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        evaluate_facets(labels, gammas, names)
