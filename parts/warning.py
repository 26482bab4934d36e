"""Warnings that point at the line of the user's own code, whatever stands between."""

from __future__ import annotations

import sys
import warnings

PACKAGE = __name__.partition(".")[0]
OUTSIDE = (f"{PACKAGE}.tests.", f"{PACKAGE}.benchmarks.")  # users of the package, as anyone


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line that called into the package first.

    Decorators of other packages stand among our frames, so that no fixed number of levels leads
    there; and where a user's own part is called back, the line is that of the fit.

    Args:
        message: one sentence, and what would do.
        category: of the warning.

    Example:
        >>> with warnings.catch_warnings(record=True) as caught:
        ...     warnings.simplefilter("always")
        ...     warn("columns are far apart: use standardise=True")
        >>> str(caught[0].message)
        'columns are far apart: use standardise=True'
    """
    frame, level, outermost = sys._getframe(), 1, 1
    while frame.f_back is not None:
        if _ours(frame.f_globals.get("__name__", "")):
            outermost = level
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=outermost + 1)


def _ours(module: str) -> bool:
    return f"{module}.".startswith(f"{PACKAGE}.") and not module.startswith(OUTSIDE)
