"""Collapse: clusters that hold no data, and latent dimensions that say nothing of x."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..evaluation import mean_confidence, occupied_clusters
from ..evaluation.matching import check_responsibilities
from ..evaluation.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    FloatArray,
    Place,
    figure_of,
    place,
    styled,
)

ACTIVE = 0.01
INFORMED = 0.05


@dataclass(frozen=True)
class Collapse:
    r"""What is left of the clusters and of the latent dimensions.

    Attributes:
        shares: of the data in each cluster by the responsibilities, ``(K,)``.
        occupied: clusters that are the likeliest of some datum.
        confidence: mean of the largest responsibility.
        activity: :math:`\operatorname{Var}_x \mathbb E[z_d \mid x]` of each dimension, ``(D,)``.
        informed: the share of each dimension's variance that x decides, ``(D,)``, 0 where the
            guide's law is the same whatever x is.
    """

    shares: FloatArray
    occupied: int
    confidence: float
    activity: FloatArray
    informed: FloatArray

    @property
    def entropy(self) -> float:
        """Of the shares, in nats; log K where all clusters hold as much."""
        held = self.shares[self.shares > 0]
        return float(-(held * np.log(held)).sum())

    @property
    def effective_clusters(self) -> float:
        """The exponential of that entropy: so many clusters of one size would have it."""
        return float(np.exp(self.entropy))

    @property
    def active_units(self) -> int:
        """Dimensions with an activity above .01 (Burda et al. 2016)."""
        return int((self.activity > ACTIVE).sum())

    @property
    def collapsed(self) -> npt.NDArray[np.int64]:
        """Dimensions of whose variance x decides less than 5 %."""
        return np.flatnonzero(self.informed < INFORMED)

    @property
    def table(self) -> pd.DataFrame:
        """Everything but the vectors, a row each."""
        rows = {
            "clusters": len(self.shares),
            "occupied clusters": self.occupied,
            "effective clusters": self.effective_clusters,
            "entropy of the shares (nats)": self.entropy,
            "largest share": float(self.shares.max()),
            "mean confidence": self.confidence,
            "latent dimensions": len(self.activity),
            "active units": self.active_units,
            "collapsed dimensions": len(self.collapsed),
        }
        return pd.DataFrame({"quantity": list(rows), "value": list(rows.values())})

    def figure(self, *, figure: Place | None = None) -> Figure:
        """The share of each cluster, and what x decides of each dimension, largest first.

        Args:
            figure: where to draw, an empty one or a part of one; by default one of its own.
        """
        return _draw(self, figure)


def collapse(responsibilities: npt.ArrayLike, draws: npt.ArrayLike) -> Collapse:
    r"""Report what collapsed: clusters, by their shares, and latent dimensions, by the data's say.

    .. math:: A_d = \operatorname{Var}_x \mathbb E_{q(z|x)}[z_d], \qquad
        R_d = \frac{A_d}{A_d + \mathbb E_x \operatorname{Var}_{q(z|x)}[z_d]}

    Both are taken from draws, and A is freed of the noise that their mean has. A dimension that
    collapsed onto the prior has R near 0 whatever its units, where A depends on them.

    Args:
        responsibilities: ``(N, K)``, rows summing to one.
        draws: of z given each datum, ``(S, N, D)``, S of 2 or more, in coordinates where a variance
            means something (log z of a Gamma family).

    Raises:
        ValueError: on shapes that do not go together.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> told = np.stack([3 * rng.normal(size=100), np.zeros(100)], -1)
        >>> draws, gamma = told + rng.normal(size=(50, 100, 2)), np.eye(4)[np.arange(100) % 2]
        >>> found = collapse(gamma, draws)
        >>> found.occupied, found.collapsed.tolist()
        (2, [1])

    References:
        Burda, Grosse & Salakhutdinov (2016). Importance Weighted Autoencoders. arXiv 1509.00519,
        §5 and appendix C (active units).
        Wang, Blei & Cunningham (2021). Posterior collapse and latent variable
        non-identifiability. NeurIPS.
    """
    gamma = check_responsibilities(responsibilities)
    z = np.asarray(draws, np.float64)
    if z.ndim != 3 or len(z) < 2 or z.shape[1] != len(gamma):
        raise ValueError(
            f"draws must have shape (S, {len(gamma)}, D) with S of at least 2, got {z.shape}"
        )
    within = z.var(0, ddof=1).mean(0)
    activity = np.maximum(z.mean(0).var(0) - within / len(z), 0.0)
    total = activity + within
    return Collapse(
        gamma.mean(0),
        occupied_clusters(gamma),
        mean_confidence(gamma),
        activity,
        np.divide(activity, total, out=np.zeros_like(total), where=total > 0),
    )


@styled
def _draw(found: Collapse, figure: Place | None) -> Figure:
    drawn = place(8.4, 3.3, None, figure)
    left, right = drawn.subplots(1, 2)
    order = np.argsort(-found.shares, kind="stable")
    position = np.arange(len(order))
    left.bar(position, found.shares[order], color=GREEN, width=0.8)
    left.axhline(1 / len(order), color=GREY, linestyle=":", linewidth=1.2)
    left.set_title(f"{found.occupied} of {len(order)} clusters are occupied")
    left.set_ylabel("share of the data")
    if len(order) <= 30:
        left.set_xticks(position, [str(k) for k in order])
        left.tick_params(axis="x", length=0, labelsize=9 if len(order) <= 20 else 7)
    left.set_xlabel("cluster, largest first")
    sorted_dimensions = np.sort(found.informed)[::-1]
    dims = np.arange(1, len(sorted_dimensions) + 1)
    alive = sorted_dimensions >= INFORMED
    right.bar(dims[alive], sorted_dimensions[alive], color=BLUE, width=0.8)
    right.bar(dims[~alive], sorted_dimensions[~alive], color=ORANGE, width=0.8, hatch="//")
    right.axhline(INFORMED, color=GREY, linestyle="--", linewidth=1.2)
    right.set_ylim(0, 1)
    right.set_title(f"{int(alive.sum())} of {len(dims)} dimensions say something of x")
    right.set_xlabel("latent dimension, most informed first")
    right.set_ylabel("share of its variance decided by x")
    right.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    return figure_of(drawn)
