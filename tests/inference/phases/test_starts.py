"""Starts of the prior: groups from anywhere, whose moments the components take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.cluster import DBSCAN, AgglomerativeClustering, KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture as SklearnMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from pyromix import VaDE
from pyromix.guides import AmortisedGuide, GammaHead, GaussianHead, Guide, Head, SphericalHead
from pyromix.inference import (
    Checkpoint,
    ComponentMeans,
    GaussianMixtureStart,
    GroupsOf,
    KMeansStart,
    Rows,
    Start,
    Training,
    encode,
    responsibilities,
)
from pyromix.inference.phases import Fit
from pyromix.inference.phases.start import shares
from pyromix.models import (
    Facets,
    GammaMixture,
    GaussianMixture,
    MixturePrior,
    MixtureVAE,
    Normal,
    StyleMixture,
    VonMisesFisherMixture,
)

CENTRES = torch.tensor([[-4.0, 0.0], [0.0, 4.0], [4.0, 0.0]], dtype=torch.float64)
SIZES = (50, 30, 20)
Array = NDArray[Any]


@pytest.fixture
def labels() -> Tensor:
    """The group of each datum."""
    return torch.repeat_interleave(torch.arange(3), torch.tensor(SIZES))


@pytest.fixture
def x(labels: Tensor) -> Tensor:
    """Three separate groups in the plane, of widths 0.1 to 0.3."""
    widths = torch.tensor([0.1, 0.2, 0.3]).double()[labels].unsqueeze(-1)
    return CENTRES[labels] + widths * torch.randn(100, 2, dtype=torch.float64)


def story_of(prior: Any) -> tuple[MixtureVAE, Guide]:
    """A story whose code is the datum itself."""
    head = GaussianHead(2, 2)
    guide = AmortisedGuide(nn.Identity(), z=head).double()
    with torch.no_grad():
        head.linear.weight[:2] = torch.eye(2)
        head.linear.bias.zero_()
    return MixtureVAE(prior, Normal(nn.Linear(2, 2), (2,), scale=0.5)).double(), guide


@pytest.fixture
def story() -> tuple[MixtureVAE, Guide]:
    """Three Gaussians with diagonal covariances."""
    return story_of(GaussianMixture(3, 2))


def nearest_centre(features: Array) -> Array:
    distances = np.linalg.norm(features[:, None] - CENTRES.numpy(), axis=-1)
    return np.asarray(distances.argmin(1))


STARTS: dict[str, Start] = {
    "full": GaussianMixtureStart(),
    "diag": GaussianMixtureStart("diag"),
    "tied": GaussianMixtureStart("tied"),
    "full on the data": GaussianMixtureStart(on="data"),
    "k-means": KMeansStart(),
    "k-means on the data": KMeansStart(on="data"),
    "scikit-learn's": GroupsOf(AgglomerativeClustering()),
    "scikit-learn's on the code": GroupsOf(SklearnMixture(), on="code"),
    "a function": GroupsOf(nearest_centre),
}


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS.keys())
def test_components_are_the_moments_of_the_groups(
    story: tuple[MixtureVAE, Guide], x: Tensor, labels: Tensor, start: Start
) -> None:
    model, guide = story
    assert start.begin(model, guide, x, seed=1) == {}
    component = model.prior.component()
    order = [int((component.mean - x[labels == k].mean(0)).norm(dim=1).argmin()) for k in range(3)]
    assert sorted(order) == [0, 1, 2]
    for k, row in enumerate(order):
        group = x[labels == k]
        torch.testing.assert_close(component.mean[row], group.mean(0))
        deviation = group.std(0, correction=0)
        torch.testing.assert_close(component.stddev[row], deviation, rtol=1e-4, atol=0)
        share = (SIZES[k] + 1) / 103
        assert model.prior.weights[row].item() == pytest.approx(share)
    found = responsibilities(model, guide, x)["c"].argmax(-1)
    assert adjusted_rand_score(labels, found) == 1.0


def test_the_posterior_is_narrow_beside_the_code(
    story: tuple[MixtureVAE, Guide], x: Tensor
) -> None:
    model, guide = story
    means = encode(model, guide, x)["z"]
    KMeansStart().begin(model, guide, x)
    law = guide.posterior(x)["z"]
    torch.testing.assert_close(law.mean.detach(), means)
    assert law.stddev.max() < 0.2 * means.std(0).mean()


def test_same_seed_same_start(story: tuple[MixtureVAE, Guide], x: Tensor) -> None:
    starts = []
    for _ in range(2):
        torch.randn(7)
        np.random.rand(3)  # noqa: NPY002, the global generator is meant
        GaussianMixtureStart().begin(*story, x, seed=4)
        starts.append(story[0].prior.loc.detach().clone())
    assert torch.equal(*starts)


@pytest.mark.parametrize("seed", [2**31 - 1, 2**40 + 3])
def test_any_seed_will_do(story: tuple[MixtureVAE, Guide], x: Tensor, seed: int) -> None:
    for start in (KMeansStart(), ComponentMeans(), GroupsOf(KMeans())):
        start.begin(*story, x, seed=seed)


def test_on_the_data_and_not_on_the_code(x: Tensor, labels: Tensor) -> None:
    """The code here holds nothing of the first axis, which tells the first group from the last."""
    found = {}
    for on in ("code", "data"):
        model, guide = story_of(GaussianMixture(3, 2))
        with torch.no_grad():
            guide.heads["z"].linear.weight[0] = 0.0
            guide.heads["z"].linear.bias[0] = 1.0
        KMeansStart(on=on).begin(model, guide, x)
        wanted = (torch.tensor(SIZES) + 1) / 103
        sizes = model.prior.weights.detach().sort(descending=True).values.float()
        found[on] = torch.allclose(sizes, wanted.float(), atol=1e-6)
    assert found == {"code": False, "data": True}


@pytest.mark.parametrize(
    ("prior", "head", "coordinates"),
    [
        (GammaMixture, GammaHead, torch.log),
        (VonMisesFisherMixture, SphericalHead, lambda z: z / z.norm(dim=-1, keepdim=True)),
    ],
)
def test_groups_are_looked_for_in_the_prior_s_coordinates(
    prior: Callable[[int, int], MixturePrior],
    head: Callable[[int, int], Head],
    coordinates: Callable[[Tensor], Tensor],
) -> None:
    guide = AmortisedGuide(nn.Identity(), z=head(2, 2)).double()
    model = MixtureVAE(prior(3, 2), Normal(nn.Linear(2, 2), (2,))).double()
    x, seen = torch.randn(30, 2, dtype=torch.float64), []

    def note(features: Array) -> Array:
        seen.append(features)
        return np.arange(30) % 3

    GroupsOf(note, on="code").begin(model, guide, x)
    expected = coordinates(encode(model, guide, x)["z"])
    np.testing.assert_allclose(seen[0], expected, atol=1e-12)


def test_every_facet_has_groups_of_its_own(x: Tensor) -> None:
    guide = AmortisedGuide(nn.Identity(), z_0=GaussianHead(2, 2), z_1=GaussianHead(2, 1)).double()
    prior = Facets(GaussianMixture(3, 2), GaussianMixture(2, 1))
    model = MixtureVAE(prior, Normal(nn.Linear(3, 2), (2,))).double()
    asked = []

    @dataclass(frozen=True, repr=False)
    class Noting(Start):
        on: str = "code"

        def groups(self, features: Array, n_clusters: int, seed: int) -> Array:
            asked.append((features.shape, n_clusters))
            return np.arange(len(features)) % n_clusters

    codes = encode(model, guide, x)
    Noting().begin(model, guide, x)
    assert asked == [((100, 2), 3), ((100, 1), 2)]
    for facet, k in enumerate((3, 2)):
        for cluster in range(k):
            wanted = codes[f"z_{facet}"][cluster::k].mean(0)
            torch.testing.assert_close(prior.mixtures[facet].loc[cluster].detach(), wanted)


def test_a_style_mixture_starts_at_the_groups_whatever_w(x: Tensor, labels: Tensor) -> None:
    """Its components are a network of w; at the start they depend on w hardly at all."""
    prior = StyleMixture(3, 2, 2, hidden_dim=8)
    model = MixtureVAE(prior, Normal(nn.Linear(2, 2), (2,))).double()
    prior.initialise(x, torch.nn.functional.one_hot(labels).double())
    for w in torch.randn(5, 2, dtype=torch.float64):
        component = model.prior.component(w=w)
        means = torch.stack([x[labels == k].mean(0) for k in range(3)])
        assert (component.mean - means).norm(dim=1).max() < 1.5


@pytest.mark.parametrize("covariance", ["diag", "full"])
def test_means_alone(x: Tensor, labels: Tensor, covariance: str) -> None:
    """MFCVAE's start: the mixture's means, variances of 0.01, uniform weights, q as it was."""
    prior = GaussianMixture(3, 2, covariance=covariance)
    model, guide = story_of(prior)
    before = guide.posterior(x)["z"].stddev
    ComponentMeans().begin(model, guide, x, seed=1)
    component = prior.component()
    means = torch.stack([x[labels == k].mean(0) for k in range(3)])
    distances = torch.cdist(means, component.mean)
    assert sorted(distances.argmin(1).tolist()) == [0, 1, 2]
    assert distances.min(1).values.max() < 1e-3
    variance = torch.full((3, 2), 0.01, dtype=torch.float64)
    torch.testing.assert_close(component.variance, variance, rtol=0.02, atol=0)
    if covariance == "full":
        assert component.scale_tril.tril(-1).abs().max() < 1e-12
    torch.testing.assert_close(prior.weights, torch.full((3,), 1 / 3).double())
    assert torch.equal(guide.posterior(x)["z"].stddev, before)


class TestGroups:
    """Labels, soft groups and noise, as weights of each datum in each cluster."""

    def test_labels_keep_their_numbers_where_those_are_clusters(self) -> None:
        one_hot = shares(np.array([2, 0, 2, 0]), 4, 4)
        np.testing.assert_array_equal(one_hot, np.eye(4)[[2, 0, 2, 0]])

    @pytest.mark.parametrize(
        "labels", [np.array(["b", "a", "b"]), np.array([9, 4, 9]), np.array([2.5, 0.5, 2.5])]
    )
    def test_other_labels_are_counted_in_their_order(self, labels: Array) -> None:
        np.testing.assert_array_equal(shares(labels, 3, 3), np.eye(3)[[1, 0, 1]])

    def test_noise_belongs_to_none(self) -> None:
        found = shares(np.array([-1, 1, 0, -1]), 4, 2)
        np.testing.assert_array_equal(found, [[0, 0], [0, 1], [1, 0], [0, 0]])

    def test_all_may_be_noise(self) -> None:
        assert not shares(np.full(3, -1), 3, 2).any()

    def test_soft_groups_are_taken_as_they_are(self) -> None:
        soft = np.random.default_rng(0).dirichlet(np.ones(3), 5)
        assert shares(soft, 5, 3) is soft

    @pytest.mark.parametrize(
        "row", [[0.5, 0.4, 0.0], [1.5, -0.5, 0.0], [np.nan, 0.5, 0.5], [2.0, 0.0, 0.0]]
    )
    def test_soft_groups_that_are_no_probabilities_are_refused(self, row: list[float]) -> None:
        soft = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], row])
        with pytest.raises(ValueError, match="soft groups of the start are no probabilities"):
            shares(soft, 3, 3)
        assert shares(soft[:2], 2, 3) is not None

    @pytest.mark.parametrize(
        ("groups", "words"),
        [
            (np.arange(4), "found 4 groups, and n_clusters is 3: raise n_clusters"),
            (np.array([-1, 5, 6, 7]), None),
            (np.ones((4, 2)), "found 2 soft groups, and n_clusters is 3"),
            (np.zeros(5, int), "groups of 5 data, and there are 4"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, groups: Array, words: str | None) -> None:
        if words is None:
            assert shares(groups, 4, 3).sum() == 3
            return
        with pytest.raises(ValueError, match=words):
            shares(groups, 4, 3)


class TestGroupsOf:
    """Anyone's clusterer: told what its owner left open, fitted as a copy, or asked as it is."""

    def test_soft_groups_weigh_the_moments(
        self, story: tuple[MixtureVAE, Guide], x: Tensor
    ) -> None:
        soft = np.random.default_rng(0).dirichlet(np.ones(3), 100)
        GroupsOf(lambda features: soft).begin(*story, x)
        component = story[0].prior.component()
        for k in range(3):
            mean = np.average(x, axis=0, weights=soft[:, k])
            variance = np.average((x.numpy() - mean) ** 2, axis=0, weights=soft[:, k])
            np.testing.assert_allclose(component.mean[k].detach(), mean, rtol=1e-9)
            np.testing.assert_allclose(component.variance[k].detach(), variance, rtol=1e-6)
        shares_ = (soft.sum(0) + 1) / 103
        np.testing.assert_allclose(story[0].prior.weights.detach(), shares_, rtol=1e-9)

    def test_noise_moves_no_component(
        self, story: tuple[MixtureVAE, Guide], x: Tensor, labels: Tensor
    ) -> None:
        """DBSCAN calls a far point noise: the moments are those of the groups without it."""
        far = torch.cat([x, torch.tensor([[40.0, 40.0]]).double()])
        GroupsOf(DBSCAN(eps=1.0)).begin(*story, far)
        means = torch.stack([x[labels == k].mean(0) for k in range(3)])
        torch.testing.assert_close(story[0].prior.loc.detach(), means)

    @pytest.mark.parametrize("n_groups", [1, 2, 4])
    def test_fewer_groups_than_clusters_will_do_and_more_will_not(
        self, story: tuple[MixtureVAE, Guide], x: Tensor, n_groups: int
    ) -> None:
        start = GroupsOf(lambda features: np.arange(len(features)) % n_groups)
        if n_groups > 3:
            with pytest.raises(ValueError, match="found 4 groups, and n_clusters is 3"):
                start.begin(*story, x)
            return
        start.begin(*story, x)
        assert all(p.isfinite().all() for p in story[0].prior.parameters())
        used = story[0].prior.weights > 2 / 103
        assert int(used.sum()) == n_groups

    def test_it_is_told_clusters_and_seed_where_they_were_left_open(self) -> None:
        told = []

        class Asked(BaseEstimator):
            def __init__(
                self, n_clusters: int = 8, n_components: int = 2, random_state: Any = None
            ) -> None:
                self.n_clusters, self.n_components = n_clusters, n_components
                self.random_state = random_state

            def fit_predict(self, features: Array) -> Array:
                told.append((self.n_clusters, self.n_components, self.random_state))
                return np.zeros(len(features), int)

        features = np.zeros((4, 2))
        for clusterer in (Asked(), Asked(n_clusters=5), Asked(n_components=7, random_state=1)):
            before = clusterer.get_params()
            GroupsOf(clusterer).groups(features, 3, seed=11)
            assert clusterer.get_params() == before
        assert told == [(3, 3, 11), (5, 3, 11), (3, 7, 1)]

    def test_one_that_is_fitted_predicts(self, x: Tensor) -> None:
        """Also for other data than it was fitted on; it is not fitted again."""
        fitted = KMeans(3, n_init=3, random_state=0).fit(x)
        centres = fitted.cluster_centers_.copy()
        others = x.numpy() + np.array([0.5, 0.0])
        found = GroupsOf(fitted).groups(others, 3, seed=9)
        np.testing.assert_array_equal(found, fitted.predict(others))
        np.testing.assert_array_equal(fitted.cluster_centers_, centres)

    def test_one_that_is_fitted_and_knows_probabilities_says_them(self, x: Tensor) -> None:
        fitted = SklearnMixture(3, random_state=0).fit(x)
        near = x.numpy() * 0.4
        found = GroupsOf(fitted).groups(near, 3, seed=9)
        np.testing.assert_array_equal(found, fitted.predict_proba(near))

    def test_an_estimator_of_the_zoo_says_its_own(self) -> None:
        images = np.random.default_rng(0).random((30, 1, 4, 4)).astype(np.float32)
        vade = VaDE(
            n_clusters=3, pretraining=None, training=Training(max_epochs=1), random_state=0
        ).fit(images)
        start = GroupsOf(vade)
        rows = start.features(torch.as_tensor(images), GaussianMixture(3, 2), torch.rand(30, 2))
        np.testing.assert_array_equal(start.groups(rows, 3, 0), vade.predict_proba(images))

    def test_one_with_several_clusterings_is_refused(self) -> None:
        class Two(BaseEstimator):
            def __init__(self) -> None:
                self.fitted_ = True

            def fit(self, rows: Array) -> None: ...

            def fit_predict(self, rows: Array) -> Array:
                return np.zeros((len(rows), 2), int)

            def predict(self, rows: Array) -> Array:
                return np.zeros((len(rows), 2), int)

            def predict_proba(self, rows: Array) -> list[Array]:
                return [np.ones((len(rows), 1))] * 2

        with pytest.raises(ValueError, match="has 2 clusterings: give the groups of one"):
            GroupsOf(Two()).groups(np.zeros((4, 2)), 3, seed=0)

    @pytest.mark.parametrize("soft", [False, True])
    def test_an_array_is_the_groups(
        self, story: tuple[MixtureVAE, Guide], x: Tensor, labels: Tensor, soft: bool
    ) -> None:
        given = np.eye(3)[labels] if soft else labels.numpy()
        for array in (given, given.tolist(), torch.as_tensor(given)):
            GroupsOf(array).check(*story, x)
            GroupsOf(array).begin(*story, x)
            means = torch.stack([x[labels == k].mean(0) for k in range(3)])
            torch.testing.assert_close(story[0].prior.loc.detach(), means)

    def test_an_array_of_other_rows_clusterings_or_shape_is_refused(
        self, story: tuple[MixtureVAE, Guide], x: Tensor
    ) -> None:
        GroupsOf(np.zeros(100)).check_length(100)
        for array in (np.zeros(99), np.zeros((99, 3)), np.array(3)):
            with pytest.raises(ValueError, match=r"start has groups of shape .*100 samples"):
                GroupsOf(array).check_length(100)
        with pytest.raises(ValueError, match=r"shape \(100, 3, 1\): give labels"):
            GroupsOf(np.zeros((100, 3, 1))).check(*story, x)
        facets = story_of(Facets(GaussianMixture(3, 1), GaussianMixture(2, 1)))
        with pytest.raises(ValueError, match="groups of one clustering, and the story has 2"):
            GroupsOf(np.zeros(100)).check(*facets, x)

    def test_some_rows_of_an_array_are_taken_in_their_order(self) -> None:
        rows = np.array([3, 0])
        for array in (np.arange(4), np.eye(4)):
            found = GroupsOf(array).of_rows(rows).groups(np.zeros((2, 1)), 4, 0)
            np.testing.assert_array_equal(found, array[rows])
        kmeans = KMeansStart()
        assert kmeans.of_rows(rows) is kmeans

    def test_one_that_cannot_predict_is_fitted_again_as_a_copy(
        self, x: Tensor, labels: Tensor
    ) -> None:
        fitted = AgglomerativeClustering(2).fit(x[:60])
        groups = GroupsOf(fitted).groups(x.numpy(), 2, seed=0)
        assert len(groups) == 100
        assert len(fitted.labels_) == 60

    def test_one_with_arguments_that_have_no_default(self, x: Tensor, labels: Tensor) -> None:
        pipeline = make_pipeline(StandardScaler(), KMeans(3, n_init=3, random_state=0))
        found = GroupsOf(pipeline).groups(x.numpy(), 3, seed=0)
        assert adjusted_rand_score(labels, found) == 1.0

    def test_one_that_knows_nothing_of_scikit_learn(self, x: Tensor) -> None:
        class Mine:
            def fit_predict(self, features: Array) -> Array:
                return np.arange(len(features)) % 3

        found = GroupsOf(Mine()).groups(x.numpy(), 3, seed=0)
        np.testing.assert_array_equal(found, np.arange(100) % 3)

    def test_an_error_of_its_own_is_not_hidden(self, x: Tensor) -> None:
        class Broken(KMeans):
            def predict(self, features: Array) -> Array:
                raise AttributeError("no centres")

        with pytest.raises(AttributeError, match="no centres"):
            GroupsOf(Broken(3, n_init=1).fit(x)).groups(x.numpy(), 3, seed=0)

    def test_the_zoo_s_estimators_see_images_as_they_are(self) -> None:
        images = torch.rand(12, 1, 4, 4)
        zoo, other = GroupsOf(VaDE()), GroupsOf(KMeans())
        mixture, code = GaussianMixture(3, 2), torch.rand(12, 2)
        assert zoo.features(images, mixture, code).shape == (12, 1, 4, 4)
        assert other.features(images, mixture, code).shape == (12, 16)
        assert GroupsOf(VaDE(), on="code").features(images, mixture, code).shape == (12, 2)

    @pytest.mark.parametrize("clusterer", [3, None, "k-means", KMeans, KMeansStart()])
    def test_what_is_no_clusterer(
        self, story: tuple[MixtureVAE, Guide], x: Tensor, clusterer: object
    ) -> None:
        with pytest.raises(TypeError, match="give an object with fit_predict, or a function"):
            GroupsOf(clusterer).check(*story, x)


