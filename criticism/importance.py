"""Is the guide near the posterior? The tail of its importance weights says so, datum by datum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from ..evaluation.style import BLUE, GREY, ORANGE, FloatArray, canvas, figure_of, styled
from ..guides import Guide
from ..inference.prediction.answers import BATCH_SIZE
from ..inference.prediction.draws import in_own_order
from ..inference.prediction.evidence import guide_weights
from ..inference.prediction.tails import pareto_shapes
from ..inference.training import Rows, watched
from ..models import MixtureVAE
from ..parts import Count, checked

RELIABLE = 0.7


@dataclass(frozen=True)
class GuideCheck:
    """What the importance weights of a guide's draws say.

    Attributes:
        pareto_k: the shape of the tail of each datum's weights, ``(N,)``: above .7 the guide misses
            a part of the posterior, and no reweighting of its draws mends that; below .5 all is
            well.
        effective: the share of the draws that the weights leave, ``(N,)``.
        num_samples: draws of each datum.
    """

    pareto_k: FloatArray
    effective: FloatArray
    num_samples: int

    @property
    def unreliable(self) -> float:
        """The share of the data with a shape above .7."""
        return float((self.pareto_k > RELIABLE).mean())

    def figure(self, *, ax: Axes | None = None) -> Figure:
        """A histogram of the shapes.

        Args:
            ax: where to draw; by default in a figure of its own.
        """
        return _draw(self.pareto_k, ax)


@checked
def guide_check(
    model: MixtureVAE,
    guide: Guide,
    x: Tensor | Rows,
    *,
    num_samples: Count = 500,
    seed: int = 0,
    batch_size: Count = BATCH_SIZE,
    progress: bool = False,
) -> GuideCheck:
    r"""The Pareto shape k̂ of the weights :math:`p(x, z_s) / q(z_s \mid x)`, for each datum.

    Args:
        model: the story.
        guide: its guide.
        x: data, ``(N, *event)``.
        num_samples: draws of each datum, S, 25 or more.
        seed: same seed, same draws.
        batch_size: draws decoded at a time.
        progress: show a bar.

    Raises:
        ValueError: fewer than 25 draws, which leave no tail to look at.

    Example:
        >>> from torch import nn
        >>> from pyromix.guides import AmortisedGuide, GaussianHead
        >>> from pyromix.inference import prior_predictive
        >>> from pyromix.models import GaussianMixture, Normal
        >>> model = MixtureVAE(GaussianMixture(3, 2), Normal(nn.Linear(2, 4), (4,)))
        >>> guide = AmortisedGuide(nn.Linear(4, 8), z=GaussianHead(8, 2))
        >>> guide_check(model, guide, prior_predictive(model, 5)["x"]).pareto_k.shape
        (5,)

    References:
        Yao, Vehtari, Simpson & Gelman (2018). Yes, but did it work? Evaluating variational
        inference. ICML.
        Vehtari, Simpson, Gelman, Yao & Gabry (2024). Pareto smoothed importance sampling. JMLR 25.
    """
    if num_samples < 25:
        raise ValueError(f"num_samples is {num_samples}: a tail is fitted to 25 draws or more")

    def look(rows: Tensor, **companions: Tensor) -> dict[str, Tensor]:
        weights = guide_weights(
            model, guide, rows, num_samples, seed, batch_size, **companions
        ).cpu()
        share = weights.double().softmax(0)
        return {
            "pareto_k": pareto_shapes(weights),
            "effective": 1 / (num_samples * share.square().sum(0)),
        }

    size = max(1, batch_size // num_samples)
    with watched(look, -(-len(x) // size), "weights", shown=progress) as watched_look:
        found = in_own_order(model, guide, x, watched_look, size)
    pareto_k, effective = (found[name].double().numpy() for name in ("pareto_k", "effective"))
    return GuideCheck(pareto_k, effective, num_samples)


@styled
def _draw(pareto_k: npt.NDArray[np.float64], ax: Axes | None) -> Figure:
    axes = canvas(5.0, 3.2).subplots() if ax is None else ax
    known = pareto_k[np.isfinite(pareto_k)]
    low, high = min(-0.1, known.min(initial=0.0)), max(1.0, known.max(initial=0.0))
    # A bin ends at the limit, so that each is of one kind.
    step = (high - low) / 30
    below, above = int((RELIABLE - low) / step) + 1, int((high - RELIABLE) / step) + 1
    edges = RELIABLE + step * np.arange(-below, above + 1)
    for some, colour, hatch in ((known <= RELIABLE, BLUE, None), (known > RELIABLE, ORANGE, "//")):
        axes.hist(known[some], edges.tolist(), color=colour, hatch=hatch, edgecolor="white")
    axes.axvline(RELIABLE, color=GREY, linestyle="--", linewidth=1.2)
    axes.set_xlabel("Pareto shape of a datum's importance weights")
    axes.set_ylabel("data")
    axes.set_title(f"{(known > RELIABLE).mean():.0%} of the data above {RELIABLE}")
    return figure_of(axes)
