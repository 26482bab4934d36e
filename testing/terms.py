"""The contract of a term."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..inference import Term
from ..parts import given
from .laws import clean_scope, gradients, require, require_equal, require_finite

B, K = 6, 3
STEP = 1e-6


def check_term(term: Any) -> None:
    """Try every law that a term obeys.

    Its value is one number, finite also where data belong wholly to one cluster or a cluster has
    no weight, and so is its gradient, which is that of finite differences; neither the order of the
    clusters nor that of the data means anything, and data seen twice change nothing, since a term
    is in nats per datum; p(c) may be one for all data or one for each; and particles are data.

    Args:
        term: the term, an object such as ``Affiliation(1.0)``, or its class.

    Raises:
        AssertionError: says which law is broken and by how much.
        TypeError: it is no term.

    Example:
        >>> from pyromix.inference import Affiliation
        >>> check_term(Affiliation(2.0))
    """
    term = given("term", term, Term)
    with clean_scope():
        require(term.name, f"{term!r} breaks a law: it has a name, to stand in the history")
        gamma, other = (torch.randn(2, B, K, dtype=torch.float64) * 1.5).softmax(-1)
        weights = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
        _shape(term, gamma, other, weights)
        _symmetries(term, gamma, other, weights)
        _weights(term, gamma, other, weights)
        _extremes(term, weights)
        _slope(term, gamma, other, weights)


def value(term: Term, gamma: Tensor, other: Tensor, weights: Tensor) -> Tensor:
    """The term's value where every view but the first gives the responsibilities ``other``."""
    sites = getattr(term, "sites", ("c",))

    def clusterings(responsibilities: Tensor) -> Mapping[str, tuple[Tensor, Tensor]]:
        return dict.fromkeys(sites, (responsibilities, weights))

    return term.total(clusterings(gamma), lambda views: clusterings(other))


def _shape(term: Term, gamma: Tensor, other: Tensor, weights: Tensor) -> None:
    before = gamma.clone()
    found = value(term, gamma, other, weights)
    for each in (term(gamma, weights), term(gamma.unsqueeze(0), weights), found):
        require(
            each.shape == (),
            f"{term!r} breaks a law: it is one number. Its shape is {tuple(each.shape)}",
        )
    law = "it leaves the responsibilities as they are"
    require_equal(term, law, gamma, before, 0.0)
    again = value(term, gamma, other, weights)
    require_equal(term, "it is the same each time", again, found, 0.0)
    wide = found.dtype == gamma.dtype
    require(wide, f"{term!r} breaks a law: float64 in, float64 out. It gives {found.dtype}")


def _symmetries(term: Term, gamma: Tensor, other: Tensor, weights: Tensor) -> None:
    found = value(term, gamma, other, weights)
    for clusters in ([2, 0, 1], [1, 0, 2]):
        permuted = value(term, gamma[:, clusters], other[:, clusters], weights[clusters])
        require_equal(term, "the order of the clusters means nothing", permuted, found, 1e-9)
    rows = torch.randperm(B)
    law = "the order of the data means nothing"
    require_equal(term, law, value(term, gamma[rows], other[rows], weights), found, 1e-9)
    twice = value(term, gamma.repeat(2, 1), other.repeat(2, 1), weights)
    law = "it is in nats per datum, so that data seen twice change nothing"
    require_equal(term, law, twice, found, 1e-9)


def _weights(term: Term, gamma: Tensor, other: Tensor, weights: Tensor) -> None:
    found = value(term, gamma, other, weights)
    law = "p(c) may be one for each datum, (B, K)"
    require_equal(term, law, value(term, gamma, other, weights.expand(B, K)), found, 1e-9)
    same = [each.expand(4, B, K) for each in (gamma, other)]
    law = "particles that are all the same change nothing"
    require_equal(term, law, value(term, same[0], same[1], weights), found, 1e-9)


def _extremes(term: Term, weights: Tensor) -> None:
    empty = torch.tensor([0.5, 0.5, 0.0], dtype=torch.float64)
    law = "it and its gradient are finite where data belong to one cluster, or one has no weight"
    for rows in ([0, 1, 2, 0, 1, 2], [0] * B):
        for dtype in (torch.float64, torch.float32):
            for prior in (weights, empty):
                gamma = torch.eye(K, dtype=dtype)[rows].requires_grad_()
                found = value(term, gamma, gamma, prior.to(dtype))
                require_finite(term, law, [found, *gradients(found, [gamma])])


def _slope(term: Term, gamma: Tensor, other: Tensor, weights: Tensor) -> None:
    """Along the simplex, where responsibilities move."""
    scores = gamma.log().requires_grad_()
    (slope,) = gradients(value(term, scores.softmax(-1), other, weights), [scores])
    direction = torch.randn_like(gamma)
    with torch.no_grad():
        ends = [
            value(term, (scores + step * direction).softmax(-1), other, weights)
            for step in (STEP, -STEP)
        ]
    by_differences = (ends[0] - ends[1]) / (2 * STEP)
    law = "its gradient is that of finite differences"
    require_equal(term, law, (slope * direction).sum(), by_differences, 1e-6)
