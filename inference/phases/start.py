"""Where the prior begins: groups of the data or of their codes, whoever finds them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from time import perf_counter
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from ...guides import Guide
from ...models import MixturePrior, MixtureVAE
from ...parts import GROUPS, facet_of, known_rows, site_name
from ..prediction import asked, encode
from ..training import PhaseProgress, Row, Rows, as_rows, is_main_process
from .filling import filled
from .phase import Fit, Phase

Features = NDArray[Any]


@runtime_checkable
class Clusterer(Protocol):
    """What finds groups by itself, as scikit-learn's clusterers do."""

    def fit_predict(self, X: Any, /) -> Any:
        """Data ``(N, ...)`` to labels ``(N,)``, or to soft groups ``(N, K)``."""


class Start(Phase, kind="start", abstract=True):
    """How the prior starts; a subclass is a frozen dataclass that finds groups.

    Every component takes the moments of its group's codes, and the posterior is made narrow beside
    them: noise as wide as the code would destroy what pretraining made.
    """

    on: str
    example = "GaussianMixtureStart(), KMeansStart() or GroupsOf(clusterer)"

    @abstractmethod
    def groups(self, features: Features, n_clusters: int, seed: int) -> Features:
        """Groups of the data: ``(N, F)`` to labels ``(N,)``, or to soft groups ``(N, K)``."""

    def begin(
        self,
        model: MixtureVAE,
        guide: Guide,
        x: Tensor | Rows,
        *,
        seed: int = 0,
        pretrained: nn.Module | None = None,
    ) -> dict[str, float]:
        """Start the prior, and make the posterior narrow, in place.

        Args:
            model: the story.
            guide: its guide.
            x: data, ``(N, *event)``, or :class:`Rows` with companions.
            seed: of whatever is random.
            pretrained: what the pretraining trained.

        Returns:
            Numbers for the history.

        Raises:
            ValueError: groups that are none of K.
        """
        groups, numbers = self.find_all(model, guide, x, seed=seed, pretrained=pretrained)
        self.put(model, guide, x, groups, seed=seed)
        return numbers

    def find_all(
        self,
        model: MixtureVAE,
        guide: Guide,
        x: Tensor | Rows,
        *,
        seed: int = 0,
        pretrained: nn.Module | None = None,
    ) -> tuple[dict[str, Tensor], dict[str, float]]:
        """The groups that each mixture of the prior starts from: :meth:`find` for all of them.

        Returns:
            Soft groups by clustering site, ``(N, K)`` each, and numbers for the history.
        """
        codes, rows = encode(model, guide, x), asked(x)
        data = model.coordinates(rows.x, **rows.companions)
        groups: dict[str, Tensor] = {}
        numbers: dict[str, float] = {}
        for mixture in model.prior.mixtures:
            code = codes[mixture.site("z")]
            soft, found = self.find(data, mixture, code, seed=seed, pretrained=pretrained)
            groups[mixture.site("c")] = torch.as_tensor(soft).to(mixture.logits)
            numbers |= found
        return groups, numbers

    def put(
        self,
        model: MixtureVAE,
        guide: Guide,
        x: Tensor | Rows,
        groups: Mapping[str, Tensor],
        *,
        seed: int = 0,
    ) -> None:
        """Give every component the moments of its group's codes, and narrow the posterior."""
        codes, data = encode(model, guide, x), as_rows(x).x
        for mixture in model.prior.mixtures:
            code = codes[mixture.site("z")].to(mixture.logits)
            mixture.see(filled(data))
            mixture.initialise(code, groups[mixture.site("c")])
            guide.narrow(mixture.site("z"), code)

    def find(
        self,
        x: Tensor,
        mixture: MixturePrior,
        code: Tensor,
        *,
        seed: int = 0,
        pretrained: nn.Module | None = None,
    ) -> tuple[Features, dict[str, float]]:
        """The groups that a mixture of the prior starts from.

        Args:
            x: data, ``(N, *event)``.
            mixture: of K clusters.
            code: the posterior means of its z, ``(N, D)``.
            seed: of whatever is random.
            pretrained: what the pretraining trained.

        Returns:
            Soft groups, ``(N, K)``, a row of zeros for a datum of none; and numbers for the
            history.

        Raises:
            ValueError: groups that are none of K.
        """
        groups = self.groups(self.features(x, mixture, code), mixture.n_clusters, seed % 2**32)
        return shares(groups, len(x), mixture.n_clusters), {}

    def place(self, fit: Fit) -> None:
        """Put the prior where the groups of a fit under way are."""
        self.put(fit.model, fit.guide, fit.data, fit.groups, seed=fit.seed)

    def features(self, x: Tensor, mixture: MixturePrior, code: Tensor) -> Features:
        """What the groups are looked for in, ``(N, F)``: the code, or the data, gaps filled."""
        if self.on == "data":
            return filled(x).flatten(1).cpu().double().numpy()
        return mixture.coordinates(code).double().numpy()

    def check_pretraining(self, pretraining: Phase | None) -> None:
        """Refuse a pretraining that this start cannot follow.

        Raises:
            ValueError: names what would do.
        """

    def of_rows(self, rows: NDArray[np.int64]) -> Self:
        """This start where only some rows of the data are left to train on, in that order."""
        return self

    def check_length(self, n: int) -> None:
        """Refuse groups that are given beforehand and are not of N data.

        Raises:
            ValueError: another length.
        """

    def check(self, model: MixtureVAE, guide: Guide, x: Tensor) -> None:
        """Refuse groups of something else than code or data, and a prior that takes no groups."""
        if self.on not in ("code", "data"):
            raise ValueError(f"on is {self.on!r}: use 'code' or 'data'")
        for mixture in model.prior.mixtures:
            kind = type(mixture)
            own = kind.match_moments, kind.initialise
            if own == (MixturePrior.match_moments, MixturePrior.initialise):
                raise ValueError(
                    f"start is {self!r}, and {kind.__name__} cannot be started from groups: define "
                    "its match_moments, or use start=None"
                )

    def __call__(self, fit: Fit) -> None:
        """Start the prior, or take the start that a checkpoint holds."""
        phase, started, checkpoint = "initialise" + fit.suffix, perf_counter(), fit.checkpoint
        if checkpoint is not None and checkpoint.completed(phase):
            saved = checkpoint.state(phase)
            fit.model.prior.load_state_dict(saved["prior"])
            fit.guide.load_state_dict(saved["guide"])
            fit.groups = saved["groups"]
            fit.history.append(saved["row"])
            return
        shown = fit.verbose and is_main_process()
        with PhaseProgress(phase, 1, 0, 0, shown) as bar:
            groups, found = self.find_all(
                fit.model, fit.guide, fit.data, seed=fit.seed, pretrained=fit.pretrained
            )
            fit.groups = {
                site: heeding(each, fit.data.companions.get(site_name(GROUPS, facet_of(site))))
                for site, each in groups.items()
            }
            self.place(fit)
            row: Row = {"phase": phase, "epoch": 1, **found, "seconds": perf_counter() - started}
            bar.epoch(row)
        fit.history.append(row)
        if checkpoint is not None:
            states = {"prior": fit.model.prior.state_dict(), "guide": fit.guide.state_dict()}
            checkpoint.phase_done(phase, {**states, "row": row, "groups": fit.groups})


