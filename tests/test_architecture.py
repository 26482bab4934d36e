"""Who may import whom: the rooms stand in layers, and nothing reaches upwards."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from .rooms import ROOT, modules, rooms

PARTS = {"parts"}
LAWS = PARTS | {"distributions", "networks"}
STORIES = LAWS | {"models", "guides"}
OBJECTIVES = STORIES | {"inference.objectives"}
PREDICTION = OBJECTIVES | {"inference.prediction", "inference.training"}
FITS = PREDICTION | {"inference", "inference.phases"}
ALLOWED: dict[str, set[str]] = {
    "parts": set(),
    "distributions": PARTS,
    "networks": PARTS,
    "models": LAWS,
    "guides": LAWS,
    "inference.training": PARTS,
    "inference.objectives": STORIES,
    "inference.prediction": OBJECTIVES | {"inference.training"},
    "inference.phases": PREDICTION,
    "inference": PREDICTION | {"inference.phases"},
    "data": PARTS | {"distributions"},
    "evaluation": PARTS | {"distributions"},
    "criticism": PREDICTION | {"evaluation"},
    "estimators": FITS | {"data", "evaluation"},
    # Public, for parts of a user's own: no room uses it.
    "testing": FITS | {"data", "evaluation", "criticism", "estimators"},
    "reports": FITS | {"data", "evaluation", "criticism", "estimators"},
    "experiments": FITS | {"data", "evaluation", "criticism", "estimators", "reports"},
    "cli": FITS | {"data", "evaluation", "criticism", "estimators", "reports", "experiments"},
}


def imported(name: str, path: Path, known: set[str]) -> Iterator[str]:
    """The modules of the package that one imports at any place, relatively or by its name."""
    package = name.split(".") if path.stem == "__init__" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            if node.level:
                above = package[: len(package) - node.level + 1]
                base = ".".join([*above, *filter(None, [node.module])])
            elif node.module and node.module.split(".")[0] == "pyromix":
                base = node.module.partition(".")[2]
            else:
                continue
            for alias in node.names:
                whole = ".".join(filter(None, (base, alias.name)))
                yield whole if whole in known else base
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("pyromix."):
                    yield alias.name.partition(".")[2]


def graph(known: dict[str, Path]) -> dict[str, set[str]]:
    """The modules that each imports, lazily and for type checkers too."""
    return {name: set(imported(name, path, set(known))) - {name} for name, path in known.items()}


def room_of(module: str) -> str:
    """The innermost room that a module stands in; none for the face."""
    inside = [room for room in rooms() if module == room or module.startswith(room + ".")]
    return max(inside, key=len, default="")


def test_every_room_has_its_rule() -> None:
    assert set(ALLOWED) == set(rooms())
    list(TopologicalSorter(ALLOWED).static_order())


@pytest.mark.parametrize("room", ALLOWED)
def test_room_imports_only_what_stands_below_it(room: str) -> None:
    known = modules()
    inside = {name: path for name, path in known.items() if room_of(name) == room}
    assert inside
    for name, path in inside.items():
        upwards = {room_of(each) for each in imported(name, path, set(known))}
        upwards -= ALLOWED[room] | {room, ""}
        assert not upwards, f"{name} imports {upwards}"


def test_no_modules_import_each_other() -> None:
    """Neither lazily nor for type checkers: a circle is one module in two files."""
    order = list(TopologicalSorter(graph(modules())).static_order())
    assert order.index("parts.registry") < order.index("inference.phases.phase")
    assert order.index("inference.phases.phase") < order.index("cli.main")


def test_the_check_sees_a_circle_for_type_checkers(tmp_path: Path) -> None:
    sources = {
        "models.one": "from __future__ import annotations\nfrom .other import f\n",
        "models.other": "if TYPE_CHECKING:\n    from ..models import one\ndef f(): ...\n",
    }
    known = {name: tmp_path / f"{name}.py" for name in sources}
    for name, path in known.items():
        path.write_text(sources[name])
    with pytest.raises(CycleError):
        list(TopologicalSorter(graph(known)).static_order())
    known["models.other"].write_text("def f():\n    import pyromix.models.one\n")
    with pytest.raises(CycleError):
        list(TopologicalSorter(graph(known)).static_order())


def test_the_check_sees_a_forbidden_import(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text("def f():\n    from ...estimators import VaDE\n    import pyromix.cli.main\n")
    found = set(imported("inference.phases.module", path, set(modules())))
    assert found == {"estimators", "cli.main"}
    assert {room_of(each) for each in found} == {"estimators", "cli"}


def test_modules_are_short() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in modules().values()
    }
    assert {name: length for name, length in lengths.items() if length > 280} == {}


def test_the_design_page_names_every_room() -> None:
    page = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    assert {room for room in rooms() if f"`{room.replace('.', '/')}/`" not in page} <= {"inference"}
