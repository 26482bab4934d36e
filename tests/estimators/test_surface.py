"""scikit-learn's surface on the estimators: answers that agree, and errors in words."""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyro
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from pyromix.estimators import ESTIMATORS, GMVAE, DeepMixture, VaDE, load
from pyromix.estimators.fitting import split
from pyromix.inference import (
    Affiliation,
    BestHead,
    ClosedFormELBO,
    EnumeratedELBO,
    GaussianMixtureStart,
    InformationFloor,
    MutualInformation,
    Neighbours,
    Rows,
    Term,
    Training,
    TwoView,
    bound,
    responsibilities,
)
from pyromix.models import Bernoulli, Normal
from pyromix.networks import Perceptron
from pyromix.parts import describe

QUICK: dict[str, Any] = {
    "n_clusters": 3,
    "latent_dim": 2,
    "networks": Perceptron(16, batch_norm=True),
    "pretraining": Neighbours(3, epochs=2),
    "start": GaussianMixtureStart(),
    "training": Training(max_epochs=2, batch_size=32),
    "random_state": 0,
    "device": "cpu",
}
KINDS = pytest.mark.parametrize("kind", [VaDE, GMVAE])
ALL = pytest.mark.parametrize("name", ESTIMATORS)
SINGLE = pytest.mark.parametrize("name", [name for name in ESTIMATORS if name != "mfcvae"])
FORMS = Affiliation.forms
TERMS = {"affiliation", "mutual_information", "information_floor"}
pytestmark = pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")


@pytest.fixture(scope="module", name="X")
def three_groups() -> np.ndarray:
    """Three groups of grey values, ``(90, 5)``."""
    random_state = np.random.RandomState(0)
    centres = random_state.rand(3, 5)
    rows = np.repeat(centres, 30, axis=0) + 0.05 * random_state.randn(90, 5)
    return rows.clip(0, 1).astype(np.float32)


@pytest.fixture(scope="module")
def fitted(X: np.ndarray) -> Callable[[type[DeepMixture]], DeepMixture]:
    """One fit of each estimator."""
    known: dict[type[DeepMixture], DeepMixture] = {}

    def fit(kind: type[DeepMixture]) -> DeepMixture:
        if kind not in known:
            known[kind] = kind(**QUICK).fit(X)
        return known[kind]

    return fit


Fitted = Callable[[type[DeepMixture]], DeepMixture]


@KINDS
def test_answers_have_their_shapes_and_agree(
    kind: type[DeepMixture], X: np.ndarray, fitted: Fitted
) -> None:
    estimator = fitted(kind)
    gamma = estimator.predict_proba(X)
    assert gamma.shape == (90, 3)
    np.testing.assert_allclose(gamma.sum(1), 1.0, atol=1e-5)
    np.testing.assert_array_equal(estimator.predict(X), gamma.argmax(1))
    np.testing.assert_array_equal(estimator.labels_, estimator.predict(X))
    assert estimator.labels_.dtype == np.int64
    codes = estimator.transform(X)
    assert codes.shape == (90, 2)
    np.testing.assert_allclose(
        estimator.inverse_transform(codes), estimator.reconstruct(X), atol=1e-6
    )
    scores = estimator.score_samples(X)
    assert scores.shape == (90,)
    assert estimator.score(X) == pytest.approx(scores.mean(), abs=1e-5)
    assert estimator.posterior_predictive(X, 4).shape == (4, 90, 5)
    assert estimator.n_features_in_ == 5


@KINDS
def test_samples(kind: type[DeepMixture], fitted: Fitted) -> None:
    estimator = fitted(kind)
    drawn, clusters = estimator.sample(50)
    assert drawn.shape == (50, 5)
    assert set(clusters) <= {0, 1, 2}
    drawn, clusters = estimator.sample(7, cluster=2)
    assert set(clusters) == {2}
    np.testing.assert_array_equal(estimator.sample(7, cluster=2)[0], drawn)
    assert not np.array_equal(estimator.sample(7, cluster=2, seed=1)[0], drawn)
    with pytest.raises(ValueError, match="cluster is 3"):
        estimator.sample(1, cluster=3)


