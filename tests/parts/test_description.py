"""Parts as JSON and back: whatever is registered comes back, and nothing else is made."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from sklearn.cluster import AgglomerativeClustering

from pyromix import DHVC, GMVAE, VaDE
from pyromix.guides import FlowHead, GammaHead, GaussianHead, OptimalAssignment
from pyromix.inference import (
    Affiliation,
    AffineViews,
    Autoencoder,
    AutoViews,
    Budget,
    ClosedFormELBO,
    ComponentMeans,
    Constant,
    GaussianMixtureStart,
    GroupsOf,
    InformationFloor,
    KMeansStart,
    LinearWarmup,
    MutualInformation,
    Neighbours,
    OnFacets,
    OverTraining,
    PerEpoch,
    Piecewise,
    Product,
    Progressive,
    Refit,
    Training,
    TwoView,
    VectorViews,
)
from pyromix.models import GaussianMixture, Normal, StyleMixture
from pyromix.networks import ByShape, ConvolutionalLadder, Perceptron, PerceptronLadder
from pyromix.parts import Part, UnknownPartError, describe, handed, name_of, restore, spelt


def through_disk(value: Any, extra: dict[str, Any] | None = None) -> Any:
    return restore(json.loads(json.dumps(describe(value))), extra)


def plain(rng: np.random.Generator) -> Any:
    """A number, word or truth value, Python's or NumPy's."""
    values: list[Callable[[], Any]] = [
        lambda: float(rng.normal()),
        lambda: int(rng.integers(-9, 9)),
        lambda: bool(rng.integers(2)),
        lambda: None,
        lambda: "word",
        lambda: rng.normal(),
        lambda: rng.integers(5),
        lambda: np.float32(rng.normal()),
        lambda: np.bool_(True),
        lambda: np.str_("word"),
    ]
    return values[rng.integers(10)]()


def schedule(rng: np.random.Generator, depth: int) -> Any:
    inner = [schedule(rng, depth - 1) for _ in range(2)] if depth else []
    leaves: list[Callable[[], Any]] = [
        lambda: Constant(float(rng.normal())),
        lambda: LinearWarmup(float(rng.normal()), np.float64(rng.normal()), int(rng.integers(9))),
        lambda: Piecewise([(0, 0.5), (int(rng.integers(1, 9)), 1.0)]),
    ]
    nodes: list[Callable[[], Any]] = [
        lambda: Product(inner),
        lambda: PerEpoch(inner[0]),
        lambda: OverTraining(inner[1]),
    ]
    chosen = nodes if inner else leaves
    return chosen[rng.integers(len(chosen))]()


def term(rng: np.random.Generator, depth: int) -> Any:
    weight = schedule(rng, depth) if rng.integers(2) else float(rng.random())
    made: list[Callable[[], Any]] = [
        lambda: Affiliation(weight, "renyi"),
        lambda: InformationFloor(np.float64(0.5), weight),
        lambda: MutualInformation(weight, views=AutoViews(AffineViews(flip=True), VectorViews())),
        lambda: OnFacets(term(rng, depth - 1), (0, 1)) if depth else Affiliation(weight),
    ]
    return made[rng.integers(len(made))]()


def anything(rng: np.random.Generator, depth: int) -> Any:
    """A value that an argument of an estimator may have, nested at random."""
    if depth == 0:
        return plain(rng)
    inner = [anything(rng, depth - 1) for _ in range(int(rng.integers(3)))]
    made: list[Callable[[], Any]] = [
        lambda: tuple(inner),
        lambda: {f"z_{i}": each for i, each in enumerate(inner)},
        lambda: schedule(rng, depth),
        lambda: term(rng, depth),
        lambda: [GaussianHead, GammaHead, StyleMixture, OptimalAssignment][rng.integers(4)],
        lambda: partial(GaussianHead, log_scale=plain(rng)),
        lambda: partial(StyleMixture, style_dim=2, hidden_dim=plain(rng)),
        lambda: partial(ClosedFormELBO, kl_weight=[schedule(rng, depth - 1), 0.5]),
        lambda: {"z": FlowHead, "w": partial(GaussianHead, log_scale=-2.0)},
        lambda: ByShape(Perceptron((4, int(rng.integers(1, 9)))), Perceptron(batch_norm=True)),
        lambda: Training(max_epochs=Budget(9), during=(Progressive((1,), 2), Refit((0, 3)))),
        lambda: TwoView(views=AffineViews(noise=0.5), epochs=Budget(5, least=2)),
        lambda: GroupsOf(GMVAE(n_clusters=4, start=KMeansStart(on="data"))),
    ]
    return made[rng.integers(len(made))]()


def same(one: Any, other: Any) -> bool:
    """Equal as Python would write them, NumPy's numbers as Python's and lists as tuples."""
    return (
        spelt(normal(one)) == spelt(normal(other))
        and normal(one).__class__ is normal(other).__class__
    )


def normal(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return normal(value.tolist())
    if isinstance(value, list | tuple):
        return tuple(normal(each) for each in value)
    if isinstance(value, dict):
        return {key: normal(each) for key, each in value.items()}
    if isinstance(value, partial):
        return partial(value.func, **{name: normal(each) for name, each in value.keywords.items()})
    if isinstance(value, Part) and not hasattr(value, "fit"):
        return (type(value).__name__, normal(value.arguments()))
    return value


NUMBERS: list[Any] = [np.int64(3), np.float64(0.1)]


@pytest.mark.parametrize("seed", range(60))
def test_what_is_nested_at_random_comes_back(seed: int) -> None:
    value = anything(np.random.default_rng(seed), 3)
    back = through_disk(value)
    assert same(back, value), (back, value)
    assert describe(back) == describe(value)


@pytest.mark.parametrize(
    "value",
    [
        GaussianMixture,
        partial(GaussianMixture, covariance="full"),
        {"z": FlowHead, "w": partial(GaussianHead, log_scale=-2.0)},
        [GaussianMixture, partial(StyleMixture, style_dim=2)],
        PerceptronLadder((4, 3)),
        ConvolutionalLadder(),
        Neighbours(5, epochs=Budget(50)),
        Autoencoder(*NUMBERS),
        GaussianMixtureStart("tied"),
        ComponentMeans(variance=None),
        "auto",
        (np.float32(0.5), np.array([1, 2]), np.bool_(False)),
    ],
    ids=spelt,
)
def test_each_form_comes_back_as_it_was(value: Any) -> None:
    assert same(through_disk(value), value)


def test_classes_and_partials_come_back_unbuilt_and_objects_built() -> None:
    assert through_disk(GaussianHead) is GaussianHead
    head = through_disk(partial(GaussianHead, log_scale=-2.0))
    assert isinstance(head, partial)
    assert head.func is GaussianHead
    assert head.keywords == {"log_scale": -2.0}
    likelihood = through_disk(partial(Normal, scale=0.2))
    assert likelihood.keywords == {"scale": 0.2}
    found = through_disk(Affiliation(LinearWarmup(0.0, 1.0, 4)))
    assert isinstance(found, Affiliation)
    assert found.weight == LinearWarmup(0.0, 1.0, 4)


def test_arguments_given_by_position_are_kept_by_name() -> None:
    assert describe(partial(StyleMixture, 3, 2))["arguments"] == {"n_clusters": 3, "latent_dim": 2}


@pytest.mark.parametrize("kind", [VaDE, GMVAE, DHVC])
def test_every_default_of_an_estimator_comes_back(kind: type[VaDE]) -> None:
    for name, value in kind().get_params(deep=False).items():
        assert same(through_disk(value), value), name


def test_a_clusterer_of_scikit_learn_comes_back() -> None:
    start = through_disk(GroupsOf(AgglomerativeClustering(4, linkage="average")))
    assert isinstance(start.clusterer, AgglomerativeClustering)
    assert start.clusterer.get_params()["linkage"] == "average"


WICKED = [
    "os:system",
    "subprocess:Popen",
    "builtins:eval",
    "builtins:exec",
    "antigravity:x",
    "sklearn.externals._packaging.version:parse",
    "sklearn.utils._joblib:os",
    "sklearn.cluster:sys",
    "pyromix.inference.training.devices:launch",
    "launch",
    "Checkpoint",
    "MixtureVAE",
    "__import__",
    "",
    "Part",
    "MixturePrior",
]


@pytest.mark.parametrize("form", ["part", "object"])
@pytest.mark.parametrize("name", WICKED)
def test_what_is_not_registered_is_not_made_and_nothing_is_imported(form: str, name: str) -> None:
    before = set(sys.modules)
    calls: list[Any] = []

    def watch(event: str, args: tuple[Any, ...]) -> None:
        if event in EVENTS:
            calls.append((event, args))

    sys.addaudithook(watch)
    described = [{"inner": {form: name, "arguments": {"command": "true"}}}]
    with pytest.raises(UnknownPartError, match="is not defined in this process") as caught:
        restore(described)
    assert caught.value.name == name
    assert not [call for call in calls if call[0] != "import"]
    assert set(sys.modules) == before


EVENTS = ("os.system", "subprocess.Popen", "exec", "import", "compile", "open")


@pytest.mark.parametrize(
    "described",
    [
        {"object": ["os:system"], "arguments": {}},
        {"object": {"part": "GaussianHead", "arguments": {}}, "arguments": {}},
        {"part": 3, "arguments": {}},
        {"part": None, "arguments": {}},
    ],
)
def test_a_name_that_is_no_word_is_no_part(described: Any) -> None:
    with pytest.raises(UnknownPartError):
        restore(described)


@pytest.mark.parametrize(
    ("described", "words"),
    [
        ({"part": "GaussianHead", "arguments": {"width": 3}}, "GaussianHead does not take .*width"),
        ({"object": "Budget", "arguments": {"steps": 1, "until": 2}}, "Budget does not take"),
        ({"object": "Budget", "arguments": {}}, "Budget does not take"),
        ({"object": "Budget", "arguments": [1]}, "Budget does not take"),
        ({"object": "Affiliation", "arguments": {"form": "gini"}}, "form is 'gini'"),
        ({"object": "Training", "arguments": {"max_epochs": "all"}}, "max_epochs is 'all'"),
        ({"object": "GaussianMixture", "arguments": {"n_clusters": 2}}, "GaussianMixture does not"),
    ],
)
def test_arguments_that_do_not_fit_are_told_in_a_line(described: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        restore(described)
    assert "\n" not in str(caught.value)


def test_more_than_a_name_and_arguments_is_a_plain_dict() -> None:
    described = {"part": "GaussianHead", "arguments": {}, "more": 1}
    assert restore(described) == described


class TestWhatIsHandedIn:
    """Parts that this process has not registered, under the names that a run has for them."""

    @staticmethod
    def mine(n_clusters: int, latent_dim: int, width: float = 1.0) -> Any:
        return GaussianMixture(n_clusters, latent_dim)

    def test_a_function_is_known_where_it_is_handed_in(self) -> None:
        described = describe(partial(self.mine, width=2.0))
        with pytest.raises(UnknownPartError) as caught:
            restore(described)
        assert caught.value.name == name_of(self.mine)
        back = restore(described, handed(self.mine))
        assert back.func is self.mine
        assert back.keywords == {"width": 2.0}

    def test_handed_in_however_deep(self) -> None:
        values = [{"z": partial(self.mine, width=1.0)}, (GaussianHead,), Affiliation()]
        assert handed(values) == {
            name_of(self.mine): self.mine,
            "GaussianHead": GaussianHead,
            "Affiliation": Affiliation,
        }
