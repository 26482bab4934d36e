"""No setting is ignored: another value of any makes another fit, or is refused."""

from __future__ import annotations

from dataclasses import fields
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
import torch

from pyromix import DHVC, MFCVAE, DeepMixture, VaDE
from pyromix.guides import FullGaussianHead
from pyromix.inference import (
    Affiliation,
    Autoencoder,
    Averaged,
    BestHead,
    BestOf,
    GaussianMixtureStart,
    GroupsOf,
    KMeansStart,
    Neighbours,
    Phase,
    Progressive,
    PseudoLabels,
    Refit,
    ResidualStart,
    SpectralStart,
    Training,
    TwoView,
    TwoViewStart,
    VectorViews,
)
from pyromix.models import GaussianMixture
from pyromix.networks import Perceptron, PerceptronLadder

pytestmark = pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")


def halves(rows: np.ndarray) -> np.ndarray:
    """Two groups of as many each."""
    return np.asarray(rows[:, 0] > np.median(rows[:, 0]), int)


SMALL: dict[str, Any] = {
    "n_clusters": 3,
    "latent_dim": 2,
    "networks": Perceptron(8),
    "pretraining": Neighbours(3, epochs=2),
    "start": GaussianMixtureStart(),
    "training": Training(max_epochs=2, batch_size=32),
    "random_state": 0,
    "device": "cpu",
}
HEADS: dict[str, Any] = {
    **SMALL,
    "pretraining": TwoView(2, epochs=2, views="vector"),
    "start": BestHead(),
}
LADDER: dict[str, Any] = {
    **SMALL,
    "n_clusters": (3, 2),
    "networks": PerceptronLadder(8),
    "pretraining": None,
    "training": Training(max_epochs=4, batch_size=32, during=(Progressive((1,), 2), Refit((1, 2)))),
}
TWO_VIEWS = TwoViewStart(
    2, views="vector", networks=Perceptron(8), epochs=2, batch_size=32, overclusters=4
)
BASES: dict[str, tuple[type[DeepMixture], dict[str, Any]]] = {
    "VaDE": (VaDE, SMALL),
    "patient": (VaDE, {**SMALL, "training": Training(max_epochs=2, batch_size=32, patience=9)}),
    "k-means": (VaDE, {**SMALL, "start": KMeansStart()}),
    "groups": (VaDE, {**SMALL, "start": GroupsOf(halves)}),
    "spectral": (VaDE, {**SMALL, "start": SpectralStart()}),
    "best": (VaDE, {**SMALL, "start": BestOf([GroupsOf(halves), KMeansStart()])}),
    "average": (VaDE, {**SMALL, "start": Averaged([GroupsOf(halves), KMeansStart()])}),
    "pseudo-labels": (
        VaDE,
        {**SMALL, "pretraining": None, "start": PseudoLabels(KMeansStart(on="data"), epochs=2)},
    ),
    "residual": (MFCVAE, {**LADDER, "start": ResidualStart()}),
    "two views": (VaDE, {**SMALL, "start": TWO_VIEWS}),
    "autoencoder": (VaDE, {**SMALL, "pretraining": Autoencoder(2)}),
    "DHVC": (DHVC, HEADS),
    "MFCVAE": (MFCVAE, LADDER),
}


@pytest.fixture(scope="module", autouse=True)
def _forgotten() -> Any:
    yield
    left.cache_clear()


@cache
def data() -> np.ndarray:
    """Grey values without groups, ``(90, 5)``: starts of different kinds find different ones."""
    return np.random.RandomState(0).rand(90, 5).astype(np.float32)


def fingerprint(estimator: DeepMixture) -> list[Any]:
    """What a fit leaves: the bits of all tensors, and its history but for the seconds."""
    tensors = [*estimator.model_.state_dict().values(), *estimator.guide_.state_dict().values()]
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in estimator.history_]
    return [[each.numpy().tobytes() for each in tensors], rows]


@cache
def left(base: str) -> Any:
    """The fingerprint of a fit as it is."""
    kind, settings = BASES[base]
    return fingerprint(kind(**settings).fit(data()))


