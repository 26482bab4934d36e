"""Writes the tables of results into the page that tells them, between its marks.

A result is a file under ``benchmarks/results``; after some were added:

    python benchmarks/pages.py
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "results.md"
BLOCKS = ("starts", "defaults")  # scripts beside this one, with a function `tables`


def table_of(block: str) -> str:
    """The table that a script makes of its results."""
    tables: Callable[[], str] = import_module(block).tables
    return tables()


def told(page: str, block: str) -> str:
    """What stands between the marks of a block.

    Raises:
        ValueError: the page has no such marks.
    """
    found = re.search(f"<!-- {block} -->\n\n(.*?)\n*<!-- /{block} -->", page, re.DOTALL)
    if found is None:
        raise ValueError(f"{PAGE.name} has no marks of {block!r}")
    return found[1]


def main() -> None:
    """Rewrite all blocks of the page."""
    page = PAGE.read_text(encoding="utf-8")
    for block in BLOCKS:
        told(page, block)
        head, _, rest = page.partition(f"<!-- {block} -->\n")
        _, end, tail = rest.partition(f"<!-- /{block} -->")
        page = f"{head}<!-- {block} -->\n\n{table_of(block)}\n\n{end}{tail}"
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
