"""Prediction: what a trained story and guide say of data, and how probable they find them."""

from .answers import (
    BATCH_SIZE,
    asked,
    batched,
    decode,
    device_of,
    encode,
    evaluating,
    reconstruct,
)
from .calibrating import calibrate_gaps, spare
from .evidence import bound, importance_weighted_bound
from .export import to_arviz
from .geodesics import geodesic, interpolate
from .imputation import imputation_log_prob, imputation_moments, impute
from .latents import Spread, posterior_draws, prior_predictive, responsibility_spread
from .predictive import Predictive
from .probabilities import bound_samples, responsibilities
from .sampling import conditional, posterior_predictive, sample

__all__ = [
    "BATCH_SIZE",
    "Predictive",
    "Spread",
    "asked",
    "batched",
    "bound",
    "bound_samples",
    "calibrate_gaps",
    "conditional",
    "decode",
    "device_of",
    "encode",
    "evaluating",
    "geodesic",
    "importance_weighted_bound",
    "imputation_log_prob",
    "imputation_moments",
    "impute",
    "interpolate",
    "posterior_draws",
    "posterior_predictive",
    "prior_predictive",
    "reconstruct",
    "responsibilities",
    "responsibility_spread",
    "sample",
    "spare",
    "to_arviz",
]
