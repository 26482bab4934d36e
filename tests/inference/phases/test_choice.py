"""The best of several starts by a rule without labels, and the average of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from typing import Any, cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.cluster import AgglomerativeClustering
from sklearn.datasets import make_moons
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from pyromix import DHVC, MFCVAE, VaDE
from pyromix.inference import (
    AutoStart,
    Averaged,
    BestHead,
    BestOf,
    GaussianMixtureStart,
    GroupsOf,
    KMeansStart,
    Rows,
    SpectralStart,
    Start,
    Training,
    TwoView,
    VectorViews,
    modularity,
    neighbour_graph,
    shared_neighbours,
)
from pyromix.inference.phases.choice import Several, agreement, likeliest
from pyromix.inference.phases.start import matching, shares
from pyromix.inference.phases.two_view import InformationPretraining
from pyromix.networks import Perceptron, PerceptronLadder

Array = NDArray[Any]
SMALL: dict[str, Any] = {
    "n_clusters": 2,
    "latent_dim": 2,
    "networks": Perceptron(8),
    "pretraining": None,
    "training": Training(max_epochs=1),
    "random_state": 0,
}
quiet = pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")


@pytest.fixture(scope="module")
def moons() -> tuple[Array, Array]:
    x, truth = make_moons(200, noise=0.05, random_state=0)
    return x, truth


def halves(moons: tuple[Array, Array]) -> list[Array]:
    """Four clusterings: by height, by side, the truth, and the truth with one datum amiss."""
    x, truth = moons
    amiss = truth.copy()
    amiss[0] = 1 - amiss[0]
    return [(x[:, 1] > 0.25).astype(int), (x[:, 0] > 0.5).astype(int), 1 - truth, amiss]


@pytest.mark.parametrize("by", ["neighbours", "modularity", "agreement"])
def test_the_rule_chooses(moons: tuple[Array, Array], by: Any) -> None:
    """Its scores are those of the public functions; the order of the starts does not matter."""
    x, truth = moons
    candidates = halves(moons)
    best = BestOf([GroupsOf(each) for each in candidates], by=by)
    found = best.groups(x, 2, seed=0)
    assert adjusted_rand_score(truth, found.argmax(1)) == 1.0
    graph = neighbour_graph(x)
    soft = [shares(each, 200, 2) for each in candidates]
    nmi = normalized_mutual_info_score
    rule: dict[str, Callable[[int], float]] = {
        "neighbours": lambda i: shared_neighbours(graph, candidates[i]),
        "modularity": lambda i: modularity(graph, candidates[i]),
        "agreement": lambda i: float(
            np.mean([nmi(candidates[i], candidates[j]) for j in range(4) if j != i])
        ),
    }
    expected = [rule[by](i) for i in range(4)]
    kept, row = best.settle(x, soft, 0)
    assert [row[f"{by}_{i}"] for i in range(4)] == pytest.approx(expected)
    assert row["start"] == np.argmax(expected)
    assert kept is soft[int(row["start"])]
    order = [3, 1, 0, 2]
    again = BestOf([GroupsOf(candidates[i]) for i in order], by=by).settle(
        x, [soft[i] for i in order], 0
    )[1]
    assert [again[f"{by}_{i}"] for i in range(4)] == pytest.approx([expected[i] for i in order])


def test_the_graph_is_as_it_was_asked_for(moons: tuple[Array, Array]) -> None:
    soft = [np.eye(2)[each] for each in halves(moons)]
    x = np.column_stack([moons[0], np.random.default_rng(0).normal(size=(200, 3))])
    best = BestOf([KMeansStart()], n_neighbours=4, n_components=2)
    graph = neighbour_graph(x, 4, 2)
    row = best.settle(x, soft, 0)[1]
    scores = [modularity(graph, likeliest(each)) for each in soft]
    assert [row[f"modularity_{number}"] for number in range(4)] == scores


def test_permuting_the_rows_permutes_the_groups(moons: tuple[Array, Array]) -> None:
    x, _ = moons
    order = np.random.default_rng(1).permutation(200)
    starts = [GaussianMixtureStart(on="data"), SpectralStart(), GroupsOf(AgglomerativeClustering())]
    for several in (BestOf(starts), Averaged(starts)):
        plain, other = several.groups(x, 2, 0), several.groups(x[order], 2, 0)
        matched = other[:, matching(plain[order], other)]
        np.testing.assert_allclose(matched, plain[order])


def test_the_average_is_that_of_matched_clusters() -> None:
    """Against all permutations of the clusters, one start after the other."""
    rng = np.random.default_rng(2)
    first = rng.dirichlet(np.ones(3) * 0.2, 50)
    candidates = [first, np.roll(first, 1, 1), rng.dirichlet(np.ones(3) * 0.2, 50)]
    found, row = Averaged([KMeansStart()]).settle(np.zeros((50, 1)), candidates, 0)
    np.testing.assert_allclose(found.sum(1), 1)
    assert [row[f"agreement_{i}"] for i in range(3)] == agreement(candidates)
    assert row["agreement_0"] == row["agreement_1"] > row["agreement_2"]
    third = max(
        (candidates[2][:, list(each)] for each in permutations(range(3))),
        key=lambda each: (first * each).sum(),
    )
    np.testing.assert_allclose(found, (2 * first + third) / 3)


def test_noise_of_one_start_is_what_the_others_say() -> None:
    starts = [GroupsOf([0, 0, 1, 1, -1]), GroupsOf([1, 1, 0, -1, -1])]
    found = Averaged(starts).groups(np.zeros((5, 1)), 2, 0)
    np.testing.assert_array_equal(found, [[1, 0], [1, 0], [0, 1], [0, 1], [0, 0]])


@quiet
def test_each_start_looks_where_it_does_and_the_scores_stand_in_the_history(
    moons: tuple[Array, Array],
) -> None:
    seen: list[tuple[int, ...]] = []

    def look(rows: Array) -> Array:
        seen.append(rows.shape)
        return np.arange(len(rows)) % 2

    x = np.column_stack([moons[0], moons[0]])
    starts = (look, GroupsOf(look, on="code"), BestOf((SpectralStart(),), by="neighbours"))
    vade = VaDE(**SMALL, start=BestOf(starts)).fit(x)
    assert seen == [(200, 4), (200, 2)]
    row = vade.history_[0]
    assert row["phase"] == "initialise"
    assert row["start"] == 2
    assert row["modularity_2"] > 0.4 > row["modularity_0"] == row["modularity_1"]
    assert row["start_2_neighbours_0"] == pytest.approx(1, abs=0.02)
    assert row["start_2_start"] == 0


@quiet
@pytest.mark.parametrize("several", [BestOf, Averaged])
def test_groups_of_rows_held_out_go_with_them(several: type[Several]) -> None:
    """With restarts a part of the rows is set apart, and the rest comes in another order."""
    x = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    seen: list[Array] = []

    def look(rows: Array) -> Array:
        seen.append(rows)
        return np.arange(len(rows)) % 2

    labels = (x[:, 0] > 0).astype(int)
    passed: list[Array] = []

    class Spy(GroupsOf, abstract=True):
        def groups(self, features: Array, n_clusters: int, seed: int) -> Array:
            found = super().groups(features, n_clusters, seed)
            np.testing.assert_array_equal(found, features[:, 0] > 0)
            passed.append(features)
            return found

    VaDE(**SMALL, n_init=2, start=several([Spy(labels), look])).fit(x)
    assert [len(each) for each in passed] == [54, 54]
    np.testing.assert_array_equal(passed[0], seen[0])
    with pytest.raises(ValueError, match=r"groups of shape \(59,\), and X has 60 samples"):
        VaDE(**SMALL, n_init=2, start=several([Spy(labels[1:]), look])).fit(x)


@quiet
def test_heads_may_be_among_the_starts() -> None:
    x = np.random.default_rng(0).random((60, 4)).astype(np.float32)
    settings = {**SMALL, "pretraining": TwoView(2, epochs=1, views="vector")}
    start = BestOf([BestHead(), KMeansStart(on="data")])
    row = VaDE(**settings, start=start).fit(x).history_[-2]
    assert {"start_0_head", "start_0_information_1", "modularity_0", "modularity_1"} <= row.keys()
    with pytest.raises(ValueError, match=r"BestHead needs pretraining=TwoView\(\)"):
        VaDE(**SMALL, start=start).fit(x)


@quiet
def test_a_saved_fit_knows_its_starts(tmp_path: Any) -> None:
    x = np.random.default_rng(0).random((30, 4)).astype(np.float32)
    start = BestOf((GroupsOf(np.eye(2)[np.arange(30) % 2]), "k-means", SpectralStart(5)))
    vade = VaDE(**SMALL, start=start).fit(x)
    vade.save(tmp_path / "run")
    loaded = VaDE.load(tmp_path / "run")
    assert repr(loaded.start) == repr(start)
    again = loaded.fit(x)
    np.testing.assert_array_equal(again.predict_proba(x), vade.predict_proba(x))


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: BestOf(()), ValueError, "starts is empty: give one or more"),
        (lambda: Averaged(("k-men",)), ValueError, "starts is 'k-men': did you mean 'k-means'"),
        (lambda: BestOf((3,)), TypeError, "starts is 3: give a Start, such as"),
        (lambda: BestOf(cast("Any", KMeansStart())), TypeError, "starts is KMeansStart"),
        (
            lambda: BestOf(("k-means",), by=cast("Any", "bound")),
            ValueError,
            "'modularity' or 'neighbours'",
        ),
        (lambda: BestOf(("k-means",), n_neighbours=0), ValueError, "n_neighbours is 0"),
        (lambda: BestOf(("k-means",), n_components=0), ValueError, "n_components is 0"),
    ],
)
def test_what_makes_no_choice_is_refused(
    make: Callable[[], Start], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        make()


def test_several_clusterings_and_unfit_starts_are_refused_before_any_work() -> None:
    x = np.random.default_rng(0).random((30, 4)).astype(np.float32)
    facets = MFCVAE(n_clusters=(2, 2), networks=PerceptronLadder(8), start=BestOf((KMeansStart(),)))
    with pytest.raises(ValueError, match="start is a BestOf, and the story has 2 clusterings"):
        facets.fit(x)
    with pytest.raises(TypeError, match="clusterer is 3: give an object with fit_predict"):
        VaDE(**SMALL, start=Averaged((KMeansStart(), GroupsOf(3)))).fit(x)


@pytest.mark.parametrize("loses", [True, False])
def test_a_head_is_kept_where_it_is_chosen_alone(loses: bool) -> None:
    x, moons = make_moons(60, noise=0.05, random_state=0)
    torch.manual_seed(0)
    dhvc = DHVC(n_clusters=2, latent_dim=2, networks=Perceptron(8))
    model, guide = dhvc.build((2,), "normal")
    module = InformationPretraining(model, guide, VectorViews(), n_heads=3, overclusters=0)
    before = {name: each.clone() for name, each in guide.state_dict().items()}
    best = BestOf((BestHead(), GroupsOf(moons if loses else [0, 1] * 30)))
    rows = Rows(torch.as_tensor(x).float())
    _, row = best.find(rows.x, model.prior.mixtures[0], torch.zeros(60, 2), pretrained=module)
    assert row["start"] == loses
    changed = any(not torch.equal(guide.state_dict()[n], each) for n, each in before.items())
    assert changed != loses


def test_groups_of_unlike_sizes_that_stand_apart_are_kept() -> None:
    """Modularity cuts the large group; not the share of neighbours, and not in like sizes."""
    rng = np.random.default_rng(0)
    truth = (np.arange(600) >= 590).astype(int)
    x = rng.standard_normal((600, 3)) + 9.0 * truth[:, None]
    cut = (x[:, 0] > np.median(x[:, 0])).astype(int)
    strays = np.where(np.arange(600) >= 585, 1, 0)
    both = BestOf((GroupsOf(cut), GroupsOf(strays), GroupsOf(truth)))
    soft = [np.eye(2)[each] for each in (cut, strays, truth)]
    row = both.settle(x, soft, 0)[1]
    assert row["modularity_0"] > 0.3 > row["modularity_2"]
    assert row["start"] == 2
    assert replace(both, by="neighbours").settle(x, soft, 0)[1]["start"] == 2
    one = rng.standard_normal((600, 3))
    far = (np.linalg.norm(one, axis=1) > 3).astype(int)
    assert (
        both.settle(one, [np.eye(2)[each.astype(int)] for each in (one[:, 0] > 0, far)], 0)[1][
            "start"
        ]
        == 0
    )


def test_ten_data_beside_a_thousand_are_found() -> None:
    rng = np.random.default_rng(1)
    truth = (np.arange(800) >= 790).astype(int)
    x = rng.standard_normal((800, 5)) + 3.0 * truth[:, None]
    assert adjusted_rand_score(truth, AutoStart().groups(x, 2, seed=0).argmax(1)) > 0.9
