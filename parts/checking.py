"""Arguments against the types they are declared with: an error at once, and not deep in a fit."""

from __future__ import annotations

import inspect
import math
import numbers
import operator
import types
import typing
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from functools import cache, partial, wraps
from typing import Any, ParamSpec, TypeVar

from annotated_types import Ge, Gt, Le, Lt

from .spelling import spelt

BOUNDS: dict[type, tuple[Callable[[Any, Any], Any], str, str]] = {
    Ge: (operator.ge, "ge", "from"),
    Gt: (operator.gt, "gt", "above"),
    Le: (operator.le, "le", "up to"),
    Lt: (operator.lt, "lt", "below"),
}
LARGEST = 2**63  # of whole numbers, seeds among them
LONGEST = 100  # letters of a value in a message
P = ParamSpec("P")
T = TypeVar("T")


@cache
def hints_of(kind: Callable[..., Any]) -> dict[str, Any]:
    """The declared types of a dataclass's fields, or of what else is called with, by name.

    There are none where some cannot be looked up.
    """
    plain = inspect.isclass(kind) and not is_dataclass(kind)
    try:
        return typing.get_type_hints(kind.__init__ if plain else kind, include_extras=True)
    except (NameError, TypeError):  # declared with a class that only a function knows
        return {}


def check_types(kind: Callable[..., Any], values: Mapping[str, Any]) -> None:
    """Refuse arguments of another type than a class or a function declares, or out of range.

    NumPy's numbers are numbers; a bool is none, and neither are NaN and infinity. A range is
    declared as in ``Annotated[int, Ge(1)]``.

    Args:
        kind: the class or function.
        values: arguments by name.

    Raises:
        TypeError, ValueError: another type, or none of the words to choose from, or a number out of
            range; names the argument, what came and what would do.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass
        ... class Toy:
        ...     size: int | None = None
        >>> check_types(Toy, {"size": 3})
        >>> check_types(Toy, {"size": "3"})
        Traceback (most recent call last):
        TypeError: size is '3': Toy takes int or None
    """
    hints = hints_of(kind)
    for name, value in values.items():
        hint = hints.get(name, Any)
        if not fits(value, hint):
            of_type = chosen(value, hint) or fits(value, hint, anyhow=True)
            finite = "finite numbers, " * (of_type and not is_finite(value))
            finite = "smaller numbers, " if finite and is_whole(value) else finite
            message = f"{name} is {shortly(value)}: {spelt(kind)} takes {finite}{words(hint)}"
            raise ValueError(message) if of_type else TypeError(message)


def checked(function: Callable[P, T]) -> Callable[P, T]:
    """A function whose numbers, words and bools are checked when it is called.

    Arguments of other types, such as data, are left to the function itself.

    Raises:
        TypeError, ValueError: in a call, as :func:`check_types`.

    Example:
        >>> from pyromix.parts import Count
        >>> @checked
        ... def draws(n: Count) -> list[int]:
        ...     return list(range(n))
        >>> draws(0)
        Traceback (most recent call last):
        ValueError: n is 0: draws takes int from 1
    """
    signature = inspect.signature(function)

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        given = signature.bind(*args, **kwargs).arguments
        hints = hints_of(function)
        check_types(function, {n: v for n, v in given.items() if is_simple(hints.get(n, Any))})
        return function(*args, **kwargs)

    return call


def is_simple(hint: Any) -> bool:
    """Whether a type is made of numbers, words, bools and None alone."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return is_simple(inner[0])
    if origin in (typing.Union, types.UnionType, tuple, Sequence):
        return all(is_simple(each) for each in inner if each is not ...)
    return origin is typing.Literal or hint in (int, float, bool, str, type(None))


def shortly(value: object) -> str:
    """A value as it would be written, or its type where that is long."""
    said = spelt(value)
    return said if len(said) <= LONGEST and "\n" not in said else f"a {type(value).__name__}"


def is_whole(value: object) -> bool:
    """Whether a value is a whole number, or holds nothing else."""
    if isinstance(value, tuple | list):
        return all(map(is_whole, value))
    return isinstance(value, numbers.Integral)


def is_finite(value: object) -> bool:
    """Whether no number in a value is NaN or infinite, or larger than torch counts."""
    if isinstance(value, tuple | list):
        return all(map(is_finite, value))
    if isinstance(value, numbers.Integral):
        return abs(int(value)) < LARGEST
    return not isinstance(value, numbers.Real) or math.isfinite(value)


def check_fields(instance: Any) -> None:
    """Refuse a dataclass whose fields are of another type than it declares.

    Raises:
        TypeError: as :func:`check_types`.
    """
    check_types(
        type(instance), {each.name: getattr(instance, each.name) for each in fields(instance)}
    )


def fits(value: object, hint: Any, *, anyhow: bool = False) -> bool:
    """Whether a value is of the type that a hint names.

    Args:
        value: the value.
        hint: the type.
        anyhow: in whatever range.
    """
    if hint is Any:
        return True
    fit = partial(fits, anyhow=anyhow)
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return fit(value, inner[0]) and (anyhow or all(within(value, each) for each in inner[1:]))
    if origin in (typing.Union, types.UnionType):
        return any(fit(value, each) for each in inner)
    if origin is typing.Literal:
        return any(type(value) is type(each) and value == each for each in inner)
    if origin is tuple:
        if not isinstance(value, tuple | list):
            return False
        each = inner[:1] * len(value) if inner[1:] == (...,) else inner
        return len(each) == len(value) and all(map(fit, value, each))
    if origin is not None:
        if origin is Callable:
            return callable(value)
        if not isinstance(value, origin) or isinstance(value, str | bytes):
            return False
        many = len(inner) == 1 and isinstance(value, Sequence | Set)
        return not many or all(fit(each, inner[0]) for each in value)
    if hint is bool or isinstance(value, bool):
        return hint is bool and isinstance(value, bool)
    if hint is float:
        return isinstance(value, numbers.Real) and (anyhow or is_finite(value))
    if hint is int:
        return isinstance(value, numbers.Integral) and (anyhow or is_finite(value))
    return isinstance(value, hint) if inspect.isclass(hint) else True


def within(value: Any, bound: Any) -> bool:
    """Whether a number keeps to a bound."""
    compare, limit, _ = BOUNDS[type(bound)]
    return bool(compare(value, getattr(bound, limit)))


def chosen(value: object, hint: Any) -> bool:
    """Whether a hint has words to choose from, and the value is a word, of which none fits."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(chosen(value, each) for each in inner)
    return origin is typing.Literal and isinstance(value, str)


def words(hint: Any) -> str:
    """A type as a person would say it."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(map(words, inner)))
    if origin is typing.Annotated:
        limits = [(BOUNDS[type(each)], each) for each in inner[1:]]
        said = [f"{word} {getattr(bound, limit)}" for (_, limit, word), bound in limits]
        return f"{words(inner[0])} {' and '.join(said)}"
    if origin is typing.Literal:
        return " or ".join(map(repr, inner))
    if origin is tuple:
        return f"({', '.join('…' if each is ... else words(each) for each in inner)})"
    if origin is not None:
        if origin is Callable:
            return "a part"
        return f"a list of {words(inner[0])}" if len(inner) == 1 else "a dict"
    return "None" if hint is type(None) else str(getattr(hint, "__name__", hint))
