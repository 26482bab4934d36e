"""The registry: who is known by which name, what an instance remembers, and how it is shown."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from torch import nn

from pyromix import VaDE
from pyromix.guides import GaussianHead, Head
from pyromix.inference import Affiliation, LinearWarmup
from pyromix.models import GaussianMixture, Likelihood, MixturePrior, Normal
from pyromix.parts import Part, choose, describe, find, name_of, names, restore, spelt, unknown
from pyromix.parts.registry import known


def defined(text: str, module: str, **names: Any) -> Any:
    """The class that a text defines, as if it stood in another module."""
    scope: dict[str, Any] = {"__name__": module, "Part": Part, **names}
    exec(text, scope)  # the text is this file's
    return list(scope.values())[-1]


BALL = "class Ball(Part, kind='toy'):\n    def __init__(self, size=1): self.size = size"


def test_two_classes_of_one_name_from_two_modules_are_two() -> None:
    one, other = (defined(BALL, module) for module in ("one", "other"))
    assert (name_of(one), name_of(other)) == ("one:Ball", "other:Ball")
    assert (known("one:Ball"), known("other:Ball")) == (one, other)
    for kind in (one, other):
        assert find("toy", name_of(kind)) is kind
        assert restore(describe(kind)) is kind
        assert type(restore(describe(kind(size=3)))) is kind
    # By the short name the one that was defined last is meant.
    assert find("toy", "ball") is find("toy", "Ball") is names("toy")["ball"] is other


def test_a_class_defined_again_takes_the_place_of_the_old_one() -> None:
    old, new = (defined(BALL, "notebook") for _ in range(2))
    assert old is not new
    assert find("toy", "ball") is known("notebook:Ball") is new
    assert list(names("toy").values()) == [new]
    assert type(restore(describe(old(2)))) is new


@pytest.mark.parametrize(
    ("base", "text", "words"),
    [
        (VaDE, "class VaDE(Base): ...", ("vade", "VaDE")),
        (MixturePrior, "class GaussianMixture(Base): ...", ("gaussian-mixture", "GaussianMixture")),
        (Likelihood, "class Normal(Base): ...", ("normal", "Normal")),
        (Head, "class Mine(Base, alias='gaussian-head'): ...", ("gaussian-head", "GaussianHead")),
    ],
)
def test_the_zoo_s_names_stay_the_zoo_s(
    base: type[Part], text: str, words: tuple[str, str]
) -> None:
    """A class of a user's own is not taken for one, in a default, a saved run or a command."""
    before = [find(base.kind, word) for word in words]
    mine = defined(text, "notebook", Base=base)
    assert [find(base.kind, word) for word in words] == before
    assert names(base.kind)[words[0]] is before[0]
    assert find(base.kind, name_of(mine)) is mine
    assert restore(describe(before[0])) is before[0]
    assert restore(describe(mine)) is mine


def test_an_alias_is_the_name_with_dashes_unless_one_is_given() -> None:
    class Toy(Part, kind="toy", abstract=True): ...

    class BigRedBall(Toy): ...

    class HTTPBall2D(Toy, alias="web"): ...

    assert (BigRedBall.alias, HTTPBall2D.alias) == ("big-red-ball", "web")
    assert find("toy", "big-red-ball") is find("toy", "BigRedBall") is BigRedBall
    assert find("toy", "web") is find("toy", "HTTPBall2D") is HTTPBall2D
    assert set(names("toy")) == {"big-red-ball", "web"}
    with pytest.raises(ValueError, match="toy is 'toy': use one of big-red-ball, web"):
        find("toy", "toy")


def test_kinds_are_inherited_and_kept_apart() -> None:
    class Toy(Part, kind="toy", abstract=True): ...

    class Ball(Toy): ...

    class Small(Ball): ...

    assert Small.kind == "toy"
    assert set(names("toy")) == {"ball", "small"}
    with pytest.raises(ValueError, match="head is 'small'"):
        find("head", "small")


def test_an_unknown_name_tells_the_nearest_and_all() -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011, the whole message is compared
        find("likelihood", "norml", "the likelihood")
    expected = "the likelihood is 'norml': did you mean 'normal'? use one of "
    assert str(caught.value) == expected + ", ".join(sorted(names("likelihood")))
    assert unknown("x", "zzz", ["a", "b"]) == "x is 'zzz': use one of a, b"
    assert unknown("x", 3, iter(["a"])) == "x is 3: use one of a"


def test_choose() -> None:
    options = {"circle": 1, "square": 2}
    assert choose("shape", "square", options) == 2
    with pytest.raises(ValueError, match="shape is 'squar': did you mean 'square'"):
        choose("shape", "squar", options)


