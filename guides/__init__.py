"""Amortised guides and the assignment rules around them."""

from .assignment import OptimalAssignment
from .guide import AmortisedGuide, Guide, sample_sites
from .heads import GaussianHead

__all__ = ["AmortisedGuide", "GaussianHead", "Guide", "OptimalAssignment", "sample_sites"]