@KINDS
def test_labels_come_from_the_fitted_story(
    kind: type[DeepMixture], X: np.ndarray, fitted: Fitted
) -> None:
    """Not from anything refitted: row by row, and from the story's own responsibilities."""
    estimator = fitted(kind)
    np.testing.assert_array_equal(estimator.predict(X[::-1])[::-1], estimator.labels_)
    for method in (estimator.predict, estimator.predict_proba, estimator.transform):
        alone = np.concatenate([method(row[None]) for row in X[:10]])
        np.testing.assert_allclose(alone, method(X)[:10], rtol=1e-4, atol=1e-6)
    gamma = responsibilities(estimator.model_, estimator.guide_, torch.as_tensor(X))["c"]
    np.testing.assert_array_equal(estimator.predict_proba(X), gamma.numpy())


def states() -> tuple[list[int], object, list[int]]:
    """Of the global generators of torch, Python and NumPy."""
    numpy_state = np.random.get_state(legacy=False)  # noqa: NPY002, the global generator is meant
    return torch.get_rng_state().tolist(), random.getstate(), numpy_state["state"]["key"].tolist()


@KINDS
def test_same_seed_same_bits_and_no_generator_is_touched(
    kind: type[DeepMixture], X: np.ndarray
) -> None:
    ends = []
    for _ in range(2):
        torch.randn(3)
        before = states()
        estimator = kind(**QUICK).fit(X)
        estimator.sample(3), estimator.score(X), estimator.inverse_transform(np.zeros((1, 2)))
        assert states() == before
        ends.append(estimator)
    for one, other in zip(*(e.model_.state_dict().values() for e in ends), strict=True):
        assert torch.equal(one, other)
    assert list(pyro.get_param_store().keys()) == []


@KINDS
def test_random_state_none_differs_and_an_instance_is_used(
    kind: type[DeepMixture], X: np.ndarray
) -> None:
    settings = {**QUICK, "pretraining": None, "training": Training(max_epochs=1)}
    seeds = [
        kind(**{**settings, "random_state": state}).fit(X).seed_
        for state in (None, None, np.random.RandomState(3), np.random.RandomState(3))
    ]
    assert seeds[0] != seeds[1]
    assert seeds[2] == seeds[3]


@KINDS
def test_save_and_load(
    kind: type[DeepMixture], X: np.ndarray, fitted: Fitted, tmp_path: Path
) -> None:
    estimator = fitted(kind)
    estimator.save(tmp_path / "run")
    torch_state = torch.get_rng_state()
    again = kind.load(tmp_path / "run")
    assert torch.equal(torch_state, torch.get_rng_state())
    assert type(again) is kind
    assert describe(again.get_params()) == describe(estimator.get_params())
    np.testing.assert_array_equal(again.predict_proba(X), estimator.predict_proba(X))
    np.testing.assert_array_equal(again.score_samples(X), estimator.score_samples(X))
    np.testing.assert_array_equal(again.sample(5)[0], estimator.sample(5)[0])
    assert [row["epoch"] for row in again.history_] == [row["epoch"] for row in estimator.history_]
    assert type(load(tmp_path / "run")) is kind
    with pytest.raises(FileExistsError, match="exists and is not overwritten"):
        estimator.save(tmp_path / "run")
    other = next(e for e in (VaDE, GMVAE) if e is not kind)
    with pytest.raises(ValueError, match=f"holds a {kind.__name__}, not a {other.__name__}"):
        other.load(tmp_path / "run")


@KINDS
def test_what_cannot_be_loaded(kind: type[DeepMixture], fitted: Fitted, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no run folder"):
        kind.load(tmp_path / "nowhere")
    (tmp_path / "foreign").mkdir()
    with pytest.raises(ValueError, match=r"config\.json"):
        kind.load(tmp_path / "foreign")
    fitted(kind).save(tmp_path / "cut")
    weights = tmp_path / "cut" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:200])
    with pytest.raises(ValueError, match=r"weights\.safetensors"):
        kind.load(tmp_path / "cut")