def heeding(groups: Tensor, given: Tensor | None) -> Tensor:
    """Groups found, numbered so that they agree with those given, which replace them.

    Args:
        groups: ``(N, K)``.
        given: ``(N, K)``, rows of zeros where nothing is known; or ``None``.
    """
    if given is None or not bool(known_rows(given).any()):
        return groups
    given = given.to(groups)
    order = matching(given.cpu().numpy(), groups.cpu().numpy())
    return torch.where(known_rows(given).unsqueeze(-1), given, groups[:, order])


def matching(reference: Features, groups: Features) -> NDArray[np.int64]:
    """The cluster of some groups that overlaps most with each of a reference, all different.

    Args:
        reference: soft groups, ``(N, K)``.
        groups: others, ``(N, K)``.

    Returns:
        ``(K,)``.
    """
    columns: NDArray[np.int64] = linear_sum_assignment(reference.T @ groups, maximize=True)[1]
    return columns


def shares(groups: Features, n: int, n_clusters: int) -> Features:
    """Soft groups ``(N, K)`` of labels or soft groups; negative labels, noise, belong to none.

    Raises:
        ValueError: of another length, more groups than clusters, or soft ones that are no
            probabilities.
    """
    groups = np.asarray(groups)
    if len(groups) != n:
        raise ValueError(f"the start found groups of {len(groups)} data, and there are {n}")
    if groups.ndim == 2:
        if groups.shape[1] != n_clusters:
            raise ValueError(
                f"the start found {groups.shape[1]} soft groups, and n_clusters is {n_clusters}"
            )
        total = groups.sum(1)
        if not ((groups >= 0).all() and (np.isclose(total, 1, atol=1e-3) | (total == 0)).all()):
            raise ValueError(
                "the soft groups of the start are no probabilities: give each row numbers from 0 "
                "that sum to 1, or zeros for a datum of no group"
            )
        return groups
    known = groups >= 0 if np.issubdtype(groups.dtype, np.number) else np.full(n, True)
    found, labels = np.unique(groups[known], return_inverse=True)
    if len(found) > n_clusters:
        raise ValueError(
            f"the start found {len(found)} groups, and n_clusters is {n_clusters}: raise "
            "n_clusters, or ask for fewer groups"
        )
    if np.issubdtype(groups.dtype, np.integer) and found.max(initial=0) < n_clusters:
        labels = groups[known]
    one_hot: Features = np.zeros((n, n_clusters))
    one_hot[np.flatnonzero(known), labels] = 1.0
    return one_hot
