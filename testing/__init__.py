"""For parts of your own, and for answers: contracts and calibration that anyone can run.

Every part of the zoo is put to the same contracts. A wrong one fails with an ``AssertionError``
that says which law it breaks and by how much.
"""

from ..criticism import Calibration, calibration
from .estimators import check_estimator
from .heads import check_head
from .likelihoods import check_likelihood
from .priors import check_prior
from .terms import check_term

__all__ = [
    "Calibration",
    "calibration",
    "check_estimator",
    "check_head",
    "check_likelihood",
    "check_prior",
    "check_term",
]
