"""The tables of the page on results are those of the results beside the commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .test_tables import FOLDER, script

page = script("page")


@pytest.mark.parametrize("name", page.NAMES)
def test_the_page_has_the_numbers_that_are_committed(name: str) -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.renewed(text, name, page.made(name)) == text, "run python benchmarks/page.py"
    with pytest.raises(ValueError, match="the page has no <!-- other"):
        page.renewed(text, "other", "")


def test_cells_without_a_result_are_said_to_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    defaults = script("defaults")
    one = {"accuracy": 0.5, "nmi": 0.25}
    fit = {
        "set": "iris",
        "seed": 0,
        "method": "vade",
        "start": one,
        "fit": one | {"calibration": 1.0},
    }
    (tmp_path / "defaults").mkdir()
    (tmp_path / "defaults" / "vade-iris-0.json").write_text(json.dumps(fit))
    accuracy, nmi = (text.splitlines() for text in defaults.tables(tmp_path).split("\n\n"))
    iris = next(line for line in accuracy if line.startswith("| iris"))
    lacking = " | ".join(["missing"] * 3)
    assert iris == rf"| iris\* (1) | {lacking} | 0.500 | 0.500 | {lacking} | 1.000 |"
    assert nmi[-1].startswith("| mean of 0 whole rows | missing |")
