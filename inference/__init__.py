"""Objectives and their terms, training, and what a trained model says of data."""

from .checkpoint import Checkpoint
from .closed_form import ClosedFormELBO
from .devices import launch, make_fabric
from .enumerated import EnumeratedELBO
from .errors import TrainingDiverged, TrainingInterrupted
from .evidence import bound, importance_weighted_bound
from .export import to_arviz
from .initialisation import INITIALISATIONS, Autoencoder, initialise_prior
from .monitor import ClusterMonitor, CollapseWarning
from .mutual_information import InformationPretraining, TwoViewRecipe
from .objective import Evaluation, MixtureELBO, Objective
from .prediction import (
    decode,
    encode,
    posterior_predictive,
    reconstruct,
    responsibilities,
    sample,
)
from .progressive import Progressive, ProgressiveObjective, ProgressiveRecipe
from .recipe import Recipe
from .runs import Run, RunConfig
from .schedules import Constant, LinearWarmup, Piecewise, Product, Schedule, as_schedule
from .seeds import seeded
from .terms import (
    Affiliation,
    InformationFloor,
    MutualInformation,
    OnFacets,
    Term,
    two_view_information,
)
from .training import Row, Trainer
from .views import AffineViews, VectorViews, Views, make_views

__all__ = [
    "INITIALISATIONS",
    "Affiliation",
    "AffineViews",
    "Autoencoder",
    "Checkpoint",
    "ClosedFormELBO",
    "ClusterMonitor",
    "CollapseWarning",
    "Constant",
    "EnumeratedELBO",
    "Evaluation",
    "InformationFloor",
    "InformationPretraining",
    "LinearWarmup",
    "MixtureELBO",
    "MutualInformation",
    "Objective",
    "OnFacets",
    "Piecewise",
    "Product",
    "Progressive",
    "ProgressiveObjective",
    "ProgressiveRecipe",
    "Recipe",
    "Row",
    "Run",
    "RunConfig",
    "Schedule",
    "Term",
    "Trainer",
    "TrainingDiverged",
    "TrainingInterrupted",
    "TwoViewRecipe",
    "VectorViews",
    "Views",
    "as_schedule",
    "bound",
    "decode",
    "encode",
    "importance_weighted_bound",
    "initialise_prior",
    "launch",
    "make_fabric",
    "make_views",
    "posterior_predictive",
    "reconstruct",
    "responsibilities",
    "sample",
    "seeded",
    "to_arviz",
    "two_view_information",
]
