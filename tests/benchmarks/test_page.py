"""The tables of the page on results are those of the results beside the commands."""

from __future__ import annotations

import pytest

from .test_tables import script

page = script("page")


@pytest.mark.parametrize("name", page.NAMES)
def test_the_page_has_the_numbers_that_are_committed(name: str) -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.renewed(text, name, page.made(name)) == text, "run python benchmarks/page.py"
    with pytest.raises(ValueError, match="the page has no <!-- other"):
        page.renewed(text, "other", "")
