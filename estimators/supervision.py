"""What a fit is told besides the data: labels of some, soft groups, and pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ..inference import Beside, Classification, PairwiseConstraints, Rows, Term
from ..parts import GROUPS, known_rows, site_name, spelt
from ..parts.warning import warn

LINKS = {"must_link": 1.0, "cannot_link": 0.0}
Constraints = Mapping[str, ArrayLike]


def groups_given(estimator: Any, y: object, n: int) -> dict[str, Tensor]:
    """What ``y`` says of an estimator's clusters, as companions of the data."""
    numbers = numbers_given(estimator, y, n)
    return groups_of(numbers, numbers, estimator.clusterings(), estimator._lone)


def numbers_given(estimator: Any, y: object, n: int) -> NDArray[Any] | None:
    """What ``y`` says of an estimator's clusters, by their numbers; nothing, if it says nothing.

    Labels of more classes than there are clusters are those of some other question: they are left
    out, as every clusterer of scikit-learn does, and a warning says so.

    Raises:
        ValueError, TypeError: labels of another kind, or of a number of clusters that is not known.
    """
    if estimator.n_clusters == "auto" and (count_classes(y) or np.asarray(y).ndim == 2):
        raise ValueError("n_clusters is 'auto' and y holds labels: give K as a number")
    if not estimator._lone and y is not None and np.ndim(np.asarray(y)) == 1:
        warn(
            f"y is one column and n_clusters is {estimator.n_clusters}: y is left out; give a "
            "column for each facet to learn from it",
        )
        return None
    if estimator._lone and (classes := count_classes(y)) > estimator.known_clusters():
        warn(
            f"y holds {classes} classes and n_clusters is {estimator.n_clusters}: y is left out; "
            "raise n_clusters to learn from it",
        )
        return None
    return read_known(y, n, estimator.clusterings(), estimator._lone)


def count_classes(y: object) -> int:
    """How many labels from 0 there are in a vector of numbers; else 0."""
    labels = np.asarray(y)
    if labels.ndim != 1 or labels.dtype.kind not in "biuf":
        return 0
    return len(np.unique(labels[labels >= 0]))


def read_known(y: object, n: int, clusterings: Sequence[int], lone: bool) -> NDArray[Any] | None:
    """What is known of the clusters of data, such that any of the rows are told alike.

    Args:
        y: labels ``(N,)``, −1 or NaN where unknown; soft groups ``(N, K)``, rows of NaN or zeros
            where unknown; of J facets labels ``(N, J)``; or ``None``. Labels from 0 to K - 1 are
            numbers of clusters, and others are numbered in their order.
        n: number of data, N.
        clusterings: K of each clustering.
        lone: whether there are no facets.

    Returns:
        Numbers of clusters, ``(N, J)``, −1 where unknown, or soft groups ``(N, K)``, floats.

    Raises:
        ValueError, TypeError: names what came and what would do.

    Example:
        >>> read_known([7, -1, 5], 3, (2,), lone=True).T
        array([[ 1, -1,  0]], dtype=int32)
    """
    if y is None:
        return None
    table = _numbers(y)
    if table.ndim == 0:
        raise ValueError(f"y is {spelt(y)}: give labels ({n},)")
    if len(table) != n:
        raise ValueError(f"y has {len(table)} rows and X has {n}: give one for each")
    if lone and table.ndim == 2 and table.shape[1] == clusterings[0] > 1:
        return _soft(table)
    if lone and table.ndim == 1:
        return _cluster_numbers(table, clusterings[0])[:, None]
    if not lone and table.shape == (n, len(clusterings)):
        columns = zip(table.T, clusterings, strict=True)
        return np.stack([_cluster_numbers(*column) for column in columns], -1)
    wanted = f"({n},), or ({n}, {clusterings[0]}) of soft groups"
    wanted = wanted if lone else f"({n}, {len(clusterings)}), a column for each facet"
    raise ValueError(f"y has shape {table.shape}: use {wanted}")


def groups_of(
    numbers: NDArray[Any] | None,
    among: NDArray[Any] | None,
    clusterings: Sequence[int],
    lone: bool,
) -> dict[str, Tensor]:
    """The groups of some rows as companions: ``(B, K)`` by clustering, zeros where unknown.

    Args:
        numbers: of these rows, as :func:`read_known` gives them.
        among: of all rows, which say of what clusterings anything is known.
        clusterings: K of each clustering.
        lone: whether there are no facets.

    Example:
        >>> known = read_known([1, -1], 2, (2,), lone=True)
        >>> groups_of(known, known, (2,), lone=True)["groups"].tolist()
        [[0.0, 1.0], [0.0, 0.0]]
    """
    if numbers is None or among is None:
        return {}
    if numbers.dtype.kind == "f":
        return {GROUPS: torch.as_tensor(numbers)} if among.any() else {}
    found: dict[str, Tensor] = {}
    for j, (column, n_clusters) in enumerate(zip(numbers.T, clusterings, strict=True)):
        if (among[:, j] >= 0).any():
            rows = np.flatnonzero(column >= 0)
            groups = torch.zeros(len(column), n_clusters, dtype=torch.float64)
            groups[rows, column[rows].astype(np.int64)] = 1.0
            found[GROUPS if lone else site_name(GROUPS, j)] = groups
    return found


