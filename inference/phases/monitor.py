"""Watching the clusters while training: collapse is noticed, and told with a remedy."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from ...guides import Guide
from ...models import MixtureVAE
from ...parts.warning import warn
from ..objectives import UNLIKE, entropy
from ..prediction import encode, responsibilities
from ..training import Rows, as_rows
from .valleys import UnclearNumberWarning, doubt

ROWS = 1000
SETTLED = 10  # epochs after which clusters can tell whether they are too many or too few
PATIENCE = 3


class CollapseWarning(UserWarning):
    """The clusters merge, or some hold no data."""


class ClusterMonitor:
    """A callback of the training loop that measures the responsibilities after every epoch.

    It adds to the history, for each clustering, ``occupied_clusters`` (clusters that are some
    datum's likeliest) and ``affiliation_variance`` (mean over x of the variance over c of
    E_q[p(c | z)], which is cheap, or of the law of another rule; at most (K−1)/K²), and warns once
    when all data fall in one cluster for three epochs on end. A facet that has not joined yet, or
    is still to be fitted anew, may do as it likes: its ``alpha`` or ``refitted`` in the row is 0.
    At the end :meth:`conclude` says if clusters are empty, or too many or too few for the codes.

    Args:
        model: the story.
        guide: its guide.
        x: data; 1,000 rows spread evenly over them are watched.
    """

    def __init__(
        self, model: MixtureVAE, guide: Guide, x: Tensor | Rows, *, balanced: bool = False
    ) -> None:
        self.balanced = balanced
        self.model = model
        self.guide = guide
        every = slice(None, None, max(1, len(x) // ROWS))
        self.rows = as_rows(x).at(every).at(slice(ROWS))
        self.merged = 0
        self.epochs = 0
        self.occupied: dict[str, int] = {}

    def __call__(self, epoch: int, row: dict[str, Any]) -> None:
        """Measure, add to the row, and warn where it must be.

        Raises:
            FloatingPointError: probabilities that are no numbers; the training has diverged.
        """
        self.epochs = epoch
        gammas = responsibilities(self.model, self.guide, self.rows, num_samples=0)
        for site, gamma in gammas.items():
            if not bool(gamma.isfinite().all()):
                raise FloatingPointError(f"the probabilities of {site!r} are no numbers")
            facet = site[1:]
            self.occupied[site] = len(gamma.argmax(-1).unique())
            row["occupied_clusters" + facet] = self.occupied[site]
            row["affiliation_variance" + facet] = float(gamma.var(-1, correction=0).mean())
        joined = [
            site
            for facet, site in enumerate(gammas)
            if row.get(f"alpha_{facet}", 1.0) and row.get(f"refitted_{facet}", 1.0)
        ]
        lost = [site for site in joined if gammas[site].shape[-1] > 1 and self.occupied[site] == 1]
        self.merged = self.merged + 1 if lost else 0
        if self.merged == PATIENCE:
            warn(
                f"all data have fallen in one cluster of {lost[0]!r} (epoch {epoch}): raise "
                "pretraining's epochs, with start=GaussianMixtureStart(), add "
                "InformationFloor(0.5) to terms, or lower training's learning_rate",
                CollapseWarning,
            )

    def conclude(self) -> None:
        """Warn of clusters that ended empty, and of a lone clustering's K that is wrong."""
        for site, occupied in self.occupied.items():
            n_clusters = self._n_clusters(site)
            if 1 < occupied < n_clusters and len(self.rows) >= 20 * n_clusters:
                warn(
                    f"{n_clusters - occupied} of {n_clusters} clusters of {site!r} hold no data: "
                    "lower n_clusters, try other seeds with n_init, or raise pretraining's epochs",
                    CollapseWarning,
                )
                return
        self._doubt()

    def _doubt(self) -> None:
        """Look at the codes, where there is one clustering and training has settled."""
        mixtures = self.model.prior.mixtures
        if len(mixtures) > 1 or self.epochs < SETTLED:
            return
        mixture, n_clusters = mixtures[0], mixtures[0].n_clusters
        if len(self.rows) < 50 * n_clusters or self.occupied[mixture.site("c")] == 1 < n_clusters:
            return
        codes = encode(self.model, self.guide, self.rows)[mixture.site("z")]
        gamma = responsibilities(self.model, self.guide, self.rows, num_samples=0)
        found = doubt(
            mixture.coordinates(codes).double().cpu().numpy(),
            gamma[mixture.site("c")].argmax(-1).cpu().numpy(),
        )
        labels = gamma[mixture.site("c")].argmax(-1)
        sizes = labels.bincount(minlength=n_clusters) / len(labels)
        told = "equal shares are pressed for: tell MutualInformation and TwoView other ones"
        if found:
            more = f"; or groups are of unlike sizes, and {told}" if self.balanced else ""
            warn(
                f"n_clusters is {n_clusters}, which may be {found}; ask select_k(estimator, X), "
                f'or use n_clusters="auto"{more}',
                UnclearNumberWarning,
            )
        elif self.balanced and float(entropy(sizes)) < UNLIKE * math.log(n_clusters):
            shares = ", ".join(f"{share:.2g}" for share in sizes.tolist())
            warn(
                f"clusters hold shares of {shares}, and {told}, as shares=({shares})",
                UnclearNumberWarning,
            )

    def _n_clusters(self, site: str) -> int:
        mixtures = self.model.prior.mixtures
        return next(m.n_clusters for m in mixtures if m.site("c") == site)
