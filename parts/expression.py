"""Parts as text, for the command, such as ``InformationFloor(0.5)``; nothing is executed."""

from __future__ import annotations

import ast
import inspect
from contextlib import suppress
from functools import partial
from typing import Any

from .registry import Part, find, name_of, names
from .spelling import unknown
from .unbuilt import check_arguments

UNBUILT = ("prior", "head", "likelihood", "assignment", "objective")
BUILT = (
    *("networks", "term", "schedule", "views"),
    *("pretraining", "start", "training", "during", "budget"),
)


def parse(text: str) -> Any:
    """A number, word, list or part that a text says; lists become tuples, and words stay words.

    Args:
        text: as in Python, with registered parts by their names.

    Raises:
        ValueError: a call of something that is not registered.
        TypeError: arguments that a part does not take.

    Example:
        >>> parse("1e-3"), parse("[500, 500]"), parse("closed-form"), parse("normal")
        (0.001, (500, 500), 'closed-form', 'normal')
    """
    text = text.strip()
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return text
    try:
        return _value(tree)
    except (_NoValueError, RecursionError):
        return text


class _NoValueError(Exception):
    """The text is an expression of another kind, such as a difference: a word with a dash."""


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float, str, bool, type(None)):
        return node.value
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Tuple | ast.List):
        return tuple(_value(each) for each in node.elts)
    if isinstance(node, ast.Dict) and None not in node.keys:  # which ``**`` leaves there
        keys = [_value(key) for key in node.keys if key]
        return dict(zip(keys, map(_value, node.values), strict=True))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        value = _value(node.operand)
        if type(value) in (int, float):
            return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return _part(node.func.id, node)
    raise _NoValueError


def _part(name: str, call: ast.Call) -> Any:
    positional = [_value(each) for each in call.args]
    keywords = {str(each.arg): _value(each.value) for each in call.keywords}
    made = _found(name)
    if made.kind in UNBUILT and positional:
        raise TypeError(f"{name} takes its sizes in the fit: give its arguments by keyword")
    try:
        given = inspect.signature(made).bind_partial(*positional).arguments | keywords
    except TypeError as error:
        raise TypeError(f"{name}: {error}") from None
    check_arguments(made, given)
    if made.kind in UNBUILT:
        return partial(made, **keywords) if keywords else made
    return made(*positional, **keywords)


def _found(name: str) -> type[Part]:
    found: list[type[Part]] = []
    for kind in (*UNBUILT, *BUILT):
        with suppress(ValueError):
            found.append(find(kind, name))
    if found:  # a user's part of another kind does not take the place of the zoo's
        return min(found, key=lambda part: ":" in name_of(part))
    options = sorted(p.__name__ for kind in (*UNBUILT, *BUILT) for p in names(kind).values())
    raise ValueError(unknown("the part", name, options))