def test_an_abstract_part_cannot_be_made_and_its_whole_ones_can() -> None:
    """Also where the metaclass is not Python's own for it, as that of Pyro's modules."""

    class Toy(Part, nn.Module, kind="toy", abstract=True):
        @abstractmethod
        def roll(self) -> int: ...

        @property
        @abstractmethod
        def size(self) -> int: ...

    class Half(Toy, abstract=True):
        def roll(self) -> int:
            return 2

    class Whole(Half):
        size = 3

    with pytest.raises(TypeError, match=r"abstract class Toy .*roll.*size"):
        Toy()  # type: ignore[abstract]
    with pytest.raises(TypeError, match=r"abstract class Half .*size"):
        Half()  # type: ignore[abstract]
    assert Whole().roll() == 2
    bases: list[Callable[..., Part]] = [MixturePrior, Head, Likelihood]
    for base in bases:
        with pytest.raises(TypeError, match="abstract"):
            base(3, 2)


class TestWhatAnInstanceRemembers:
    """The arguments it was made with, defaults included."""

    def test_positional_keyword_and_default(self) -> None:
        class Ball(Part, kind="toy"):
            def __init__(self, size: float, *, soft: bool = False, colour: str = "red") -> None: ...

        ball = Ball(2.0, colour="blue")
        assert ball.arguments() == {"size": 2.0, "soft": False, "colour": "blue"}
        assert repr(ball) == "Ball(size=2.0, soft=False, colour='blue')"

    def test_the_outermost_of_several_counts(self) -> None:
        class Ball(Part, kind="toy"):
            def __init__(self, size: int = 1) -> None:
                self.size = size

        class Football(Ball):
            def __init__(self, team: str) -> None:
                super().__init__(size=5)
                self.team = team

        class Bare(Football): ...

        assert Football("B").arguments() == {"team": "B"}
        assert Bare("B").arguments() == {"team": "B"}
        assert Ball().arguments() == {"size": 1}

    def test_modules_are_left_out(self) -> None:
        class Ball(Part, nn.Module, kind="toy"):
            def __init__(self, layer: nn.Module, size: int, *layers: nn.Module) -> None:
                super().__init__()
                self.layer = layer

        layer = nn.Linear(2, 3)
        assert Ball(layer, 3).arguments() == {"size": 3, "layers": ()}
        assert repr(Ball(layer, 3, layer)) == "Ball(size=3)"
        assert "decoder" not in Normal(layer, (3,), scale=0.5).arguments()

    def test_sizes_have_their_symbols(self) -> None:
        prior = GaussianMixture(10, 2, covariance="full")
        assert repr(prior).startswith("GaussianMixture(K=10, D=2, covariance='full'")
        assert prior.arguments()["n_clusters"] == 10

    def test_a_dataclass_by_its_fields(self) -> None:
        @dataclass(frozen=True, repr=False)
        class Ball(Part, kind="toy"):
            size: float = 1.0
            within: LinearWarmup | None = None

        ball = Ball(within=LinearWarmup(0.0, 1.0, 5))
        assert ball.arguments() == {"size": 1.0, "within": LinearWarmup(0.0, 1.0, 5)}
        assert repr(ball) == "Ball(size=1.0, within=LinearWarmup(start=0.0, end=1.0, steps=5))"

    def test_wrong_arguments_name_the_part(self) -> None:
        with pytest.raises(TypeError, match=r"^Affiliation: .*'wieght'"):
            Affiliation(wieght=1.0)  # type: ignore[call-arg]


def test_values_are_spelt_as_in_python() -> None:
    head = partial(GaussianHead, log_scale=-2.0)
    values: dict[str, Any] = {
        "GaussianHead": GaussianHead,
        "GaussianHead(log_scale=-2.0)": head,
        "[GaussianHead, 'b', 2]": [GaussianHead, "b", 2],
        "(1,)": (1,),
        "(1, GaussianHead(log_scale=-2.0))": (1, head),
        "{'z': GaussianHead}": {"z": GaussianHead},
        "Affiliation(weight=0.5, form='renyi')": Affiliation(0.5, "renyi"),
        "len": len,
        "None": None,
    }
    assert {spelt(value): value for value in values.values()} == values


def test_what_a_test_defines_is_unknown_after_it() -> None:
    """Also what an example in a docstring defines as if it stood in the zoo."""
    assert names("toy") == {}
    assert {part.__module__.split(".")[0] for part in names("prior").values()} <= {
        "pyromix",
        "tests",
    }
    assert "LaplaceMixture" not in {name_of(part) for part in names("prior").values()}
