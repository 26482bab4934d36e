"""The number of clusters of an estimator: as given, or found before its story is built."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from sklearn.utils import ClassifierTags
from torch import Tensor

from ..inference import Checkpoint, Row, Rows, count_clusters, filled, seeded
from ..parts import without_groups
from .fitting import Story, continues


class Counting:
    """Knows K of each clustering, and finds that of ``n_clusters="auto"``."""

    n_clusters: int | tuple[int, ...] | Literal["auto"]
    n_clusters_: int | tuple[int, ...]
    seed_: int
    verbose: bool

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn is told of the labels that a fit takes: whether there may be many."""
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.classifier_tags = ClassifierTags(multi_class=self.n_clusters != 2)
        return tags

    def clusterings(self) -> tuple[int, ...]:
        """K of each clustering: of one, or of each facet."""
        known = self.known_clusters()
        return tuple(known) if isinstance(known, Sequence) else (known,)

    def known_clusters(self) -> int | tuple[int, ...]:
        """K of one clustering, or of each facet, as given or found.

        Raises:
            ValueError: it is for a fit to find.
        """
        if self.n_clusters != "auto":
            return self.n_clusters
        if not hasattr(self, "n_clusters_"):
            raise ValueError("n_clusters is 'auto', which a fit finds: give a number to build")
        return self.n_clusters_

    def _begin_counting(self) -> None:
        """Until K is found a rehearsal has any; a warm start keeps the one there is."""
        if self.n_clusters == "auto" and continues(self):
            return
        self.n_clusters_ = 2 if self.n_clusters == "auto" else self.n_clusters

    def _count(self, story: Story, data: Rows, checkpoint: Checkpoint | None) -> list[Row]:
        """Find K where it is not given; its curves as rows of the history."""
        if self.n_clusters != "auto" or continues(self):
            return []
        x = looked_at(story, data, self.seed_)
        self.n_clusters_, rows = count_clusters(x, self.seed_, checkpoint, verbose=self.verbose)
        return rows

    @property
    def _lone(self) -> bool:
        """Whether there is one clustering, and no facets."""
        return isinstance(self.known_clusters(), int | np.integer)


def looked_at(story: Story, data: Rows, seed: int) -> Tensor:
    """Data as groups are looked for in them, ``(N, *event)``: whole, and as starts have them.

    Those with companions are where their likelihood says, brought to one size, less what is linear
    in their covariates: clusters are not to be the batches that are known.

    Args:
        story: makes the story, of any K.
        data: with companions.
        seed: of the story.
    """
    companions = without_groups(data.companions)
    if not companions:
        return filled(data.x)
    with seeded(seed, "rehearsal"):
        model = story()[0]
    return model.to(data.x.dtype).coordinates(filled(data.x), **companions)
