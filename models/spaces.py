"""Where a latent lives: the supports of priors and posteriors, in words and in one another."""

from __future__ import annotations

import math

import torch
from torch.distributions import constraints

WORDS = {
    "real": "all vectors",
    "positive": "positive ones",
    "sphere": "the sphere",
    "simplex": "the simplex",
    "unit_interval": "the unit cube",
}
INSIDE = {("positive", "real"), ("unit_interval", "real"), ("unit_interval", "positive")}


def space(support: constraints.Constraint | None) -> str:
    """A short name of a support, whatever its event shape.

    Example:
        >>> space(constraints.independent(constraints.nonnegative, 1)), space(constraints.simplex)
        ('positive', 'simplex')
    """
    while support is not None and hasattr(support, "base_constraint"):
        support = support.base_constraint
    if support is constraints.real:
        return "real"
    if _everywhere(support, "lower_bound", 0.0):
        return "unit_interval" if _everywhere(support, "upper_bound", 1.0) else "positive"
    name = str(support).strip("<>").partition(" ")[0].strip("()").removeprefix("constraints.")
    return {"Sphere": "sphere", "Simplex": "simplex"}.get(name, name)


def _everywhere(support: constraints.Constraint | None, bound: str, value: float) -> bool:
    """Whether a support has that bound, a number or a tensor of them."""
    return bool(torch.as_tensor(getattr(support, bound, math.nan) == value).all())


def lies_in(theirs: str, ours: str) -> bool:
    """Whether a posterior on one space has a density under a prior on another."""
    return theirs == ours or (theirs, ours) in INSIDE
