"""Phases: what a fit is made of, from pretraining to the joint training, and what watches it."""

from .auto_start import AutoStart
from .autoencoder import Autoencoder, NeighbourRows, Neighbours, Pretraining, Reconstruction
from .best_head import BestHead
from .choice import Averaged, BestOf
from .filling import filled
from .graph import modularity, neighbour_graph, shared_neighbours
from .groups_of import GroupsOf, StartLike, as_start
from .how_many import (
    SEEDS,
    ClusterCurves,
    agreement_of,
    cluster_curves,
    count_clusters,
)
from .joint import Training
from .looks import Brightness, ByFacet, Colours, Look, Through
from .manifold import SpectralStart, UMAPStart
from .monitor import ClusterMonitor, CollapseWarning
from .phase import Budget, Fit, Phase
from .progressive import During, Fading, Joining, Progressive
from .pseudo_labels import PseudoLabels
from .recipe import Recipe
from .refit import Refit, refit_mixture
from .residual_start import ResidualStart
from .start import Clusterer, Start
from .starts import ComponentMeans, GaussianMixtureStart, KMeansStart
from .two_view import InformationPretraining, TwoView
from .two_view_start import TwoViewStart
from .valleys import UnclearNumberWarning

__all__ = [
    "SEEDS",
    "AutoStart",
    "Autoencoder",
    "Averaged",
    "BestHead",
    "BestOf",
    "Brightness",
    "Budget",
    "ByFacet",
    "ClusterCurves",
    "ClusterMonitor",
    "Clusterer",
    "CollapseWarning",
    "Colours",
    "ComponentMeans",
    "During",
    "Fading",
    "Fit",
    "GaussianMixtureStart",
    "GroupsOf",
    "InformationPretraining",
    "Joining",
    "KMeansStart",
    "Look",
    "NeighbourRows",
    "Neighbours",
    "Phase",
    "Pretraining",
    "Progressive",
    "PseudoLabels",
    "Recipe",
    "Reconstruction",
    "Refit",
    "ResidualStart",
    "SpectralStart",
    "Start",
    "StartLike",
    "Through",
    "Training",
    "TwoView",
    "TwoViewStart",
    "UMAPStart",
    "UnclearNumberWarning",
    "agreement_of",
    "as_start",
    "cluster_curves",
    "count_clusters",
    "filled",
    "modularity",
    "neighbour_graph",
    "refit_mixture",
    "shared_neighbours",
]
