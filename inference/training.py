"""The training loop: any module that gives a loss and its named parts, on Lightning Fabric.

It knows nothing of what it trains: a bound, an autoencoder and a toy are the same to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from .batches import Batches, Data, Share, Stream, batches_of
from .checkpoint import Checkpoint
from .devices import make_fabric
from .errors import TrainingDiverged, TrainingInterrupted
from .progress import PhaseProgress
from .seeds import derive_seed, seeded

Row = dict[str, Any]
Callback = Callable[[int, Row], None]


@dataclass(frozen=True)
class Trainer:
    """Settings of a training loop, and the loop: Adam on all parameters of a module at once.

    Args:
        max_epochs: passes over the data, at most.
        batch_size: rows of a batch, over all processes together.
        learning_rate: Adam's step size.
        learning_rate_decay: (factor, every n epochs), such as ``(0.9, 10)``; None keeps the rate.
        gradient_clip: largest norm of the gradient of all parameters together, or None.
        patience: stop when the validation loss hasn't improved for so many epochs, or None.
        min_delta: by how many nats per datum the validation loss has to fall to have improved.
        verbose: show a progress bar.

    Raises:
        ValueError: if a setting is out of range.

    Example:
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

    max_epochs: int
    batch_size: int = 256
    learning_rate: float = 1e-3
    learning_rate_decay: tuple[float, int] | None = None
    gradient_clip: float | None = None
    patience: int | None = None
    min_delta: float = 0.0
    verbose: bool = False

    def __post_init__(self) -> None:
        positive = {
            "batch_size": self.batch_size,
            "learning_rate": self.learning_rate,
            "gradient_clip": self.gradient_clip,
            "patience": self.patience,
        }
        for name, value in positive.items():
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be positive, got {value}")
        if self.max_epochs < 0:
            raise ValueError(f"max_epochs must be 0 or more, got {self.max_epochs}")
        if self.learning_rate_decay is not None and not min(self.learning_rate_decay) > 0:
            raise ValueError(
                "learning_rate_decay must be a positive (factor, every n epochs), "
                f"got {self.learning_rate_decay}"
            )

    def fit(
        self,
        objective: nn.Module,
        x: Data,
        *,
        fabric: Fabric | None = None,
        phase: str = "train",
        seed: int = 0,
        validation: Data | None = None,
        augment: Callable[[Tensor], Tensor] | None = None,
        checkpoint: Checkpoint | None = None,
        history: list[Row] | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> list[Row]:
        """Trains ``objective`` in place and leaves it in training mode, on Fabric's device.

        A tensor is permuted every epoch, on the device if it fits there. With several processes
        the losses are means over all of them, and BatchNorm's statistics are each process's own
        until the epoch's end, when the first one's are kept. Epochs are counted from 1.

        Args:
            objective: ``objective(batch)`` gives the loss, in nats per datum, and a dict of
                detached scalars. Its parameters must exist already.
            x: an ``(N, ...)`` tensor, or an iterable of batches such as a ``DataLoader``.
            fabric: where to train; by default one device of this process.
            phase: name of the phase in history, progress bar and checkpoint.
            seed: same seed, same weights; no generator state is left changed.
            validation: data whose loss is taken after every epoch, in evaluation mode.
            augment: maps a training batch to the batch that is trained on.
            checkpoint: where to store the state, and to go on from if the phase is in it.
            history: the list that rows are appended to.
            callbacks: called with (epoch, row) after every epoch; may add numbers to the row.

        Returns:
            The history: rows with phase, epoch, loss, the named parts, validation and seconds.

        Raises:
            TrainingDiverged: if the loss becomes infinite or NaN.
            TrainingInterrupted: on Ctrl-C. Both leave the weights of the last good epoch.
            ValueError: if there is nothing to train on, or the checkpoint has other settings.
        """
        if self.patience is not None and validation is None:
            raise ValueError("patience needs validation data to watch")
        if next(objective.parameters(), None) is None:
            raise ValueError("the objective has no parameters: create them before training")
        history = [] if history is None else history
        fabric = make_fabric() if fabric is None else fabric
        settings = self._settings(seed, fabric.world_size)
        saved = checkpoint.state(phase) if checkpoint is not None else None
        rows: list[Row] = []
        if checkpoint is not None and saved is not None:
            _same_settings(checkpoint, phase, saved["settings"], settings)
            rows = saved["rows"]
            history.extend(rows)
        if checkpoint is not None and checkpoint.completed(phase):
            _load(checkpoint, objective, saved)
            objective.to(fabric.device)
            return history

        objective.to(fabric.device)
        optimizer = _adam(objective, self.learning_rate)
        module, stepper = fabric.setup(objective, optimizer)
        if checkpoint is not None and saved is not None:
            _load(checkpoint, objective, saved)
            optimizer.load_state_dict(saved["optimizer"])
        dtype = next((p.dtype for p in objective.parameters() if p.is_floating_point()))
        share = Share(fabric.device, dtype, fabric.global_rank, fabric.world_size)
        batches = batches_of(x, self.batch_size, share)
        held_out = None if validation is None else batches_of(validation, self.batch_size, share)
        good = _Snapshot(objective)

        def state(done: bool) -> dict[str, Any]:
            weights = {"settings": settings, "rows": rows, "objective": objective.state_dict()}
            return weights if done else {**weights, "optimizer": optimizer.state_dict()}

        bar = PhaseProgress(
            phase, self.max_epochs, len(rows), len(batches), self.verbose and fabric.is_global_zero
        )
        try:
            with bar:
                while len(rows) < self.max_epochs and not self._plateaued(rows):
                    epoch, started = len(rows) + 1, perf_counter()
                    self._set_learning_rate(optimizer, epoch)
                    with seeded(seed, phase, epoch, fabric.global_rank, device=fabric.device):
                        order = batches.shuffled(derive_seed(seed, phase, epoch, "order"))
                        means = self._epoch(fabric, module, stepper, order, augment, bar)
                    row: Row = {"phase": phase, "epoch": epoch, **means}
                    if held_out is not None:
                        with seeded(seed, phase, "validation", fabric.global_rank, device=...):
                            row["validation"] = _evaluate(fabric, objective, held_out)
