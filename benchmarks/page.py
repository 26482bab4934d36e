"""The tables of docs/results.md that are made of the results beside the commands.

Each stands between two comments that name its benchmark. Put new JSON files under
``benchmarks/results``, and run this; a test compares.

    python benchmarks/page.py
"""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
PAGE = FOLDER.parent / "docs" / "results.md"
NAMES = (
    *("missing", "batches", "tables", "scale", "neighbours", "few_labels", "imbalance"),
    *("starts", "defaults", "units", "many_rows"),
)


def made(name: str) -> str:
    """The table, or tables, of a benchmark's results, in Markdown."""
    if str(FOLDER) not in sys.path:
        sys.path.insert(0, str(FOLDER))
    module = importlib.import_module(name)
    text: str = module.tables() if hasattr(module, "tables") else module.table()
    return text.strip()


def renewed(page: str, name: str, text: str) -> str:
    """A page with the tables of a benchmark between its comments.

    Raises:
        ValueError: the page has no place for them.
    """
    begin, end = f"<!-- {name}: made by benchmarks/page.py -->", f"<!-- {name}: end -->"
    place = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if not place.search(page):
        raise ValueError(f"the page has no {begin} … {end}")
    return place.sub(lambda found: f"{begin}\n\n{text}\n\n{end}", page)


def main() -> None:
    """Make all tables of the page anew."""
    page = PAGE.read_text(encoding="utf-8")
    for name in NAMES:
        page = renewed(page, name, made(name))
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
