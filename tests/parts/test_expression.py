"""Parts as text: what the command reads, and that it executes nothing."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import pytest
from torch import Tensor

from pyromix.guides import GaussianHead
from pyromix.inference import (
    Affiliation,
    Autoencoder,
    Budget,
    GaussianMixtureStart,
    InformationFloor,
    LinearWarmup,
    MutualInformation,
    OnFacets,
    PerEpoch,
    Pretraining,
    Progressive,
    Term,
    Training,
    VectorViews,
)
from pyromix.models import GaussianMixture, Normal
from pyromix.networks import ByShape, Perceptron
from pyromix.parts import find, parse, spelt
from pyromix.parts.registry import _classes


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        (" -1e-3 ", -1e-3),
        ("+2", 2),
        ("True", True),
        ("None", None),
        ("'a b'", "a b"),
        ("[500, 500]", (500, 500)),
        ("500,500", (500, 500)),
        ("(1, (2, 'c'))", (1, (2, "c"))),
        ("{'z': normal, 'w': 3}", {"z": "normal", "w": 3}),
        ("normal", "normal"),
        ("closed-form", "closed-form"),
        ("32-true", "32-true"),
        ("cuda:1", "cuda:1"),
        ("", ""),
        ("two words", "two words"),
    ],
)
def test_numbers_words_and_lists(text: str, value: Any) -> None:
    found = parse(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Affiliation()", Affiliation()),
        ("affiliation(0.5, form=renyi)", Affiliation(0.5, "renyi")),
        ("InformationFloor(0.5, weight=LinearWarmup(0, 1, 9))",
         InformationFloor(0.5, LinearWarmup(0, 1, 9))),
        ("OnFacets(MutualInformation(50.0, views=VectorViews(noise=0.1)), (1,))",
         OnFacets(MutualInformation(50.0, views=VectorViews(noise=0.1)), (1,))),
        ("PerEpoch(LinearWarmup(0.0, 1.0, 3))", PerEpoch(LinearWarmup(0.0, 1.0, 3))),
        ("Autoencoder(epochs=Budget(100))", Autoencoder(Budget(100))),
        ("GaussianMixtureStart('tied')", GaussianMixtureStart("tied")),
        ("Training(max_epochs=3, during=[Progressive((1,))])",
         Training(max_epochs=3, during=(Progressive((1,)),))),
        ("ByShape(vectors=Perceptron((4,)))", ByShape(vectors=Perceptron((4,)))),
        ("[Affiliation(1.0), Affiliation(+2)]", (Affiliation(1.0), Affiliation(2))),
    ],
)  # fmt: skip
def test_objects_are_made(text: str, value: Any) -> None:
    assert spelt(parse(text)) == spelt(value)
    assert type(parse(text)) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("GaussianMixture(covariance='full')", partial(GaussianMixture, covariance="full")),
        ("Normal(scale=.15)", partial(Normal, scale=0.15)),
        ("GaussianHead()", GaussianHead),
        ("{'z': GaussianHead(log_scale=-2)}", {"z": partial(GaussianHead, log_scale=-2)}),
    ],
)
def test_what_takes_its_sizes_in_the_fit_stays_unbuilt(text: str, value: Any) -> None:
    assert spelt(parse(text)) == spelt(value)


@pytest.mark.parametrize(
    "value",
    [
        Affiliation(LinearWarmup(0.0, 1.0, 5), "max"),
        Training(max_epochs=Budget(9, 2, None), during=(Progressive((1, 2), 3),)),
        OnFacets(MutualInformation(2.0, views=VectorViews()), (0,)),
        partial(GaussianMixture, covariance="full"),
        {"z": partial(GaussianHead, log_scale=-1.5), "w": (1, None, True)},
    ],
    ids=spelt,
)
def test_what_is_spelt_is_read_again(value: Any) -> None:
    assert spelt(parse(spelt(value))) == spelt(value)


WICKED = [
    "os.system('true')",
    "__import__('os').system('true')",
    "().__class__.__bases__[0].__subclasses__()",
    "Affiliation.__init__",
    "Affiliation(weight=os.getcwd())",
    "Affiliation().name",
    "Affiliation()()",
    "(lambda: 1)()",
    "lambda: 1",
    "[x for x in (1, 2)]",
    "{x: x for x in (1, 2)}",
    "(x for x in (1, 2))",
    "[Affiliation(x) for x in (1, 2)]",
    "f'{1 + 1}'",
    "1 + 1",
    "2 ** 99999999",
    "'a' * 999999999",
    "x := 3",
    "(x := 3)",
    "1 if True else 2",
    "a[0]",
    "a and b",
    "not a",
    "-True",
    "-normal",
    "1 < 2",
    "*a, b",
    "Affiliation(*weights)",
    "{**a}",
    "{Affiliation(): **a}",
    "import os",
    "a = 3",
    "1j",
    "b'a'",
    "...",
    "await a",
    "yield a",
]


@pytest.mark.parametrize("text", WICKED)
def test_other_expressions_are_words_and_nothing_is_executed(text: str) -> None:
    before = set(sys.modules)
    assert parse(text) == text
    assert set(sys.modules) == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("eval('1')", "the part is 'eval': "),
        ("__import__('os')", "the part is '__import__'"),
        ("print(1)", "the part is 'print'"),
        ("open('/etc/passwd')", "the part is 'open'"),
        ("KMeans(3)", "the part is 'KMeans': did you mean 'KMeansStart'"),
        ("Affiliaton(1.0)", "did you mean 'Affiliation'"),
        ("[Affiliation(1.0), exec('x')]", "the part is 'exec'"),
        ("Affiliation(weight=eval('1'))", "the part is 'eval'"),
        ("VaDE()", "the part is 'VaDE'"),
        ("launch()", "the part is 'launch'"),
    ],
)
def test_calls_of_what_is_not_registered_are_refused(
    text: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in _classes if ":" in name]:  # other tests' parts may be nearer
        monkeypatch.delitem(_classes, name)
    with pytest.raises(ValueError, match=words) as caught:
        parse(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "Affiliation(wieght=1.0)",
            "'wieght' is no argument of Affiliation: did you mean 'weight'",
        ),
        ("Affiliation(**{'weight': 1.0})", "is no argument of Affiliation"),
        ("Affiliation(1.0, weight=2.0)", "Affiliation"),
        ("Affiliation(1, 2, 3, 4)", "Affiliation: too many positional arguments"),
        ("GaussianMixture(10, 2)", "GaussianMixture takes its sizes in the fit"),
        ("Training(max_epochs='all')", "max_epochs is 'all'"),
        ("OnFacets()", "OnFacets"),
    ],
)
def test_arguments_that_a_part_does_not_take_are_refused(text: str, words: str) -> None:
    with pytest.raises(TypeError, match=words) as caught:
        parse(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("depth", [90, 250, 900, 1500, 2500, 100_000])
@pytest.mark.parametrize(
    ("before", "inside", "after"),
    [("[", "1", "]"), ("(", "1", ",)"), ("-", "1", ""), ("{1:", "1", "}")],
)
def test_deep_nesting_is_a_word_or_a_value_and_no_traceback(
    depth: int, before: str, inside: str, after: str
) -> None:
    text = before * depth + inside + after * depth
    found = parse(text)
    if found != text:
        for _ in range(depth if before != "-" else 0):
            (found,) = found.values() if isinstance(found, dict) else found
        assert found == (1 if before != "-" or depth % 2 == 0 else -1)


def test_a_user_s_part_of_another_kind_does_not_take_the_zoo_s_name() -> None:
    class Neighbours(Term):
        def __call__(self, responsibilities: Tensor, weights: Tensor) -> Tensor:
            return weights.sum()

    assert find("term", "Neighbours") is Neighbours
    made = parse("Neighbours(epochs=3)")
    assert isinstance(made, Pretraining)
    assert made.epochs == 3
