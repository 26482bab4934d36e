"""Parts as objects in estimators: what is refused, what is shared and what goes together."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.nn import Identity

from pyromix import DHVC, GMVAE, MFCVAE, DeepMixture, VaDE
from pyromix.estimators import ESTIMATORS
from pyromix.guides import GammaHead, GaussianHead, Head
from pyromix.inference import (
    Affiliation,
    Autoencoder,
    BestHead,
    Budget,
    ClosedFormELBO,
    GaussianMixtureStart,
    GroupsOf,
    KMeansStart,
    Neighbours,
    OnFacets,
    Progressive,
    Refit,
    Trainer,
    Training,
    TwoView,
)
from pyromix.models import (
    Bernoulli,
    GammaMixture,
    GaussianMixture,
    MixturePrior,
    Normal,
    StudentMixture,
    StyleMixture,
)
from pyromix.networks import ByShape, Networks, Perceptron
from pyromix.parts import describe, keywords_of

pytestmark = pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")

QUICK: dict[str, Any] = {
    "n_clusters": 3,
    "latent_dim": 2,
    "networks": Perceptron(8),
    "pretraining": None,
    "start": GaussianMixtureStart(),
    "training": Training(max_epochs=1, batch_size=50),
    "random_state": 0,
    "device": "cpu",
}
DIGITS = (load_digits().data[:200] / 16).astype(np.float32)


@pytest.fixture(name="X")
def grey() -> NDArray[np.float32]:
    """Grey values, ``(60, 4)``."""
    return np.random.RandomState(0).rand(60, 4).astype(np.float32)


class Bare(MixturePrior):
    """A prior that takes no groups to start from."""

    def __init__(self, n_clusters: int, latent_dim: int) -> None:
        super().__init__(n_clusters)
        self.latent_dim = latent_dim
        self.loc = torch.nn.Parameter(torch.randn(n_clusters, latent_dim))

    def component(self, cluster: Any = None, w: Any = None) -> Any:
        loc = self.loc if cluster is None else self.loc[cluster]
        return torch.distributions.Independent(torch.distributions.Normal(loc, 1.0), 1)


misused: Any = partial  # what follows is wrong on purpose, and no type checker's business

REFUSED: list[tuple[dict[str, Any], type[Exception], str]] = [
    # A part that is built already, of another kind, unknown, or none at all.
    (
        {"prior": GaussianMixture(3, 2)},
        TypeError,
        r"prior is GaussianMixture\(K=3, D=2, .*built already: give the class GaussianMixture, or",
    ),
    (
        {"likelihood": Normal(Identity(), (4,))},
        TypeError,
        "built already: give the class Normal",
    ),
    ({"objective": ClosedFormELBO()}, TypeError, "built already: give the class ClosedFormELBO"),
    ({"prior": GaussianHead}, TypeError, "prior is GaussianHead: give a subclass of MixturePrior"),
    ({"posterior": GaussianMixture}, TypeError, "posterior is GaussianMixture: .* of Head"),
    ({"prior": 3}, TypeError, "prior is 3: give a subclass of MixturePrior"),
    ({"prior": None}, TypeError, "prior is None: give a subclass"),
    ({"prior": lambda k, d: GaussianHead(k, d)}, TypeError, "prior made a GaussianHead"),
    ({"prior": "gausian"}, ValueError, "prior is 'gausian': did you mean 'gaussian-mixture'"),
    ({"posterior": "gauss-head"}, ValueError, "posterior is 'gauss-head': .*'gaussian-head'"),
    ({"likelihood": "bernouli"}, ValueError, "likelihood is 'bernouli': did you mean 'bernoulli'"),
    ({"networks": "perceptro"}, ValueError, "networks is 'perceptro': did you mean 'perceptron'"),
    ({"networks": 3}, TypeError, r"networks is 3: give an object with the methods encoder\("),
    ({"assignment": "optimall"}, ValueError, "assignment is 'optimall': did you mean 'optimal'"),
    ({"objective": "enumerate"}, ValueError, "objective is 'enumerate': .*'enumerated'"),
    # Arguments that a part has not, or of another type or value.
    (
        {"prior": misused(GaussianMixture, covarianc="full")},
        TypeError,
        "prior: 'covarianc' is no argument of GaussianMixture: did you mean 'covariance'",
    ),
    (
        {"prior": misused(GaussianMixture, covariance=3)},
        TypeError,
        "covariance is 3: GaussianMixture takes str",
    ),
    (
        {"prior": partial(GaussianMixture, covariance="round")},
        ValueError,
        "covariance is 'round': use 'diag' or 'full'",
    ),
    (
        {"likelihood": partial(Normal, scale=-1.0)},
        ValueError,
        r"scale is -1\.0: Normal takes fl",
    ),
    ({"likelihood": misused(Normal, scale="wide")}, TypeError, "scale is 'wide': Normal takes fl"),
    ({"likelihood": misused(Bernoulli, scale=0.1)}, TypeError, "'scale' is no argument of Bernou"),
    ({"objective": partial(ClosedFormELBO, num_particles=0)}, ValueError, "num_particles is 0"),
    (
        {"objective": partial(ClosedFormELBO, terms=[Affiliation()])},
        TypeError,
        "objective is ClosedFormELBO.*give terms to the estimator itself",
    ),
    (
        {"objective": partial(ClosedFormELBO, kl_weight=(1.0, 2.0))},
        ValueError,
        "kl_weight has 2 weights",
    ),
    # Flat arguments of another type or value.
    (
        {"latent_dim": "3"},
        TypeError,
        r"latent_dim is '3': VaDE takes int from 1 or \(",
    ),
    ({"latent_dim": 0}, ValueError, "latent_dim is 0: VaDE takes int from 1"),
    ({"latent_dim": (2, 2)}, ValueError, r"latent_dim is \(2, 2\).*1 facet.*single one for all"),
    ({"n_clusters": True}, TypeError, "n_clusters is True: VaDE takes int"),
    ({"n_clusters": 2.0}, TypeError, r"n_clusters is 2\.0: VaDE takes int"),
    ({"n_init": 2.5}, TypeError, r"n_init is 2\.5: VaDE takes int"),
    ({"n_init": 0}, ValueError, "n_init is 0: VaDE takes int from 1"),
    ({"device": 3}, TypeError, "device is 3: VaDE takes str"),
    ({"devices": "2"}, TypeError, "devices is '2': VaDE takes int"),
    ({"verbose": "yes"}, TypeError, "verbose is 'yes': VaDE takes bool"),
    ({"precision": "16"}, ValueError, "precision is '16': VaDE takes '32-true' or 'bf16-mixed' or"),
    # Terms.
    ({"terms": Affiliation()}, TypeError, r"terms is Affiliation\(.*a list, such as \[Affiliati"),
    ({"terms": "affiliation"}, TypeError, r"terms is 'affiliation': give a list"),
    ({"terms": None}, TypeError, "terms is None: give a list"),
    ({"terms": [3]}, TypeError, "terms is 3: give a Term"),
    ({"terms": ["afiliation"]}, ValueError, "terms is 'afiliation': did you mean 'affiliation'"),
    ({"terms": [OnFacets(Affiliation(), (1,))]}, ValueError, "facets name 'c_1'.*without OnFacets"),
    # Phases, and what they cannot follow or work on.
    ({"pretraining": 3}, TypeError, r"pretraining is 3: .*such as Autoencoder\(\)"),
    ({"pretraining": Training()}, TypeError, r"pretraining is Training\(.*such as Autoencoder\(\)"),
    ({"start": 3}, TypeError, r"start is 3: give a Start, such as GaussianMixtureStart\(\)"),
    ({"start": Autoencoder()}, TypeError, r"start is Autoencoder\(.*such as GaussianMixtureStart"),
    ({"start": KMeansStart("dat")}, ValueError, "on is 'dat': use 'code' or 'data'"),
    ({"start": GroupsOf(3)}, TypeError, "clusterer is 3: give an object with fit_predict"),
    ({"start": KMeans}, TypeError, "clusterer is KMeans: give an object with fit_predict"),
    ({"start": GroupsOf(KMeansStart())}, TypeError, "clusterer is KMeansStart"),
    ({"start": BestHead()}, ValueError, r"BestHead needs pretraining=TwoView\(\)"),
    (
        {"start": BestHead(), "pretraining": Neighbours()},
        ValueError,
        r"BestHead needs pretraining=TwoView\(\)",
    ),
    ({"prior": Bare}, ValueError, "Bare cannot be started from groups: .*or use start=None"),
    ({"training": None}, TypeError, r"training is None: .*such as Training\(max_epochs=40\)"),
    (
        {"training": Training(during=(Progressive(),))},
        TypeError,
        r"progressive training fades .* use networks=PerceptronLadder\(\), or leave Progr",
    ),
    # Heads of latents that there are not, and none for one that there is.
    (
        {"posterior": {"z": GaussianHead, "v": GaussianHead}},
        ValueError,
        "posterior has a head for 'v', and the latents are 'z': leave it out",
    ),
    ({"posterior": {}}, ValueError, "posterior has no head for 'z', .*it has none; give one for"),
    (
        {"prior": partial(StyleMixture, style_dim=2), "posterior": {"z": GaussianHead}},
        ValueError,
        "posterior has no head for 'w', a latent of StyleMixture: it has 'z'",
    ),
    ({"prior": GammaMixture}, ValueError, "give the guide a head of the prior's family"),
]


@pytest.mark.parametrize(("settings", "error", "words"), REFUSED)
def test_what_makes_no_sense_is_refused_before_any_work(
    settings: dict[str, Any],
    error: type[Exception],
    words: str,
    X: NDArray[np.float32],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def work(*arguments: Any, **more: Any) -> None:
        raise AssertionError("something was trained or started")

    monkeypatch.setattr(Trainer, "fit", work)
    monkeypatch.setattr(GaussianMixtureStart, "begin", work)
    vade = VaDE(**{**QUICK, **settings})
    with pytest.raises(error, match=words) as caught:
        vade.fit(X, checkpoint=tmp_path / "checkpoint.pt")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    assert not hasattr(vade, "model_")


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Training(batch_size="big"), TypeError, "batch_size is 'big': Training takes int"),  # type: ignore[arg-type]
        (lambda: Training(max_epochs=2.5), TypeError, r"max_epochs is 2\.5: Training takes"),  # type: ignore[arg-type]
        (lambda: Training(during=Refit()), TypeError, r"during is Refit\(.*takes \(During, …\)"),  # type: ignore[arg-type]
        (
            lambda: Training(learning_rate_decay="cosin"),  # type: ignore[arg-type]
            ValueError,
            r"learning_rate_decay is 'cosin': Training takes .* or 'cosine' or None",
        ),
        (lambda: Refit(3), TypeError, r"epochs is 3: Refit takes \(int from 0, …\) or None"),  # type: ignore[arg-type]
        (lambda: Budget("many"), TypeError, "steps is 'many': Budget takes int"),  # type: ignore[arg-type]
        (lambda: Autoencoder("3"), TypeError, "epochs is '3': Autoencoder takes int from 0"),  # type: ignore[arg-type]
        (lambda: TwoView(views=None), TypeError, "views is None: TwoView takes Views or str"),  # type: ignore[arg-type]
        (lambda: Perceptron("3"), TypeError, "hidden_dims is '3': Perceptron takes"),  # type: ignore[arg-type]
        (lambda: Perceptron(batch_norm=1), TypeError, "batch_norm is 1: Perceptron takes bool"),  # type: ignore[arg-type]
        (lambda: ByShape(vectors=3), TypeError, "vectors is 3: ByShape takes Networks"),  # type: ignore[arg-type]
        (lambda: GaussianMixtureStart("round"), ValueError, "use one of full, diag, tied"),
    ],
)
def test_an_object_refuses_at_once(
    make: Callable[[], object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        make()


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"hidden_dims": 3}, ValueError, "Invalid parameter 'hidden_dims'"),
        ({"trainin__max_epochs": 3}, ValueError, "is 'trainin': did you mean 'training'"),
        ({"training__epochs": 3}, TypeError, "'epochs' is no argument .* mean 'max_epochs'"),
        ({"training__max_epochs": "3"}, TypeError, "max_epochs is '3': Training takes int"),
        ({"prior__covarianc": "full"}, TypeError, "'covarianc' is no argument of GaussianMixture"),
        ({"prior__covariance": 3}, TypeError, "covariance is 3: GaussianMixture takes str"),
        ({"likelihood__scale": 0.1}, ValueError, "likelihood is 'auto', .* set likelihood first"),
        ({"n_clusters__x": 1}, ValueError, "n_clusters is 3, which has no argument 'x'"),
        ({"pretraining__epochs": 1}, ValueError, "pretraining is None, .* set pretraining first"),
    ],
)
def test_settings_that_no_part_has(
    settings: dict[str, Any], error: type[Exception], words: str
) -> None:
    vade = VaDE(**QUICK)
    with pytest.raises(error, match=words):
        vade.set_params(**settings)
    assert describe(vade.get_params()) == describe(VaDE(**QUICK).get_params())


def defaults() -> dict[tuple[str, str], tuple[int, str]]:
    """Of every argument of every estimator its default, which object it is and how it looks."""
    return {
        (name, argument): (id(default := getattr(kind, argument)), repr(default))
        for name, kind in ESTIMATORS.items()
        for argument in kind().get_params(deep=False)
    }


def test_defaults_are_shared_and_never_changed(X: NDArray[np.float32]) -> None:
    before = defaults()
    for kind in ESTIMATORS.values():
        estimator = kind(n_clusters=3, latent_dim=2, random_state=0)
        for argument in ("training", "objective", "networks", "start"):
            assert getattr(estimator, argument) is getattr(kind, argument)
        estimator.set_params(training__max_epochs=2, networks=Perceptron(8))
        assert estimator.training is not kind.training
        if estimator.pretraining is not None:
            estimator.set_params(pretraining__epochs=1)
        if kind is not DHVC:
            estimator.set_params(prior__learn_weights=False) if kind is VaDE else None
            estimator.set_params(training__during=())
        clone(estimator).fit(X)
    search = GridSearchCV(
        VaDE(**{**QUICK, "training": VaDE.training}).set_params(training__max_epochs=1),
        {"prior": [GaussianMixture, StudentMixture], "training__learning_rate": [1e-3, 1e-2]},
        cv=2,
    ).fit(X)
    assert len(search.cv_results_["params"]) == 4
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    best = search.best_estimator_
    assert best.training.learning_rate == search.best_params_["training__learning_rate"]
    assert type(best.model_.prior) is search.best_params_["prior"]
    assert defaults() == before


PRIORS = [
    GaussianMixture,
    partial(GaussianMixture, learn_weights=False),
    "gaussian-mixture",
    "GaussianMixture",
]


@pytest.mark.parametrize("prior", PRIORS, ids=repr)
def test_arguments_of_an_unbuilt_part_are_set_in_a_copy(prior: Any, X: NDArray[np.float32]) -> None:
    vade, looked = VaDE(**QUICK, prior=prior), repr(prior)
    before = dict(keywords_of(prior))
    vade.set_params(prior__covariance="full")
    assert vade.get_params()["prior__covariance"] == "full"
    assert isinstance(vade.prior, partial)
    assert vade.prior.func is GaussianMixture
    assert vade.prior.keywords == {**before, "covariance": "full"}
    assert (repr(prior), keywords_of(prior)) == (looked, before)
    copy = clone(vade)
    assert describe(copy.get_params()) == describe(vade.get_params())
    for each in (vade, copy, pickle.loads(pickle.dumps(vade))):
        fitted = each.fit(X).model_.prior
        assert (fitted.covariance, fitted.learn_weights) == ("full", "learn_weights" not in before)


def test_parameters_within_parts_are_told_and_set() -> None:
    mfcvae = MFCVAE(prior=partial(GaussianMixture, covariance="full"))
    found = mfcvae.get_params()
    assert found["training__max_epochs"] == MFCVAE.training.max_epochs
    assert found["prior__covariance"] == "full"
    assert "training__max_epochs" not in mfcvae.get_params(deep=False)
    mfcvae.set_params(**found)
    assert describe(mfcvae.get_params()) == describe(found)
    mfcvae.set_params(networks__vectors__batch_norm=False, training__max_epochs__steps=7)
    assert not mfcvae.networks.vectors.batch_norm  # type: ignore[union-attr]
    assert mfcvae.training.max_epochs == Budget(7, least=3, most=20)
    assert MFCVAE.networks.vectors.batch_norm  # type: ignore[union-attr]


def test_a_part_may_be_a_name_a_class_or_an_object(X: NDArray[np.float32]) -> None:
    """The same fit, bit for bit, however its parts are given."""
    by_class = {
        **QUICK,
        "prior": GammaMixture,
        "posterior": GammaHead,
        "likelihood": Bernoulli,
        "objective": ClosedFormELBO,
        "start": KMeansStart,
    }
    by_name = {
        **QUICK,
        "prior": "gamma-mixture",
        "posterior": {"z": "gamma-head"},
        "likelihood": "bernoulli",
        "objective": "closed-form",
        "start": "k-means",
        "assignment": "marginal",
    }
    function: dict[str, Any] = {
        **by_class,
        "prior": lambda n_clusters, latent_dim: GammaMixture(n_clusters, latent_dim),
        "start": KMeansStart(),
    }
    found = [
        DeepMixture(**settings).fit(X).predict_proba(X)
        for settings in (by_class, by_name, function)
    ]
    assert (found[0] == found[1]).all()
    assert (found[0] == found[2]).all()


def test_networks_of_ones_own_need_two_methods_alone(X: NDArray[np.float32]) -> None:
    class Linear:
        def encoder(self, event_shape: tuple[int, ...]) -> torch.nn.Module:
            return torch.nn.Linear(event_shape[0], 5)

        def decoder(self, code_dim: int, event_shape: tuple[int, ...]) -> torch.nn.Module:
            return torch.nn.Linear(code_dim, event_shape[0])

    assert not isinstance(Linear(), Networks)
    for networks in (Linear(), Linear):
        vade = VaDE(**{**QUICK, "networks": networks}).fit(X)
        assert vade.guide_.amortised.encoder.out_features == 5


def test_a_head_by_latent(X: NDArray[np.float32]) -> None:
    class Wide(Head):
        def __init__(self, in_features: int, latent_dim: int, *, scale: float = 3.0) -> None:
            super().__init__(in_features, latent_dim)
            self.linear, self.scale = torch.nn.Linear(in_features, latent_dim), scale

        def forward(self, features: torch.Tensor) -> Any:
            law = torch.distributions.Normal(self.linear(features), self.scale)
            return torch.distributions.Independent(law, 1)

    heads: dict[str, Any] = {"z": GaussianHead, "w": partial(Wide, scale=2.0)}
    gmvae = GMVAE(**QUICK, posterior=heads).fit(X)
    posteriors = gmvae.guide_.posterior(torch.as_tensor(X))
    assert (posteriors["w"].stddev == 2.0).all()
    assert isinstance(gmvae.guide_.amortised.head("z"), GaussianHead)


def phases(estimator: DeepMixture) -> list[str]:
    """The phases of a fit in order, one for each row of its history."""
    return [str(row["phase"]) for row in estimator.history_]


def test_facets_after_a_pretraining() -> None:
    mfcvae = MFCVAE(n_clusters=(5, 3), latent_dim=(3, 2), pretraining=Autoencoder(2))
    mfcvae.set_params(start=GaussianMixtureStart())
    mfcvae.set_params(training__max_epochs=2, networks__vectors__hidden_dims=16).fit(DIGITS)
    assert phases(mfcvae) == ["pretrain", "pretrain", "initialise", "train", "train"]
    assert mfcvae.predict(DIGITS).shape == (200, 2)


def test_two_views_and_the_best_head_under_vade() -> None:
    vade = VaDE(
        networks=Perceptron(32, batch_norm=True),
        pretraining=TwoView(n_heads=3, epochs=2),
        start=BestHead(),
        training=Training(max_epochs=0),
        random_state=0,
    ).fit(DIGITS)
    (row,) = (row for row in vade.history_ if row["phase"] == "initialise")
    found = [row[f"information_{head}"] for head in range(3)]
    assert row["head"] == int(np.argmax(found))
    codes = torch.as_tensor(vade.transform(DIGITS))
    means = vade.model_.prior.loc.detach()
    assert means.shape == (10, 32)
    # Every component is within the cloud of the codes, whose mean is the mean of the components.
    mean = vade.model_.prior.weights.detach() @ means
    assert (mean - codes.mean(0)).abs().max() < 0.5 * codes.std(0).mean()
    assert np.isfinite(vade.set_params(training__max_epochs=2).fit(DIGITS).score(DIGITS))


def test_the_groups_of_another_estimator_start_a_prior() -> None:
    dhvc = DHVC(
        networks=Perceptron(16), pretraining=TwoView(n_heads=2, epochs=1), random_state=1
    ).set_params(training__max_epochs=1)
    settings = {**QUICK, "n_clusters": 10, "training": Training(max_epochs=2)}
    unfitted = GMVAE(**{**settings, "start": GroupsOf(dhvc)}).fit(DIGITS)
    assert not hasattr(dhvc, "model_")
    assert phases(unfitted) == ["initialise", "train", "train"]
    fitted = GMVAE(**{**settings, "start": clone(dhvc).fit(DIGITS)}).fit(DIGITS)
    assert np.isfinite(fitted.score(DIGITS))
    # One told K and a seed of its own, and one that is fitted so already, find the same groups.
    assert (unfitted.predict_proba(DIGITS) == fitted.predict_proba(DIGITS)).all()


def test_a_clusterer_alone_starts_a_prior() -> None:
    """It is told K and the seed, as if its labels had been handed over by a function."""
    settings = {**QUICK, "n_clusters": 10, "training": Training(max_epochs=2)}
    gmvae = GMVAE(**{**settings, "start": KMeans(n_init=2)}).fit(DIGITS)
    told = KMeans(10, n_init=2, random_state=gmvae.seed_ % 2**32)

    def labels(data: NDArray[Any]) -> NDArray[Any]:
        found: NDArray[Any] = told.fit_predict(data)
        return found

    for start in (GroupsOf(KMeans(n_init=2)), labels, make_pipeline(StandardScaler(), clone(told))):
        other = GMVAE(**{**settings, "start": start}).fit(DIGITS)
        same = (gmvae.predict_proba(DIGITS) == other.predict_proba(DIGITS)).all()
        assert same == (not hasattr(start, "steps"))
    asked: Any = GMVAE(**{**settings, "start": KMeans(4, n_init=2)}).fit(DIGITS)
    assert asked.start.n_clusters == 4