@KINDS
def test_clone_pickle_and_repr(kind: type[DeepMixture], X: np.ndarray, fitted: Fitted) -> None:
    estimator = fitted(kind)
    copy = clone(estimator)
    assert describe(copy.get_params()) == describe(estimator.get_params())
    assert not hasattr(copy, "model_")
    thawed = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(thawed.predict_proba(X), estimator.predict_proba(X))
    assert repr(kind(n_clusters=4)) == f"{kind.__name__}(n_clusters=4)"
    with pytest.raises(TypeError):
        kind(4)


@KINDS
def test_in_a_pipeline(kind: type[DeepMixture], X: np.ndarray) -> None:
    pipeline = make_pipeline(MinMaxScaler(clip=True), kind(**QUICK))
    labels = pipeline.fit_predict(100 * X - 3)
    np.testing.assert_array_equal(pipeline.predict(100 * X - 3), labels)
    assert pipeline[-1].likelihood_ == "bernoulli"
    assert pipeline.transform(X).shape == (90, 2)


@KINDS
@pytest.mark.parametrize("assignment", ["marginal", "optimal"])
@pytest.mark.parametrize("objective", ["closed-form", "enumerated"])
def test_every_assignment_and_objective(
    kind: type[DeepMixture], X: np.ndarray, assignment: str, objective: str
) -> None:
    settings = {**QUICK, "pretraining": None, "assignment": assignment, "objective": objective}
    estimator = kind(**settings).fit(X)
    parts = {"reconstruction", "kl_z", "kl_c"}
    assert parts <= estimator.history_[-1].keys()
    assert np.isfinite(estimator.score(X))


@KINDS
def test_restarts_are_chosen_by_the_held_out_bound(kind: type[DeepMixture], X: np.ndarray) -> None:
    estimator = kind(**{**QUICK, "n_init": 3})
    estimator.set_params(training__validation_fraction=0.2).fit(X)
    bounds = [row["held_out_bound"] for row in estimator.history_ if "held_out_bound" in row]
    assert len(bounds) == 3
    held_out = split(estimator, Rows(torch.as_tensor(X)), estimator.training)[1]
    assert held_out is not None
    assert len(held_out) == 18
    kept = bound(
        estimator.model_, estimator.guide_, held_out.x, num_samples=10, seed=estimator.seed_
    )
    assert kept.mean().item() == pytest.approx(max(bounds), abs=1e-4)


@KINDS
def test_images(kind: type[DeepMixture]) -> None:
    images = np.random.RandomState(0).rand(40, 1, 4, 4)
    estimator = kind(**QUICK).fit(images)
    assert estimator.reconstruct(images).shape == (40, 1, 4, 4)
    assert estimator.sample(3)[0].shape == (3, 1, 4, 4)
    assert estimator.predict(images).shape == (40,)


@pytest.mark.parametrize(
    ("values", "likelihood"),
    [
        (lambda r: r.rand(40, 3), "bernoulli"),
        (lambda r: r.randn(40, 3), "normal"),
    ],
)
def test_the_likelihood_follows_the_data(
    values: Callable[[np.random.RandomState], np.ndarray], likelihood: str
) -> None:
    data = values(np.random.RandomState(0))
    assert VaDE(**QUICK).set_params(training__max_epochs=1).fit(data).likelihood_ == likelihood


@KINDS
def test_bad_data(kind: type[DeepMixture], X: np.ndarray, fitted: Fitted) -> None:
    estimator = kind(**QUICK, missing="error")
    for value in (np.nan, np.inf):
        spoilt = X.copy()
        spoilt[7, 2] = value
        word = "NaN" if np.isnan(value) else "inf"
        with pytest.raises(ValueError, match=rf"X holds {word} at \[7, 2\]"):
            estimator.fit(spoilt)
        with pytest.raises(ValueError, match=rf"X holds {word} at \[7, 2\]"):
            fitted(kind).predict(spoilt)
    with pytest.raises(ValueError, match=r"1D|2D"):
        estimator.fit(X[0])
    with pytest.raises(ValueError, match="features"):
        fitted(kind).predict(X[:, :3])
    with pytest.raises(ValueError, match=r"outside the support of the Bernoulli"):
        kind(**{**QUICK, "likelihood": "bernoulli"}).fit(3 * X)
    with pytest.raises(ValueError, match=r"Z has shape \(4, 7\): use \(N, 2\)"):
        fitted(kind).inverse_transform(np.zeros((4, 7)))


