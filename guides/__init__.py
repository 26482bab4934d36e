"""Amortised guides and the assignment rules around them."""

from .assignment import AmortisedAssignment, Assignment, Marginal, OptimalAssignment
from .flexible import FlowHead, FullGaussianHead
from .guide import AmortisedGuide, Guide, sample_sites
from .heads import (
    GAMMA_FAMILIES,
    SPHERICAL_FAMILIES,
    GammaHead,
    GaussianHead,
    Head,
    SphericalHead,
)
from .ladder import LadderGuide

__all__ = [
    "GAMMA_FAMILIES",
    "SPHERICAL_FAMILIES",
    "AmortisedAssignment",
    "AmortisedGuide",
    "Assignment",
    "FlowHead",
    "FullGaussianHead",
    "GammaHead",
    "GaussianHead",
    "Guide",
    "Head",
    "LadderGuide",
    "Marginal",
    "OptimalAssignment",
    "SphericalHead",
    "sample_sites",
]
