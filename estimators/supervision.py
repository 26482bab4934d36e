"""What a fit is told besides the data: labels of some, soft groups, and pairs."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ..inference import Beside, Classification, PairwiseConstraints, Rows, Term
from ..inference.training import as_rows
from ..parts import GROUPS, known_rows, site_name, spelt

LINKS = {"must_link": 1.0, "cannot_link": 0.0}
Constraints = Mapping[str, ArrayLike]


def groups_given(estimator: Any, y: object, n: int) -> dict[str, Tensor]:
    """What ``y`` says of an estimator's clusters, as companions of the data.

    Labels of more classes than there are clusters are those of some other question: they are left
    out, as every clusterer of scikit-learn does, and a warning says so.

    Raises:
        ValueError, TypeError: labels of another kind, or of a number of clusters that is not known.
    """
    if estimator.n_clusters == "auto" and (count_classes(y) or np.asarray(y).ndim == 2):
        raise ValueError("n_clusters is 'auto' and y holds labels: give K as a number")
    if not estimator._lone and y is not None and np.ndim(np.asarray(y)) == 1:
        warnings.warn(
            f"y is one column and n_clusters is {estimator.n_clusters}: y is left out; give a "
            "column for each facet to learn from it",
            stacklevel=3,
        )
        return {}
    if estimator._lone and (classes := count_classes(y)) > estimator.known_clusters():
        warnings.warn(
            f"y holds {classes} classes and n_clusters is {estimator.n_clusters}: y is left out; "
            "raise n_clusters to learn from it",
            stacklevel=3,
        )
        return {}
    return read_groups(y, n, estimator.clusterings(), estimator._lone)


def count_classes(y: object) -> int:
    """How many labels from 0 there are in a vector of numbers; else 0."""
    labels = np.asarray(y)
    if labels.ndim != 1 or labels.dtype.kind not in "biuf":
        return 0
    return len(np.unique(labels[labels >= 0]))


def read_groups(y: object, n: int, clusterings: Sequence[int], lone: bool) -> dict[str, Tensor]:
    """The groups of each clustering that are known, as companions of the data.

    Args:
        y: labels ``(N,)``, −1 or NaN where unknown; soft groups ``(N, K)``, rows of NaN or zeros
            where unknown; of J facets labels ``(N, J)``; or ``None``. Labels from 0 to K - 1 are
            numbers of clusters, and others are numbered in their order.
        n: number of data, N.
        clusterings: K of each clustering.
        lone: whether there are no facets.

    Returns:
        ``(N, K)`` by companion; none where nothing is known.

    Raises:
        ValueError, TypeError: names what came and what would do.

    Example:
        >>> read_groups([1, -1], 2, (2,), lone=True)["groups"].tolist()
        [[0.0, 1.0], [0.0, 0.0]]
    """
    if y is None:
        return {}
    table = _numbers(y)
    if table.ndim == 0:
        raise ValueError(f"y is {spelt(y)}: give labels ({n},)")
    if len(table) != n:
        raise ValueError(f"y has {len(table)} rows and X has {n}: give one for each")
    if lone and table.ndim == 1:
        found = {GROUPS: _one_hot(table, clusterings[0])}
    elif lone and table.ndim == 2 and table.shape[1] == clusterings[0] > 1:
        found = {GROUPS: _soft(table)}
    elif not lone and table.shape == (n, len(clusterings)):
        columns = zip(table.T, clusterings, strict=True)
        found = {site_name(GROUPS, j): _one_hot(*column) for j, column in enumerate(columns)}
    else:
        wanted = f"({n},), or ({n}, {clusterings[0]}) of soft groups"
        wanted = wanted if lone else f"({n}, {len(clusterings)}), a column for each facet"
        raise ValueError(f"y has shape {table.shape}: use {wanted}")
    return {name: each for name, each in found.items() if bool(known_rows(each).any())}


def _numbers(y: object) -> NDArray[np.float64]:
    given = np.asarray(y)
    if given.dtype.kind not in "biuf":
        raise TypeError(
            f"Unknown label type: y holds {given.dtype.name}; give whole numbers, such as "
            "scikit-learn's LabelEncoder makes, and -1 where nothing is known"
        )
    return given.astype(np.float64)


def _one_hot(labels: NDArray[np.float64], n_clusters: int) -> Tensor:
    known = ~np.isnan(labels) & (labels != -1)
    wrong = known & ~((labels == np.floor(labels)) & (labels >= 0))
    if wrong.any():
        raise ValueError(
            f"y holds {labels[wrong][0]:g}: use whole numbers from 0, and -1 where nothing is known"
        )
    classes, numbers = np.unique(labels[known], return_inverse=True)
    if len(classes) > n_clusters:
        raise ValueError(f"y holds {len(classes)} classes, and there are {n_clusters} clusters")
    if classes.max(initial=0) < n_clusters:
        numbers = labels[known].astype(int)
    groups = torch.zeros(len(labels), n_clusters, dtype=torch.float64)
    groups[np.flatnonzero(known), numbers] = 1.0
    return groups


def _soft(table: NDArray[np.float64]) -> Tensor:
    known = ~np.isnan(table).all(1) & (np.nan_to_num(table) != 0).any(1)
    rows = table[known]
    if not ((rows >= 0).all() and np.allclose(rows.sum(1), 1, rtol=0, atol=1e-4)):
        raise ValueError(
            "y holds soft groups that are no probabilities: give each row numbers from 0 that sum "
            "to 1, or zeros where nothing is known"
        )
    soft = np.zeros_like(table)
    soft[known] = rows / rows.sum(1, keepdims=True)
    return torch.as_tensor(soft)


def pairs_given(constraints: Constraints | None, data: Tensor | Rows) -> Rows | None:
    """The pairs that are constrained, with companions ``second`` and ``linked``.

    Companions of the data are those of either row: ``first_covariates``, ``second_covariates``.

    Args:
        constraints: ``must_link`` and ``cannot_link``, each ``(P, 2)`` numbers of rows.
        data: ``(N, *event)``, or with companions.

    Raises:
        ValueError, TypeError: names what came and what would do.
    """
    if constraints is None:
        return None
    x = as_rows(data).x
    if not isinstance(constraints, Mapping) or not constraints.keys() <= LINKS.keys():
        raise TypeError(f"constraints must map {' and '.join(LINKS)} to pairs of rows")
    pairs, linked = [], []
    for name, link in LINKS.items():
        rows: NDArray[Any] = np.asarray(constraints.get(name, ()))
        rows = rows.reshape(0, 2) if rows.size == 0 else rows
        if rows.ndim != 2 or rows.shape[1] != 2 or (rows.dtype.kind not in "iu" and rows.size):
            raise ValueError(
                f"constraints' {name} has shape {rows.shape} of {rows.dtype.name}: use (P, 2) "
                "numbers of rows"
            )
        if rows.size and not 0 <= rows.min() <= rows.max() < len(x):
            raise ValueError(f"constraints' {name} names rows beyond 0 to {len(x) - 1}")
        if rows.size and (rows[:, 0] == rows[:, 1]).any():
            raise ValueError(f"constraints' {name} has a row paired with itself")
        pairs.append(torch.as_tensor(rows.astype(np.int64)))
        linked.append(x.new_full((len(rows),), link))
    first, second = torch.cat(pairs).T
    if len(first) == 0:
        return None
    theirs = {
        side + name: each[rows]
        for side, rows in (("first_", first), ("second_", second))
        for name, each in as_rows(data).companions.items()
    }
    return Rows(x[first], second=x[second], linked=torch.cat(linked), **theirs)


def terms_of(companions: Mapping[str, Tensor], pairs: Rows | None, weight: float) -> list[Term]:
    """The terms of what is known, where there is any."""
    terms: list[Term] = [Classification(weight)] if companions and weight else []
    return terms + ([PairwiseConstraints(weight)] if pairs is not None and weight else [])


def beside(data: Rows, pairs: Rows | None) -> Rows:
    """The data with what each batch draws of the labelled data, where few are, and of the pairs."""
    groups = {name: each for name, each in data.companions.items() if name.startswith(GROUPS)}
    others: dict[str, Rows] = {} if pairs is None else {"first": pairs}
    if groups:
        known = torch.stack([known_rows(each) for each in groups.values()]).any(0)
        if not bool(known.all()):
            named = {f"labelled_{name}": each[known] for name, each in data.companions.items()}
            others["labelled"] = Rows(data.x[known], **named)
    return Beside(data, **others) if others else data
