"""The phases of a fit in order: pretrain, start, train; restarts are chosen by the held-out bound.

Each phase is seeded by its name, logged in the history, skipped when it has nothing to do, and
resumed where a checkpoint holds its state. The warm-up of weights is a schedule of the objective.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ...guides import Guide
from ...models import MixtureVAE
from ..objectives import MixtureELBO, Term
from ..prediction import bound
from ..training import (
    Checkpoint,
    Roomy,
    Row,
    Rows,
    Source,
    TrainingInterrupted,
    as_rows,
    check_capture,
    is_main_process,
    seeded,
    showing,
)
from .autoencoder import Pretraining
from .joint import Training
from .phase import Fit
from .start import Start

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Story = Callable[[], tuple[MixtureVAE, Guide]]

ENOUGH = 32  # rows that a rehearsal looks at


@dataclass(frozen=True)
class Recipe:
    """How a story and its guide are fitted.

    Args:
        elbo: the objective of the joint training.
        training: the joint training.
        pretraining: what comes first; ``None`` for nothing.
        start: how the prior starts after that; ``None`` leaves it as it was drawn.
        n_init: restarts from different seeds, of which the best held-out bound is kept.
        verbose: show a progress bar for each phase.

    Raises:
        ValueError: fewer than one restart.
    """

    elbo: MixtureELBO
    training: Training
    pretraining: Pretraining | None = None
    start: Start | None = None
    n_init: int = 1
    verbose: bool = False

    def __post_init__(self) -> None:
        if self.n_init < 1:
            raise ValueError(f"n_init is {self.n_init}: fit at least once")

    def rehearse(self, story: Story, x: Tensor | Rows, seed: int) -> None:
        """Refuse, before any work, what would fail on the way.

        Args:
            story: makes a story and its guide.
            x: data, ``(N, *event)``, or :class:`Rows` with companions.
            seed: of the story.

        Raises:
            TypeError, ValueError: data outside the likelihood's support, parts that do not go
                together, or phases that this story or these data cannot have.
        """
        if self.start is not None:
            self.start.check_pretraining(self.pretraining)
        data = as_rows(x)
        if self.start is not None:
            self.start.check_length(len(data))
        with seeded(seed, "rehearsal"), Roomy():
            model, guide = story()
            model.likelihood.check(data.x)
            dtype = data.x.dtype
            model, guide = model.to(dtype=dtype).eval(), guide.to(dtype=dtype).eval()
            rows = data.at(slice(ENOUGH))
            for phase in (self.pretraining, self.start, self.training):
                if phase is not None:
                    phase.check(model, guide, rows.x)
            self.training.trainer(1)
            if self.training.batch_size == 1 and any(
                map(_normalises, (*model.modules(), *guide.modules()))
            ):
                raise ValueError(
                    "training's batch_size is 1, and the networks normalise over the batch: use 2 "
                    "or more, or networks without batch_norm"
                )
            fit = Fit(model, guide, data, seed, self.training)
            with torch.no_grad():
                self.training.objective(fit, copy.deepcopy(self.elbo)).eval()(
                    rows.x, **rows.companions
                )

    def with_terms(self, terms: Sequence[Term]) -> Recipe:
        """This recipe with more terms in the joint training's objective."""
        if not terms:
            return self
        elbo = copy.copy(self.elbo)
        elbo.terms = (*elbo.terms, *terms)
        return replace(self, elbo=elbo)

    def of_rows(self, rows: Tensor | None) -> Recipe:
        """This recipe where only some rows of the data are left to train on, in that order."""
        if self.start is None or rows is None:
            return self
        return replace(self, start=self.start.of_rows(rows.numpy()))

    def fit(
        self,
        fabric: Fabric,
        story: Story,
        x: Tensor | Rows,
        *,
        seed: int = 0,
        validation: Tensor | Rows | None = None,
        checkpoint: Checkpoint | None = None,
        source: Source | None = None,
    ) -> tuple[MixtureVAE, Guide, list[Row]]:
        """Run all phases, once for each restart.

        Args:
            fabric: where to train.
            story: makes a fresh story and guide; called under a seed.
            x: data, ``(N, *event)``, or :class:`Rows` with companions.
            seed: same seed, same result.
            validation: held-out data: restarts are compared on them, and ``patience`` watches them.
            checkpoint: where to store the state, and to go on from.
            source: what the joint training reads, where x is a sample of it.

        Returns:
            The story and guide kept, and the history of all restarts.

        Raises:
            ValueError: several restarts and no validation data, or nothing records steps here.
            TrainingInterrupted: on Ctrl-C, with what can be used by then.
        """
        if self.n_init > 1 and validation is None:
            raise ValueError("n_init above 1 needs validation data to choose a restart by")
        if self.training.capture:
            check_capture(fabric.device, fabric.world_size)
        data = as_rows(x)
        held_out = None if validation is None else as_rows(validation)
        history: list[Row] = []
        best: tuple[float, Fit] | None = None
        for restart in range(self.n_init):
            with seeded(seed, "weights", restart):
                model, guide = story()
            fit = Fit(
                model.to(fabric.device, data.x.dtype),
                guide.to(fabric.device, data.x.dtype),
                data,
                seed + restart,
                self.training,
                fabric,
                held_out,
                checkpoint,
                suffix=f" {restart + 1}" if self.n_init > 1 else "",
                verbose=self.verbose,
                source=source,
            )
            with told_what_is_left(fit, history, None if best is None else best[1]):
                self.run(fit)
            history += fit.history
            value = 0.0
            if self.n_init > 1 and held_out is not None:
                value = float(bound(model, guide, held_out, num_samples=10, seed=seed).mean())
                fit.history[-1]["held_out_bound"] = value
            if best is None or value > best[0]:
                best = value, fit
        assert best is not None
        return best[1].model, best[1].guide, history

    def run(self, fit: Fit) -> None:
        """All phases once, in place."""
        with showing(fit.verbose and is_main_process()):
            self._run(fit)

    def _run(self, fit: Fit) -> None:
        for phase in (self.pretraining, self.start):
            if phase is not None:
                phase(fit)
        self.training(fit, self.elbo)


def _normalises(module: nn.Module) -> bool:
    """Whether a layer needs more than one row to train on."""
    return isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)


@contextmanager
def told_what_is_left(fit: Fit, history: list[Row], best: Fit | None) -> Iterator[None]:
    """A scope that Ctrl-C ends with what can be used: the best of the restarts before, if any.

    Else that is the joint training's last whole epoch; before its first there is nothing.

    Args:
        fit: the fit under way.
        history: rows of the restarts before.
        best: the best of them.
    """
    phase = "train" + fit.suffix
    try:
        yield
    except KeyboardInterrupt as error:
        told = isinstance(error, TrainingInterrupted)
        stop = error if told else TrainingInterrupted(f"stopped before {phase!r}", phase, 0)
        assert isinstance(stop, TrainingInterrupted)
        if best is None and not (stop.phase == phase and stop.epoch > 0):
            raise
        kept = fit if best is None else best
        stop.fitted = kept.model, kept.guide, [*history, *fit.history]
        if told:
            raise
        raise stop from error
