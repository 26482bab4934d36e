"""Anyone's story: the loss is Pyro's own, and its parts and terms are those of brute force."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from pyro.infer import TraceEnum_ELBO
from torch import Tensor

from pyromix.inference import (
    Affiliation,
    EnumeratedELBO,
    InformationFloor,
    MutualInformation,
    Term,
    VectorViews,
)
from pyromix.testing.laws import assert_equal_in_value_and_gradient

from .foreign import STORIES, Drawn, Story, X, drawing
from .foreign_tables import ByHand

EACH = pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
ORDER = 24  # of Gauss–Hermite


def leaves(story: Story) -> list[Tensor]:
    return list(story.theta.values())


@EACH
@pytest.mark.parametrize("num_particles", [1, 2])
def test_the_loss_is_pyro_s_own(story: Story, num_particles: int) -> None:
    """In value and gradient, per datum, to the last bits."""
    settings: dict[str, Any] = {"num_particles": num_particles, "max_plate_nesting": story.plates}
    ours = EnumeratedELBO(**settings).differentiable_loss(story.model, story.guide, X)
    theirs = TraceEnum_ELBO(vectorize_particles=True, **settings).differentiable_loss(
        story.model, story.guide, X
    )
    size = story.size or len(X)
    assert_equal_in_value_and_gradient(ours, theirs / size, leaves(story), 1e-12)


@EACH
def test_loss_and_parts_by_quadrature(story: Story) -> None:
    """z integrated over: as nodes that move with the posterior, and by hand on a fixed grid."""
    elbo = EnumeratedELBO(max_plate_nesting=story.plates)
    nodes, weights = np.polynomial.hermite.hermgauss(ORDER)
    ours: dict[str, Tensor] = {}
    for node, weight in zip(nodes * math.sqrt(2), weights / math.sqrt(math.pi), strict=True):
        with drawing(float(node)):
            evaluation = elbo.evaluate(story.model, story.guide, X)
        for name, value in {"loss": evaluation.loss, **evaluation.parts}.items():
            ours[name] = ours.get(name, torch.zeros(())) + weight * value
    hand = ByHand(story)
    assert_equal_in_value_and_gradient(ours.pop("loss"), hand.loss, leaves(story), 1e-6)
    assert ours.keys() == hand.parts.keys()
    for name, value in hand.parts.items():
        torch.testing.assert_close(ours[name], value.detach(), rtol=0, atol=1e-6)


@EACH
@pytest.mark.parametrize("num_particles", [1, 2])
def test_parts_of_one_draw(story: Story, num_particles: int) -> None:
    elbo = EnumeratedELBO(num_particles=num_particles, max_plate_nesting=story.plates)
    parts = elbo.parts(story.model, story.guide, X)
    hand = ByHand(story, Drawn.node).parts
    assert parts.keys() == hand.keys()
    for name, value in hand.items():
        torch.testing.assert_close(parts[name], value.detach(), rtol=0, atol=1e-12)


def floor_by_hand(gamma: Tensor, prior: Tensor) -> Tensor:
    return 9.0 - (gamma * (gamma / prior).log()).sum(-1).mean()


def information_by_hand(gamma: Tensor, prior: Tensor) -> Tensor:
    mean = gamma.mean(0)
    return (mean * mean.log()).sum() * 1.5 - (gamma * gamma.log()).sum(-1).mean()


def two_views_by_hand(gamma: Tensor, prior: Tensor) -> Tensor:
    """Of a datum and itself."""
    joint = gamma.T @ gamma / len(gamma)
    mean = gamma.mean(0)
    return -(joint * (joint.log() - 1.5 * torch.outer(mean, mean).log())).sum()


TERMS: list[tuple[Term, Callable[[Tensor, Tensor], Tensor]]] = [
    (InformationFloor(9.0), floor_by_hand),
    (Affiliation(), lambda gamma, prior: -(gamma * gamma.log()).sum(-1).mean()),
    (Affiliation(form="renyi"), lambda gamma, prior: -(gamma**2).sum(-1).log().mean()),
    (Affiliation(form="max"), lambda gamma, prior: -gamma.max(-1).values.mean()),
    (
        Affiliation(form="variance"),
        lambda gamma, prior: -(gamma - gamma.mean(-1, keepdim=True)).square().sum(-1).mean(),
    ),
    (MutualInformation(), information_by_hand),
    (MutualInformation(views=VectorViews(0.0, 0.0)), two_views_by_hand),
]


@EACH
@pytest.mark.parametrize("num_particles", [1, 2])
def test_terms(story: Story, num_particles: int) -> None:
    """In value and gradient, from the table's own responsibilities and p(c)."""
    hand = ByHand(story, Drawn.node)
    sites = ("c", "d") if story.d else ("c",)
    for term, formula in TERMS:
        elbo = EnumeratedELBO([term], num_particles=num_particles, max_plate_nesting=story.plates)
        ours = elbo.differentiable_loss(story.model, story.guide, X)
        total = hand.loss + sum(formula(*hand.responsibilities(site)) for site in sites)
        assert_equal_in_value_and_gradient(ours, total, leaves(story), 1e-10)


@EACH
def test_responsibilities_and_p_of_c(story: Story) -> None:
    elbo = EnumeratedELBO(max_plate_nesting=story.plates)
    found = elbo.evaluate(story.model, story.guide, X).responsibilities
    hand = ByHand(story, Drawn.node)
    assert found.keys() == ({"c", "d"} if story.d else {"c"})
    for site, (gamma, prior) in found.items():
        wanted, weights = hand.responsibilities(site)
        torch.testing.assert_close(gamma, wanted, rtol=0, atol=1e-12)
        torch.testing.assert_close(prior.expand_as(weights), weights, rtol=0, atol=1e-12)
        own = site == "c" and (story.datumwise or story.reversed)
        assert prior.dim() == 1 + own
