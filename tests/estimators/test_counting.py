"""K that is found: before the story is built, the same each time, and kept with the run."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from sklearn.base import clone
from sklearn.datasets import make_blobs

from pyromix import DHVC, MFCVAE, VaDE, load, select_k
from pyromix.estimators import UnscaledWarning, counting
from pyromix.evaluation import curves
from pyromix.inference import (
    Checkpoint,
    KMeansStart,
    Training,
    UnclearNumberWarning,
    count_clusters,
)
from pyromix.models import Normal
from pyromix.networks import Perceptron

X, Y = make_blobs(200, n_features=4, centers=4, cluster_std=0.5, random_state=1)
X = (X / X.std()).astype(np.float32)


def small(**changes: Any) -> VaDE:
    settings: dict[str, Any] = {
        "n_clusters": "auto",
        "latent_dim": 2,
        "networks": Perceptron(16),
        "likelihood": Normal,
        "pretraining": None,
        "start": KMeansStart(on="data"),
        "training": Training(max_epochs=1),
        "random_state": 0,
    }
    return VaDE(**settings | changes)


@pytest.fixture(scope="module")
def fitted() -> VaDE:
    return small().fit(X)


def test_k_is_found_before_the_story_is_built(fitted: VaDE) -> None:
    assert fitted.n_clusters == "auto"
    assert fitted.n_clusters_ == 4
    assert fitted.clusterings() == (4,)
    assert fitted.predict_proba(X).shape == (200, 4)
    rows = [row for row in fitted.history_ if row["phase"] == "n_clusters"]
    assert [row["n_clusters"] for row in rows] == list(range(1, 11))  # 1.2 K + 5
    assert rows[3]["separate"] == 4
    assert {"modularity", "agreement"} <= rows[3].keys()
    assert isinstance(curves(fitted.history_), Figure)


def test_it_is_kept_with_the_run(fitted: VaDE, tmp_path: Path) -> None:
    fitted.save(tmp_path / "run")
    again = load(tmp_path / "run")
    assert (again.n_clusters, again.n_clusters_) == ("auto", 4)
    assert (again.predict(X) == fitted.labels_).all()
    kept, here = ([r for r in each.history_ if "separate" in r] for each in (again, fitted))
    assert [row["separate"] for row in kept] == [row["separate"] for row in here]
    assert clone(again).n_clusters == "auto"


def test_same_seed_same_fit_and_a_checkpoint_keeps_what_was_found(
    fitted: VaDE, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def counted(*args: Any, **keywords: Any) -> Any:
        asked.append(args)
        return count_clusters(*args, **keywords)

    monkeypatch.setattr(counting, "count_clusters", counted)
    path = tmp_path / "checkpoint.pt"
    again = small().fit(X, checkpoint=path)
    assert len(asked) == 1
    assert (again.labels_ == fitted.labels_).all()
    state = Checkpoint(path).state("n_clusters")
    assert state["best_k"] == 4
    # What is there is not asked again, of whatever data.
    assert count_clusters(asked[0][0][:5], 0, Checkpoint(path)) == (4, state["rows"])
    assert small(n_clusters=3).fit(X).n_clusters_ == 3
    assert len(asked) == 1


def test_a_doubtful_k_is_told_with_what_to_do() -> None:
    x = np.random.default_rng(0).standard_normal((120, 4))
    with pytest.warns(UnclearNumberWarning, match=r"found to be 1, in doubt: .* look like one.*"):
        assert small().fit(x).n_clusters_ == 1


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (small(latent_dim=(2, 2)), "finds one clustering, and latent_dim is"),
        (MFCVAE(n_clusters="auto", latent_dim=(5, 5)), "finds one clustering, and latent_dim is"),
        (small(n_clusters="automatic"), "n_clusters is 'automatic'"),
    ],
)
def test_what_has_no_single_k_is_refused_before_any_work(estimator: VaDE, words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        estimator.fit(X)


def test_what_needs_k_before_a_fit_says_so() -> None:
    with pytest.raises(ValueError, match="n_clusters is 'auto', which a fit finds"):
        DHVC(n_clusters="auto").build((4,))
    with pytest.raises(ValueError, match="there are 15 data: to tell K takes 20"):
        small().fit(X[:15])


def test_select_k_of_partitions_and_of_fits() -> None:
    estimator = small(likelihood=partial(Normal, scale=0.3))
    found = select_k(estimator, X, ks=(3, 4, 5), seeds=(0,), fits=True)
    assert found.best_k == 4
    assert found.remarks == ()
    assert str(found).startswith("K = 4: it is clear. Modularity is largest")
    table = found.table.set_index("n_clusters")
    assert table.columns.tolist() == [
        "separate",
        "modularity",
        "agreement",
        "occupied",
        "held_out_bound",
    ]
    rows = np.arange(200) % 10 == 0
    by_hand = clone(estimator).set_params(n_clusters=5, random_state=0).fit(X[~rows])
    assert table.held_out_bound[5] == pytest.approx(by_hand.score(X[rows]))
    assert table.occupied[5] == len(np.unique(by_hand.predict(X)))
    assert not hasattr(estimator, "model_")
    assert len(found.plot().axes) == 3
    axes = Figure().subplots()
    assert found.plot(axes) is axes.figure
    labels = [str(line.get_label()) for line in axes.lines[:3]]
    assert labels == ["all K", "that stand apart", "occupied"]


def test_select_k_looks_at_data_as_a_fit_does() -> None:
    """Standardised, where the estimator does that: a wide feature does not drown the others."""
    wide = 1000 * np.random.default_rng(0).standard_normal((200, 1))
    x = np.concatenate([X, wide], 1).astype(np.float32)
    found = select_k(small(standardise=True), x, ks=range(1, 7), seeds=(0,))
    with pytest.warns(UnscaledWarning):
        raw = select_k(small(standardise=False), x, ks=range(1, 7), seeds=(0,))
    assert found.best_k == 4
    assert raw.best_k != 4


def test_select_k_is_for_one_clustering() -> None:
    with pytest.raises(ValueError, match="n_clusters is \\(25, 25\\): select_k is for one"):
        select_k(MFCVAE(n_clusters=(25, 25)), X)
    with pytest.raises(ValueError, match="row 0 of X has no observed value"):
        select_k(small(), np.full((30, 2), np.nan))


@pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")
def test_k_is_that_of_the_groups_and_not_of_the_batches_that_are_known() -> None:
    """Two groups, measured twice with a shift that is wider than what parts them."""
    rng = np.random.default_rng(0)
    group, batch = np.arange(240) % 2, np.arange(240) // 2 % 2
    x = rng.normal(0, 0.3, (240, 3)).astype(np.float32)
    x[:, 0] += 4 * group
    x[:, 1:] += 9 * batch[:, None]
    names = np.array(["first", "second"])[batch]
    told = select_k(small(standardise=False), x, range(1, 7), (0,), covariates=names)
    assert told.best_k == 2
    assert select_k(small(standardise=False), x, range(1, 7), (0,)).best_k == 4
    found = small(standardise=False).fit(x, covariates=names)
    assert found.n_clusters_ == 2
    fits = select_k(
        small(standardise=False, n_clusters=2),
        pd.DataFrame(x, columns=["a", "b", "c"]).assign(batch=names),
        (2,),
        (0,),
        fits=True,
        covariates=["batch"],
    )
    assert np.isfinite(fits.table.held_out_bound).all()
