"""Prediction: what a trained story and guide say of data, and how probable they find them."""

from .answers import (
    BATCH_SIZE,
    batched,
    conditional,
    decode,
    device_of,
    encode,
    evaluating,
    posterior_predictive,
    reconstruct,
    sample,
)
from .evidence import bound, importance_weighted_bound
from .export import to_arviz
from .probabilities import responsibilities

__all__ = [
    "BATCH_SIZE",
    "batched",
    "bound",
    "conditional",
    "decode",
    "device_of",
    "encode",
    "evaluating",
    "importance_weighted_bound",
    "posterior_predictive",
    "reconstruct",
    "responsibilities",
    "sample",
    "to_arviz",
]
