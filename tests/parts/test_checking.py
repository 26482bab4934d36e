"""Arguments against the types they are declared with: every hint in use, and what each takes."""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import pytest

from pyromix import VaDE
from pyromix.guides import GaussianHead
from pyromix.inference import Affiliation, Budget, Schedule, Training
from pyromix.models import GaussianMixture
from pyromix.networks import Networks, Perceptron
from pyromix.parts import Count, Part, Share, check_fields, check_types, spelt
from pyromix.parts.checking import fits, hints_of, words
from pyromix.parts.registry import _classes

ZOO: dict[str, Callable[..., Any]] = {
    name: part for name, part in _classes.items() if part.__module__.startswith("pyromix.")
}
INTEGERS = [3, np.int64(3), np.uint8(3)]
REALS = [*INTEGERS, 0.5, np.float32(0.5), -1e300]
TRUTHS = [True, False]
STRINGS = ["word", ""]
NOTHING = [None]


def leaves(hint: Any) -> Iterator[Any]:
    """The types without arguments that a hint is made of."""
    inner = typing.get_args(hint)
    if typing.get_origin(hint) is Annotated:
        inner = inner[:1]
    if not inner or typing.get_origin(hint) is Literal:
        yield hint
    for each in inner if typing.get_origin(hint) is not Literal else ():
        yield from (
            leaf for one in (each if isinstance(each, list) else [each]) for leaf in leaves(one)
        )


def origins(hint: Any) -> Iterator[Any]:
    """All types with arguments in a hint."""
    if typing.get_origin(hint) is not None:
        yield typing.get_origin(hint)
    inner = typing.get_args(hint)[: 1 if typing.get_origin(hint) is Annotated else None]
    for each in inner if typing.get_origin(hint) is not Literal else ():
        yield from origins(each)


def called_with(part: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(part).parameters)


@pytest.mark.parametrize("name", ZOO)
def test_every_hint_of_the_zoo_is_one_that_is_looked_at(name: str) -> None:
    """None falls through: what a hint is made of is a class, a word or a form that is handled."""
    handled = {
        typing.Union, types.UnionType, Literal, tuple, Callable, Sequence, Mapping, dict, list,
        Annotated,
    }  # fmt: skip
    hints = hints_of(ZOO[name])
    taken = called_with(ZOO[name])
    assert {n for n, p in taken.items() if p.annotation is not p.empty} <= hints.keys()
    for argument in taken.keys() & hints.keys():
        hint = hints[argument]
        assert set(origins(hint)) <= handled, (argument, hint)
        for leaf in leaves(hint):
            word = typing.get_origin(leaf) is Literal
            assert word or leaf in (Any, ...) or inspect.isclass(leaf), (argument, leaf)


@pytest.mark.parametrize("name", ZOO)
def test_every_default_of_the_zoo_fits_its_hint(name: str) -> None:
    defaults = {
        argument: each.default
        for argument, each in called_with(ZOO[name]).items()
        if each.default is not each.empty
        and each.default is not dataclasses.MISSING
        and type(each.default).__name__ != "_HAS_DEFAULT_FACTORY_CLASS"
    }
    check_types(ZOO[name], defaults)


@pytest.mark.parametrize(
    ("hint", "fitting", "others"),
    [
        (int, INTEGERS, [0.5, *TRUTHS, *STRINGS, *NOTHING, np.float64(3)]),
        (float, REALS, [*TRUTHS, *STRINGS, *NOTHING, 1j, float("inf"), float("nan")]),
        (Count, INTEGERS, [0, -1, 2.5, True, None]),
        (Share, [0.5], [0.0, 1.0, 1, -0.5, 2, "half"]),
        (tuple[Count, ...] | Count, [3, (3, 4), ()], [0, (3, 0), (2.5,), "3"]),
        (bool, TRUTHS, [*REALS, 1, 0, *STRINGS, *NOTHING]),
        (str, STRINGS, [*REALS, *TRUTHS, *NOTHING, b"word", ("word",)]),
        (int | None, [*INTEGERS, None], [0.5, True, "word"]),
        (float | Schedule, [0.5, 1, Schedule], [None, "word"]),
        (int | Budget, [3, Budget(3)], [0.5, Budget, "word", None]),
        (Networks | str, [Perceptron(), "perceptron"], [Perceptron, 3, None]),
        (Literal["cosine"] | None, ["cosine", None], ["cosin", 3, True]),
        (Literal["a", 1], ["a", 1], [True, 1.0, "b"]),
        (
            tuple[int, ...],
            [(), (1, 2), [1, 2], (np.int64(1),)],
            [3, "12", (1, "2"), (1.5,), (True,)],
        ),
        (tuple[float, int], [(0.5, 2), [1, 2]], [(0.5,), (1, 2, 3), (1, 2.5), 0.5]),
        (tuple[float, int] | Literal["cosine"], [(0.9, 10), "cosine"], ["cosines", (0.9, 10.5)]),
        (Sequence[Affiliation], [[], (Affiliation(),), [Affiliation()]], [Affiliation(), "a", [3]]),
        (Sequence[float | Schedule], [[1, 0.5]], [[1, "a"], "ab", 1.0]),
        (Mapping[str, int], [{}, {"a": 1}], [[("a", 1)], "a", None]),
        (Callable[..., Any], [GaussianMixture, len, lambda: 3], ["len", 3, None]),
        (
            Callable[..., Any] | str,
            [GaussianMixture, "normal"],
            [3, None, GaussianHead(2, 2).linear.bias],
        ),
        (Any, [3, "word", None, object()], []),
    ],
    ids=lambda each: words(each) if not isinstance(each, list) else "",
)
def test_what_each_form_takes(hint: Any, fitting: list[Any], others: list[Any]) -> None:
    fitting = [Decay() if each is Schedule else each for each in fitting]
    assert [value for value in fitting if not fits(value, hint)] == []
    assert [value for value in others if fits(value, hint)] == []


