"""The benchmarks' tables, in Markdown."""

from __future__ import annotations

import torch


def table_head(*columns: str) -> str:
    """The two lines that a table begins with.

    Example:
        >>> print(table_head("method", "accuracy"))
        | method | accuracy |
        |---|---|
    """
    return f"{table_row(*columns)}\n|{'---|' * len(columns)}"


def table_row(*cells: object) -> str:
    """A line of a table; fractions have three digits.

    Example:
        >>> table_row("vade", 10, 0.81234)
        '| vade | 10 | 0.812 |'
    """
    shown = (f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in cells)
    return f"| {' | '.join(shown)} |"


def environment() -> str:
    """What seconds depend on.

    Example:
        >>> environment().endswith("threads")
        True
    """
    return f"torch {torch.__version__.split('+')[0]}, {torch.get_num_threads()} threads"
