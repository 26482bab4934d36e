"""What a fit is told of some data: labels, soft groups and pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from pyromix import VaDE
from pyromix.estimators import DeepMixture
from pyromix.estimators.supervision import beside, groups_of, pair_numbers, paired, read_known
from pyromix.inference import KMeansStart, PseudoLabels, Rows, Training
from pyromix.networks import Perceptron

K = 3
TRAINING = Training(max_epochs=3, batch_size=32, learning_rate=5e-3)
LONGER = TRAINING.with_params(max_epochs=40)


@pytest.fixture(scope="module")
def blobs() -> tuple[np.ndarray, np.ndarray]:
    """Three groups that lie apart, ``(120, 4)``, and whose is which."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, K, 120)
    means = np.array([[4.0, 0, 0, 0], [0, 4.0, 0, 0], [0, 0, 4.0, 0]])
    return (means[labels] + 0.5 * rng.normal(size=(120, 4))).astype(np.float32), labels


def small(**arguments: Any) -> VaDE:
    settings: dict[str, Any] = {
        "n_clusters": K,
        "latent_dim": 2,
        "networks": Perceptron((16,)),
        "pretraining": None,
        "start": KMeansStart(on="data"),
        "training": TRAINING,
        "random_state": 0,
    }
    return VaDE(**{**settings, **arguments})


def weights(fitted: DeepMixture) -> list[torch.Tensor]:
    return [*fitted.model_.state_dict().values(), *fitted.guide_.state_dict().values()]


def same(one: DeepMixture, other: DeepMixture) -> bool:
    return all(torch.equal(*pair) for pair in zip(weights(one), weights(other), strict=True))


@pytest.mark.parametrize("unknown", [-1, np.nan, "soft"])
def test_nothing_known_is_the_fit_without_labels(
    blobs: tuple[np.ndarray, np.ndarray], unknown: object
) -> None:
    """Bit for bit."""
    x, _ = blobs
    y = np.zeros((len(x), K)) if unknown == "soft" else np.full(len(x), unknown)
    assert same(small().fit(x), small().fit(x, y))


def test_labels_number_the_clusters(blobs: tuple[np.ndarray, np.ndarray]) -> None:
    """One for each group is enough, whatever number it has."""
    x, labels = blobs
    for order in ([0, 1, 2], [2, 0, 1]):
        wanted = np.array(order)[labels]
        y = np.full(len(x), -1)
        for cluster in range(K):
            y[np.flatnonzero(wanted == cluster)[0]] = cluster
        start = PseudoLabels(KMeansStart(on="data"), epochs=60, learning_rate=5e-3)
        fitted = small(start=start).fit(x, y)
        assert (fitted.labels_ == wanted).mean() > 0.95


def test_labels_may_name_fewer_classes_than_clusters(
    blobs: tuple[np.ndarray, np.ndarray],
) -> None:
    x, labels = blobs
    y = np.where(labels == 0, 1, -1)
    fitted = small(training=LONGER).fit(x, y)
    assert (fitted.labels_[labels == 0] == 1).mean() > 0.95
    assert len(np.unique(fitted.labels_)) == K


def test_all_labels_make_a_classifier_and_the_score_stays_the_bound(
    blobs: tuple[np.ndarray, np.ndarray],
) -> None:
    x, labels = blobs
    fitted = small(start=None, training=LONGER).fit(x, labels)
    assert (fitted.predict(x) == labels).mean() > 0.95
    assert fitted.score(x, labels) == pytest.approx(fitted.score(x))
    assert fitted.score(x) == pytest.approx(fitted.score_samples(x).mean(), rel=0.2)


def test_soft_groups_are_heeded(blobs: tuple[np.ndarray, np.ndarray]) -> None:
    x, labels = blobs
    y = np.where(np.arange(K) == labels[:, None], 0.9, 0.05)
    fitted = small(start=None, training=LONGER).fit(x, y)
    assert (fitted.predict(x) == labels).mean() > 0.95


@pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")  # at its beginning
def test_facets_have_a_column_each(blobs: tuple[np.ndarray, np.ndarray]) -> None:
    x, labels = blobs
    other = np.random.default_rng(1).integers(0, 2, len(x))
    x = np.concatenate([x, 3 * other[:, None] - 1.5], 1).astype(np.float32)
    y = np.stack([labels, np.where(np.arange(len(x)) < 60, other, -1)], 1)
    fitted = small(n_clusters=(K, 2), latent_dim=(2, 2), start=None, training=LONGER).fit(x, y)
    assert (fitted.labels_[:, 0] == labels).mean() > 0.95
    assert (fitted.labels_[:60, 1] == other[:60]).mean() > 0.9


@pytest.mark.parametrize("label_weight", [0.0, 5.0])
def test_the_log_loss_is_in_the_history_where_it_weighs(
    blobs: tuple[np.ndarray, np.ndarray], label_weight: float
) -> None:
    x, labels = blobs
    y = np.where(np.arange(len(x)) < 10, labels, -1)
    row = small(label_weight=label_weight).fit(x, y).history_[-1]
    assert ("classification" in row) == (label_weight > 0)


@pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")  # at its beginning
@pytest.mark.filterwarnings("ignore::pyromix.inference.UnclearNumberWarning")  # the groups overlap
def test_pairs_hold_together_and_apart() -> None:
    """Two groups that overlap: pairs alone say that each half belongs together."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(200, 2)).astype(np.float32)
    side = (x[:, 0] > 0).astype(int)
    i, j = rng.integers(0, 200, (2, 400))
    i, j = i[i != j], j[i != j]
    alike = side[i] == side[j]
    pairs = np.stack([i, j], 1)
    fitted = small(n_clusters=2, start=None, training=LONGER, random_state=1).fit(
        x, constraints={"must_link": pairs[alike], "cannot_link": pairs[~alike]}
    )
    gamma = fitted.predict_proba(x)
    together = (gamma[i] * gamma[j]).sum(1)
    assert together[alike].mean() > together[~alike].mean() + 0.3
    assert fitted.history_[-1]["constraints"] < fitted.history_[0]["constraints"]


def test_every_batch_has_labelled_data_and_pairs_beside_it() -> None:
    x = torch.arange(20.0).unsqueeze(1)
    groups = torch.zeros(20, 2)
    groups[3, 0] = groups[7, 1] = 1.0
    numbers = pair_numbers({"must_link": [(1, 2)], "cannot_link": [(4, 5)]}, x)
    assert numbers is not None
    pairs = paired(Rows(x), *numbers)
    companions = beside(Rows(x, groups=groups), pairs).take(torch.arange(8)).companions
    assert set(companions["labelled"].flatten().tolist()) <= {3.0, 7.0}
    assert torch.equal(companions["labelled_groups"], groups[companions["labelled"].long()[:, 0]])
    drawn = zip(companions["first"], companions["second"], companions["linked"], strict=True)
    assert {(float(a), float(b), float(c)) for a, b, c in drawn} <= {(1, 2, 1), (4, 5, 0)}
    known = Rows(x, groups=torch.eye(2).repeat(10, 1))
    assert beside(known, None) is known


@pytest.mark.parametrize(
    ("y", "words"),
    [
        ([0, 1, 3, 4], "y holds 4 classes, and there are 3 clusters"),
        ([0, 1, -2, -1], "y holds -2"),
        ([0.5, 1, 1, -1], r"y holds 0\.5"),
        ([0, 1, 2], "y has 3 rows and X has 4"),
        (np.zeros((4, 2)), r"y has shape \(4, 2\): use \(4,\), or \(4, 3\) of soft groups"),
        (np.full((4, 3), 0.5), "no probabilities"),
        (["a", "b", "a", "b"], "LabelEncoder"),
        (np.array(["a", None, "b", 1], dtype=object), "LabelEncoder"),
    ],
)
def test_labels_that_are_none_are_refused(y: object, words: str) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        read_known(y, 4, (3,), lone=True)


@pytest.mark.parametrize(
    ("constraints", "words"),
    [
        ([(0, 1)], "must map must_link and cannot_link"),
        ({"mustlink": [(0, 1)]}, "must map must_link and cannot_link"),
        ({"must_link": [(0, 9)]}, "must_link names rows beyond 0 to 3"),
        ({"must_link": [(2, 2)]}, "paired with itself"),
        ({"cannot_link": [(0.0, 1.0)]}, "float64"),
        ({"cannot_link": [0, 1]}, r"shape \(2,\)"),
    ],
)
def test_pairs_that_are_none_are_refused(constraints: object, words: str) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        pair_numbers(constraints, torch.zeros(4, 2))  # type: ignore[arg-type]


def test_labels_and_an_open_number_of_clusters_are_refused(
    blobs: tuple[np.ndarray, np.ndarray],
) -> None:
    x, labels = blobs
    with pytest.raises(ValueError, match="n_clusters is 'auto'"):
        small(n_clusters="auto").fit(x, np.minimum(labels, 1))


def test_more_classes_than_clusters_are_another_question(
    blobs: tuple[np.ndarray, np.ndarray],
) -> None:
    """They are left out, which is said, and the fit is the one without them."""
    x, labels = blobs
    with pytest.warns(UserWarning, match="y holds 3 classes and n_clusters is 2"):
        fitted = small(n_clusters=2).fit(x, labels)
    assert same(fitted, small(n_clusters=2).fit(x))


def test_labels_beyond_the_clusters_numbers_are_numbered_in_their_order() -> None:
    numbers = read_known([7, 3, 9, -1], 4, (3,), lone=True)
    found = groups_of(numbers, numbers, (3,), lone=True)["groups"]
    assert found.argmax(1)[:3].tolist() == [1, 0, 2]
    assert found.sum(1).tolist() == [1, 1, 1, 0]


@pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")
def test_one_column_for_several_facets_is_left_out(
    blobs: tuple[np.ndarray, np.ndarray],
) -> None:
    x, labels = blobs
    facets = {"n_clusters": (K, 2), "latent_dim": (2, 2), "start": None}
    with pytest.warns(UserWarning, match="y is one column"):
        fitted = small(**facets).fit(x, labels)
    assert same(fitted, small(**facets).fit(x))
