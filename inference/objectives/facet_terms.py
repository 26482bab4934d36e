"""Terms of several clusterings: some of them alone, and what they tell of each other."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Self

import torch
from torch import Tensor

from ...models import MixturePrior
from ...parts import Natural
from .information import entropy
from .terms import Clusterings, Look, Term


class OnFacets(Term):
    """A term that looks at some facets' clusterings alone.

    Args:
        term: the term.
        facets: their numbers.

    Raises:
        ValueError: no facet.

    Example:
        >>> from pyromix.inference import Affiliation
        >>> OnFacets(Affiliation(2.0), (1,)).name
        'affiliation'
    """

    def __init__(self, term: Term, facets: Sequence[Natural]) -> None:
        super().__init__(term.weight)
        if not facets:
            raise ValueError("facets are missing: give the number of one or more")
        self.term, self.name = term, term.name
        self.sites = tuple(f"c_{facet}" for facet in facets)

    def attach(self, mixtures: Mapping[str, MixturePrior], rows: int) -> Self:
        """That of the term within, which is told of its facets alone."""
        told = copy.copy(self)
        own = {site: mixtures[site] for site in self.sites if site in mixtures}
        told.term = self.term.attach(own, rows)
        return told

    def __call__(self, responsibilities: Tensor, weights: Tensor) -> Tensor:
        return self.term(responsibilities, weights)

    def takes(self, companion: str) -> bool:
        """Whether a companion of the batch is the term's own."""
        return self.term.takes(companion)

    def total(self, found: Clusterings, look: Look, **companions: Tensor) -> Tensor:
        """The unweighted sum over the clusterings of its facets.

        Raises:
            ValueError: the story has no such facet.
        """
        missing = [site for site in self.sites if site not in found]
        if missing:
            raise ValueError(
                f"facets name {missing[0]!r}, and the story's clusterings are "
                f"{', '.join(map(repr, found))}: use their numbers, or the term without OnFacets"
            )

        def look_there(views: Callable[[Tensor], Tensor], **its: Tensor) -> Clusterings:
            seen = look(views, **its)
            return {site: seen[site] for site in self.sites}

        own = {site: found[site] for site in self.sites}
        return self.term.total(own, look_there, **companions)


class FacetIndependence(Term):
    r"""The mutual information of a story's clusterings, in pairs: facets should not share theirs.

    .. math:: \sum_{i < j} I(c_i; c_j), \qquad
        p(c_i, c_j) = \operatorname{mean}_x \gamma_i(x)\, \gamma_j(x)

    It is zero for independent facets and log K for equal ones, and nothing where there is one
    clustering. The batch stands for the data, so that of independent facets it has about
    (K_i - 1)(K_j - 1) / 2B nats too much: a batch should hold 5 K_i K_j rows or more.

    Args:
        weight: a number, or a schedule over optimiser steps.

    Example:
        >>> gamma, weights = torch.eye(4), torch.full((4,), 0.25)
        >>> FacetIndependence().total({"c_0": (gamma, weights), "c_1": (gamma, weights)}, None)
        tensor(1.3863)

    References:
        Gondek & Hofmann (2004). Non-redundant data clustering. ICDM; the information of a
        clustering and one known, here of two that are both sought.
    """

    name = "facet_independence"

    def __call__(self, responsibilities: Tensor, weights: Tensor) -> Tensor:
        """Nothing: one clustering shares with no other."""
        return responsibilities.new_zeros(())

    def total(self, found: Clusterings, look: Look, **companions: Tensor) -> Tensor:
        """The unweighted sum over the pairs of clusterings."""
        values = [
            shared_information(first, second)
            for (first, _), (second, _) in combinations(found.values(), 2)
        ]
        return torch.stack(values or [super().total(found, look)]).sum()


def shared_information(first: Tensor, second: Tensor) -> Tensor:
    r"""The mutual information of two clusterings of the same data, in nats.

    .. math:: H(p) + H(q) - H(P), \qquad P = \operatorname{mean}_x \gamma(x)\, \gamma'(x)^\top

    Args:
        first: responsibilities γ, ``(..., B, K)``; leading dims are particles.
        second: γ' of the other clustering, ``(..., B, K')``.

    Returns:
        One number, 0 to log min(K, K').
    """
    # Differences of entropies need full precision.
    with torch.autocast(first.device.type, enabled=False):
        wide = torch.promote_types(first.dtype, torch.float32)
        joint = first.to(wide).transpose(-1, -2) @ second.to(wide) / first.shape[-2]
        joint = joint.flatten(0, -3).mean(0) if joint.dim() > 2 else joint
        return entropy(joint.sum(1)) + entropy(joint.sum(0)) - entropy(joint.flatten())
