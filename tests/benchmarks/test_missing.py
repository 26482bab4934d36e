"""The benchmark of data with gaps: what is hidden, what is measured, and the page that tells it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from .test_tables import FOLDER, script

missing = script("missing")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_every_row_and_column_keeps_a_value(share: float) -> None:
    gaps = missing.hide(np.zeros((200, 6)), share, seed=0)
    assert not gaps.all(1).any()
    assert not gaps.all(0).any()
    assert gaps.mean() == pytest.approx(share, abs=0.05 if share < 0.9 else 0.2)


def test_tables_are_of_the_seeds_that_are_there(tmp_path: Path) -> None:
    names = [*missing.RMSE, *missing.ACCURACY, *missing.REST]
    for seed, value in ((0, 0.25), (1, 0.75)):
        row = {name: value for name in names if name != "VaDE after kNN"}
        (tmp_path / f"wine-0.3-{seed}.json").write_text(json.dumps(row))
    first, second = (text.splitlines() for text in missing.tables(tmp_path).split("\n\n"))
    assert first[2].startswith("| wine | 30% | 2 | 0.500 ± 0.250 |")
    cells = [cell.strip() for cell in second[2].strip("|").split("|")]
    assert cells[3:6] == ["0.500 ± 0.250", "–", "0.500 ± 0.250"]


def test_the_page_has_the_numbers_that_are_committed() -> None:
    page = (FOLDER.parent / "docs" / "results.md").read_text(encoding="utf-8")
    assert missing.tables() in page
