"""Criticism of a fit: does the story make such data, is the guide near, what did it find?

Each function gives numbers, as a ``table`` or as attributes, and a picture by ``figure()``. They
take arrays, of whatever model; :func:`evaluate` puts them together for a fitted estimator.
"""

from .agreement import Agreement, agreement
from .calibration import Calibration, calibration
from .checks import STATISTICS, PredictiveChecks, predictive_checks
from .collapse import Collapse, collapse
from .coverage import PredictiveCalibration, predictive_calibration
from .densities import DensityCheck, density_check
from .evaluating import evaluate
from .examples import Examples, examples
from .findings import Criticism
from .html_page import Section, page, write_page
from .importance import GuideCheck, guide_check
from .marks import Marks, cluster_marks
from .zeros import ZeroFractions, zero_fraction

__all__ = [
    "STATISTICS",
    "Agreement",
    "Calibration",
    "Collapse",
    "Criticism",
    "DensityCheck",
    "Examples",
    "GuideCheck",
    "Marks",
    "PredictiveCalibration",
    "PredictiveChecks",
    "Section",
    "ZeroFractions",
    "agreement",
    "calibration",
    "cluster_marks",
    "collapse",
    "density_check",
    "evaluate",
    "examples",
    "guide_check",
    "page",
    "predictive_calibration",
    "predictive_checks",
    "write_page",
    "zero_fraction",
]
