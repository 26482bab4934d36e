"""The wheel holds every room, and neither tests nor tutorials nor benchmarks."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]


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
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path]
    subprocess.run([*command, source], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
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
