"""Whether clusters stand apart: if the data thin out between them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import gaussian_kde

VALLEY = 0.5  # density between two clusters that stand apart, as a share of the lower peak's
NEAR = 6  # other clusters that each is compared with, the nearest
THIN = 400  # data of a cluster that valleys are looked for among
SMALLEST = 5  # data of a cluster that can stand apart
NO_VALLEY = 0.9  # from here on two clusters are one, and not only near each other
DEEP = 0.4  # to here a cluster is two, and not only long
PLENTY = 20  # data of each part of a cluster that is taken for two


class UnclearNumberWarning(UserWarning):
    """The number of clusters that was found may be another."""


def separate_clusters(
    places: NDArray[Any], labels: NDArray[np.int64], least: float = VALLEY
) -> int:
    """How many clusters are left when those that do not stand apart are made one.

    Args:
        places: the data in a map, ``(N, D)``.
        labels: their clusters, ``(N,)``.
        least: the :func:`valley` above which two do not stand apart.
    """
    groups = [places[labels == label] for label in np.unique(labels)]
    centres = np.stack([group.mean(0) for group in groups])
    distances = np.linalg.norm(centres[:, None] - centres, axis=-1)
    whose = np.arange(len(groups))
    for first, row in enumerate(distances):
        for second in np.argsort(row)[1 : NEAR + 1]:
            if whose[first] != whose[second] and valley(groups[first], groups[second]) > least:
                whose[whose == whose[second]] = whose[first]
    return len(np.unique(whose))


def valley(first: NDArray[Any], second: NDArray[Any]) -> float:
    """The least density between two clusters, as a share of the lower one of their peaks.

    It is that along the line through their means, of all data of the smaller cluster and of as many
    again of the larger one, twice, that come nearest to it: a large one would hide a small one.

    Args:
        first: the data of a cluster, ``(N, D)``.
        second: those of another.

    Returns:
        0 for clusters far apart, and 1 for such as cannot be told apart.
    """
    smaller = min(len(first), len(second))
    along = second.mean(0) - first.mean(0)
    left = np.sort(first @ along)[-2 * smaller :]
    right = np.sort(second @ along)[: 2 * smaller]
    lowest, highest = np.median(left), np.median(right)
    if smaller < SMALLEST or not lowest < highest:
        return 1.0
    both = np.concatenate([each[:: -(-len(each) // THIN)] for each in (left, right)])
    grid = np.linspace(both.min(), both.max(), 100)
    density = gaussian_kde(both)(grid)
    between = np.flatnonzero((grid >= lowest) & (grid <= highest))
    if not len(between):
        return 1.0
    cut = between[density[between].argmin()]
    return float(density[cut] / min(density[: cut + 1].max(), density[cut:].max()))


def doubt(codes: NDArray[Any], labels: NDArray[np.int64]) -> str:
    """In words, why clusters are too many or too few for codes; nothing where neither is sure.

    They are too many if two of them are one cluster, without a valley between them, and too few if
    the data of one fall in two along its principal components.

    Args:
        codes: ``(N, D)``.
        labels: the clusters, ``(N,)``.

    Example:
        >>> from sklearn.datasets import make_blobs
        >>> x, y = make_blobs(300, centers=[[0, 0], [9, 0], [0, 9]], random_state=0)
        >>> doubt(x, y), doubt(x, np.minimum(y, 1))
        ('', 'too few: the data of cluster 1 are two groups that stand apart')
    """
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA

    names, sizes = np.unique(labels, return_counts=True)
    for name in names[sizes >= 2 * PLENTY]:
        inside = codes[labels == name]
        flat = PCA(min(2, inside.shape[1]), random_state=0).fit_transform(inside)
        part = KMeans(2, n_init=3, random_state=0).fit_predict(flat)
        enough = np.bincount(part, minlength=2).min() >= PLENTY
        if enough and valley(flat[part == 0], flat[part == 1]) < DEEP:
            return f"too few: the data of cluster {name} are two groups that stand apart"
    large = np.isin(labels, names[sizes >= PLENTY])
    found = separate_clusters(codes[large], labels[large], NO_VALLEY)
    clusters = int((sizes >= PLENTY).sum())
    if found < clusters:
        return f"too many: of {clusters} clusters {found} stand apart, and others share theirs"
    return ""
