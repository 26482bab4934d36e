"""Amortised guides and the assignment rules around them."""

from .assignment import AmortisedAssignment, OptimalAssignment
from .guide import AmortisedGuide, Guide, sample_sites
from .heads import GAMMA_FAMILIES, SPHERICAL_FAMILIES, GammaHead, GaussianHead, SphericalHead
from .ladder import LadderGuide

__all__ = [
    "GAMMA_FAMILIES",
    "SPHERICAL_FAMILIES",
    "AmortisedAssignment",
    "AmortisedGuide",
    "GammaHead",
    "GaussianHead",
    "Guide",
    "LadderGuide",
    "OptimalAssignment",
    "SphericalHead",
    "sample_sites",
]
