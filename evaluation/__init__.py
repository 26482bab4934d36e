"""Evaluation: scores of clusterings and the pictures that go with them."""

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
)

__all__ = [
    "affiliation_variance",
    "balanced_accuracy",
    "calibration",
    "contingency",
    "evaluate_clustering",
    "expected_calibration_error",
    "hungarian_accuracy",
    "hungarian_map",
    "mean_confidence",
    "most_confident_accuracy",
    "occupied_clusters",
    "purity",
]
