"""A page of sections as one HTML file: no network, no script, readable narrow and in grey."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from io import BytesIO
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

DPI = 110
SHOWN_ROWS = 40
CSS = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff;
       max-width: 62rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem;
     border-top: 1px solid #bbb; padding-top: 1rem; }
nav a { margin-right: 1em; white-space: nowrap; display: inline-block; } a { color: #1a1a1a; }
p { max-width: 46rem; } .note { color: #555; font-size: .9rem; }
figure { margin: 1rem 0; overflow-x: auto; } figcaption { color: #555; font-size: .9rem; }
img { max-width: 100%; height: auto; }
.table { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .6rem; text-align: right; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child, .words th, .words td { text-align: left; }
@media print { nav { display: none; } h2 { break-after: avoid; } figure { break-inside: avoid; } }
"""


@dataclass(frozen=True)
class Section:
    """A part of a page.

    Attributes:
        title: what it asks.
        words: what the numbers say, paragraph by paragraph.
        tables: by caption.
        figures: by caption.
    """

    title: str
    words: Sequence[str] = ()
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    figures: Mapping[str, Figure] = field(default_factory=dict)

    def html(self) -> str:
        """The section as HTML; at most 40 rows of a table, and it says so."""
        parts = [f'<section id="{anchor(self.title)}"><h2>{escape(self.title)}</h2>']
        parts += [f"<p>{escape(each)}</p>" for each in self.words]
        for caption, table in self.tables.items():
            some = table.head(SHOWN_ROWS)
            left_out = (
                f", the first {SHOWN_ROWS} of {len(table)} rows" if len(some) < len(table) else ""
            )
            words = "words" if len(some) and isinstance(some.iloc[0, -1], str) else None
            shown = some.to_html(
                index=False, border=0, float_format=_number, na_rep="", classes=words
            )
            note = f'<p class="note">{escape(caption + left_out)}</p>' if caption else ""
            parts.append(f'<div class="table">{note}{shown}</div>')
        for caption, figure in self.figures.items():
            source = base64.b64encode(_png(figure)).decode()
            parts.append(
                f'<figure><img alt="{escape(caption, quote=True)}" '
                f'src="data:image/png;base64,{source}">'
                f"<figcaption>{escape(caption)}</figcaption></figure>"
            )
        return "\n".join([*parts, "</section>"])


def page(title: str, sections: Iterable[Section], note: str = "") -> str:
    """A whole page, with links to its sections.

    Args:
        title: one line.
        sections: in order.
        note: a line under the title.

    Example:
        >>> page("A fit", [Section("What collapsed?", ["Nothing."])]).count("<h2>")
        1
    """
    listed = list(sections)
    links = [f'<a href="#{anchor(each.title)}">{escape(each.title)}</a>' for each in listed]
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>\n<style>{CSS}</style>\n</head>\n<body>",
            f'<h1>{escape(title)}</h1>\n<p class="note">{escape(note)}</p>',
            f"<nav>{' '.join(links)}</nav>",
            *(each.html() for each in listed),
            "</body>\n</html>\n",
        ]
    )


def write_page(path: Path, title: str, sections: Iterable[Section], note: str = "") -> None:
    """Write :func:`page` to a file."""
    path.write_text(page(title, sections, note), encoding="utf-8")


def anchor(title: str) -> str:
    """What a link to a section is called.

    Example:
        >>> anchor("What collapsed?")
        'what-collapsed'
    """
    return "-".join("".join(c if c.isalnum() else " " for c in title.lower()).split())


def _png(figure: Figure) -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue()


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
