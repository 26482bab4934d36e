"""One registry of names: every part of a model registers under its name as its class is defined."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any, ClassVar, TypeVar

from .checking import check_types
from .showing import rows_html
from .spelling import spelt, unknown

Value = TypeVar("Value")

PACKAGE = __name__.partition(".")[0]
SEVERAL = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
SYMBOLS = {"n_clusters": "K", "latent_dim": "D", "in_features": "F", "style_dim": "W"}

_classes: dict[str, type[Part]] = {}


class Part:
    """A class that saved runs, the command and messages know by name.

    Subclasses are registered when they are defined, under :func:`name_of` and an ``alias``, by
    default the name in lower case with dashes; ``abstract=True`` leaves a base out. An instance
    remembers the arguments that it was made with.

    Example:
        >>> class Toy(Part, kind="toy", abstract=True): ...
        >>> class RedBall(Toy):
        ...     def __init__(self, radius: float, *, soft: bool = False) -> None: ...
        >>> RedBall(2.0)
        RedBall(radius=2.0, soft=False)
        >>> find("toy", "red-ball") is RedBall
        True
    """

    kind: ClassVar[str] = ""
    alias: ClassVar[str] = ""

    def __init_subclass__(
        cls, *, kind: str = "", alias: str = "", abstract: bool = False, **rest: Any
    ) -> None:
        super().__init_subclass__(**rest)
        cls.kind = kind or cls.kind
        cls.alias = alias or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()
        if "__init__" in vars(cls) and not hasattr(cls, "get_params"):
            cls.__init__ = _remembering(cls.__init__)  # type: ignore[method-assign]
        # Python refuses to make what has abstract methods; without ABCMeta, which Pyro's modules
        # cannot have, it has to be told of them.
        unmade = (name for name in dir(cls) if _is_abstract(getattr(cls, name, None)))
        cls.__abstractmethods__ = frozenset(unmade)  # type: ignore[attr-defined]
        if not abstract:
            _classes[name_of(cls)] = cls

    def arguments(self) -> dict[str, Any]:
        """What this was made with, by name, defaults included; without the modules in it."""
        if is_dataclass(self):
            return {each.name: getattr(self, each.name) for each in fields(self) if each.init}
        return dict(vars(self).get("_given", {}))

    def _repr_html_(self) -> str:
        said = (inspect.getdoc(type(self)) or "").partition("\n")[0]
        return rows_html(
            type(self).__name__, {k: spelt(v) for k, v in self.arguments().items()}, said
        )

    def __repr__(self) -> str:
        listed = ", ".join(f"{SYMBOLS.get(n, n)}={spelt(v)}" for n, v in self.arguments().items())
        return f"{type(self).__name__}({listed})"


def _remembering(initialise: Callable[..., None]) -> Callable[..., None]:
    signature = inspect.signature(initialise)

    @functools.wraps(initialise)
    def remember(self: Any, *args: Any, **kwargs: Any) -> None:
        if "_given" not in vars(self):  # the outermost of several in a row
            try:
                bound = signature.bind(self, *args, **kwargs)
            except TypeError as error:
                raise TypeError(f"{type(self).__name__}: {error}") from None
            parameters = signature.parameters.values()
            several = {
                each.name
                for each in parameters
                if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
            }
            single = {n: v for n, v in bound.arguments.items() if n not in several}
            check_types(type(self), single)
            bound.apply_defaults()
            plain = dict(list(bound.arguments.items())[1:])
            plain = {name: value for name, value in plain.items() if not _is_module(value)}
            object.__setattr__(self, "_given", plain)
        initialise(self, *args, **kwargs)

    return remember


def _is_abstract(attribute: object) -> bool:
    return getattr(attribute, "__isabstractmethod__", False) is True


def _is_module(value: object) -> bool:
    if isinstance(value, tuple | dict) and value:
        return any(map(_is_module, value.values() if isinstance(value, dict) else value))
    return hasattr(value, "state_dict") and not isinstance(value, type)


def name_of(part: Any) -> str:
    """The name of a class or function: its own for the zoo's, ``module:name`` for anyone else's."""
    if part.__module__.partition(".")[0] == PACKAGE:
        return str(part.__qualname__)
    return f"{part.__module__}:{part.__qualname__}"


def known(name: str) -> type[Part] | None:
    """The class registered under exactly that name."""
    return _classes.get(name)


def names(kind: str) -> dict[str, type[Part]]:
    """All registered classes of a kind, by alias."""
    return {part.alias: part for part in reversed(_ranked(kind))}


def _ranked(kind: str) -> list[type[Part]]:
    """The classes of a kind, that first which a short name means: the zoo's, then the latest.

    Else whoever defines a ``Normal`` would change what the zoo's estimators have by default.
    """
    latest = [part for part in reversed(_classes.values()) if part.kind == kind]
    return sorted(latest, key=lambda part: ":" in name_of(part))


def find(kind: str, name: str, argument: str = "") -> type[Part]:
    """The class of a kind by its full name, its class's name or its alias, the zoo's first.

    Args:
        kind: ``"prior"``, ``"head"``, ``"likelihood"``, …
        name: such as ``"gaussian-mixture"`` or ``"GaussianMixture"``.
        argument: whose value the name is, for the message.

    Raises:
        ValueError: there is none; the nearest is named.
    """
    for part in _ranked(kind):
        if name in (part.alias, part.__name__, name_of(part)):
            return part
    raise ValueError(unknown(argument or kind, name, sorted(names(kind))))


def choose(argument: str, name: str, options: dict[str, Value]) -> Value:
    """The option of that name.

    Raises:
        ValueError: names the argument, what came, the nearest known name and all others.
    """
    if name in options:
        return options[name]
    raise ValueError(unknown(argument, name, options))
