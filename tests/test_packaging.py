"""The wheel holds every room, and neither tests nor tutorials nor benchmarks.

The version is stated in one place, and the pages that go with it agree.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

import pyromix

ROOT = Path(__file__).parents[1]


def test_the_version_is_stated_once() -> None:
    """setuptools reads it off the text of ``__init__.py``, so it must be a literal there."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "version" not in settings["project"]
    assert settings["project"]["dynamic"] == ["version"]
    source = settings["tool"]["setuptools"]["dynamic"]["version"]["attr"]
    assert source == "pyromix.__version__"
    values = [
        node.value
        for node in ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__version__"
    ]
    assert [ast.literal_eval(value) for value in values] == [pyromix.__version__]


def test_citation_and_changelog_are_of_this_version() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^version: (.+)$", citation, re.MULTILINE) == [pyromix.__version__]
    assert re.findall(r"^license: (.+)$", citation, re.MULTILINE) == ["Apache-2.0"]
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## \[(.+?)\]", changes, re.MULTILINE)[0] == pyromix.__version__


PAGES = ("CONTRIBUTING.md", *sorted(f"docs/{path.name}" for path in ROOT.glob("docs/*.md")))


@pytest.mark.parametrize("page", PAGES)
def test_the_tests_and_files_that_a_page_names_exist(page: str) -> None:
    """A page names tests as ``tests/room/test_file.py::test_name``, or by a class in between."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for path, names in re.findall(r"`(tests/[\w/]+\.py)(?:::([\w:]+))?`", text):
        assert (ROOT / path).is_file(), path
        source = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        body: list[ast.stmt] = source.body
        for name in filter(None, names.split("::")):
            found = [
                node
                for node in body
                if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name
            ]
            assert found, f"{page}: {path} has no {name}"
            body = found[0].body
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert ((ROOT / page).parent / target).exists(), f"{page}: {target}"


@pytest.mark.slow
def test_wheel(tmp_path: Path) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split("\0")
    source = tmp_path / "source"
    # Built from a copy, since a build leaves its folder behind.
    for name in filter(None, tracked):
        if (ROOT / name).is_file():
            target = source / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    if not source.exists():
        pytest.skip("not a git checkout: the list of source files is not to be had")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir"]
    subprocess.run([*command, tmp_path, source], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (folder,) = {name.split("/")[0] for name in names if ".dist-info/" in name}
        metadata = archive.read(f"{folder}/METADATA").decode().splitlines()
        licence = archive.read(f"{folder}/licenses/LICENSE")
    assert f"Version: {pyromix.__version__}" in metadata
    assert "License-Expression: Apache-2.0" in metadata
    assert licence == (ROOT / "LICENSE").read_bytes()
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = settings["tool"]["setuptools"]["packages"]
    for package in packages:
        assert f"{package.replace('.', '/')}/__init__.py" in names
    rooms = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for pattern in ("*/__init__.py", "*/*/__init__.py")
        for path in ROOT.glob(pattern)
        if path.parts[len(ROOT.parts)] not in ("tests", ".venv")
    }
    assert {f"pyromix.{room}" for room in rooms} | {"pyromix"} == set(packages)
    assert "pyromix/py.typed" in names
    tops = {name.split("/")[0] for name in names}
    assert tops == {"pyromix", next(top for top in tops if top.endswith(".dist-info"))}
    assert not [
        name for name in names if name.split("/")[1] in ("tests", "tutorials", "benchmarks")
    ]
