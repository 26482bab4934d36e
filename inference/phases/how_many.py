r"""How many clusters data have, asked of the data alone: curves over K, and the K they speak for.

A Gaussian mixture of K components on a map of the data is a partition for every K. Two of its
clusters stand apart if the data thin out between them. More components than there are clusters have
to share some, and those do not, nor is it the same one for every seed: the K taken is the largest
of which all stand apart and on which the seeds agree. The modularity of the partition in the graph
of neighbours is told beside it and does not decide: it likes clusters of one size, whether or not
they stand apart. It is ours, not a paper's.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from ...parts.warning import warn
from ..training import Checkpoint, PhaseProgress, Row
from .graph import modularity, neighbour_graph
from .manifold import UMAPStart
from .valleys import UnclearNumberWarning, separate_clusters

MANY = 3000  # data above which an even subset is asked
FEWEST = 20  # data below which nothing can be said
LARGEST = 60  # K tried at most, where none is given
SEEDS = (0, 1, 2)
ENOUGH, BEYOND = 1.2, 5  # how far above the K taken, and modularity's, others are tried
FLAT = 0.02  # of modularity: less is no difference
EQUAL = 0.05  # of agreement: less is no difference


@dataclass(frozen=True, eq=False)
class ClusterCurves:
    """What partitions of data into K clusters are like, for each seed and K.

    Attributes:
        ks: the K tried, rising.
        separate: clusters that stand apart, ``(S, len(ks))``.
        modularity: of the partitions in the graph of nearest neighbours, ``(S, len(ks))``.
        agreement: mean adjusted Rand index between seeds, ``(len(ks),)``; NaN of a single seed.
    """

    ks: tuple[int, ...]
    separate: NDArray[np.int64]
    modularity: NDArray[np.float64]
    agreement: NDArray[np.float64]

    @property
    def best_k(self) -> int:
        """The largest K of which all clusters stand apart, and on which the seeds agree.

        They stand apart in the median over seeds, and agree within .05 as well as on any such K.
        """
        return largest_apart(self.ks, np.median(self.separate, 0), self.agreement)

    @property
    def remarks(self) -> tuple[str, ...]:
        """In words, what makes that K doubtful; nothing where it is clear."""
        best, said = self.best_k, []
        if best == self.ks[-1] and len(self.ks) > 1:
            said.append(f"all clusters stand apart at K = {best}, the largest tried: try more")
        if np.median(self.separate, 0).max() <= 1:
            said.append("no two clusters stand apart: the data look like one")
        each = [largest_apart(self.ks, row, self.agreement) for row in self.separate]
        if max(each) - min(each) > max(1, 0.2 * best):
            said.append(f"seeds disagree: they give K from {min(each)} to {max(each)}")
        return tuple(said)

    @property
    def flat(self) -> tuple[int, int]:
        """From where to where modularity is so near its largest that it prefers no K."""
        mean = self.modularity.mean(0)
        level = [k for k, value in zip(self.ks, mean, strict=True) if value > mean.max() - FLAT]
        return level[0], level[-1]

    def rows(self) -> list[dict[str, Any]]:
        """A row for each K: its number, and the mean of each curve over seeds."""
        return [
            {
                "n_clusters": k,
                "separate": float(np.median(self.separate[:, i])),
                "modularity": float(self.modularity[:, i].mean()),
                "agreement": float(self.agreement[i]),
            }
            for i, k in enumerate(self.ks)
        ]


def largest_apart(ks: Sequence[int], separate: ArrayLike, agreement: ArrayLike) -> int:
    """The largest of the K, rising, of which as many stand apart, and no other agrees better.

    Example:
        >>> largest_apart([1, 2, 3, 4, 5], [1, 1, 3, 4, 4], [1.0, 0.5, 1.0, 0.8, 0.8])
        3
    """
    agreed = np.nan_to_num(np.asarray(agreement, float), nan=1.0)  # a single seed does with itself
    triples = zip(ks, np.asarray(separate), agreed, strict=True)
    apart = {k: score for k, found, score in triples if found >= k > 1}
    best = max(apart.values(), default=1.0)
    return max((k for k, score in apart.items() if score >= best - EQUAL), default=ks[0])


def cluster_curves(
    x: ArrayLike, ks: Iterable[int] | None = None, seeds: Sequence[int] = SEEDS
) -> ClusterCurves:
    """The curves of data, without labels or a fit.

    Args:
        x: data, ``(N, ...)``; of more than 3,000 an even subset.
        ks: the K to try; ``None``: from 1 on until the K taken, and that of modularity, are far
            below; to 60 or a tenth of the data.
        seeds: of the map and of the mixture; three or more let one of them err.

    Raises:
        ValueError: fewer than 20 data, no K or no seed, or a K that is none.

    Example:
        >>> from sklearn.datasets import make_blobs
        >>> x, _ = make_blobs(300, centers=[[0, 0], [9, 0], [0, 9]], random_state=0)
        >>> cluster_curves(x, range(1, 7), seeds=[0]).best_k
        3
    """
    rows = np.asarray(x)
    rows = rows.reshape(len(rows), -1)[:: -(-len(rows) // MANY) or 1]
    tried = tuple(sorted(set(range(1, min(LARGEST, len(rows) // 10) + 1) if ks is None else ks)))
    if len(rows) < FEWEST:
        raise ValueError(f"there are {len(rows)} data: to tell K takes {FEWEST} at least")
    if not tried or not 1 <= tried[0] <= tried[-1] <= len(rows):
        raise ValueError(f"ks is {list(tried)}: give numbers of clusters from 1 to {len(rows)}")
    if not len(seeds):
        raise ValueError("seeds is empty: give one or more")
    graph = neighbour_graph(rows)
    umap, own = UMAPStart(n_neighbours=15, n_components=2), [seed % 2**32 for seed in seeds]
    maps = [umap.embed(rows, seed) for seed in own]
    columns: list[tuple[list[int], list[float], float]] = []
    for number, k in enumerate(tried, 1):
        groups = [partition(each, k, seed) for each, seed in zip(maps, own, strict=True)]
        separate = [separate_clusters(*each) for each in zip(maps, groups, strict=True)]
        scores = [modularity(graph, each) for each in groups]
        columns.append((separate, scores, agreement_of(groups)))
        parts = [np.array(each) for each in zip(*columns, strict=True)]
        curves = ClusterCurves(tried[:number], parts[0].T, parts[1].T, parts[2])
        # Of few components some have pieces of several clusters, and do not stand apart either:
        # as long as modularity rises more are to come.
        if ks is None and k >= ENOUGH * max(curves.best_k, curves.flat[0]) + BEYOND:
            break
    return curves


def agreement_of(partitions: Sequence[ArrayLike]) -> float:
    """The mean adjusted Rand index of all pairs; NaN of fewer than two."""
    from sklearn.metrics import adjusted_rand_score

    pairs = list(combinations(partitions, 2))
    return float(np.mean([adjusted_rand_score(*pair) for pair in pairs])) if pairs else np.nan


def partition(places: NDArray[Any], n_clusters: int, seed: int) -> NDArray[np.int64]:
    """The likeliest component of each datum's place in a map, ``(N, D)`` to ``(N,)``."""
    from sklearn.mixture import GaussianMixture

    mixture = GaussianMixture(n_clusters, reg_covar=1e-3 * places.var(), random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        labels: NDArray[np.int64] = mixture.fit_predict(places)
    return labels


def count_clusters(
    x: Tensor, seed: int, checkpoint: Checkpoint | None = None, *, verbose: bool = False
) -> tuple[int, list[Row]]:
    """K of data, found before a story is built, with a warning where it is doubtful.

    Args:
        x: data, ``(N, *event)``.
        seed: same seed, same K.
        checkpoint: where to keep what is found, and to take it from.
        verbose: show that it is on its way.

    Returns:
        K, and its curves as rows of the history.

    Raises:
        ValueError: fewer than 20 data.
    """
    phase, started = "n_clusters", perf_counter()
    if checkpoint is not None and checkpoint.completed(phase):
        saved = checkpoint.state(phase)
        return saved["best_k"], saved["rows"]
    with PhaseProgress(phase, 1, 0, 0, verbose) as bar:
        curves = cluster_curves(x.cpu().numpy(), seeds=[seed + each for each in SEEDS])
        seconds = {"seconds": perf_counter() - started}
        rows = [
            {"phase": phase, "epoch": number, **row} for number, row in enumerate(curves.rows(), 1)
        ]
        rows[-1] |= seconds
        bar.epoch({"epoch": 1, "n_clusters": curves.best_k, **seconds})
    if curves.remarks:
        warn(
            f"n_clusters is found to be {curves.best_k}, in doubt: {'; '.join(curves.remarks)}; "
            "look at select_k's picture, or give a number",
            UnclearNumberWarning,
        )
    if checkpoint is not None:
        checkpoint.phase_done(phase, {"best_k": curves.best_k, "rows": rows})
    return curves.best_k, rows
