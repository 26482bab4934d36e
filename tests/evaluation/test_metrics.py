"""The laws of the scores: hand-computed cases, invariances, extremes and limits."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import ArrayLike
from sklearn.metrics import adjusted_rand_score, balanced_accuracy_score

from pyromix.evaluation import (
    affiliation_variance,
    balanced_accuracy,
    calibration,
    evaluate_clustering,
    expected_calibration_error,
    hungarian_accuracy,
    mean_confidence,
    most_confident_accuracy,
    occupied_clusters,
    purity,
)


def draw(n: int, k: int, sharp: float = 1.0, seed: int = 0) -> np.ndarray:
    """Random responsibilities (n, k)."""
    return np.random.default_rng(seed).dirichlet(np.full(k, 1 / sharp), n)


def test_hand_computed_scores() -> None:
    y = np.array([0, 0, 0, 1, 1, 2])
    c = np.array([1, 1, 0, 0, 0, 0])
    assert purity(y, c) == pytest.approx(4 / 6)
    assert hungarian_accuracy(y, c) == pytest.approx(4 / 6)
    assert balanced_accuracy(y, c) == pytest.approx((2 / 3 + 1 + 0) / 3)


def test_most_confident_example_names_its_cluster() -> None:
    gamma = np.array([[0.9, 0.1], [0.6, 0.4], [0.8, 0.2], [0.2, 0.8], [0.45, 0.55]])
    y = np.array([1, 0, 0, 0, 1])
    # Cluster 0 is named by datum 0 (label 1), cluster 1 by datum 3 (label 0).
    assert most_confident_accuracy(y, gamma) == pytest.approx(2 / 5)


def most_confident_by_scores(y: np.ndarray, scores: np.ndarray) -> float:
    """Of γ = softmax(scores) in float64, by log-odds and in a loop."""
    names = []
    for c in range(scores.shape[1]):
        others = np.delete(scores, c, axis=1)
        names.append(y[np.argmax(scores[:, c] - np.logaddexp.reduce(others, axis=1))])
    return float(np.mean(np.array(names)[scores.argmax(1)] == y))


def test_most_confident_examples_are_told_apart_where_float32_says_one() -> None:
    """Many γ are exactly 1; the odds that are left in the rest of their rows rank them."""
    rng = np.random.default_rng(4)
    for _ in range(20):
        scores = rng.normal(size=(300, 5)) * 15
        y = rng.integers(3, size=300)
        gamma = np.exp(scores - np.logaddexp.reduce(scores, axis=1, keepdims=True))
        single = gamma.astype(np.float32)
        assert ((single == 1).sum(0) >= 2).all()
        expected = most_confident_by_scores(y, scores)
        for order in (np.arange(300), rng.permutation(300), np.arange(300)[::-1]):
            got = most_confident_accuracy(y[order], single[order])
            assert got == pytest.approx(expected, abs=1e-12)


def test_tied_examples_share_the_naming_in_any_order() -> None:
    """Of three sure of cluster 0 two say label 1: the mean over the three of the accuracy."""
    gamma = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.7, 0.3], [0.2, 0.8]])
    y = np.array([1, 1, 0, 0, 0])
    # Named 1 by two of three: 2 of the 4 in the cluster; named 0 by one of three: 2 of the 4.
    expected = (2 / 3 * 2 + 1 / 3 * 2 + 1) / 5
    for order in itertools.permutations(range(5)):
        assert most_confident_accuracy(y[[*order]], gamma[[*order]]) == pytest.approx(expected)
    y = np.array([1, 1, 0, 1, 0])
    expected = (2 / 3 * 3 + 1 / 3 * 1 + 1) / 5
    for order in itertools.permutations(range(5)):
        assert most_confident_accuracy(y[[*order]], gamma[[*order]]) == pytest.approx(expected)
    assert most_confident_accuracy([0, 0, 1], np.ones((3, 1))) == pytest.approx(5 / 9)


def test_names_of_clusters_and_order_of_data_do_not_matter() -> None:
    rng = np.random.default_rng(1)
    y, gamma = rng.integers(4, size=200), draw(200, 7, sharp=3)
    expected = evaluate_clustering(y, gamma)
    renamed = evaluate_clustering(y, gamma[:, rng.permutation(7)])
    order = rng.permutation(200)
    shuffled = evaluate_clustering(y[order], gamma[order])
    labelled = evaluate_clustering(np.array([9, 2, 5, 7])[y], gamma)
    for other in (renamed, shuffled, labelled):
        assert other == pytest.approx(expected)


def test_a_perfect_clustering_scores_one() -> None:
    y = np.arange(30) % 5
    scores = evaluate_clustering(y, np.eye(5)[(y + 2) % 5])
    for name in (
        "accuracy",
        "nmi",
        "ari",
        "purity",
        "most_confident_accuracy",
        "balanced_accuracy",
        "confidence",
    ):
        assert scores[name] == pytest.approx(1), name
    assert scores["calibration_error"] == pytest.approx(0)
    assert scores["occupied_clusters"] == scores["n_clusters"] == 5


def test_purity_is_one_when_every_datum_is_a_cluster_but_accuracy_is_not() -> None:
    y = np.arange(40) % 4
    assert purity(y, np.arange(40)) == 1
    assert hungarian_accuracy(y, np.arange(40)) == pytest.approx(4 / 40)


def test_purity_never_falls_when_a_cluster_is_split() -> None:
    rng = np.random.default_rng(2)
    y, c = rng.integers(5, size=300), rng.integers(4, size=300)
    assert purity(y, 4 * rng.integers(3, size=300) + c) >= purity(y, c)


def test_accuracy_is_at_most_purity_and_at_least_one_over_k() -> None:
    for seed in range(10):
        rng = np.random.default_rng(seed)
        y, c = rng.integers(4, size=100), rng.integers(6, size=100)
        assert hungarian_accuracy(y, c) <= purity(y, c)
        assert hungarian_accuracy(y, c) >= 1 / 6


def test_a_random_clustering_has_no_index() -> None:
    rng = np.random.default_rng(3)
    y = rng.integers(10, size=20_000)
    scores = evaluate_clustering(y, draw(20_000, 10, seed=4))
    assert scores["ari"] == pytest.approx(0, abs=2e-3)
    assert scores["nmi"] == pytest.approx(0, abs=5e-3)
    assert scores["accuracy"] == pytest.approx(0.1, abs=0.02)


def test_ari_follows_scikit_learn_on_the_largest_responsibility() -> None:
    y, gamma = np.arange(60) % 3, draw(60, 4)
    expected = adjusted_rand_score(y, gamma.argmax(1))
    assert evaluate_clustering(y, gamma)["ari"] == pytest.approx(expected)


def test_balanced_accuracy_follows_scikit_learn_once_clusters_are_named() -> None:
    rng = np.random.default_rng(5)
    y = rng.choice(3, size=300, p=[0.8, 0.15, 0.05])
    c = np.where(rng.random(300) < 0.8, y, rng.integers(3, size=300))
    expected = balanced_accuracy_score(y, c)
    assert balanced_accuracy(y, (c + 1) % 3) == pytest.approx(expected)


@pytest.mark.parametrize("k", [2, 3, 10, 100])
def test_affiliation_variance_lies_between_nothing_and_its_maximum(k: int) -> None:
    assert affiliation_variance(np.full((5, k), 1 / k)) == pytest.approx(0)
    assert affiliation_variance(np.eye(k)) == pytest.approx((k - 1) / k**2)
    gamma = draw(200, k)
    by_definition = np.mean((gamma**2).sum(1) / k - 1 / k**2)
    assert affiliation_variance(gamma) == pytest.approx(by_definition)
    assert affiliation_variance(gamma) < (k - 1) / k**2


def test_confidence_and_occupation_by_hand() -> None:
    gamma = np.array([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.1, 0.8, 0.1]])
    assert mean_confidence(gamma) == pytest.approx(0.7)
    assert occupied_clusters(gamma) == 2


def test_a_calibrated_classifier_has_no_calibration_error() -> None:
    rng = np.random.default_rng(6)
    n, k = 100_000, 4
    gamma = rng.dirichlet(np.full(k, 0.5), n)
    y = (gamma.cumsum(1) > rng.random((n, 1))).argmax(1)
    assert expected_calibration_error(y, gamma) < 0.01
    assert expected_calibration_error(y, gamma[:, [2, 0, 3, 1]]) < 0.01


def test_an_overconfident_classifier_is_off_by_its_overconfidence() -> None:
    rng = np.random.default_rng(7)
    y = rng.integers(3, size=30_000)
    c = np.where(rng.random(30_000) < 0.6, y, (y + 1) % 3)
    gamma = np.full((30_000, 3), 0.005)
    gamma[np.arange(30_000), c] = 0.99
    assert expected_calibration_error(y, gamma) == pytest.approx(0.39, abs=0.01)


def test_calibration_bins_by_hand() -> None:
    gamma = np.array([[0.55, 0.45], [0.95, 0.05], [0.05, 0.95], [0.0, 1.0]])
    means, rates, shares = calibration([0, 0, 1, 0], gamma, n_bins=2)
    assert np.isnan(means[0])
    assert means[1] == pytest.approx((0.55 + 0.95 + 0.95 + 1) / 4)
    assert rates[1] == pytest.approx(3 / 4)
    assert shares.tolist() == [0, 1]


def test_without_labels_only_what_needs_none() -> None:
    scores = evaluate_clustering(None, draw(50, 3))
    assert set(scores) == {"n_clusters", "occupied_clusters", "confidence", "affiliation_variance"}
    assert all(isinstance(value, float) for value in scores.values())


def test_float32_responsibilities_of_many_clusters_are_taken() -> None:
    logits = np.random.default_rng(8).normal(size=(100, 500)).astype(np.float32)
    gamma = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    evaluate_clustering(np.arange(100) % 5, gamma)


@pytest.mark.parametrize(
    ("labels", "gamma", "message"),
    [
        ([0, 1], np.full((3, 2), 0.5), "as long, got 2 and 3"),
        ([0, 1], np.full((2, 2), 0.6), "row 0 sums to 1.2"),
        ([0, 1], [[0.5, 0.5], [1.5, -0.5]], "row 1 sums to 1 with least value -0.5"),
        ([0, 1], [[0.5, 0.5], [np.nan, 0.5]], "row 1 sums to nan"),
        ([0, 1], [0, 1], r"shape \(N, K\), got \(2,\)"),
        ([[0, 1], [1, 1]], np.full((2, 2), 0.5), "labels must be a vector"),
    ],
)
def test_bad_input_is_refused_in_one_line(
    labels: ArrayLike, gamma: ArrayLike, message: str
) -> None:
    with pytest.raises(ValueError, match=message) as info:
        evaluate_clustering(labels, gamma)
    assert "\n" not in str(info.value)
