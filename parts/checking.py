"""Arguments against the types they are declared with: an error at once, and not deep in a fit."""

from __future__ import annotations

import inspect
import numbers
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

from .registry import spelt


@cache
def hints_of(kind: Callable[..., Any]) -> dict[str, Any]:
    """The declared types of a dataclass's fields, or of what else is called with, by name.

    There are none where some cannot be looked up.
    """
    plain = inspect.isclass(kind) and not is_dataclass(kind)
    try:
        return typing.get_type_hints(kind.__init__ if plain else kind)
    except (NameError, TypeError):  # declared with a class that only a function knows
        return {}


def check_types(kind: Callable[..., Any], values: Mapping[str, Any]) -> None:
    """Refuse arguments of another type than a class or a function declares for them.

    NumPy's numbers are numbers; a bool is none.

    Args:
        kind: the class or function.
        values: arguments by name.

    Raises:
        TypeError, ValueError: another type, or none of the words to choose from; names the
            argument, what came and what would do.

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
        if not fits(value, hints.get(name, Any)):
            message = f"{name} is {spelt(value)}: {spelt(kind)} takes {words(hints[name])}"
            raise ValueError(message) if chosen(value, hints[name]) else TypeError(message)


def check_fields(instance: Any) -> None:
    """Refuse a dataclass whose fields are of another type than it declares.

    Raises:
        TypeError: as :func:`check_types`.
    """
    check_types(
        type(instance), {each.name: getattr(instance, each.name) for each in fields(instance)}
    )


def fits(value: object, hint: Any) -> bool:
    """Whether a value is of the type that a hint names."""
    if hint is Any:
        return True
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, each) for each in inner)
    if origin is typing.Literal:
        return any(type(value) is type(each) and value == each for each in inner)
    if origin is tuple:
        if not isinstance(value, tuple | list):
            return False
        each = inner[:1] * len(value) if inner[1:] == (...,) else inner
        return len(each) == len(value) and all(map(fits, value, each))
    if origin is not None:
        if origin is Callable:
            return callable(value)
        if not isinstance(value, origin) or isinstance(value, str):
            return False
        return len(inner) != 1 or all(fits(each, inner[0]) for each in value)
    if hint is bool or isinstance(value, bool):
        return hint is bool and isinstance(value, bool)
    if hint is float:
        return isinstance(value, numbers.Real)
    if hint is int:
        return isinstance(value, numbers.Integral)
    return isinstance(value, hint) if inspect.isclass(hint) else True


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
    if origin is typing.Literal:
        return " or ".join(map(repr, inner))
    if origin is tuple:
        return f"({', '.join('…' if each is ... else words(each) for each in inner)})"
    if origin is not None:
        if origin is Callable:
            return "a part"
        return f"a list of {words(inner[0])}" if len(inner) == 1 else "a dict"
    return "None" if hint is type(None) else str(getattr(hint, "__name__", hint))