FLAT: dict[str, Any] = {
    "n_clusters": 2,
    "latent_dim": 3,
    "prior": partial(GaussianMixture, covariance="full"),
    "posterior": FullGaussianHead,
    "likelihood": "continuous-bernoulli",
    "networks": Perceptron(9),
    "assignment": "optimal",
    "objective": "enumerated",
    "terms": [Affiliation(0.5)],
    "pretraining": None,
    "start": None,
    "training": Training(max_epochs=1, batch_size=32),
    "standardise": True,
    "n_init": 2,
    "random_state": 1,
    "precision": "64-true",
}
TRAINING: dict[str, Any] = {
    "max_epochs": 3,
    "batch_size": 45,
    "learning_rate": 1e-2,
    "learning_rate_decay": None,
    "epsilon": 1e-2,
    "gradient_clip": 1e-3,
    "patience": 9,
    "during": (Refit((1,)),),
}
WITHIN: list[tuple[str, str, type[Phase], dict[str, Any]]] = [
    ("VaDE", "training", Training, TRAINING),
    ("patient", "training", Training, {"validation_fraction": 0.3}),
    ("VaDE", "pretraining", Neighbours, {"n_neighbours": 5, "epochs": 3, "learning_rate": 1e-2}),
    ("autoencoder", "pretraining", Autoencoder, {"epochs": 3, "learning_rate": 1e-2}),
    (
        "VaDE",
        "start",
        GaussianMixtureStart,
        {"covariance": "tied", "on": "data", "n_components": 1},
    ),
    ("spectral", "start", SpectralStart, {"n_neighbours": 3, "on": "code"}),
    (
        "best",
        "start",
        BestOf,
        {
            "starts": [SpectralStart()],
            "by": "agreement",
            "n_neighbours": 3,
            "n_components": 1,
        },
    ),
    (
        "pseudo-labels",
        "start",
        PseudoLabels,
        {
            "start": GroupsOf(halves),
            "epochs": 3,
            "learning_rate": 1e-2,
            "label_weight": 1.0,
            "trust": 0.5,
        },
    ),
    (
        "two views",
        "start",
        TwoViewStart,
        {
            "n_heads": 3,
            "overclusters": 0,
            "balance": 0.1,
            "views": VectorViews(noise=0.5),
            "networks": Perceptron(9),
            "epochs": 3,
            "batch_size": 45,
            "learning_rate": 1e-2,
            "shares": (0.6, 0.3, 0.1),
        },
    ),
    ("residual", "start", ResidualStart, {"start": GroupsOf(halves)}),
    ("average", "start", Averaged, {"starts": [SpectralStart()]}),
    ("k-means", "start", KMeansStart, {"on": "data"}),
    ("groups", "start", GroupsOf, {"on": "code", "clusterer": lambda rows: np.arange(90) % 3}),
    (
        "DHVC",
        "pretraining",
        TwoView,
        {
            "n_heads": 3,
            "overclusters": 0,
            "balance": 0.1,
            "views": VectorViews(noise=0.5),
            "epochs": 3,
            "learning_rate": 1e-2,
            "shares": (0.6, 0.3, 0.1),
        },
    ),
]
DURING: list[tuple[Any, ...]] = [
    (),
    (Progressive((2,), 2), Refit((1, 2))),
    (Progressive((1,), 5), Refit((1, 2))),
    (Progressive((1,), 2, order=(0, 1)), Refit((1, 2))),
    (Progressive((1,), 2), Refit((0, 3))),
    (Progressive((1,), 2),),
    (Refit((1, 2)),),
]


@pytest.mark.parametrize("name", FLAT)
def test_every_argument_tells(name: str) -> None:
    vade = VaDE(**{**SMALL, name: FLAT[name]}).fit(data())
    assert fingerprint(vade) != left("VaDE")


@pytest.mark.parametrize(
    ("base", "part", "name", "value"),
    [(base, part, name, value) for base, part, _, each in WITHIN for name, value in each.items()],
)
def test_every_argument_of_a_phase_tells(base: str, part: str, name: str, value: Any) -> None:
    kind, settings = BASES[base]
    estimator = kind(**settings).set_params(**{f"{part}__{name}": value}).fit(data())
    assert fingerprint(estimator) != left(base)


@pytest.mark.parametrize("during", DURING, ids=repr)
def test_what_happens_during_a_training_tells(during: tuple[Any, ...]) -> None:
    mfcvae = MFCVAE(**LADDER).set_params(training__during=during).fit(data())
    assert fingerprint(mfcvae) != left("MFCVAE")


def test_the_same_values_make_the_same_fit() -> None:
    """Else the tests above would say nothing."""
    for base, (kind, settings) in BASES.items():
        assert fingerprint(kind(**settings).fit(data())) == left(base), base


def test_devices_are_looked_for_and_bars_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="device"):
        VaDE(**{**SMALL, "device": "cuda:99"}).fit(data())
    with pytest.raises(ValueError, match="devices is 0"):
        VaDE(**{**SMALL, "devices": 0}).fit(data())
    VaDE(**SMALL).fit(data())
    assert capsys.readouterr() == ("", "")
    VaDE(**{**SMALL, "verbose": True}).fit(data())
    shown = "".join(capsys.readouterr())
    for phase in ("pretrain", "initialise", "train"):
        assert phase in shown


def test_every_argument_there_is_was_tried() -> None:
    elsewhere = {"device", "devices", "label_weight", "verbose", "warm_start"}
    elsewhere |= {"missing", "columns", "unseen"}
    assert set(DeepMixture().get_params(deep=False)) == FLAT.keys() | elsewhere
    tried: dict[type[Phase], set[str]] = {}
    for _, _, kind, values in WITHIN:
        tried.setdefault(kind, set()).update(values)
    for kind, found in tried.items():
        own = {each.name for each in fields(kind)} - {"capture"}  # for CUDA, which has its tests
        assert own == found, kind


def test_a_seed_is_taken_from_wherever_it_comes() -> None:
    torch.manual_seed(5)
    first = VaDE(**{**SMALL, "random_state": np.random.RandomState(4)}).fit(data())
    torch.manual_seed(6)
    again = VaDE(**{**SMALL, "random_state": np.random.RandomState(4)}).fit(data())
    assert fingerprint(first) == fingerprint(again)
