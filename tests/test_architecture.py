"""Who may import whom: the rooms stand in layers, and nothing reaches upwards."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ALLOWED: dict[str, set[str]] = {
    "distributions": set(),
    "networks": set(),
    "models": {"distributions", "networks"},
    "guides": {"distributions", "networks"},
    "inference": {"distributions", "networks", "models", "guides"},
    "data": {"distributions"},
    "evaluation": {"distributions"},
    "estimators": {
        "distributions",
        "networks",
        "models",
        "guides",
        "inference",
        "data",
        "evaluation",
    },
}


def imported_rooms(path: Path) -> set[str]:
    """The rooms that a module imports at any place, relatively or by the package's name."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            if node.level == 2 and node.module:
                rooms.add(node.module.split(".")[0])
            elif node.level == 2:
                rooms |= {alias.name for alias in node.names}
            elif node.level == 0 and node.module and node.module.startswith("pyromix."):
                rooms.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.startswith("pyromix.")]
            rooms |= {name.split(".")[1] for name in names}
    return rooms


@pytest.mark.parametrize("room", ALLOWED)
def test_room_imports_only_what_stands_below_it(room: str) -> None:
    modules = list((ROOT / room).glob("*.py"))
    assert modules
    for path in modules:
        upwards = imported_rooms(path) - ALLOWED[room] - {"__version__"}
        assert not upwards, f"{room}/{path.name} imports {upwards}"


def test_the_check_sees_a_forbidden_import(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text("def f():\n    from ..estimators import VaDE\n    import pyromix.cli.main\n")
    assert imported_rooms(path) == {"estimators", "cli"}


def test_modules_are_short() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for room in (*ALLOWED, "cli")
        for path in (ROOT / room).glob("*.py")
    }
    assert {name: length for name, length in lengths.items() if length > 400} == {}
