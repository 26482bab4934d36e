"""Metrics and plots."""

from .metrics import (
    affiliation_variance,
    balanced_accuracy,
    calibration_curve,
    evaluate_clustering,
    expected_calibration_error,
    hungarian_accuracy,
    hungarian_map,
    mean_confidence,
    most_confident_accuracy,
    occupied_clusters,
    purity,
)

__all__ = [
    "affiliation_variance",
    "balanced_accuracy",
    "calibration_curve",
    "evaluate_clustering",
    "expected_calibration_error",
    "hungarian_accuracy",
    "hungarian_map",
    "mean_confidence",
    "most_confident_accuracy",
    "occupied_clusters",
    "purity",
]
