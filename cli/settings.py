"""The estimator's arguments on the command line, checked by name and type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..estimators import DeepMixture
from ..parts import parse, spelt, unknown

Kind = type[DeepMixture]

_OPTIONS = {
    "random_state": "--seed",
    "training__max_epochs": "--max-epochs",
    "training__batch_size": "--batch-size",
    "training__learning_rate": "--learning-rate",
}


def arguments(kind: Kind, options: Mapping[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    """The constructor arguments that a command line gives.

    Args:
        kind: the estimator's class.
        options: values of options of their own, by argument, text as for ``settings``; ``None``
            where not given. What has one cannot come by ``settings``.
        settings: ``name=value``; a dot reaches into a part (``training.patience=5``), and a value
            is a number, a word, or parts as in Python (``terms=[Affiliation(0.5)]``).

    Raises:
        ValueError: an unknown name (the nearest known is told), no ``=``, or a name given twice.
        TypeError: a value of another type than the argument takes, or an argument that a part has
            not.

    Example:
        >>> from pyromix import VaDE
        >>> arguments(VaDE, {"n_clusters": "3"}, ["training.patience=5", "objective=enumerated"])
        {'n_clusters': 3, 'training__patience': 5, 'objective': 'enumerated'}
    """
    given: dict[str, Any] = {}
    for name, value in options.items():
        if value is not None:
            option = _OPTIONS.get(name, f"--{name.replace('_', '-')}")
            parsed = parse(value) if isinstance(value, str) else value
            given[name] = checked(kind, name, parsed, f"{option} {value}")
    for setting in settings:
        name, equals, text = setting.partition("=")
        name = name.strip().replace("-", "_").replace(".", "__")
        if not equals:
            raise ValueError(f"--set {setting!r} has no '=': use --set name=value")
        if name in _OPTIONS and name in options:
            raise ValueError(f"--set {name} has an option of its own: use {_OPTIONS[name]}")
        if name in given:
            raise ValueError(f"{name} is given twice: keep one of its options and --set")
        given[name] = checked(kind, name, parse(text), f"--set {setting}")
    return given


def checked(kind: Kind, name: str, value: Any, given: str) -> Any:
    """``value``, if ``kind`` has an argument of that name that takes it.

    Args:
        kind: the estimator's class.
        name: the argument, ``part__name`` within a part.
        value: what it was given.
        given: how, for the messages.

    Raises:
        ValueError: an unknown name.
        TypeError: a value of another type, or an argument that a part has not.
    """
    estimator = kind()
    known = estimator.get_params(deep=False)
    if name.partition("__")[0] not in known:
        raise ValueError(f"{given}: {unknown('the argument', name, sorted(set(known)))}")
    try:
        estimator.set_params(**{name: value}).check_arguments()
    except (TypeError, ValueError) as error:
        usual = "" if "__" in name else f"; by default it is {spelt(known[name])}"
        raise type(error)(f"{given}: {error}{usual}") from error
    return value