def test_a_mixture_may_be_fitted_in_principal_components() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 6)) * np.arange(1, 7)
    found = GaussianMixtureStart(on="data", n_components=2).groups(x, 3, seed=0)
    scores = np.linalg.svd(x - x.mean(0))[0][:, :2] * np.linalg.svd(x - x.mean(0))[1][:2]
    expected = GaussianMixtureStart(on="data").groups(scores, 3, seed=0)
    assert adjusted_rand_score(expected, found) == 1.0
    assert adjusted_rand_score(expected, GaussianMixtureStart(on="data").groups(x, 3, 0)) < 0.9


def test_settings_out_of_range(story: tuple[MixtureVAE, Guide], x: Tensor) -> None:
    with pytest.raises(ValueError, match="covariance is 'spherical': use one of full, diag, tied"):
        GaussianMixtureStart("spherical")
    with pytest.raises(ValueError, match=r"n_components is 0: .* takes int from 1 or None"):
        GaussianMixtureStart(n_components=0)
    with pytest.raises(ValueError, match="on is 'pixels': use 'code' or 'data'"):
        KMeansStart(on="pixels").check(*story, x)
    with pytest.raises(TypeError, match="on is 3"):
        KMeansStart(on=3)  # type: ignore[arg-type]


def test_a_prior_that_takes_no_groups_is_refused_before_any_work(x: Tensor) -> None:
    class Still(MixturePrior, abstract=True):
        def __init__(self) -> None:
            super().__init__(3)
            self.latent_dim = 2

        def component(self, cluster: Any = None, w: Any = None) -> Any:
            return GaussianMixture(3, 2).component(cluster)

    with pytest.raises(ValueError, match="Still cannot be started from groups: define its match_"):
        KMeansStart().check(*story_of(Still()), x)


def test_the_phase_is_logged_kept_and_taken_up_again(
    x: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fit() -> Fit:
        story, kept = story_of(GaussianMixture(3, 2)), Checkpoint(tmp_path / "c.pt")
        return Fit(*story, Rows(x), 3, Training(), checkpoint=kept, suffix=" 1")

    first = fit()
    KMeansStart()(first)
    (row,) = first.history
    assert (row["phase"], row["epoch"]) == ("initialise 1", 1)
    assert row["seconds"] >= 0
    monkeypatch.setattr(KMeans, "fit", lambda *_: pytest.fail("started again"))
    again = fit()
    KMeansStart()(again)
    assert again.history == [row]
    for ours, theirs in ((first.model.prior, again.model.prior), (first.guide, again.guide)):
        for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert torch.equal(one, other)
