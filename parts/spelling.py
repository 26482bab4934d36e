"""Values as they would be written in Python, and messages about names that are none."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable
from difflib import get_close_matches


def unknown(argument: str, name: object, options: Iterable[str]) -> str:
    """The message about a name that is none of some options."""
    options = list(options)
    nearest = get_close_matches(str(name), options, n=1)
    hint = f"did you mean {nearest[0]!r}? " if nearest else ""
    return f"{argument} is {name!r}: {hint}use one of {', '.join(options)}"


def spelt(value: object) -> str:
    """A value as it would be written in Python, parts by their names."""
    if isinstance(value, functools.partial):
        given = [*map(spelt, value.args), *(f"{n}={spelt(v)}" for n, v in value.keywords.items())]
        return f"{spelt(value.func)}({', '.join(given)})"
    if inspect.isroutine(value) or isinstance(value, type):
        return str(value.__name__)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {spelt(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(spelt, value))}]"
    if type(value) is tuple:
        return f"({', '.join(map(spelt, value))}{',' * (len(value) == 1)})"
    return " ".join(said.split()) if "\n" in (said := repr(value)) else said
