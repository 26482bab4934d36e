"""A wrong term is told which law it breaks, and by how much."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from pyromix.inference import Affiliation, Term
from pyromix.testing import check_term


class SmallestCluster(Term):
    """A term of one's own that is right."""

    def __call__(self, responsibilities: Tensor, weights: Tensor) -> Tensor:
        return -responsibilities.flatten(0, -2).mean(0).amin(-1)


def test_a_term_that_is_right() -> None:
    check_term(SmallestCluster(0.5))
    check_term(SmallestCluster)


class FirstCluster(Term):
    """It likes cluster 0."""

    def __call__(self, responsibilities: Tensor, weights: Tensor) -> Tensor:
        return -responsibilities[..., 0].mean()


class Summed(Term):
    """A sum over the data, which grows with the batch."""

    def __call__(self, responsibilities: Tensor, weights: Tensor) -> Tensor:
        return responsibilities.square().sum()


class EachDatum(Term):
    def __call__(self, responsibilities: Tensor, weights: Tensor) -> Tensor:
        return responsibilities.square().sum(-1)


class NakedEntropy(Term):
    """0 log 0 is NaN."""

    def __call__(self, responsibilities: Tensor, weights: Tensor) -> Tensor:
        return -(responsibilities * responsibilities.log()).sum(-1).mean()


class Deaf(Term):
    """Its gradient looks at half of it."""

    def __call__(self, responsibilities: Tensor, weights: Tensor) -> Tensor:
        return (responsibilities * responsibilities.detach()).sum(-1).mean()


class OneRow(Term):
    """p(c) of the first datum, as if it were that of all."""

    def __call__(self, responsibilities: Tensor, weights: Tensor) -> Tensor:
        return (responsibilities.flatten(0, -2).mean(0) * weights.flatten()[:3]).sum() / len(
            weights
        )


class Neighbours(Term):
    """It looks at data that come after each other."""

    def __call__(self, responsibilities: Tensor, weights: Tensor) -> Tensor:
        return responsibilities.diff(dim=-2).square().sum(-1).mean()


class Meddling(Term):
    def __call__(self, responsibilities: Tensor, weights: Tensor) -> Tensor:
        return responsibilities.clamp_(min=0.4).sum(-1).mean()


@pytest.mark.parametrize(
    ("term", "sentence"),
    [
        (FirstCluster, r"the order of the clusters means nothing\. It gives .* off by"),
        (Summed, r"nats per datum, so that data seen twice change nothing\. .* off by"),
        (EachDatum, r"it is one number\. Its shape is \(6,\)"),
        (NakedEntropy, r"finite where data belong to one cluster.* value\(s\) are NaN or infinite"),
        (Deaf, r"its gradient is that of finite differences"),
        (OneRow, r"p\(c\) may be one for each datum, \(B, K\)"),
        (Neighbours, r"the order of the data means nothing"),
        (Meddling, r"it leaves the responsibilities as they are"),
    ],
)
def test_terms_that_are_wrong(term: Any, sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence) as caught:
        check_term(term())
    assert term.__name__ in str(caught.value)


def test_another_thing_than_a_term() -> None:
    with pytest.raises(TypeError, match="term is 3: give a Term"):
        check_term(3)


def test_what_a_term_is_told_is_left_as_it_was() -> None:
    before = torch.get_rng_state()
    check_term(Affiliation())
    assert torch.equal(before, torch.get_rng_state())
