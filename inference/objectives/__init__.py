"""Objectives: drop-in Pyro ELBOs with named parts, their terms and schedules, and views."""

from .closed_form import ClosedFormELBO
from .enumerated import EnumeratedELBO
from .objective import Evaluation, MixtureELBO, Objective
from .schedules import Constant, LinearWarmup, Piecewise, Product, Schedule, as_schedule
from .terms import (
    Affiliation,
    InformationFloor,
    MutualInformation,
    OnFacets,
    Term,
    two_view_information,
)
from .views import AffineViews, VectorViews, Views, make_views

__all__ = [
    "Affiliation",
    "AffineViews",
    "ClosedFormELBO",
    "Constant",
    "EnumeratedELBO",
    "Evaluation",
    "InformationFloor",
    "LinearWarmup",
    "MixtureELBO",
    "MutualInformation",
    "Objective",
    "OnFacets",
    "Piecewise",
    "Product",
    "Schedule",
    "Term",
    "VectorViews",
    "Views",
    "as_schedule",
    "make_views",
    "two_view_information",
]
