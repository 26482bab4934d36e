"""What a reproduction is: an estimator, its data, the protocol, and the number that was published.

An experiment is declared, never read from outside: its parts are the zoo's own objects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from ..estimators import DeepMixture
from ..parts import unknown

Budget = Literal["cpu", "full"]
Variant = Literal["published", "ours"]
Measure = Literal["accuracy", "most_confident_accuracy", "purity", "nmi"]

WORDS: dict[Measure, str] = {
    "accuracy": "one cluster to one class",
    "most_confident_accuracy": "class of each cluster's most confident example",
    "purity": "majority class of each cluster",
    "nmi": "normalised mutual information",
}


@dataclass(frozen=True)
class Target:
    """A number to reach: a measure by a paper's protocol, and what was published, a share.

    Args:
        measure: the metric.
        label: whose, of data with several labels or a fit with several facets.
        value: the mean over runs, or the best of them where no mean was given; ``None`` where no
            number could be had.
        spread: standard deviation over the runs, where it was given.
        best: of one run, where the mean was given too.
        of: what ``value`` is.
        source: who says so, and where.
    """

    measure: Measure = "accuracy"
    label: str = ""
    value: float | None = None
    spread: float | None = None
    best: float | None = None
    of: Literal["mean", "best run"] = "mean"
    source: str = ""

    def reached(self, metrics: Mapping[str, float]) -> float:
        """The measure among all metrics; of several facets, that of the best one.

        Args:
            metrics: as :func:`pyromix.reports.scored` gives them.

        Example:
            >>> metrics = {"facet_0/hue/purity": 0.3, "facet_1/hue/purity": 1.0}
            >>> Target("purity", "hue").reached(metrics)
            1.0
        """
        return best_of(metrics, self.measure, self.label)


@dataclass(frozen=True)
class Experiment:
    """A fit that the tables of published numbers have rows of, by one objective.

    Args:
        name: what the command and the results call it.
        row: what tables call it; the paper's objective and ours share it.
        variant: ``"published"`` or ``"ours"``, our defaults.
        data: a name of the catalogue.
        make: gives the unfitted estimator, as ``budget="full"`` has it.
        targets: the numbers to reach, a row of the tables each.
        pooled: fitted and scored are both splits together; else the one and the other.
        cpu: arguments in which the budget of two cores differs.
        note: what else a reader must know.

    Example:
        >>> from pyromix import VaDE
        >>> toy = Experiment("toy", "a toy", "ours", "digits", VaDE, cpu={"latent_dim": 2})
        >>> toy.estimator("cpu", seed=3).latent_dim, toy.estimator("full", seed=3).latent_dim
        (2, 32)
    """

    name: str
    row: str
    variant: Variant
    data: str
    make: Callable[[], DeepMixture]
    targets: tuple[Target, ...] = (Target(),)
    pooled: bool = False
    cpu: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""

    def estimator(self, budget: Budget, seed: int) -> DeepMixture:
        """The unfitted estimator.

        Args:
            budget: ``"cpu"``, for two cores, or ``"full"``.
            seed: of the fit.

        Raises:
            ValueError: another budget.
        """
        if budget not in get_args(Budget):
            raise ValueError(unknown("budget", budget, get_args(Budget)))
        changes = self.cpu if budget == "cpu" else {}
        return self.make().set_params(random_state=seed, **changes)


def best_of(metrics: Mapping[str, float], measure: str, label: str = "") -> float:
    """A measure of a label, of the facet that has most of it.

    Raises:
        KeyError: there is none.
    """
    ending = f"{label}/{measure}" if label else measure
    found = [value for name, value in metrics.items() if f"/{name}".endswith(f"/{ending}")]
    if not found:
        raise KeyError(f"no {ending!r} among {', '.join(metrics)}")
    return max(found)
