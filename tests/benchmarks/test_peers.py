"""The peers' benchmark: results in the experiments' format, and who is left out, and why."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.cluster import KMeans

from pyromix.data import load
from pyromix.evaluation import hungarian_accuracy
from pyromix.experiments import methods_tables, read, records

from .test_tables import script

peers = script("peers")


def test_a_result_is_in_the_format_of_the_experiments(tmp_path: Path) -> None:
    peers.measure("k-means", "digits", 3, "cpu", tmp_path, "")
    found = read(tmp_path / "peer-k-means-digits" / "cpu-3.json")
    digits = load("digits")
    assert digits.labels is not None
    clusters = KMeans(10, n_init=10, random_state=3).fit_predict(digits.x)
    accuracy = hungarian_accuracy(digits.labels, clusters)
    assert found.metrics["accuracy"] == pytest.approx(accuracy, rel=1e-5)
    assert found.metrics["calibration_error"] == pytest.approx(1 - accuracy, rel=1e-4)
    assert (found.method, found.n_clusters, found.split) == ("k-means", 10, "all")
    ((about, table),) = methods_tables(records(tmp_path))
    assert about == "digits, scored on all rows"
    assert "| k-means | cpu | 10 | 1 |" in table


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """What is fitted, with no fit."""
    found: list[tuple[object, ...]] = []

    def apart(function: object, *asked: object) -> bool:
        found.append(asked)
        return True

    monkeypatch.setattr(peers, "apart", apart)
    return found


@pytest.mark.filterwarnings("ignore:Graph is not fully connected")
@pytest.mark.parametrize("peer", ["GMM", "PCA+GMM", "spectral"])
def test_new_rows_get_probabilities(peer: str) -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 40)
    rows = (4 * np.eye(4)[labels] + 0.3 * rng.standard_normal((120, 4))).astype(np.float32)
    answer: Callable[..., np.ndarray] = peers.PEERS[peer](rows, 3, 0, "cpu")
    gamma = answer(rows + np.float32(0.01))
    assert gamma.shape == (120, 3)
    assert gamma.sum(1) == pytest.approx(1)
    assert hungarian_accuracy(labels, gamma.argmax(1)) == 1.0


def test_noise_is_a_cluster_of_its_own() -> None:
    gamma = peers.one_hot(np.array([0, -1, 1]), 2)
    assert gamma.tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
    assert peers.one_hot(np.array([0, 1]), 2).shape == (2, 2)


def test_a_missing_package_is_said(
    fitted: list[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(peers, "find_spec", lambda name: None)
    arguments = ["--out", tmp_path, "--seeds", 0]
    monkeypatch.setattr(sys, "argv", ["peers", *map(str, arguments)])
    assert peers.missing("ClustPy DEC") == (
        "ClustPy DEC is left out: clustpy is not installed (pip install -e '.[peers]')"
    )
    peers.main()
    assert [asked[0] for asked in fitted] == ["k-means", "GMM", "PCA+GMM", "spectral", "AE+GMM"]


def test_seeds_that_are_done_are_skipped(
    fitted: list[tuple[object, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = tmp_path / "peer-gmm-digits" / "cpu-1.json"
    done.parent.mkdir()
    done.touch()
    arguments = ["--out", tmp_path, "--peers", "GMM", "--seeds", 0, 1, 2]
    monkeypatch.setattr(sys, "argv", ["peers", *map(str, arguments)])
    peers.main()
    assert [asked[2] for asked in fitted] == [0, 2]


def test_data_of_several_labels_are_refused() -> None:
    two = load("digits")
    with pytest.raises(ValueError, match="has no one label for each datum"):
        peers._classes(type(two)(two.x, None, "nothing"))
