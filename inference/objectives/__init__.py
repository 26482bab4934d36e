"""Objectives: drop-in Pyro ELBOs with named parts, their terms and schedules, and views."""

from .adversarial import AdversarialViews
from .closed_form import ClosedFormELBO
from .enumerated import EnumeratedELBO
from .facet_terms import FacetIndependence, OnFacets
from .information import (
    UNLIKE,
    balance_entropy,
    check_shares,
    entropy,
    two_view_information,
    unlike_shares,
)
from .objective import Evaluation, Hook, MixtureELBO, ObjectiveModule
from .parameter_priors import ComponentPrior, SparseWeights
from .schedules import (
    Clock,
    Constant,
    LinearWarmup,
    OverTraining,
    PerEpoch,
    Piecewise,
    Product,
    Schedule,
    as_schedule,
)
from .supervision import Classification, PairwiseConstraints
from .terms import (
    Affiliation,
    InformationFloor,
    MutualInformation,
    Term,
)
from .views import AffineViews, AutoViews, VectorViews, Views

__all__ = [
    "UNLIKE",
    "AdversarialViews",
    "Affiliation",
    "AffineViews",
    "AutoViews",
    "Classification",
    "Clock",
    "ClosedFormELBO",
    "ComponentPrior",
    "Constant",
    "EnumeratedELBO",
    "Evaluation",
    "FacetIndependence",
    "Hook",
    "InformationFloor",
    "LinearWarmup",
    "MixtureELBO",
    "MutualInformation",
    "ObjectiveModule",
    "OnFacets",
    "OverTraining",
    "PairwiseConstraints",
    "PerEpoch",
    "Piecewise",
    "Product",
    "Schedule",
    "SparseWeights",
    "Term",
    "VectorViews",
    "Views",
    "as_schedule",
    "balance_entropy",
    "check_shares",
    "entropy",
    "two_view_information",
    "unlike_shares",
]