@KINDS
@pytest.mark.parametrize(
    ("argument", "value", "words"),
    [
        ("n_clusters", 0, r"n_clusters is 0: .* takes int from 1"),
        ("n_clusters", 91, r"n_clusters is 91 and X has 90 samples"),
        ("likelihood", "bernouli", r"likelihood is 'bernouli': did you mean 'bernoulli'"),
        ("assignment", "optimall", r"assignment is 'optimall': did you mean 'optimal'"),
        ("objective", "enumerate", r"objective is 'enumerate': did you mean 'enumerated'"),
        ("networks", "cnn", r"networks is 'cnn'"),
        ("start", "gmmm", r"start is 'gmmm': did you mean 'gmm'"),
        ("pretraining", "two-views", r"pretraining is 'two-views': did you mean 'two-view'"),
        ("device", "gpu", r"device"),
        ("precision", "16", r"precision is '16': .* takes '32-true' or 'bf16-mixed' or '64-true'"),
        ("training__batch_size", 0, r"batch_size"),
        ("training__learning_rate", -1.0, r"learning_rate"),
        ("training__learning_rate_decay", "cosin", r"learning_rate_decay is 'cosin': .*'cosine'"),
        ("training__max_epochs", -1, r"max_epochs"),
        ("n_init", 0, r"n_init is 0"),
        ("training__patience", 0, r"patience"),
        ("pretraining__epochs", -1, r"epochs is -1: .* takes int from 0"),
        ("pretraining__learning_rate", 0.0, r"learning_rate is 0\.0"),
    ],
)
def test_bad_settings(
    kind: type[DeepMixture], X: np.ndarray, argument: str, value: Any, words: str
) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        kind(**QUICK).set_params(**{argument: value}).fit(X)
    assert "\n" not in str(caught.value)


def quick(name: str, **settings: Any) -> DeepMixture:
    """A small estimator by name, whose start needs no pretraining of its own kind."""
    start = {"start": GaussianMixtureStart()} if name == "dhvc" else {}
    return ESTIMATORS[name](
        **{**QUICK, "pretraining": Neighbours(3, epochs=1), **start, **settings}
    )


@ALL
@pytest.mark.parametrize(
    ("term", "part"),
    [
        *((Affiliation(0.5, form), "affiliation") for form in FORMS),
        (MutualInformation(2.0), "mutual_information"),
        (MutualInformation(2.0, views="vector"), "mutual_information"),
        (InformationFloor(50.0), "information_floor"),
    ],
)
def test_every_estimator_takes_terms(name: str, term: Term, part: str, X: np.ndarray) -> None:
    row = quick(name, terms=[term]).fit(X).history_[-1]
    assert np.isfinite(row[part])
    assert row[part] != 0.0
    latents = [value for key, value in row.items() if key.startswith("kl_")]
    parts = [row["reconstruction"], *latents, *(row[each] for each in TERMS & row.keys())]
    assert sum(parts) == pytest.approx(row["loss"], rel=1e-4)


@ALL
def test_the_scale_of_the_noise_is_used_or_refused(name: str, X: np.ndarray) -> None:
    fitted = quick(name, likelihood=partial(Normal, scale=0.7)).fit(X)
    np.testing.assert_allclose(fitted.model_.likelihood.log_scale.exp(), 0.7, rtol=1e-6)
    options: dict[str, Any] = {"scale": 0.7}
    with pytest.raises(TypeError, match=r"likelihood: 'scale' is no argument of Bernoulli"):
        quick(name, likelihood=partial(Bernoulli, **options)).fit(X)


@ALL
@pytest.mark.parametrize("assignment", ["marginal", "optimal", "amortised"])
def test_assignment_rules_are_kept_or_refused(name: str, assignment: str, X: np.ndarray) -> None:
    estimator = quick(name, assignment=assignment)
    if name == "dhvc" and assignment != "amortised":
        with pytest.raises(ValueError, match="learns no cluster by it; use 'amortised'"):
            estimator.fit(X)
    else:
        assert estimator.fit(X).guide_.assignment == assignment


