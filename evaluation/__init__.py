"""Evaluation: scores of clusterings and the pictures that go with them."""

from .confidence import reliability_diagram, responsibility_histogram, simulation_diagram
from .facet_plots import facet_grids, facet_heatmap, swap_grid
from .facets import best_facets, evaluate_facets, facet_dependence, facet_matrices
from .fit_plots import parts_picture, restarts_picture, starts_picture
from .independence import independence, told_from
from .latent_plots import latent_map
from .matching import contingency, hungarian_map
from .metrics import (
    affiliation_variance,
    balanced_accuracy,
    calibration,
    evaluate_clustering,
    expected_calibration_error,
    hungarian_accuracy,
    mean_confidence,
    most_confident_accuracy,
    occupied_clusters,
    purity,
    reliability,
)
from .number_plots import draw_counts, number_picture
from .plots import cluster_map, confusion
from .predictive import predictive_check
from .samples import cluster_grid, style_grid
from .training_plots import curves

__all__ = [
    "affiliation_variance",
    "balanced_accuracy",
    "best_facets",
    "calibration",
    "cluster_grid",
    "cluster_map",
    "confusion",
    "contingency",
    "curves",
    "draw_counts",
    "evaluate_clustering",
    "evaluate_facets",
    "expected_calibration_error",
    "facet_dependence",
    "facet_grids",
    "facet_heatmap",
    "facet_matrices",
    "hungarian_accuracy",
    "hungarian_map",
    "independence",
    "latent_map",
    "mean_confidence",
    "most_confident_accuracy",
    "number_picture",
    "occupied_clusters",
    "parts_picture",
    "predictive_check",
    "purity",
    "reliability",
    "reliability_diagram",
    "responsibility_histogram",
    "restarts_picture",
    "simulation_diagram",
    "starts_picture",
    "style_grid",
    "swap_grid",
    "told_from",
]
