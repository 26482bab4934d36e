"""The estimator's arguments on the command line, checked by name and type."""

from __future__ import annotations

import ast
import types
import typing
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from ..estimators import DeepMixture

Kind = type[DeepMixture]

_OPTIONS = {"random_state": "--seed"}


def arguments(kind: Kind, options: Mapping[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    """The constructor arguments that a command line gives.

    Args:
        kind: the estimator's class.
        options: values of options of their own, by argument, text as for ``settings``; ``None``
            where not given.
        settings: ``name=value``, each value a Python literal or a plain word.

    Raises:
        ValueError: an unknown name (the nearest known is told), no ``=``, or a name given twice.
        TypeError: a value of another type than the argument takes.

    Example:
        >>> from pyromix.estimators import VaDE
        >>> arguments(VaDE, {"n_clusters": "3"}, ["hidden_dims=16,", "bound=enumerated"])
        {'n_clusters': 3, 'hidden_dims': (16,), 'bound': 'enumerated'}
    """
    given = {}
    for name, value in options.items():
        if value is not None:
            option = _OPTIONS.get(name, f"--{name.replace('_', '-')}")
            parsed = literal(value) if isinstance(value, str) else value
            given[name] = checked(kind, name, parsed, f"{option} {value}")
    for setting in settings:
        name, equals, text = setting.partition("=")
        name = name.strip().replace("-", "_")
        if not equals:
            raise ValueError(f"--set {setting!r} has no '=': use --set name=value")
        if name in _OPTIONS:
            raise ValueError(f"--set {name} has an option of its own: use {_OPTIONS[name]}")
        if name in given:
            raise ValueError(f"{name} is given twice: keep one of its options and --set")
        given[name] = checked(kind, name, literal(text), f"--set {setting}")
    return given


def literal(text: str) -> Any:
    """The Python literal that ``text`` is, lists as tuples; the text itself if it is none.

    Example:
        >>> literal("1e-3"), literal("[500, 500]"), literal("normal")
        (0.001, (500, 500), 'normal')
    """
    try:
        value = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        return text.strip()
    return tuple(value) if isinstance(value, list) else value


def checked(kind: Kind, name: str, value: Any, given: str) -> Any:
    """``value``, if ``kind`` has an argument of that name and type.

    Args:
        kind: the estimator's class.
        name: the argument.
        value: what it was given.
        given: how, for the messages.

    Raises:
        ValueError: an unknown name.
        TypeError: a value of another type.
    """
    defaults = kind().get_params()
    if name not in defaults:
        nearest = get_close_matches(name, defaults, n=1)
        hint = f"did you mean {nearest[0]!r}? " if nearest else ""
        known = ", ".join(sorted(set(defaults) - set(_OPTIONS)))
        raise ValueError(f"{given}: {name} is no argument of {kind.__name__}: {hint}known: {known}")
    hint = typing.get_type_hints(kind)[name]
    if not _fits(value, hint):
        wanted = hint.__name__ if isinstance(hint, type) else hint
        usual = "" if defaults[name] is None else f", such as {_spelt(defaults[name])}"
        raise TypeError(f"{given} is of the wrong type: {kind.__name__} takes {wanted}{usual}")
    return value


def _spelt(value: Any) -> str:
    """A value as a command line gives it: a tuple without what a shell would stumble over."""
    return repr(value).strip("()").replace(" ", "") if isinstance(value, tuple) else repr(value)


def _fits(value: Any, hint: Any) -> bool:
    """Whether a literal is of the type that a hint names."""
    if hint is Any:
        return True
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, each) for each in inner)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        each = inner[:1] * len(value) if inner[1:] == (...,) else inner
        return len(each) == len(value) and all(map(_fits, value, each))
    if isinstance(value, bool) or hint is bool:
        return isinstance(value, bool) and hint is bool
    if hint is float:
        return isinstance(value, int | float)
    return isinstance(value, hint)
