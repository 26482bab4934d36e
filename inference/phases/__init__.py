"""Phases: what a fit is made of, from pretraining to the joint training, and what watches it."""

from .autoencoder import Autoencoder, NeighbourRows, Neighbours, Pretraining, Reconstruction
from .graph import modularity, neighbour_graph, shared_neighbours
from .joint import Training
from .monitor import ClusterMonitor, CollapseWarning
from .phase import Budget, Fit, Phase
from .progressive import During, Fading, Joining, Progressive
from .recipe import Recipe
from .refit import Refit, refit_mixture
from .start import Clusterer, Start
from .starts import ComponentMeans, GaussianMixtureStart, GroupsOf, KMeansStart, StartLike
from .two_view import BestHead, InformationPretraining, TwoView

__all__ = [
    "Autoencoder",
    "BestHead",
    "Budget",
    "ClusterMonitor",
    "Clusterer",
    "CollapseWarning",
    "ComponentMeans",
    "During",
    "Fading",
    "Fit",
    "GaussianMixtureStart",
    "GroupsOf",
    "InformationPretraining",
    "Joining",
    "KMeansStart",
    "NeighbourRows",
    "Neighbours",
    "Phase",
    "Pretraining",
    "Progressive",
    "Recipe",
    "Reconstruction",
    "Refit",
    "Start",
    "StartLike",
    "Training",
    "TwoView",
    "modularity",
    "neighbour_graph",
    "refit_mixture",
    "shared_neighbours",
]
