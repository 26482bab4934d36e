"""Phases: what a fit is made of, from pretraining to the joint training, and what watches it."""

from .initialisation import (
    INITIALISATIONS,
    Autoencoder,
    NeighbourAutoencoder,
    initialise_prior,
    refit_mixture,
)
from .monitor import ClusterMonitor, CollapseWarning
from .mutual_information import InformationPretraining, TwoViewRecipe
from .progressive import Progressive, ProgressiveObjective, ProgressiveRecipe
from .recipe import Recipe

__all__ = [
    "INITIALISATIONS",
    "Autoencoder",
    "ClusterMonitor",
    "CollapseWarning",
    "InformationPretraining",
    "NeighbourAutoencoder",
    "Progressive",
    "ProgressiveObjective",
    "ProgressiveRecipe",
    "Recipe",
    "TwoViewRecipe",
    "initialise_prior",
    "refit_mixture",
]
