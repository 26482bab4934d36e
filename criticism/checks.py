"""Predictive checks: statistics of the data among those of data sets that the story would make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure

from ..evaluation.matching import check_partition
from ..evaluation.style import BLUE, GREY, ORANGE, FloatArray, Place, figure_of, place, styled
from .replicates import Replicated, data_sets, in_gaps

Statistic = Callable[[FloatArray], float]
EVERYTHING = "all"


def _skewness(x: FloatArray) -> float:
    centred = x - np.nanmean(x, 0)
    spread = np.nanstd(x, 0)
    cubes = np.nanmean(centred**3, 0)[spread > 0] / spread[spread > 0] ** 3
    return float(cubes.mean()) if cubes.size else 0.0


STATISTICS: Mapping[str, Statistic] = {
    "mean": lambda x: float(np.nanmean(x)),
    "standard deviation": lambda x: float(np.nanstd(x)),
    "minimum": lambda x: float(np.nanmin(x)),
    "maximum": lambda x: float(np.nanmax(x)),
    "mean skewness of a feature": _skewness,
    "share of zeros": lambda x: float(np.mean(x[~np.isnan(x)] == 0)),
}


@dataclass(frozen=True)
class PredictiveChecks:
    """What statistics say of data and of their replicates.

    Attributes:
        table: a row for each statistic of all data and of each cluster: ``statistic``,
            ``cluster`` (``"all"`` or its number), ``n``, ``observed``, the replicates' ``mean`` and
            ``sd``, ``away``, the distance from that mean in that sd, and ``p_value``, the share of
            replicates above the data, of ties a half.
        replicates: the statistics of the replicates by statistic and cluster, ``(S,)``.
    """

    table: pd.DataFrame
    replicates: Mapping[tuple[str, str], FloatArray]

    def surprising(self, level: float = 0.05) -> pd.DataFrame:
        """The rows whose data lie further out than all but that share of the replicates.

        The furthest come first. S replicates can tell of a share of 1 / S and no smaller one.
        """
        p = self.table["p_value"]
        told = self.table[np.minimum(p, 1 - p) < level / 2]
        return told.sort_values("away", key=lambda away: -away.abs(), kind="stable")

    def figure(self, *, figure: Place | None = None) -> Figure:
        """A histogram of the replicates for each statistic of all data, the data as a line.

        Args:
            figure: where to draw, an empty one or a part of one; by default one of its own.
        """
        return _histograms(self, figure)


def predictive_checks(
    x: npt.ArrayLike,
    replicated: Replicated,
    statistics: Mapping[str, Statistic] | None = None,
    *,
    clusters: npt.ArrayLike | None = None,
) -> PredictiveChecks:
    r"""Compare statistics :math:`T(x)` of the data with those of replicated data sets.

    .. math:: p = P(T(x^{\mathrm{rep}}) > T(x)) + \tfrac12 P(T(x^{\mathrm{rep}}) = T(x))

    Near 0 or 1 the story would not make such data. With replicates of each datum from its own
    posterior (:func:`pyromix.inference.posterior_predictive`) the data are used twice, so that p
    keeps to the middle: what is extreme there is amiss, and a middling p proves little. With fresh
    draws of the story, or held-out data, it is uniform if the story is right.

    Args:
        x: data, ``(N, *event)``; NaN is a gap, and the replicates then have it too.
        replicated: ``(S, N, *event)``, or any iterable of S arrays ``(N, *event)``, one at a time.
        statistics: by name, functions from a data set ``(n, *event)`` to a number; by default
            mean, standard deviation, extremes, skewness, and the share of zeros if there are any.
        clusters: ``(N,)`` whole numbers: each cluster is then checked too, its data against the
            replicates of the same rows.

    Raises:
        ValueError: replicates of another shape, none, or a statistic that gives no number.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> found = predictive_checks(rng.normal(size=(50, 3)), rng.normal(size=(99, 50, 3)))
        >>> list(found.surprising()["statistic"])
        []

    References:
        Gelman, Meng & Stern (1996). Posterior predictive assessment of model fitness via realized
        discrepancies. Statistica Sinica 6.
    """
    data = np.asarray(x, np.float64)
    wanted = dict(STATISTICS if statistics is None else statistics)
    if statistics is None and not (data == 0).any():
        del wanted["share of zeros"]
    rows: dict[str, Any] = {EVERYTHING: slice(None)}
    if clusters is not None:
        partition = check_partition(clusters, "clusters")
        if len(partition) != len(data):
            raise ValueError(f"{len(data)} data came with {len(partition)} clusters")
        rows |= {str(k): partition == k for k in np.unique(partition)}
    observed = _apply(wanted, data, rows)
    drawn = [
        _apply(wanted, in_gaps(draw, data), rows) for draw in data_sets(replicated, data.shape)
    ]
    found, replicates = [], {}
    for key, value in observed.items():
        values = replicates[key] = np.array([each[key] for each in drawn])
        above, ties = (values > value).sum(), (values == value).sum()
        found.append(
            {
                "statistic": key[0],
                "cluster": key[1],
                "n": len(data[rows[key[1]]]),
                "observed": value,
                "mean": values.mean(),
                "sd": values.std(),
                "away": _away(value, values),
                "p_value": (above + 0.5 * (ties + 1)) / (len(values) + 1),
            }
        )
    return PredictiveChecks(pd.DataFrame(found), replicates)


def _apply(
    statistics: Mapping[str, Statistic], data: FloatArray, rows: Mapping[str, Any]
) -> dict[tuple[str, str], float]:
    found = {}
    for name, statistic in statistics.items():
        for cluster, index in rows.items():
            value = np.asarray(statistic(data[index]))
            if value.size != 1:
                raise ValueError(
                    f"statistics[{name!r}] gives an array of shape {value.shape}: give a number"
                )
            found[name, cluster] = float(value.item())
    return found


def _away(value: float, values: FloatArray) -> float:
    distance, spread = value - values.mean(), values.std()
    if spread > 0:
        return float(distance / spread)
    return float(np.copysign(np.inf, distance)) if distance else 0.0


@styled
def _histograms(checks: PredictiveChecks, figure: Place | None) -> Figure:
    whole = checks.table[checks.table["cluster"] == EVERYTHING]
    columns = min(3, len(whole))
    n_rows = -(-len(whole) // columns)
    drawn = place(3.0 * columns + 0.3, 2.1 * n_rows + 0.6, "Predictive checks", figure)
    panels = drawn.subplots(n_rows, columns, squeeze=False).ravel()
    for axes, (_, row) in zip(panels, whole.iterrows(), strict=False):
        values = checks.replicates[row["statistic"], EVERYTHING]
        edges = np.histogram_bin_edges(values, bins=min(20, max(5, len(values) // 5)))
        axes.hist(values, edges.tolist(), color=ORANGE, alpha=0.6, label="replicates")
        axes.axvline(row["observed"], color=BLUE, linewidth=2.2, label="data")
        axes.set_title(f"{row['statistic']}\np = {row['p_value']:.2f}", fontsize=9)
        axes.tick_params(labelsize=8)
        axes.locator_params(axis="x", nbins=4)
    for axes in panels[len(whole) :]:
        axes.set_visible(False)
    panels[0].legend(fontsize=8, loc="best")
    drawn.supylabel("replicated data sets", fontsize=9, color=GREY)
    return figure_of(drawn)
