"""Docstrings of estimators: each says all its arguments, at its own defaults."""

from __future__ import annotations

import inspect
import re
from textwrap import indent, wrap

from ..parts import spelt

MARK = "**parts:"


def document(kind: type, base: type) -> None:
    """Replace the line ``**parts:`` in a docstring's ``Args`` by the arguments of the base.

    Args:
        kind: an estimator's class, whose docstring is changed.
        base: the class that says what the arguments are.
    """
    text = inspect.cleandoc(kind.__doc__ or "")
    line = next((each for each in text.splitlines() if each.strip().startswith(MARK)), None)
    if line is None:
        return
    own = {name for name, _ in _arguments(text.partition("\nArgs:\n")[2])}
    entries = []
    for name, words in _arguments(inspect.cleandoc(base.__doc__ or "").partition("\nArgs:\n")[2]):
        if name not in own and hasattr(kind, name):
            default = f"``{spelt(getattr(kind, name))}`` by default."
            said = re.sub(r" ``[^`]*`` by default\.", "", words)
            entries.append("\n    ".join(wrap(f"{name}: {said} {default}", 92)))
    kind.__doc__ = text.replace(line, indent("\n".join(entries), "    "))


def _arguments(block: str) -> list[tuple[str, str]]:
    """Names and words of the entries of an ``Args`` block."""
    entries: list[tuple[str, str]] = []
    for line in block.splitlines():
        if line and not line.startswith("    "):
            break
        match = re.match(r"    (\w+): (.*)", line)
        if match:
            entries.append((match[1], match[2]))
        elif entries and line.startswith("        "):
            name, words = entries[-1]
            entries[-1] = name, f"{words} {line.strip()}"
    return entries
