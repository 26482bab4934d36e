"""Terms that look at some of a story's clusterings alone."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Self

from torch import Tensor

from ...models import MixturePrior
from ...parts import Natural
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

        def look_there(views: Callable[[Tensor], Tensor]) -> Clusterings:
            seen = look(views)
            return {site: seen[site] for site in self.sites}

        own = {site: found[site] for site in self.sites}
        return self.term.total(own, look_there, **companions)
