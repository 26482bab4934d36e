"""Scores as tables: of methods side by side, of one run, and of facets in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.table import Table

from .scores import Scores


def comparison(rows: Mapping[str, Scores], columns: Sequence[str]) -> Table:
    """A table of methods by some of their metrics, and seconds.

    Args:
        rows: metrics by method.
        columns: names of the metrics.
    """
    table = Table()
    table.add_column("method", no_wrap=True)
    for name in (*columns, "seconds"):
        table.add_column(heading(name), justify="right")
    for method, scores in rows.items():
        cells = [shown(scores[name]) for name in columns]
        table.add_row(method, *cells, f"{scores['seconds']:.1f}")
    return table


def metrics_table(scores: Mapping[str, float], n_facets: int) -> Table:
    """A table of all metrics, one a row; several facets have a column each."""
    columns: dict[str, Scores] = {f"facet_{j}": {} for j in range(n_facets if n_facets > 1 else 0)}
    columns["together" if columns else "value"] = whole = {}
    for name, value in scores.items():
        facet, _, metric = name.partition("/")
        if facet in columns:
            columns[facet][metric] = value
        elif facet not in ("best_facet", "dependence"):
            whole[name] = value
    table = Table("metric")
    for name in columns:
        table.add_column(heading(name), justify="right")
    for metric in dict.fromkeys(metric for column in columns.values() for metric in column):
        cells = [shown(c[metric]) if metric in c else "" for c in columns.values()]
        table.add_row(heading(metric), *cells)
    return table


def facet_lines(scores: Mapping[str, float]) -> Iterator[str]:
    """What the scores of several facets say of them all, in words.

    Example:
        >>> list(facet_lines({"best_facet/hue": 1.0, "best_facet/shape": 0.0}))
        ['best facet by NMI: 1 for hue, 0 for shape']
        >>> list(facet_lines({"dependence/0-1": 0.0172}))
        ['facets share (AMI): 0.017 for 0-1']
    """
    for group, title, digits in (
        ("best_facet/", "best facet by NMI", 0),
        ("dependence/", "facets share (AMI)", 3),
    ):
        listed = [
            f"{value:.{digits}f} for {heading(name.removeprefix(group))}"
            for name, value in scores.items()
            if name.startswith(group)
        ]
        if listed:
            yield f"{title}: {', '.join(listed)}"


def heading(name: str) -> str:
    """A metric's name as a table shows it.

    Example:
        >>> heading("nmi"), heading("occupied_clusters"), heading("floor_hue/nmi")
        ('NMI', 'occupied clusters', 'floor hue: NMI')
    """
    *labels, metric = name.replace("_", " ").split("/")
    return ": ".join([*labels, metric.upper() if metric in ("nmi", "ari") else metric])


def shown(value: float) -> str:
    """A metric as a table shows it.

    Example:
        >>> shown(0.79312), shown(10.0), shown(-123.456)
        ('0.793', '10', '-123.5')
    """
    if float(value).is_integer() and abs(value) > 1:
        return f"{value:.0f}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
