"""`pyromix report`: one file about a run, of the data it was fitted to or of others."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Invoke, contents


def test_report_writes_one_file_of_everything(
    pyromix: Invoke, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyromix.criticism.html_page._png", lambda figure: b"\x89PNG")
    before, out = contents(finished), tmp_path / "page.html"
    result = pyromix("report", finished, "--max-rows", 50, "--out", out)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"report: {out}\n"
    assert contents(finished) == before
    page = out.read_text("utf-8")
    for words in (
        "<h1>vade on digits, all</h1>",
        "How was it made?",
        "Perceptron",
        "Labels against clusters",
        "Do replicates look like the data?",
        "On all 200 data",
    ):
        assert words in page, words
    assert "http" not in page
    again = pyromix("report", finished, "--out", out)
    assert again.exit_code == 2
    assert "exists and is not overwritten" in again.output


def test_report_refuses_before_any_work(pyromix: Invoke, finished: Path, tmp_path: Path) -> None:
    result = pyromix("report", finished, "--out", tmp_path / "page.pdf")
    assert result.exit_code == 2
    assert "must end in .html" in result.output
    assert pyromix("report", tmp_path / "nothing").exit_code == 2
    assert pyromix("report", finished, "no-such-data").exit_code == 2
