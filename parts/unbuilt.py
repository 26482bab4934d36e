"""Parts that are given unbuilt: a class, a ``functools.partial`` of one, a function, or a name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass, replace
from difflib import get_close_matches
from functools import partial
from typing import Any, TypeVar, cast

from .checking import check_types
from .registry import Part, find
from .spelling import spelt

T = TypeVar("T")
Unbuilt = Callable[..., Any] | str  # a class, a partial of one, a function, or a name


def resolve(argument: str, value: Any, base: type[T]) -> Callable[..., T]:
    """What builds a part, out of what an estimator was given.

    Args:
        argument: the estimator's argument, for messages.
        value: a class, a partial of one, a function, or a registered name.
        base: what the part must be.

    Raises:
        TypeError: a part that is built already or of another kind, or arguments that it has not.
        ValueError: an unknown name.

    Example:
        >>> class Ball(Part, kind="ball", abstract=True): ...
        >>> class BlueBall(Ball): ...
        >>> resolve("ball", "blue-ball", Ball)()
        BlueBall()
        >>> resolve("ball", BlueBall(), Ball)
        Traceback (most recent call last):
        TypeError: ball is BlueBall(), which is built already: give the class BlueBall, or \
partial(BlueBall, …)
    """
    if isinstance(value, str):
        return cast(Callable[..., T], find(getattr(base, "kind", ""), value, argument))
    if isinstance(value, base):
        name = type(value).__name__
        raise TypeError(
            f"{argument} is {spelt(value)}, which is built already: give the class {name}, or "
            f"partial({name}, …)"
        )
    made = value.func if isinstance(value, partial) else value
    if (
        not callable(made)
        or isinstance(made, Part)
        or (isinstance(made, type) and not issubclass(made, base))
    ):
        raise TypeError(
            f"{argument} is {spelt(value)}: give a subclass of {base.__name__}, a partial of one, "
            "a function that makes one, or a registered name"
        )
    if isinstance(value, partial):
        check_arguments(made, value.keywords, argument)
    builder: Callable[..., T] = value
    return builder


def build(argument: str, value: Any, base: type[T], *sizes: Any, **keywords: Any) -> T:
    """A part, built with the sizes that only a fit knows.

    Raises:
        TypeError: as :func:`resolve`, a keyword that is not the part's to give, or what was made is
            no such part.
    """
    taken = value.keywords.keys() & keywords if isinstance(value, partial) else ()
    if taken:
        raise TypeError(f"{argument} is {spelt(value)}: give {min(taken)} to the estimator itself")
    made = _called(argument, resolve(argument, value, base), *sizes, **keywords)
    if not isinstance(made, base):
        raise TypeError(
            f"{argument} made a {type(made).__name__}: {spelt(value)} should make a {base.__name__}"
        )
    return made


def _called(argument: str, part: Callable[..., T], *sizes: Any, **keywords: Any) -> T:
    """What a part makes; of one that takes no such call it is said which."""
    try:
        return part(*sizes, **keywords)
    except TypeError as error:
        trace = error.__traceback__
        if trace is not None and trace.tb_next is not None:
            raise  # from within the part
        raise TypeError(f"{argument} is {spelt(part)}, and cannot be called: {error}") from error


def given(argument: str, value: Any, base: type[T]) -> T:
    """A part that is given as an object, such as a phase; its class or name means its defaults.

    Raises:
        TypeError: another thing than such an object.
        ValueError: an unknown name.
    """
    if isinstance(value, str):
        value = find(getattr(base, "kind", ""), value, argument)
    if isinstance(value, type) and issubclass(value, base):
        value = _called(argument, value)
    if not isinstance(value, base):
        example = getattr(base, "example", "")
        raise TypeError(
            f"{argument} is {spelt(value)}: give a {base.__name__}"
            + (f", such as {example}" if example else "")
        )
    return value


def check_arguments(
    made: Callable[..., Any], keywords: Mapping[str, Any], argument: str = ""
) -> None:
    """Refuse keywords that a part does not take, and values of another type than it declares.

    Args:
        made: the part.
        keywords: with their values.
        argument: whose value the part is, for the message.

    Raises:
        TypeError: names the first one, and the nearest that there is, or the type that would do.
    """
    try:
        taken = inspect.signature(made).parameters
    except ValueError:  # of a builtin nothing is known before it is called
        return
    if any(each.kind is each.VAR_KEYWORD for each in taken.values()):
        return
    for name in keywords:
        if name not in taken:
            nearest = get_close_matches(name, taken, n=1)
            hint = f"did you mean {nearest[0]!r}? " if nearest else ""
            raise TypeError(
                f"{argument and f'{argument}: '}{name!r} is no argument of {spelt(made)}: "
                f"{hint}it takes {', '.join(taken)}"
            )
    check_types(made, keywords)


def keywords_of(value: Any) -> dict[str, Any]:
    """The arguments of a part that can be changed one by one, at their values."""
    if hasattr(value, "get_params") and not isinstance(value, type):
        found: dict[str, Any] = value.get_params(deep=False)
        return found
    if isinstance(value, partial):
        return dict(value.keywords)
    if isinstance(value, Part) and is_dataclass(value):
        return value.arguments()
    return {}


def changed(value: Any, **changes: Any) -> Any:
    """A copy of a part with some arguments changed: unbuilt ones become partials.

    Args:
        value: a part, unbuilt or an object.
        **changes: new values by name; ``part__name`` reaches into a part's own part.

    Raises:
        TypeError: an argument that it has not.

    Example:
        >>> class Red(Part, kind="red"):
        ...     def __init__(self, size: int = 1) -> None: ...
        >>> changed(Red, size=3)()
        Red(size=3)
    """
    own: dict[str, Any] = {}
    inner: dict[str, dict[str, Any]] = {}
    for name, new in changes.items():
        first, _, rest = name.partition("__")
        if rest:
            inner.setdefault(first, {})[rest] = new
        else:
            own[first] = new
    made = value.func if isinstance(value, partial) else value
    before = keywords_of(value)
    kind = made if callable(made) and not isinstance(made, Part) else type(made)
    check_arguments(kind, {name: before.get(name) for name in inner} | own)
    for name, deeper in inner.items():
        own[name] = changed(own.get(name, before.get(name)), **deeper)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **own)
    if isinstance(value, Part):
        return type(value)(**{**value.arguments(), **own})
    if isinstance(value, partial):
        return partial(value.func, *value.args, **{**value.keywords, **own})
    if hasattr(value, "set_params") and not isinstance(value, type):
        return type(value)(**{**value.get_params(deep=False), **own})
    if not callable(value):
        raise TypeError(f"{spelt(value)} is no part, and has no argument {min(own)!r}")
    return partial(value, **own)