def some_known(y: object) -> NDArray[np.bool_] | None:
    """Of which rows something is known, ``(N,)``; ``None`` where it is of all, or of none."""
    table = np.asarray(y)
    if y is None or table.dtype.kind not in "biuf" or table.ndim not in (1, 2):
        return None
    known = ~np.isnan(table) & (table != -1)
    if table.ndim == 2:
        known = (known & (table != 0)).any(1)
    return None if known.all() or not known.any() else known


def _numbers(y: object) -> NDArray[np.float64]:
    given = np.asarray(y)
    if given.dtype.kind not in "biuf":
        raise TypeError(
            f"Unknown label type: y holds {given.dtype.name}; give whole numbers, such as "
            "scikit-learn's LabelEncoder makes, and -1 where nothing is known"
        )
    return given.astype(np.float64)


def _cluster_numbers(labels: NDArray[np.float64], n_clusters: int) -> NDArray[np.int32]:
    known = ~np.isnan(labels) & (labels != -1)
    wrong = np.flatnonzero(known & ~((labels == np.floor(labels)) & (labels >= 0)))
    if len(wrong):
        raise ValueError(
            f"y holds {labels[wrong[0]]:g} in row {wrong[0]}: use whole numbers from 0, and -1 "
            "where nothing is known"
        )
    classes, numbers = np.unique(labels[known], return_inverse=True)
    if len(classes) > n_clusters:
        raise ValueError(f"y holds {len(classes)} classes, and there are {n_clusters} clusters")
    found = np.full(len(labels), -1, np.int32)
    found[known] = labels[known] if classes.max(initial=0) < n_clusters else numbers
    return found


def _soft(table: NDArray[np.float64]) -> NDArray[np.float64]:
    known = ~np.isnan(table).all(1) & (np.nan_to_num(table) != 0).any(1)
    rows = table[known]
    wrong = ~((rows >= 0).all(1) & (np.abs(rows.sum(1) - 1) <= 1e-4))
    if wrong.any():
        row = np.flatnonzero(known)[wrong][0]
        raise ValueError(
            f"y holds soft groups that are no probabilities in row {row}: give each row numbers "
            "from 0 that sum to 1, or zeros where nothing is known"
        )
    soft = np.zeros_like(table)
    soft[known] = rows / rows.sum(1, keepdims=True)
    return soft


def pair_numbers(
    constraints: Constraints | None, x: Tensor, n: int | None = None
) -> tuple[Tensor, Tensor, Tensor] | None:
    """The pairs that are constrained, by the numbers of their rows, and which are linked.

    Args:
        constraints: ``must_link`` and ``cannot_link``, each ``(P, 2)`` numbers of rows.
        x: data, or a sample of them.
        n: how many rows there are; ``None``: as in x.

    Returns:
        ``(P,)`` each; ``None`` where there is none.

    Raises:
        ValueError, TypeError: names what came and what would do.
    """
    if constraints is None:
        return None
    n = len(x) if n is None else n
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
        if rows.size and not 0 <= rows.min() <= rows.max() < n:
            raise ValueError(f"constraints' {name} names rows beyond 0 to {n - 1}")
        if rows.size and (rows[:, 0] == rows[:, 1]).any():
            raise ValueError(f"constraints' {name} has a row paired with itself")
        pairs.append(torch.as_tensor(rows.astype(np.int64)))
        linked.append(x.new_full((len(rows),), link))
    first, second = torch.cat(pairs).T
    return (first, second, torch.cat(linked)) if len(first) else None


def paired(data: Rows, first: Tensor, second: Tensor, linked: Tensor) -> Rows:
    """Pairs of rows, with companions ``second`` and ``linked``.

    Companions of the data are those of either row: ``first_covariates``, ``second_covariates``.

    Args:
        data: ``(N, *event)``, with companions.
        first: rows, ``(P,)``.
        second: the other of each pair.
        linked: 1 for a pair of one cluster, 0 for one of two.
    """
    theirs = {
        side + name: each[rows]
        for side, rows in (("first_", first), ("second_", second))
        for name, each in data.companions.items()
    }
    return Rows(data.x[first], second=data.x[second], linked=linked, **theirs)


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
