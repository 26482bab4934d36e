"""The phases of a fit in order: pretrain, initialise, train; restarts are chosen by the bound.

Each phase is seeded by its name, logged in the history, skipped when it has nothing to do, and
resumed where a checkpoint holds its state. The warm-up of weights is a schedule of the objective.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ...guides import Guide
from ...models import MixtureVAE
from ..objectives import MixtureELBO, Objective
from ..prediction import bound
from ..training import Checkpoint, PhaseProgress, Row, Trainer, seeded
from .initialisation import (
    INITIALISATIONS,
    Autoencoder,
    NeighbourAutoencoder,
    initialise_prior,
)
from .monitor import ClusterMonitor

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Story = Callable[[], tuple[MixtureVAE, Guide]]


@dataclass(frozen=True)
class Recipe:
    """How a story and its guide are fitted.

    Args:
        elbo: the objective of the joint training.
        train: settings of the joint training.
        pretrain: settings of the autoencoder pretraining; ``None``, or no epochs, skips it.
        initialisation: how the prior starts; see :func:`initialise_prior`.
        neighbours: the pretraining's target is one of so many nearest neighbours, of all others if
            the data are fewer; 0: x itself.
        augment: maps a training batch to the batch that is trained on, in both trainings.
        n_init: restarts from different seeds, of which the best held-out bound is kept.

    Raises:
        ValueError: an unknown initialisation, or fewer than one restart.
    """

    elbo: MixtureELBO
    train: Trainer
    pretrain: Trainer | None = None
    initialisation: str = "gmm"
    neighbours: int = 0
    augment: Callable[[Tensor], Tensor] | None = None
    n_init: int = 1

    def __post_init__(self) -> None:
        if self.initialisation not in INITIALISATIONS:
            known = ", ".join(INITIALISATIONS)
            raise ValueError(f"initialisation is {self.initialisation!r}: use one of {known}")
        if self.n_init < 1:
            raise ValueError(f"n_init is {self.n_init}: fit at least once")

    def fit(
        self,
        fabric: Fabric,
        story: Story,
        x: Tensor,
        *,
        seed: int = 0,
        validation: Tensor | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> tuple[MixtureVAE, Guide, list[Row]]:
        """Run all phases, once for each restart.

        Args:
            fabric: where to train.
            story: makes a fresh story and guide; called under a seed.
            x: data, ``(N, *event)``.
            seed: same seed, same result.
            validation: held-out data: restarts are compared on them, and ``patience`` watches them.
            checkpoint: where to store the state, and to go on from.

        Returns:
            The story and guide kept, and the history of all restarts.

        Raises:
            ValueError: several restarts and no validation data.
        """
        if self.n_init > 1 and validation is None:
            raise ValueError("n_init above 1 needs validation data to choose a restart by")
        history: list[Row] = []
        best: tuple[float, MixtureVAE, Guide] | None = None
        for restart in range(self.n_init):
            suffix = f" {restart + 1}" if self.n_init > 1 else ""
            with seeded(seed, "weights", restart):
                model, guide = story()
            rows = self._once(
                fabric, model, guide, x, seed + restart, validation, checkpoint, suffix
            )
            history += rows
            value = 0.0
            if self.n_init > 1 and validation is not None:
                value = float(bound(model, guide, validation, num_samples=10, seed=seed).mean())
                rows[-1]["held_out_bound"] = value
            if best is None or value > best[0]:
                best = value, model, guide
        assert best is not None
        return best[1], best[2], history

    def _once(
        self,
        fabric: Fabric,
        model: MixtureVAE,
        guide: Guide,
        x: Tensor,
        seed: int,
        validation: Tensor | None,
        checkpoint: Checkpoint | None,
        suffix: str,
    ) -> list[Row]:
        history: list[Row] = []
        shared: dict[str, Any] = {
            "fabric": fabric,
            "seed": seed,
            "checkpoint": checkpoint,
            "augment": self.augment,
            "history": history,
        }
        for module in (model, guide):
            module.to(fabric.device, x.dtype)
        pretrained: nn.Module | None = None
        if self.pretrain is not None and self.pretrain.max_epochs > 0:
            phase = "pretrain" + suffix
            resumed = checkpoint is not None and checkpoint.completed(phase)
            with seeded(seed, phase, "weights"):
                pretrained, data = self.pretraining(model, guide, x, resumed)
            self.pretrain.fit(pretrained, data, phase=phase, **shared)
        if self.initialisation != "none":
            history.append(
                self._initialise(fabric, model, guide, x, pretrained, seed, checkpoint, suffix)
            )
        monitor = ClusterMonitor(model, guide, x)
        objective = self.objective(model, guide, x, seed)
        self.train.fit(
            objective,
            x,
            phase="train" + suffix,
            validation=validation,
            callbacks=[*objective.callbacks, monitor],
            **shared,
        )
        if fabric.is_global_zero:
            monitor.conclude()
        return history

    def pretraining(
        self, model: MixtureVAE, guide: Guide, x: Tensor, resumed: bool
    ) -> tuple[nn.Module, Tensor]:
        """What is trained before the prior is initialised, and on what data.

        Args:
            model: the story.
            guide: its guide.
            x: data, ``(N, *event)``.
            resumed: the phase is over and only its weights are wanted.
        """
        if self.neighbours and not resumed:
            neighbours = min(self.neighbours, len(x) - 1)
            return NeighbourAutoencoder(model, guide, x, neighbours), torch.arange(len(x))
        return Autoencoder(model, guide), x

    def initialise(
        self,
        model: MixtureVAE,
        guide: Guide,
        x: Tensor,
        pretrained: nn.Module | None,
        seed: int,
    ) -> dict[str, float]:
        """Start the prior, and the guide where it depends on that, in place.

        Args:
            model: the story.
            guide: its guide.
            x: data, ``(N, *event)``.
            pretrained: what :meth:`pretraining` made, trained; ``None`` if that was skipped.
            seed: of whatever is random.

        Returns:
            Numbers for the history.
        """
        initialise_prior(model, guide, x, method=self.initialisation, seed=seed % 2**32)
        return {}

    def objective(self, model: MixtureVAE, guide: Guide, x: Tensor, seed: int) -> Objective:
        """What the joint training minimises; x and the seed are for what it fits on the way."""
        return Objective(self.fresh_elbo(), model, guide)

    def fresh_elbo(self) -> MixtureELBO:
        """The objective at its first step: it counts them, so every restart has its own."""
        return copy.deepcopy(self.elbo)

    def _initialise(
        self,
        fabric: Fabric,
        model: MixtureVAE,
        guide: Guide,
        x: Tensor,
        pretrained: nn.Module | None,
        seed: int,
        checkpoint: Checkpoint | None,
        suffix: str,
    ) -> Row:
        phase, started = "initialise" + suffix, perf_counter()
        shown = self.train.verbose and fabric.is_global_zero
        if checkpoint is not None and checkpoint.completed(phase):
            saved = checkpoint.state(phase)
            model.prior.load_state_dict(saved["prior"])
            guide.load_state_dict(saved["guide"])
            row: Row = saved["row"]
            return row
        with PhaseProgress(phase, 1, 0, 0, shown) as bar:
            found = self.initialise(model, guide, x, pretrained, seed)
            row = {"phase": phase, "epoch": 1, **found, "seconds": perf_counter() - started}
            bar.epoch(row)
        if checkpoint is not None:
            states = {"prior": model.prior.state_dict(), "guide": guide.state_dict()}
            checkpoint.phase_done(phase, {**states, "row": row})
        return row
