"""Parts as JSON and back: names and arguments, nothing that executes.

A class or a partial is ``{"part": name, "arguments": {…}}``, an object ``{"object": …}``. Only what
is registered in this process is built again, and scikit-learn's estimators; anything else has to be
handed in.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Mapping
from typing import Any

from .registry import Part, known, name_of
from .spelling import spelt

PLAIN = (bool, int, float, str, type(None))


class UnknownPartError(ValueError):
    """A description names a part that is not registered in this process.

    Args:
        name: the part's name.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"{name!r} is not defined in this process")
        self.name = name


def describe(value: Any) -> Any:
    """A value as JSON.

    Example:
        >>> class Green(Part, kind="green"):
        ...     def __init__(self, size: int = 1) -> None: ...
        >>> describe([functools.partial(Green, size=2), (1, 2)])[0]["arguments"]
        {'size': 2}
    """
    if type(value) in PLAIN:
        return value
    if isinstance(value, list | tuple):
        return [describe(each) for each in value]
    if isinstance(value, Mapping):
        return {str(key): describe(each) for key, each in value.items()}
    if isinstance(value, functools.partial):
        positional = inspect.signature(value.func).bind_partial(*value.args).arguments
        return {"part": name_of(value.func), "arguments": describe(positional | value.keywords)}
    if isinstance(value, type) or inspect.isroutine(value):
        return {"part": name_of(value), "arguments": {}}
    if hasattr(value, "tolist"):
        return describe(value.tolist())  # NumPy's numbers and arrays
    return {"object": name_of(type(value)), "arguments": describe(_arguments(value))}


def _arguments(value: object) -> dict[str, Any]:
    if isinstance(value, Part):
        return value.arguments()
    if hasattr(value, "get_params"):
        found: dict[str, Any] = value.get_params(deep=False)
        return found
    return {}


def restore(described: Any, extra: Mapping[str, Any] | None = None) -> Any:
    """The value that JSON describes; lists become tuples.

    Args:
        described: as :func:`describe` gives it.
        extra: classes and functions by name, beside the registered ones.

    Raises:
        UnknownPartError: a part that is neither.
        ValueError: arguments that a part does not take.
    """
    extra = extra or {}
    if isinstance(described, list):
        return tuple(restore(each, extra) for each in described)
    if not isinstance(described, dict):
        return described
    form = next((each for each in ("part", "object") if each in described), None)
    if form is None or set(described) != {form, "arguments"}:
        return {key: restore(each, extra) for key, each in described.items()}
    name = str(described[form])
    made = extra.get(name) or known(name) or _of_scikit_learn(name)
    if made is None:
        raise UnknownPartError(name)
    arguments = restore(described["arguments"], extra)
    try:
        if form == "object":
            return made(**arguments)
        inspect.signature(made).bind_partial(**arguments)
    except TypeError as error:
        raise ValueError(f"{spelt(made)} does not take what was saved of it: {error}") from error
    return functools.partial(made, **arguments) if arguments else made


def _of_scikit_learn(name: str) -> Any:
    """A class of scikit-learn's, such as a clusterer to start from, if its module is loaded."""
    module, _, short = name.partition(":")
    if not module.startswith("sklearn."):
        return None
    found = getattr(sys.modules.get(module), short, None)
    return found if isinstance(found, type) and hasattr(found, "get_params") else None


def handed(value: object) -> dict[str, Any]:
    """The classes and functions in a value that a user hands in, by their names in a run."""
    if isinstance(value, list | tuple):
        return {name: part for each in value for name, part in handed(each).items()}
    if isinstance(value, Mapping):
        return handed(list(value.values()))
    if isinstance(value, functools.partial):
        return handed(value.func)
    made = value if isinstance(value, type) or inspect.isroutine(value) else type(value)
    return {name_of(made): made}
