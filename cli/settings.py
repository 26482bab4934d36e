"""The estimator's arguments on the command line, checked by name and type."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from typing import Any

from ..estimators import DeepMixture
from ..parts import keywords_of, names, parse, spelt

Kind = type[DeepMixture]

_OPTIONS = {
    "random_state": "--seed",
    "training__max_epochs": "--max-epochs",
    "training__batch_size": "--batch-size",
    "training__learning_rate": "--learning-rate",
}


def as_typed(name: str) -> str:
    """An argument's name as it is typed on the command line, for messages.

    Example:
        >>> as_typed("training__max_epochs"), as_typed("n_clusters")
        ('--max-epochs', '--n-clusters')
    """
    return _OPTIONS.get(name, f"--{name.replace('_', '-')}")


def arguments(kind: Kind, options: Mapping[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    """The constructor arguments that a command line gives.

    Args:
        kind: the estimator's class.
        options: values of options of their own, by argument, text as for ``settings``; ``None``
            where not given. A seed that has one cannot come by ``settings``.
        settings: ``name=value``; a dot reaches into a part (``training.patience=5``), and a value
            is a number, a word, or parts as in Python (``terms=[Affiliation(0.5)]``).

    Raises:
        ValueError: an unknown name (the nearest known is told), no ``=``, or a name given twice.
        TypeError: a value of another type than the argument takes, or an argument that a part has
            not.

    Example:
        >>> from pyromix import VaDE
        >>> arguments(VaDE, {"n_clusters": "3"}, ["training.patience=5", "objective=enumerated"])
        {'n_clusters': 3, 'objective': 'enumerated', 'training__patience': 5}
    """
    given = {
        name: (value, f"{as_typed(name)} {value}")
        for name, value in options.items()
        if value is not None
    }
    for setting in settings:
        name, equals, text = setting.partition("=")
        name = name.strip().replace("-", "_").replace(".", "__")
        if not equals:
            raise ValueError(f"--set {setting!r} has no '=': use --set name=value")
        if name == "random_state" and name in options:
            raise ValueError("--set random_state has an option of its own: use --seed")
        if name in given:
            raise ValueError(f"{dotted(name)} is given twice: keep one of its options and --set")
        given[name] = text, f"--set {setting}"
    estimator, whole_parts_first = kind(), sorted(given, key=lambda name: "__" in name)
    return {name: put(estimator, name, *given[name]) for name in whole_parts_first}


def put(estimator: DeepMixture, name: str, value: Any, given: str) -> Any:
    """Give an estimator a value, if it has an argument of that name that takes it.

    Args:
        estimator: what is changed.
        name: the argument, ``part__name`` within a part.
        value: what it was given; a text is read as in :func:`arguments`.
        given: how, for the messages.

    Returns:
        The value that was meant.

    Raises:
        ValueError: an unknown name.
        TypeError: a value of another type, or an argument that a part has not.
    """
    kind = type(estimator).__name__
    known = estimator.get_params(deep=False)
    if name.partition("__")[0] not in known:
        raise ValueError(f"{given}: {kind} has no {dotted(name)!r}: {_hint(known, name)}")
    try:
        meant = parse(value) if isinstance(value, str) else value
        estimator.set_params(**{name: meant}).check_arguments()
    except (TypeError, ValueError) as error:
        usual = "" if "__" in name else f"; by default it is {spelt(known[name])}"
        raise type(error)(f"{given}: {error}{usual}") from error
    return meant


def dotted(name: str) -> str:
    """An argument's name as ``--set`` has it."""
    return name.replace("__", ".")


def _hint(known: Mapping[str, Any], name: str) -> str:
    """What may have been meant: an argument, or one of a part's."""
    inner = {dotted(f"{part}__{each}"): each for part in known for each in _inside(known[part])}
    named = [full for full, each in inner.items() if each == name]
    terms = {each.alias.replace("-", "_"): each.__name__ for each in names("term").values()}
    inner |= {f"terms=[{terms[each]}()]": each for each in terms}
    near = get_close_matches(name, [*known, *inner, *inner.values()], n=1, cutoff=0.75)
    nearest = named or [full for full, each in inner.items() if each in near] or near
    hints = [_OPTIONS.get(full.replace(".", "__"), full) for full in nearest]
    hint = f"did you mean {' or '.join(hints)}? " if hints else ""
    return f"{hint}it has {', '.join(sorted(known))}, and a dot reaches into a part"


def _inside(value: Any) -> list[str]:
    """The names of the arguments of a part that can be set."""
    made = value.func if isinstance(value, partial) else value
    if not isinstance(made, type):
        return list(keywords_of(made))
    open_ = [
        each.name
        for each in inspect.signature(made).parameters.values()
        if each.default is not each.empty and each.name != "terms"
    ]
    return list(dict.fromkeys([*keywords_of(value), *open_]))
