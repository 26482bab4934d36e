"""The training loop: any module that gives a loss and its named parts, on Lightning Fabric.

It knows nothing of what it trains: a bound, an autoencoder and a toy are the same to it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from time import perf_counter
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ...parts import Count, Natural, NonNegative, Positive, check_fields
from .batches import Batch, Data, Share
from .captured import CapturedStep, Losses, Step
from .checkpoint import AFRESH, Checkpoint
from .devices import make_fabric
from .loop import (
    Decay,
    Means,
    decayed,
    fused_adam,
    held_out_loss,
    is_finite,
    last_good_epoch,
    set_rate,
    share_buffers,
)
from .progress import PhaseProgress
from .seeds import derive_seed, seeded
from .sources import Source
from .streams import read_batches

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Row = dict[str, Any]
Callback = Callable[[int, Row], None]


@dataclass(frozen=True)
class Trainer:
    """Settings of a training loop, and the loop: Adam on all parameters of a module at once.

    Args:
        max_epochs: passes over the data, at most.
        batch_size: rows of a batch, over all processes together.
        learning_rate: Adam's step size.
        learning_rate_decay: (factor, every n epochs), such as ``(0.9, 10)``, to which a third
            entry adds the least share that is left; ``"cosine"`` falls to zero over
            ``max_epochs``; None keeps the rate.
        epsilon: what Adam adds to the root of its second moment.
        gradient_clip: largest norm of the gradient of all parameters together, or None.
        patience: stop when the validation loss hasn't improved for so many epochs, or None.
        min_delta: by how many nats per datum the validation loss has to fall to have improved.
        capture: record a step on one CUDA device, and replay it.
        verbose: show a progress bar.

    Raises:
        ValueError: if a setting is out of range.

    Example:
        >>> import torch
        >>> class Reconstruction(nn.Module):
        ...     def __init__(self) -> None:
        ...         super().__init__()
        ...         self.layer = nn.Linear(4, 4)
        ...
        ...     def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        ...         loss = (self.layer(x) - x).square().sum(-1).mean()
        ...         return loss, {"reconstruction": loss.detach()}
        >>> history = Trainer(max_epochs=2).fit(Reconstruction(), torch.randn(100, 4))
        >>> [(row["phase"], row["epoch"]) for row in history]
        [('train', 1), ('train', 2)]
        >>> sorted(history[0])
        ['epoch', 'loss', 'phase', 'reconstruction', 'seconds']
    """

    max_epochs: Natural
    batch_size: Count = 256
    learning_rate: Positive = 1e-3
    learning_rate_decay: Decay | None = None
    epsilon: Positive = 1e-8
    gradient_clip: Positive | None = None
    patience: Count | None = None
    min_delta: NonNegative = 0.0
    capture: bool = False
    verbose: bool = False

    def __post_init__(self) -> None:
        check_fields(self)

    def fit(
        self,
        objective: nn.Module,
        x: Data | Source,
        *,
        fabric: Fabric | None = None,
        phase: str = "train",
        seed: int = 0,
        validation: Data | Source | None = None,
        checkpoint: Checkpoint | None = None,
        history: list[Row] | None = None,
        callbacks: Sequence[Callback] = (),
        optimizer: torch.optim.Optimizer | None = None,
    ) -> list[Row]:
        """Trains ``objective`` in place and leaves it in training mode, on Fabric's device.

        A tensor is permuted every epoch, on the device if it fits there. With several processes
        the losses are means over all of them, and BatchNorm's statistics are each process's own
        until the epoch's end, when the first one's are kept. Epochs are counted from 1.

        Args:
            objective: ``objective(x, **companions)`` gives the loss, in nats per datum, and a dict
                of detached scalars. Its parameters must exist already.
            x: an ``(N, *event)`` tensor, :class:`Rows` with companions, a :class:`Source`, or an
                iterable of batches such as a ``DataLoader``.
            fabric: where to train; by default one device of this process.
            phase: name of the phase in history, progress bar and checkpoint.
            seed: same seed, same weights; no generator state is left changed.
            validation: data whose loss is taken after every epoch, in evaluation mode.
            checkpoint: where to store the state, and to go on from if the phase is in it.
            history: the list that rows are appended to.
            callbacks: called with (epoch, row) after every epoch; may add numbers to the row.
            optimizer: one to go on with; by default a new Adam.

        Returns:
            The history: rows with phase, epoch, loss, the named parts, validation and seconds.

        Raises:
            TrainingDiverged: if the loss becomes infinite or NaN.
            TrainingInterrupted: on Ctrl-C. Both leave the weights of the last good epoch.
            ValueError: if there is nothing to train on, the checkpoint has other settings, or a
                step cannot be recorded.
        """
        if self.patience is not None and validation is None:
            raise ValueError("patience needs validation data to watch")
        if next(objective.parameters(), None) is None:
            raise ValueError("the objective has no parameters: create them before training")
        history = [] if history is None else history
        fabric = make_fabric() if fabric is None else fabric
        objective.to(fabric.device).train()
        if optimizer is None:
            optimizer = fused_adam(
                objective, self.learning_rate, self.epsilon, capturable=self.capture
            )
        module, stepper = fabric.setup(objective, optimizer)
        dtype = next(p.dtype for p in objective.parameters() if p.is_floating_point())
        share = Share(fabric.device, dtype, fabric.global_rank, fabric.world_size)

        step = self._step(fabric, module, stepper)
        if self.capture:
            step = CapturedStep(step, objective, share.device)

        settings = self._settings(seed, share.world)
        rows: list[Row] = []
        if checkpoint is not None and checkpoint.state(phase) is not None:
            rows = checkpoint.restore(phase, settings, objective, optimizer)
            whole = len(rows) == self.max_epochs or self._plateaued(rows)
            if len(rows) > self.max_epochs or (checkpoint.completed(phase) and not whole):
                raise ValueError(
                    f"{checkpoint.path}: {phase!r} has {len(rows)} epochs there"
                    f"{' and is finished' * checkpoint.completed(phase)}, and max_epochs is "
                    f"{self.max_epochs} with patience {self.patience}: {AFRESH}"
                )
            history.extend(rows)
            if checkpoint.completed(phase):
                return history

        def state(**more: Any) -> dict[str, Any]:
            weights = objective.state_dict()
            return {"settings": settings, "rows": rows, "objective": weights, **more}

        batches = read_batches(x, self.batch_size, share)
        held_out = None if validation is None else read_batches(validation, self.batch_size, share)
        shown = self.verbose and fabric.is_global_zero
        bar = PhaseProgress(phase, self.max_epochs, len(rows), len(batches), shown)
        with bar, last_good_epoch(objective, phase, rows, self.learning_rate, checkpoint) as good:
            while len(rows) < self.max_epochs and not self._plateaued(rows):
                started, epoch = perf_counter(), len(rows) + 1
                row: Row = {"phase": phase, "epoch": epoch}
                share_left = decayed(self.learning_rate_decay, epoch, self.max_epochs)
                set_rate(optimizer, self.learning_rate * share_left)
                with seeded(seed, phase, epoch, share.rank, device=share.device):
                    order = batches.shuffled(derive_seed(seed, phase, epoch, "order"))
                    module.train()
                    row |= self._epoch(fabric, step, order, bar)
                share_buffers(fabric, objective)
                with seeded(seed, phase, "evaluation", share.rank, device=share.device):
                    if held_out is not None:
                        row["validation"] = held_out_loss(fabric, objective, held_out.ordered())
                    # The mean loss of an epoch does not know of what its last step did.
                    whole = isfinite(row["loss"] + row.get("validation", 0.0))
                    if not (whole and is_finite(objective)):
                        raise FloatingPointError
                    row["seconds"] = perf_counter() - started
                    for callback in callbacks if fabric.is_global_zero else ():
                        callback(epoch, row)
                row = {name: _plain(value) for name, value in row.items()}
                rows.append(row)
                history.append(row)
                good.take()
                bar.epoch(row)
                if checkpoint is not None:
                    checkpoint.progress(phase, lambda: state(optimizer=optimizer.state_dict()))
            bar.finish()
        objective.train()
        if checkpoint is not None:
            checkpoint.phase_done(phase, state())
        return history

    def _step(self, fabric: Fabric, module: nn.Module, optimizer: Any) -> Step:
        """One step on a batch, which gives the loss and its parts."""

        def step(batch: Batch) -> Losses:
            optimizer.zero_grad()
            loss, parts = module(batch.x, **batch.companions)
            fabric.backward(loss)
            if self.gradient_clip is not None:
                fabric.clip_gradients(
                    module, optimizer, max_norm=self.gradient_clip, error_if_nonfinite=False
                )
            optimizer.step()
            return loss, parts

        return step

    def _epoch(
        self, fabric: Fabric, step: Step, batches: Iterable[Batch], bar: PhaseProgress
    ) -> dict[str, float]:
        """One pass: the mean loss and parts over it."""
        means = Means()
        for batch in batches:
            loss, parts = step(batch)
            means.add(loss, parts, len(batch.x))
            bar.step()
        return means.read(fabric)

    def _plateaued(self, rows: list[Row]) -> bool:
        """Whether the last ``patience`` epochs brought nothing that the ones before had not."""
        if self.patience is None or len(rows) <= self.patience:
            return False
        losses = [row["validation"] for row in rows]
        best_before = min(losses[: -self.patience])
        return bool(min(losses[-self.patience :]) >= best_before - self.min_delta)

    def _settings(self, seed: int, world: int) -> dict[str, Any]:
        """What a resumed run must share with the interrupted one to end where it would have."""
        free = {"patience", "min_delta", "capture", "verbose"}
        if self.learning_rate_decay != "cosine":
            free.add("max_epochs")
        fixed = {name: value for name, value in asdict(self).items() if name not in free}
        fixed |= {"seed": seed, "devices": world}
        # By way of JSON NumPy's numbers become Python's, which a checkpoint can hold.
        settings: dict[str, Any] = json.loads(json.dumps(fixed, default=float))
        return settings


def _plain(value: Any) -> str | int | float:
    """A value that a checkpoint and a table can hold: NumPy's and torch's numbers become floats."""
    return value if type(value) in (str, int, float) else float(value)
