"""What a part looks like in a notebook: its name, what it is for, and what it was made with."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

BORDER = "border-bottom:1px solid #ddd;padding:.15em .8em;text-align:left;vertical-align:top"


def rows_html(title: str, rows: Mapping[str, object], note: str = "") -> str:
    """A small table of names and values.

    Args:
        title: above it, in bold.
        rows: values by name; what is longer than 300 letters is cut.
        note: a line under the title.

    Example:
        >>> rows_html("Perceptron", {"hidden_dims": (500,)}).count("<tr>")
        1
    """
    body = "".join(
        f'<tr><td style="{BORDER}">{escape(name)}</td>'
        f'<td style="{BORDER}"><code>{escape(_cut(str(value)))}</code></td></tr>'
        for name, value in rows.items()
    )
    under = f'<div style="color:#555">{escape(note)}</div>' if note else ""
    table = f'<table style="border-collapse:collapse">{body}</table>' if rows else ""
    return f'<div style="margin:.5em 0"><b>{escape(title)}</b>{under}{table}</div>'


def _cut(text: str) -> str:
    return text if len(text) <= 300 else f"{text[:299]}…"
