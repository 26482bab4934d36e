"""What was found of a fit: numbers, what they mean in words, and pictures, question by question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure

from ..evaluation import reliability_diagram, responsibility_histogram
from .calibration import Calibration
from .checks import PredictiveChecks
from .collapse import Collapse
from .coverage import PredictiveCalibration
from .densities import DensityCheck
from .examples import Examples
from .html_page import Section, page, write_page
from .importance import RELIABLE, GuideCheck
from .marks import Marks
from .zeros import ZeroFractions

LEVEL = 0.05


@dataclass(frozen=True)
class Criticism:
    """What is to be said of a fit; its parts have numbers and a ``figure()`` each.

    Attributes:
        metrics: scores of the clustering, and the bound in nats per datum.
        checks: statistics of the data among those of each datum's replicates, also by cluster.
        densities: each feature's law against that of the story's own draws.
        forecast: where data lie within the story's law of each feature.
        zeros: the share of zeros by feature; ``None`` where x has none.
        guide: the importance weights of the guide.
        simulated: simulation-based calibration, given the gaps and companions of the data.
        collapse: of clusters and dimensions, by clustering site.
        marks: of the story's clusters, by clustering site; none where it has one cluster.
        examples: prototypes and borderline data, by clustering site.
        data: the data looked at, ``(n, *event)``.
        rows: which of those given they are, ``(n,)``.
        labels: their labels, if there are.
        probabilities: reported, by clustering site, ``(n, K)``.
        image_shape: (C, H, W) or (H, W) where a datum is a picture.
        normalised: whether the likelihood is a density of all data that it takes.
    """

    metrics: Mapping[str, float]
    checks: PredictiveChecks
    densities: DensityCheck
    forecast: PredictiveCalibration
    zeros: ZeroFractions | None
    guide: GuideCheck
    simulated: Calibration
    collapse: Mapping[str, Collapse]
    marks: Mapping[str, Marks]
    examples: Mapping[str, Examples]
    data: npt.NDArray[Any] = field(repr=False)
    rows: npt.NDArray[np.int64] = field(repr=False)
    labels: npt.NDArray[Any] | None = field(repr=False)
    probabilities: Mapping[str, npt.NDArray[np.float64]] = field(repr=False)
    image_shape: Sequence[int] | None = None
    normalised: bool = True

    def __repr__(self) -> str:
        return f"Criticism of {len(self.data)} data:\n" + "\n".join(
            f"- {line}" for section in self.sections for line in section.words
        )

    def _repr_html_(self) -> str:
        return page("Criticism of a fit", self.sections, self.note)

    def save(self, path: str | Path, title: str = "Criticism of a fit") -> None:
        """Write one HTML file that needs no network.

        Args:
            path: of a file; one that exists is replaced.
            title: its heading.
        """
        write_page(Path(path), title, self.sections, self.note)

    @property
    def note(self) -> str:
        """How many data were looked at."""
        return f"{len(self.data):,} data were looked at, drawn at random where there are more."

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """Words, tables and pictures, question by question."""
        return tuple(self._sections())

    def _sections(self) -> Iterator[Section]:
        metrics = pd.DataFrame({"score": list(self.metrics), "value": list(self.metrics.values())})
        metrics["score"] = metrics["score"].str.replace("_", " ")
        yield Section("In short", [self._verdict()], {"": metrics})
        yield self._replicates()
        yield self._story()
        yield self._guide()
        yield self._collapse()
        yield self._probabilities()
        if self.marks:
            yield self._marks()
        if self.examples:
            yield self._examples()

    def _verdict(self) -> str:
        far = self.densities.table
        off = int(((far["p_value"] < 0.05) & (far["distance"] > 2 * far["usual"])).sum())
        occupied = ", ".join(
            f"{each.occupied} of {len(each.shares)}" for each in self.collapse.values()
        )
        return (
            f"{occupied} clusters are occupied. {len(self.checks.surprising(LEVEL))} of "
            f"{len(self.checks.table)} predictive checks are surprising. {off} of {len(far)} "
            f"features have another law in the story. The guide's weights are unreliable for "
            f"{self.guide.unreliable:.0%} of the data."
        )

    def _replicates(self) -> Section:
        told = self.checks.surprising(LEVEL)
        words = [
            "Each datum is replicated from its own posterior, and statistics of the data are set "
            "among those of the replicated data sets. The data are used twice here, so that what "
            "is extreme is amiss, and what is not proves little.",
            f"{len(told)} of {len(self.checks.table)} checks lie outside of 95 % of replicates; "
            f"chance alone would leave about {LEVEL * len(self.checks.table):.0f}.",
        ]
        if not self.normalised:
            words.append(
                "The likelihood scores values that it does not draw (a Bernoulli's pixels are 0 or "
                "1 and not grey), so that spreads and zeros of replicates are not those of data."
            )
        tables = {"Surprising checks": told} if len(told) else {}
        whole = self.checks.table[self.checks.table["cluster"] == "all"]
        return Section(
            "Do replicates look like the data?",
            words,
            tables | {"Of all data": whole.drop(columns="cluster")},
            {"Statistics of replicated data sets, and of the data": self.checks.figure()},
        )

    def _story(self) -> Section:
        covered = self.forecast.coverage([0.5, 0.9])["covered"]
        words = [
            "New data are drawn from the story: first a cluster, then a code, then a datum. If "
            "these differ from the data where replicates do not, the codes of the data lie "
            "elsewhere than the prior says.",
            f"Central intervals of 50 % hold {covered[0]:.0%} of the values, those of 90 % "
            f"{covered[1]:.0%}.",
        ]
        figures: dict[str, Figure] = {
            "The features whose law is furthest off": self.densities.figure(),
            "Flat, and on the diagonal, if the story is right": self.forecast.figure(),
        }
        if self.zeros is not None:
            figures["The share of zeros of each feature"] = self.zeros.figure()
        table = self.densities.table.head(10)
        return Section("Does the story make such data?", words, {"Features": table}, figures)

    def _guide(self) -> Section:
        share = self.guide.unreliable
        words = [
            f"The Pareto shape of the importance weights is above {RELIABLE} for {share:.0%} of "
            "the data: there the guide misses a part of the posterior. Labels may be right all the "
            "same; log-densities and probabilities of those data are less to be trusted."
        ]
        figures = {"Pareto shapes of all data": self.guide.figure()}
        worst = {site: float(p.min()) for site, p in self.simulated.uniformity().items()}
        errors = ", ".join(f"{v:.3f} for {k}" for k, v in self.simulated.errors.items())
        words.append(
            "On data drawn from the story, whose clusters are known, the probabilities of "
            f"clusters are off by {errors} (expected calibration error). Ranks of true "
            "latents among the guide's draws would be uniform if its law were the posterior: "
            + ", ".join(f"the least p-value of {k} is {v:.2g}" for k, v in worst.items())
            + "."
        )
        figures["Simulation-based calibration"] = self.simulated.figure()
        return Section("Is the guide near the posterior?", words, {}, figures)

    def _collapse(self) -> Section:
        words = [
            f"{self._named(site)}{found.occupied} of {len(found.shares)} clusters hold data, which "
            f"is as much as {found.effective_clusters:.1f} of one size; "
            f"{len(found.informed) - len(found.collapsed)} of {len(found.informed)} latent "
            "dimensions say something of x."
            for site, found in self.collapse.items()
        ]
        tables = {self._named(site): found.table for site, found in self.collapse.items()}
        figures = {f"Shares{self._of(s)}": found.figure() for s, found in self.collapse.items()}
        return Section("What collapsed?", words, tables, figures)

    def _probabilities(self) -> Section:
        figures = {
            f"How sure the assignments are{self._of(site)}": responsibility_histogram(gamma)
            for site, gamma in self.probabilities.items()
        }
        words = ["How sure the fit is of its clusters; if there are labels, how often it is right."]
        if self.labels is not None and len(self.probabilities) == 1:
            gamma = next(iter(self.probabilities.values()))
            figures["Reliability against the labels"] = reliability_diagram(self.labels, gamma)
        return Section("What do the probabilities say?", words, {}, figures)

    def _marks(self) -> Section:
        words = [
            "Features by the shift between the story's p(x | c) and all other clusters, in "
            "standard deviations (effect), and as the probability that a datum of the cluster has "
            "the larger value (auc)."
        ]
        figures = {
            f"Shifts{self._of(site)}": marks.figure(image_shape=self.image_shape)
            for site, marks in self.marks.items()
        }
        tables = {
            f"The three that mark each cluster most{self._of(site)}": (
                marks.table.groupby("cluster").head(3)
            )
            for site, marks in self.marks.items()
        }
        return Section("What marks each cluster?", words, tables, figures)

    def _examples(self) -> Section:
        words = [
            "Prototypes are the data of a cluster that are most typical of it, by log p(z, c). "
            "Borderline data have their two likeliest clusters nearly as likely; rows are counted "
            "from 0 in the data given."
        ]
        tables = {}
        for site, found in self.examples.items():
            table = found.table
            table["row"] = self.rows[table["row"]]
            tables[f"Borderline data{self._of(site)}"] = table
        figures = {
            f"Prototypes{self._of(site)}": found.figure(
                self.data, image_shape=self.image_shape, feature_names=self.forecast.names
            )
            for site, found in self.examples.items()
        }
        return Section("Who is typical, and who is between?", words, tables, figures)

    def _of(self, site: str) -> str:
        return "" if len(self.probabilities) == 1 else f" ({site})"

    def _named(self, site: str) -> str:
        return "" if len(self.probabilities) == 1 else f"{site}: "
