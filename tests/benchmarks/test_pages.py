"""The page of results has the tables that its results make, and says what is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .test_tables import FOLDER, script

pages = script("pages")


@pytest.fixture(autouse=True)
def _beside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scripts find each other by their bare names, as when they are run."""
    monkeypatch.syspath_prepend(str(FOLDER))


@pytest.mark.parametrize("block", pages.BLOCKS)
def test_the_page_has_the_tables_of_the_results(block: str) -> None:
    page = pages.PAGE.read_text(encoding="utf-8")
    assert pages.told(page, block) == pages.table_of(block)


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="no marks of 'starts'"):
        pages.told("<!-- starts -->\n", "starts")


def test_cells_without_a_result_are_said_to_be_missing(tmp_path: Path) -> None:
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
