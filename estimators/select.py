"""Choosing K: curves over a range of it, of the data alone or of fits, and a picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone

from ..inference import (
    SEEDS,
    Rows,
    agreement_of,
    cluster_curves,
    modularity,
    neighbour_graph,
)
from .base import DeepMixture
from .beside_rows import ready_of, some_of
from .conditions import apart
from .counting import looked_at
from .fitting import likelihood_of
from .gaps import gapped
from .scaling import scaling_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HELD_OUT = 10  # of so many data one is held out for the bound


@dataclass(frozen=True, eq=False)
class NumberOfClusters:
    """What :func:`select_k` found.

    Attributes:
        table: a row for each K: ``n_clusters``; ``separate``, how many stand apart; ``modularity``
            in the graph of nearest neighbours; ``agreement``, the mean adjusted Rand index between
            seeds; and of fits ``occupied`` clusters and the ``held_out_bound`` in nats per datum.
        best_k: the largest K of which all clusters stand apart, and on which the seeds agree.
        remarks: in words, what makes it doubtful; nothing where it is clear.
        flat: from where to where modularity is within .02 of its largest.
    """

    table: pd.DataFrame
    best_k: int
    remarks: tuple[str, ...]
    flat: tuple[int, int]

    def plot(self, ax: Axes | None = None) -> Figure:
        """Draw all curves; or the clusters that stand apart alone, into axes of one's own."""
        from matplotlib.figure import Figure

        from ..evaluation import draw_counts, number_picture

        if ax is None:
            return number_picture(self.table, self.best_k)
        draw_counts(ax, self.table, self.best_k)
        figure = ax.get_figure(root=True)
        assert isinstance(figure, Figure)
        return figure

    def __str__(self) -> str:
        low, high = self.flat
        where = f"at {low}" if low == high else f"flat from {low} to {high}"
        doubts = "; ".join(self.remarks) or "it is clear"
        return f"K = {self.best_k}: {doubts}. Modularity is largest {where}"


def select_k(
    estimator: DeepMixture,
    X: ArrayLike,
    ks: Iterable[int] | None = None,
    seeds: Sequence[int] = SEEDS,
    *,
    fits: bool = False,
    covariates: object = None,
    size_factors: object = None,
) -> NumberOfClusters:
    """Curves over the number of clusters, and the K that they speak for.

    Nothing is fitted by default: partitions are those of :func:`cluster_curves`, as
    ``n_clusters="auto"`` has them. With ``fits`` modularity and agreement are those of the
    estimator's own clusters, fitted for every K and seed to nine tenths of the data, and occupied
    clusters and the bound of the rest are added; the bound tends to rise with K, and does not
    decide.

    Args:
        estimator: an estimator of one clustering, which is left as it is.
        X: data, ``(N, X)`` or images ``(N, C, H, W)``.
        ks: the K to try, all of a range: the K found is one of them; ``None``: those of
            :func:`cluster_curves`.
        seeds: of the partitions, and of the fits.
        fits: fit the estimator.
        covariates: of the rows, as ``fit`` takes them: groups are looked for in what these do not
            tell.
        size_factors: of the rows of counts, as ``fit`` takes them.

    Raises:
        ValueError: facets, fewer than 20 data, no K or no seed, or a K that is none.

    Example:
        >>> from pyromix import VaDE
        >>> from sklearn.datasets import make_blobs
        >>> X, _ = make_blobs(300, centers=[[0, 0], [9, 0], [0, 9]], random_state=0)
        >>> found = select_k(VaDE(), X, ks=range(1, 7), seeds=[0])
        >>> found.best_k, found.table.separate.tolist()
        (3, [1.0, 2.0, 3.0, 3.0, 3.0, 3.0])
    """
    if not isinstance(estimator.n_clusters, int | np.integer | str):
        raise ValueError(
            f"n_clusters is {estimator.n_clusters}: select_k is for one clustering, and these are "
            "facets; fit an estimator for each number of them"
        )
    unfitted = clone(estimator)
    features, known, own = apart(X, covariates, None)
    x = unfitted._check(features, reset=True)
    likelihood = likelihood_of(unfitted, x)
    beside = unfitted._learn_conditions(
        x, known, size_factors, likelihood=likelihood, own=own, among=(known, len(x))
    )
    scaling = scaling_of(unfitted, x, likelihood)
    seen = x if scaling is None else scaling(x)
    unfitted.n_clusters_ = 2  # of the story that says where to look
    build = partial(unfitted.build, n_covariates=unfitted.n_covariates)
    unfitted.n_missing_ = int(x.isnan().sum())
    story = gapped(unfitted, partial(build, tuple(seen.shape[1:]), likelihood), seen)
    rows = looked_at(story, Rows(seen, **{k: v.to(seen) for k, v in beside.items()}), 0).numpy()
    curves = cluster_curves(rows, ks, seeds)
    table = pd.DataFrame(curves.rows())
    if fits:
        told = {"covariates": known, "size_factors": size_factors}
        ready = {name: ready_of(name, each, len(x)) for name, each in told.items()}
        fitted = _of_fits(estimator, features, rows, ready, curves.ks, seeds)
        table = table.assign(**fitted)
    return NumberOfClusters(table, curves.best_k, curves.remarks, curves.flat)


def _of_fits(
    estimator: DeepMixture,
    X: Any,
    rows: NDArray[Any],
    told: Mapping[str, Any],
    ks: Sequence[int],
    seeds: Sequence[int],
) -> dict[str, list[float]]:
    """Columns of the table, by fits for every K and seed; ``rows`` are X as neighbours see it."""
    from ..evaluation import occupied_clusters

    graph, x = neighbour_graph(rows), ready_of("X", X, len(rows))
    every = np.arange(len(rows))
    out, left = every[every % HELD_OUT == 0], every[every % HELD_OUT != 0]
    found: dict[str, list[float]] = {}
    for k in ks:
        partitions, values = [], []
        for seed in seeds:
            model = clone(estimator).set_params(n_clusters=k, random_state=seed)
            model.fit(some_of(x, left), **some_of(told, left))
            gamma = model.predict_proba(x, **told)
            partitions.append(gamma.argmax(-1))
            values.append(
                {
                    "modularity": modularity(graph, partitions[-1]),
                    "occupied": occupied_clusters(gamma),
                    "held_out_bound": model.score(some_of(x, out), **some_of(told, out)),
                }
            )
        for name in values[0]:
            found.setdefault(name, []).append(float(np.mean([each[name] for each in values])))
        found.setdefault("agreement", []).append(agreement_of(partitions))
    return found