class Decay(Schedule, abstract=True):
    def __call__(self, step: float) -> float:
        return 1.0


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        (int, "int"),
        (int | None, "int or None"),
        (Literal["a", "b"] | None, "'a' or 'b' or None"),
        (tuple[float, int], "(float, int)"),
        (tuple[int, ...], "(int, …)"),
        (Sequence[Budget], "a list of Budget"),
        (Mapping[str, int], "a dict"),
        (Callable[..., Any] | str, "a part or str"),
        (int | tuple[int, ...] | None, "int or (int, …) or None"),
        (Count | None, "int from 1 or None"),
        (Share, "float above 0 and below 1"),
    ],
)
def test_types_are_said_in_words(hint: Any, said: str) -> None:
    assert words(hint) == said


@dataclass
class Toy:
    """Settings of many types."""

    size: int = 3
    share: float | None = None
    shape: Literal["round", "square"] = "round"
    dims: tuple[int, ...] = ()
    rows: Count | None = None


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"size": "3"}, TypeError, "size is '3': Toy takes int"),
        ({"size": 3.0}, TypeError, "size is 3.0: Toy takes int"),
        ({"share": "half"}, TypeError, "share is 'half': Toy takes float or None"),
        ({"dims": 3}, TypeError, "dims is 3: Toy takes (int, …)"),
        ({"shape": 3}, TypeError, "shape is 3: Toy takes 'round' or 'square'"),
        ({"shape": "flat"}, ValueError, "shape is 'flat': Toy takes 'round' or 'square'"),
        ({"rows": 0}, ValueError, "rows is 0: Toy takes int from 1 or None"),
        ({"rows": 2.5}, TypeError, "rows is 2.5: Toy takes int from 1 or None"),
        (
            {"share": float("nan")},
            ValueError,
            "share is nan: Toy takes finite numbers, float or None",
        ),
        ({"share": [1] * 200}, TypeError, "share is a list: Toy takes float or None"),
        ({"size": 3, "dims": (1, None)}, TypeError, "dims is (1, None): Toy takes (int, …)"),
    ],
)
def test_the_message_names_argument_value_and_what_would_do(
    values: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        check_types(Toy, values)
    assert str(caught.value) == message
    assert type(caught.value) is error


def test_fields_of_an_instance() -> None:
    check_fields(Toy(4, 0.5, "square", (1, 2)))
    with pytest.raises(TypeError, match="size is None: Toy takes int"):
        check_fields(Toy(None))  # type: ignore[arg-type]


def test_functions_and_classes_are_looked_at_by_what_they_are_called_with() -> None:
    def make(n_clusters: int, latent_dim: int, width: float = 1.0) -> None: ...

    check_types(make, {"width": 3})
    check_types(GaussianMixture, {"covariance": "full"})
    with pytest.raises(TypeError, match="width is 'wide': make takes float"):
        check_types(make, {"width": "wide"})
    with pytest.raises(TypeError, match="covariance is 3: GaussianMixture takes"):
        check_types(GaussianMixture, {"covariance": 3})


def test_hints_that_cannot_be_looked_up_are_none() -> None:
    """A class that only a function knows does not stand in the module where hints are read."""

    class Inner: ...

    def make(size: Inner) -> None: ...

    assert hints_of(make) == {}
    check_types(make, {"size": "anything"})


def test_arguments_without_a_hint_take_anything() -> None:
    class Bare(Part, kind="toy", abstract=True):
        def __init__(self, size, shape: str = "round") -> None:  # type: ignore[no-untyped-def]
            ...

    check_types(Bare, {"size": object(), "shape": "flat"})
    with pytest.raises(TypeError, match="shape is 3"):
        check_types(Bare, {"shape": 3})


@pytest.mark.parametrize("kind", [VaDE, Training])
def test_every_argument_is_checked(kind: Callable[..., Any]) -> None:
    """An object that is nothing at all is refused for every argument that says what it takes."""
    wrong = object()
    for name, hint in hints_of(kind).items():
        if hint is not Any and name in called_with(kind):
            with pytest.raises(TypeError, match=rf"{name} is <object"):
                check_types(kind, {name: wrong})
    assert spelt(wrong).startswith("<object")
