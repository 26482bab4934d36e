"""Reports: the scores, tables and pictures of a fit, and the classical clusterings beside it."""

from .baselines import MAX_ROWS, Baseline, fit_baselines
from .fits import by_facet, responsibilities, timed_fit
from .html import write_html
from .markdown import environment, table_head, table_row
from .pictures import draw_pictures, samples_picture, save_figure, swaps
from .report import write_report
from .scores import label_columns, main_scores, mean_bound, scored
from .tables import comparison, facet_lines, metrics_table

__all__ = [
    "MAX_ROWS",
    "Baseline",
    "by_facet",
    "comparison",
    "draw_pictures",
    "environment",
    "facet_lines",
    "fit_baselines",
    "label_columns",
    "main_scores",
    "mean_bound",
    "metrics_table",
    "responsibilities",
    "samples_picture",
    "save_figure",
    "scored",
    "swaps",
    "table_head",
    "table_row",
    "timed_fit",
    "write_html",
    "write_report",
]
