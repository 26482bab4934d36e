"""Amortised guides and the assignment rules around them."""

from .assignment import AmortisedAssignment, Assignment, Marginal, OptimalAssignment
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
