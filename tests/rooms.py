"""The rooms of the package, read off pyproject.toml, where their one list stands."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def rooms() -> tuple[str, ...]:
    """All rooms and sub-rooms by dotted name, such as ``inference.training``."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages: list[str] = settings["tool"]["setuptools"]["packages"]
    return tuple(name.removeprefix("pyromix.") for name in packages if name != "pyromix")


def modules() -> dict[str, Path]:
    """The file of every module of the package, by dotted name below ``pyromix``."""
    found = {}
    for folder in ("", *rooms()):
        for path in sorted((ROOT / folder.replace(".", "/")).glob("*.py")):
            name = ".".join(filter(None, (folder, "" if path.stem == "__init__" else path.stem)))
            found[name] = path
    return found
