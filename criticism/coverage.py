"""The probability integral transform: are predictive laws as wide as they should be?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import binom, kstwobign

from ..evaluation.style import BLUE, GREY, ORANGE, FloatArray, Place, figure_of, place, styled
from .replicates import Replicated, data_sets, feature_names

LEVELS = (0.5, 0.8, 0.9, 0.95)
BINS = 20


@dataclass(frozen=True)
class PredictiveCalibration:
    """Where data lie within their predictive laws.

    Attributes:
        values: the transform of every value, ``(N, X)``, uniform in [0, 1] where the laws are
            right; NaN where a value is missing.
        draws: how many draws the laws are made of.
        names: of the features.
        common: whether all data are compared with the same draws.
    """

    values: FloatArray
    draws: int
    names: Sequence[str]
    common: bool

    @property
    def table(self) -> pd.DataFrame:
        """By feature: ``distance`` from uniform (Kolmogorov and Smirnov) and its ``p_value``."""
        found = []
        for name, column in zip(self.names, self.values.T, strict=True):
            u = np.sort(column[~np.isnan(column)])
            n = len(u)
            steps = np.arange(n + 1) / max(n, 1)
            distance = float(max((steps[1:] - u).max(initial=0), (u - steps[:-1]).max(initial=0)))
            # Common draws err together: the test is then one of two samples.
            size = n * self.draws / (n + self.draws) if self.common else n
            found.append(
                {
                    "feature": name,
                    "distance": distance,
                    "p_value": kstwobign.sf(distance * size**0.5),
                }
            )
        return pd.DataFrame(found)

    def coverage(self, levels: Iterable[float] = LEVELS) -> pd.DataFrame:
        """The share of values within central intervals: ``level``, ``covered``."""
        u = self.values[~np.isnan(self.values)]
        away = 2 * np.abs(u - 0.5)
        return pd.DataFrame(
            [{"level": level, "covered": float((away <= level).mean())} for level in levels]
        )

    def figure(self, *, figure: Place | None = None) -> Figure:
        """The histogram of all values, and coverage against level.

        Args:
            figure: where to draw, an empty one or a part of one; by default one of its own.
        """
        return _draw(self, figure)


def predictive_calibration(
    x: npt.ArrayLike, draws: Replicated, *, names: Sequence[str] = (), seed: int = 0
) -> PredictiveCalibration:
    r"""The randomised probability integral transform of each value, by draws of its law.

    .. math:: u = \frac{\#\{x' < x\} + v\,(\#\{x' = x\} + 1)}{S + 1}, \qquad v \sim U(0, 1)

    Exactly uniform where x and its S draws are of one law, continuous, discrete or mixed; v makes
    it so for counts. A hump in the middle is a law too wide, one at both ends too narrow, a slope
    one that lies to a side.

    Hand in draws of the law that is to be judged: of the story itself (``prior_predictive``), for
    how well it has each feature's law; of p(x | x') of *other* values or data, for forecasts. A
    datum's own posterior predictive has seen it, and gives a hump.

    Args:
        x: data, ``(N, *event)``, flattened; NaN stays NaN.
        draws: ``(S, N, *event)``, S for each datum (or an iterable of arrays ``(N, *event)``), or
            ``(S, *event)``, the same for all.
        names: of the features.
        seed: of v.

    Raises:
        ValueError: draws of another shape.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x, draws = rng.poisson(2.0, (500, 1)), rng.poisson(2.0, (99, 500, 1))
        >>> found = predictive_calibration(x, draws)
        >>> bool(found.table["p_value"][0] > 0.01)
        True

    References:
        Dawid (1984). Statistical theory: the prequential approach. JRSS A 147.
        Czado, Gneiting & Held (2009). Predictive model assessment for count data. Biometrics 65.
    """
    data = np.asarray(x, np.float64)
    shape = getattr(draws, "shape", None)
    common = shape is not None and len(shape) == data.ndim and tuple(shape[1:]) == data.shape[1:]
    flat = data.reshape(len(data), -1)
    if common:
        sample = np.sort(np.asarray(draws, np.float64).reshape(len(draws), -1), 0)  # type: ignore[arg-type]
        columns = range(flat.shape[1])
        less = [np.searchsorted(sample[:, j], flat[:, j], "left") for j in columns]
        upto = [np.searchsorted(sample[:, j], flat[:, j], "right") for j in columns]
        below = np.stack(less, 1).astype(np.float64)
        ties, number = np.stack(upto, 1) - below, len(sample)
    else:
        below, ties, number = np.zeros(flat.shape), np.zeros(flat.shape), 0
        for draw in data_sets(draws, data.shape):
            here = draw.reshape(flat.shape)
            below, ties, number = below + (here < flat), ties + (here == flat), number + 1
    v = np.random.default_rng(seed).random(flat.shape)
    values = np.where(np.isnan(flat), np.nan, (below + v * (ties + 1)) / (number + 1))
    return PredictiveCalibration(values, number, feature_names(names, flat.shape[1]), common)


@styled
def _draw(found: PredictiveCalibration, figure: Place | None) -> Figure:
    drawn = place(8.0, 3.2, "Where data lie within their predictive laws", figure)
    left, right = drawn.subplots(1, 2)
    u = found.values[~np.isnan(found.values)]
    n = len(found.values)  # values of one datum are not independent: the band is of the data
    edges = np.linspace(0, 1, BINS + 1)
    low, high = binom.interval(0.99, n, 1 / BINS)
    left.axhspan(low * BINS / n, high * BINS / n, color=GREY, alpha=0.3, label="99 % of chance")
    left.stairs(np.histogram(u, edges)[0] * BINS / len(u), edges, color=BLUE, linewidth=1.8)
    left.axhline(1, color=GREY, linestyle=":", linewidth=1.2)
    left.set_xlim(0, 1)
    left.set_ylim(bottom=0)
    left.set_xlabel("probability integral transform")
    left.set_ylabel("density; 1 if right")
    left.legend(fontsize=8, loc="lower center")
    levels = np.linspace(0.02, 0.98, 49)
    covered = found.coverage(levels)["covered"]
    right.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1.2)
    right.plot(levels, covered, color=ORANGE, linewidth=2)
    right.set_xlim(0, 1)
    right.set_ylim(0, 1)
    right.set_xlabel("level of the central interval")
    right.set_ylabel("share of the values within")
    return figure_of(drawn)