@SINGLE
@pytest.mark.parametrize("assignment", ["marginal", "amortised"])
def test_heads_are_offered_to_every_estimator(name: str, assignment: str, X: np.ndarray) -> None:
    views = TwoView(n_heads=2, views="vector", epochs=2)
    assignment = "amortised" if name == "dhvc" else assignment
    settings: dict[str, Any] = {"pretraining": views, "start": BestHead(), "assignment": assignment}
    estimator = quick(name, **settings, terms=[MutualInformation(1.0, views="vector")]).fit(X)
    row = next(row for row in estimator.history_ if row["phase"] == "initialise")
    assert {"head", "information_0", "information_1"} <= row.keys()
    with pytest.raises(ValueError, match="n_heads is -1"):
        quick(name, **{**settings, "pretraining": TwoView(n_heads=-1)}).fit(X)
    with pytest.raises(ValueError, match=r"BestHead needs pretraining=TwoView\(\)"):
        quick(name, **{**settings, "pretraining": Neighbours()}).fit(X)


def test_views_are_no_option_of_two_views() -> None:
    with pytest.raises(TypeError, match="views is None: TwoView takes Views or str"):
        TwoView(views=None)  # type: ignore[arg-type]


def test_the_published_estimator_is_no_enumeration(X: np.ndarray) -> None:
    published: dict[str, Any] = {"expected_scores": True}
    with pytest.raises(TypeError, match="'expected_scores' is no argument of EnumeratedELBO"):
        GMVAE(**QUICK, objective=partial(EnumeratedELBO, **published)).fit(X)
    fitted = GMVAE(**QUICK, objective=partial(ClosedFormELBO, **published)).fit(X)
    assert np.isfinite(fitted.score(X))


@ALL
def test_nothing_is_answered_before_the_fit(name: str, X: np.ndarray, tmp_path: Path) -> None:
    estimator = ESTIMATORS[name]()
    for call in (
        lambda: estimator.predict(X),
        lambda: estimator.transform(X),
        lambda: estimator.inverse_transform(X),
        lambda: estimator.sample(),
        lambda: estimator.score(X),
        lambda: estimator.save(tmp_path / "run"),
    ):
        with pytest.raises(NotFittedError):
            call()


def test_a_style_is_encoded_fixed_and_varied(X: np.ndarray, fitted: Fitted) -> None:
    gmvae = fitted(GMVAE)
    styles = gmvae.transform(X, site="w")
    assert styles.shape == (len(X), 4)
    with torch.no_grad():
        expected = gmvae.guide_.posterior(torch.as_tensor(X, dtype=torch.float32))["w"].mean
    np.testing.assert_allclose(styles, expected.numpy(), rtol=1e-4, atol=1e-5)
    drawn, clusters = gmvae.sample(6, cluster=1, w=styles[0], mean=True)
    assert drawn.shape == (6, X.shape[1])
    assert (clusters == 1).all()
    # The latents are those of the cluster in that style, by the prior's own network.
    component = gmvae.model_.prior.mixtures[0].component(
        torch.ones(20_000, dtype=torch.long), torch.as_tensor(styles[:1]).expand(20_000, -1)
    )
    mean = gmvae.model_.likelihood.mean(component.sample()).mean(0).detach().numpy()
    many, _ = gmvae.sample(20_000, cluster=1, w=styles[0], mean=True)
    error = many.std(0) / np.sqrt(len(many))
    assert (np.abs(many.mean(0) - mean) < 6 * error + 1e-6).all()
    assert not np.allclose(
        many.mean(0), gmvae.sample(20_000, cluster=1, w=styles[0] + 2)[0].mean(0)
    )
    for wrong in (styles[:2], styles[0, :2]):
        with pytest.raises(ValueError, match="w "):
            gmvae.sample(6, w=wrong)
    with pytest.raises(ValueError, match="site is 'v', and the story has 'z' or 'w'"):
        gmvae.transform(X, site="v")
