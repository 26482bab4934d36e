"""Simulation-based calibration: do a guide's probabilities and draws mean what they say?

Clusters, latents and data are drawn from the story itself, and the inference is asked for what is
then known. It needs no labels and no other inference to compare with (Talts et al. 2018).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.figure import Figure
from scipy.stats import chisquare
from torch import Size, Tensor

from ..evaluation import reliability, simulation_diagram
from ..evaluation.style import Place
from ..guides import Guide
from ..inference.prediction import (
    BATCH_SIZE,
    asked,
    batched,
    device_of,
    prior_predictive,
    responsibilities,
)
from ..inference.training import Rows, derive_seed, seeded
from ..models import MixtureVAE

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Calibration:
    """What simulated data say of an inference.

    Attributes:
        clusters: the true clusters by site, ``(n,)``.
        probabilities: those reported, ``(n, K)`` each.
        ranks: by latent site the rank of its true value among the guide's draws, in each dimension:
            ``(n, D)`` whole numbers from 0 to ``n_draws``.
        n_draws: draws that the truth was ranked among.
    """

    clusters: Mapping[str, Integers]
    probabilities: Mapping[str, npt.NDArray[np.float64]]
    ranks: Mapping[str, Integers]
    n_draws: int

    @property
    def errors(self) -> dict[str, float]:
        """By clustering, the mean distance of the largest probability from the share it is right.

        That is the expected calibration error in 15 bins, with no map of clusters: they are known.
        By chance alone a right inference has about .3 √(filled bins / n).
        """
        found = {}
        for site, gamma in self.probabilities.items():
            correct = gamma.argmax(1) == self.clusters[site]
            means, rates, shares = reliability(gamma.max(1), correct)
            found[site] = float(np.nansum(shares * np.abs(means - rates)))
        return found

    def uniformity(self, n_bins: int = 8) -> dict[str, npt.NDArray[np.float64]]:
        """By latent, the p-value of a chi-square test that its ranks are uniform, ``(D,)``.

        Args:
            n_bins: equal bins of the ranks; it divides ``n_draws + 1``.
        """
        width = (self.n_draws + 1) / n_bins
        return {
            site: np.array(
                [
                    chisquare(np.bincount((column / width).astype(np.int64), minlength=n_bins))[1]
                    for column in ranks.T
                ]
            )
            for site, ranks in self.ranks.items()
        }

    def figure(self, site: str | None = None, *, figure: Place | None = None) -> Figure:
        """The reliability of one clustering, by default the first, and the ranks of all latents.

        Args:
            site: of the clustering, such as ``"c_1"``.
            figure: where to draw, an empty one or a part of one; by default one of its own.
        """
        site = site or next(iter(self.probabilities))
        return simulation_diagram(
            self.clusters[site], self.probabilities[site], self.ranks, self.n_draws, figure=figure
        )


def calibration(
    story: Any,
    guide: Guide | None = None,
    *,
    like: Tensor | Rows | None = None,
    n: int = 2000,
    n_draws: int = 63,
    seed: int = 0,
) -> Calibration:
    """Draw from a story, infer, and compare.

    Args:
        story: a fitted estimator, or a story with its ``guide``.
        guide: the guide, if a story is given.
        like: rows whose gaps (NaN) and companions, such as covariates or size factors, the drawn
            data have too, over and over until there are n: story and guide are then judged given
            those. Groups that rows are known to be of are left out.
        n: how many data are drawn.
        n_draws: the guide's draws that a true latent is ranked among.
        seed: same seed, same answer.

    Raises:
        TypeError: a story without a guide, or an estimator that is not fitted.

    Example:
        >>> from torch import nn
        >>> from pyromix.guides import AmortisedGuide, GaussianHead
        >>> from pyromix.models import GaussianMixture, MixtureVAE, Normal
        >>> model = MixtureVAE(GaussianMixture(3, 2), Normal(nn.Linear(2, 4), (4,)))
        >>> found = calibration(model, AmortisedGuide(nn.Linear(4, 8), z=GaussianHead(8, 2)), n=200)
        >>> found.ranks["z"].shape, list(found.errors)
        ((200, 2), ['c'])

    References:
        Talts, Betancourt, Simpson, Vehtari & Gelman (2018). Validating Bayesian inference
        algorithms with simulation-based calibration. arXiv 1804.06788.
    """
    model, guide = parts_of(story, guide)
    truth, rows = _simulate(model, None if like is None else asked(like), n, seed)
    gammas = responsibilities(model, guide, rows, seed=seed)
    clusters = {mixture.site("c"): truth[mixture.site("c")] for mixture in model.prior.mixtures}
    latents = {site: z for site, z in truth.items() if site != "x" and site not in clusters}

    def draw(x: Tensor, **companions: Tensor) -> dict[str, Tensor]:
        posteriors = guide.posterior(x, **companions)
        return {site: posteriors[site].sample(Size([n_draws])) for site in latents}

    with seeded(seed, "calibration", "draws", device=device_of(model)):
        draws = batched(model, guide, rows, draw, max(1, BATCH_SIZE // n_draws), dim=1)
    return Calibration(
        {site: cluster.numpy() for site, cluster in clusters.items()},
        {site: gammas[site].double().numpy() for site in clusters},
        {site: (draws[site] < z).sum(0).numpy() for site, z in latents.items()},
        n_draws,
    )


def parts_of(story: Any, guide: Guide | None) -> tuple[MixtureVAE, Guide]:
    """The story and guide of an estimator, or those given."""
    if isinstance(story, MixtureVAE) and guide is not None:
        return story, guide
    if guide is None and hasattr(story, "model_") and hasattr(story, "guide_"):
        return story.model_, story.guide_
    given = f"a {type(story).__name__}" + (
        "" if guide is None else f" and a {type(guide).__name__}"
    )
    raise TypeError(f"{given} came: give a fitted estimator, or a MixtureVAE and its guide")


def _simulate(
    model: MixtureVAE, like: Rows | None, n: int, seed: int
) -> tuple[dict[str, Tensor], Rows]:
    """Everything that the story draws, by site, and the data that are to be inferred from."""
    again = None if like is None else like.at(torch.arange(n) % len(like))
    companions = None if again is None else again.companions
    truth = prior_predictive(
        model, n, companions=companions, seed=derive_seed(seed, "calibration") % 2**32
    )
    x = truth["x"]
    if again is not None and again.x.is_floating_point():
        x = x.masked_fill(again.x.isnan().cpu(), torch.nan)
    return truth, Rows(x, **(companions or {}))
