"""Several starts at once, without labels: the best by a rule, or the average of them aligned."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...guides import Guide
from ...models import MixturePrior, MixtureVAE
from ...parts import Count
from ..objectives import unlike_shares
from .around import StartsAround
from .graph import Graph, modularity, neighbour_graph, principal_components, shared_neighbours
from .start import Features, matching, shares
from .valleys import NO_VALLEY, separate_clusters


@dataclass(frozen=True, repr=False)
class Several(StartsAround, abstract=True):
    """Starts whose groups are made one of, for a story with one clustering."""

    one: ClassVar[bool] = False  # whether one of the starts is chosen

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.starts:
            raise ValueError('starts is empty: give one or more, such as KMeansStart(on="data")')

    @abstractmethod
    def settle(
        self, rows: Features, candidates: list[Features], seed: int
    ) -> tuple[Features, dict[str, float]]:
        """What is made of the candidates, each ``(N, K)``; and numbers for the history."""

    def groups(self, features: Features, n_clusters: int, seed: int) -> Features:
        """Soft groups ``(N, K)``, of starts that all look at these features."""
        found = [each.groups(features, n_clusters, seed) for each in self.starts]
        candidates = [shares(each, len(features), n_clusters) for each in found]
        return self.settle(features, candidates, seed)[0]

    def find(
        self,
        x: Tensor,
        mixture: MixturePrior,
        code: Tensor,
        *,
        seed: int = 0,
        pretrained: nn.Module | None = None,
    ) -> tuple[Features, dict[str, float]]:
        """Groups of starts that each look at the data or the code, and what is made of them."""
        candidates: list[Features] = []
        row: dict[str, float] = {}
        before, after = _weights(pretrained), []
        for number, each in enumerate(self.starts):
            soft, found = each.find(x, mixture, code, seed=seed, pretrained=pretrained)
            candidates.append(soft)
            after.append(_weights(pretrained))
            if pretrained is not None and self.one:
                pretrained.load_state_dict(before)  # a start that is not chosen changes nothing
            row |= {f"start_{number}_{name}": value for name, value in found.items()}
        settled, scores = self.settle(self.features(x, mixture, code), candidates, seed % 2**32)
        if pretrained is not None and self.one:
            pretrained.load_state_dict(after[int(scores["start"])])
        return settled, row | scores

    def check(self, model: MixtureVAE, guide: Guide, x: Tensor) -> None:
        """Refuse several clusterings, which the neighbours of the data cannot tell apart."""
        super().check(model, guide, x)
        if len(model.prior.mixtures) > 1:
            raise ValueError(
                f"start is a {type(self).__name__}, and the story has {len(model.prior.mixtures)} "
                "clusterings, which neighbours in the data cannot tell apart: use one start"
            )
        for each in self.starts:
            each.check(model, guide, x)


@dataclass(frozen=True, repr=False)
class BestOf(Several, alias="best-of"):
    """The groups of that start which a rule without labels prefers.

    The share of neighbours in one cluster, and modularity, which corrects it for the sizes of the
    clusters, are those of :func:`shared_neighbours` and :func:`modularity` on the data. Agreement
    is the mean normalised mutual information with the other starts' groups. They are measured on
    each start's likeliest groups; the groups kept may be soft. Modularity expects clusters of like
    sizes, and cuts one that holds nearly all data: where two of its clusters have no valley between
    them, a candidate of unlike sizes whose clusters have is kept. The share of neighbours rewards
    the merging of clusters, and is 1 where all are one.

    Args:
        starts: the candidates: starts, clusterers, functions or names. One that looks at the code
            is compared with those that look at the data.
        by: ``"modularity"``, ``"neighbours"`` or ``"agreement"``.
        n_neighbours: of each datum in the graph.
        n_components: principal components in which neighbours are looked for.

    Raises:
        ValueError: no start, or a setting out of range.

    References:
        Newman & Girvan (2004). Finding and evaluating community structure in networks.
        arXiv cond-mat/0308217.

    Example:
        >>> from sklearn.datasets import make_moons
        >>> from sklearn.metrics import normalized_mutual_info_score
        >>> from .manifold import SpectralStart
        >>> from .starts import KMeansStart
        >>> x, moons = make_moons(200, noise=0.05, random_state=0)
        >>> best = BestOf((KMeansStart(on="data"), SpectralStart()))
        >>> normalized_mutual_info_score(moons, best.groups(x, 2, seed=0).argmax(1)) > 0.9
        True
    """

    one: ClassVar[bool] = True

    by: Literal["modularity", "neighbours", "agreement"] = "modularity"
    n_neighbours: Count = 15
    n_components: Count = 30

    def settle(
        self, rows: Features, candidates: list[Features], seed: int
    ) -> tuple[Features, dict[str, float]]:
        """The best candidate, the first of equals; its number, and the score of each."""
        labels = [likeliest(each) for each in candidates]
        if self.by == "agreement":
            scores = agreement(candidates)
        else:
            places = principal_components(rows, self.n_components, seed)
            graph = neighbour_graph(places, self.n_neighbours, self.n_components, seed)
            score = modularity if self.by == "modularity" else shared_neighbours
            scores = [score(graph, each) for each in labels]
        best = int(np.argmax(scores))
        named = {f"{self.by}_{number}": score for number, score in enumerate(scores)}
        if self.by == "modularity":
            best = standing_apart(places, labels, candidates[best].shape[1], best, graph)
        return candidates[best], {"start": best, **named}


@dataclass(frozen=True, repr=False)
class Averaged(Several, alias="averaged"):
    """Soft groups: the mean of several starts', each clustering matched to one of them.

    The one that agrees best with the others numbers the clusters, and the others' are matched to
    its by the overlap of their groups (Hungarian matching). A datum has its clusters in the
    proportions in which the starts have it there.

    Args:
        starts: the candidates: starts, clusterers, functions or names.

    References:
        Strehl & Ghosh (2002). Cluster ensembles. JMLR 3 (the task).

    Example:
        >>> from .groups_of import GroupsOf
        >>> both = Averaged((GroupsOf([0, 0, 1, 1]), GroupsOf([1, 1, 1, 0])))
        >>> both.groups(np.zeros((4, 1)), 2, seed=0)[:, 0]
        array([1. , 1. , 0.5, 0. ])
    """

    def settle(
        self, rows: Features, candidates: list[Features], seed: int
    ) -> tuple[Features, dict[str, float]]:
        """The mean of the aligned candidates; the agreement of each with the others."""
        scores = agreement(candidates)
        reference = candidates[int(np.argmax(scores))]
        aligned = [each[:, matching(reference, each)] for each in candidates]
        named = {f"agreement_{number}": score for number, score in enumerate(scores)}
        total = np.sum(aligned, 0)
        # Noise of some starts is what the others say of it.
        weight = total.sum(1, keepdims=True)
        averaged: Features = np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)
        return averaged, named


def standing_apart(
    rows: Features, labels: list[NDArray[np.int64]], n_clusters: int, best: int, graph: Graph
) -> int:
    """The groups of unlike sizes that are better than those of highest modularity, if any are.

    That one has cut through a group where two of its clusters have no valley between them. Others
    are better if more of their clusters stand apart; of several, that of most neighbours in one
    cluster. Groups of like sizes are left to modularity: the line between two means, along which
    valleys are looked for, says nothing of rings.

    Args:
        rows: data in the places where neighbours are looked for, ``(N, F)``.
        labels: of each candidate, ``(N,)``.
        n_clusters: K.
        best: the number of the one of highest modularity.
        graph: of neighbours.

    Returns:
        The number of what is to be kept.
    """
    sizes = [np.bincount(each[each >= 0], minlength=n_clusters) for each in labels]
    unlike = [n for n, each in enumerate(sizes) if unlike_shares(torch.from_numpy(each))]
    if not unlike:
        return best
    apart = {n: separate_clusters(rows, labels[n], NO_VALLEY) for n in {best, *unlike}}
    better = [number for number in unlike if apart[number] > apart[best]]
    found: int = max(
        better, key=lambda n: (apart[n], shared_neighbours(graph, labels[n])), default=best
    )
    return found


def _weights(module: nn.Module | None) -> dict[str, Tensor]:
    """A copy of what a module has learnt."""
    state = {} if module is None else module.state_dict()
    return {name: each.clone() for name, each in state.items()}


def agreement(candidates: list[Features]) -> list[float]:
    """The mean normalised mutual information of each with all others; 1 for one alone."""
    from sklearn.metrics import normalized_mutual_info_score

    labels = [likeliest(each) for each in candidates]
    if len(labels) == 1:
        return [1.0]
    return [
        float(
            np.mean(
                [normalized_mutual_info_score(one, b) for j, b in enumerate(labels) if j != number]
            )
        )
        for number, one in enumerate(labels)
    ]


def likeliest(soft: Features) -> NDArray[np.int64]:
    """The likeliest group of each datum, -1 for one of none."""
    labels: NDArray[np.int64] = np.where(soft.any(1), soft.argmax(1), -1)
    return labels
