"""Companions of a batch's rows: what goes with x, by name, to the parts that ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

Value = TypeVar("Value")


def heeded(part: object, companions: Mapping[str, Value]) -> dict[str, Value]:
    """Of some companions those that a part names in its ``companions``, which it is called with.

    A part without that attribute is called as if there were none.

    Example:
        >>> class Decoder:
        ...     companions = ("covariates",)
        >>> heeded(Decoder(), {"covariates": 1, "groups": 2})
        {'covariates': 1}
        >>> heeded(print, {"covariates": 1})
        {}
    """
    named: tuple[str, ...] = getattr(part, "companions", ())
    return {name: companions[name] for name in named if name in companions}


def under(prefix: str, companions: Mapping[str, Value]) -> dict[str, Value]:
    """The companions of rows that are companions themselves, under their own names.

    Example:
        >>> under("first_", {"first_depth": 1, "linked": 2})
        {'depth': 1}
    """
    return {
        name.removeprefix(prefix): each
        for name, each in companions.items()
        if name.startswith(prefix)
    }
