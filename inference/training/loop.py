"""What the training loop is made of: optimiser, running means, the last good weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from math import cos, pi
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from ...parts import Count, Positive
from .batches import Batch
from .checkpoint import Checkpoint
from .errors import TrainingDiverged, TrainingInterrupted

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Decay = tuple[Positive, Count] | tuple[Positive, Count, Positive] | Literal["cosine"]


def fused_adam(
    module: nn.Module, learning_rate: float, epsilon: float = 1e-8, *, capturable: bool = False
) -> torch.optim.Adam:
    """One Adam for all parameters of ``module``, in one kernel where the device has it.

    A ``capturable`` one can be recorded: its rate is a tensor, which a replay reads.
    """
    parameters = list(module.parameters())
    if capturable:
        rate = torch.tensor(learning_rate, device=parameters[0].device)
        return torch.optim.Adam(parameters, lr=rate, eps=epsilon, fused=True, capturable=True)
    try:
        return torch.optim.Adam(parameters, lr=learning_rate, eps=epsilon, fused=True)
    except RuntimeError:
        return torch.optim.Adam(parameters, lr=learning_rate, eps=epsilon)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give all parameters this learning rate, at the place where it stands if it is a tensor."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def decayed(decay: Decay | None, epoch: int, max_epochs: int) -> float:
    """The share of the learning rate that is left in an epoch, counted from 1.

    Args:
        decay: ``"cosine"``, (factor, every n epochs), the same with a least share, or ``None``.
        epoch: the epoch.
        max_epochs: length of the training.

    Example:
        >>> [round(decayed((0.9, 10, 0.1), epoch, 300), 3) for epoch in (1, 11, 211, 221, 300)]
        [1.0, 0.9, 0.109, 0.1, 0.1]
    """
    if decay is None:
        return 1.0
    if decay == "cosine":
        return (1 + cos(pi * (epoch - 1) / max_epochs)) / 2
    least = decay[2] if len(decay) == 3 else 0.0
    return max(decay[0] ** ((epoch - 1) // decay[1]), least)


class Means:
    """Means of a loss and its named parts over rows, summed on the device and read once."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._sum: Tensor | None = None
        self._rows = 0

    def add(self, loss: Tensor, parts: dict[str, Tensor], rows: int) -> None:
        """Adds the means of ``rows`` rows."""
        values = torch.stack([loss.detach(), *parts.values()])
        if self._sum is None:
            self._names = ["loss", *parts]
            self._sum = torch.zeros_like(values, dtype=torch.float64)
        self._sum.add_(values, alpha=rows)
        self._rows += rows

    def read(self, fabric: Fabric) -> dict[str, float]:
        """The means over the rows of all processes.

        Raises:
            ValueError: if nothing was added.
        """
        if self._sum is None:
            raise ValueError("x has no row, or fewer rows than there are processes")
        rows = torch.full_like(self._sum[:1], self._rows)
        *sums, count = _summed(fabric, torch.cat([self._sum, rows]))
        return {name: value / count for name, value in zip(self._names, sums, strict=True)}


def held_out_loss(fabric: Fabric, objective: nn.Module, batches: Iterable[Batch]) -> float:
    """The mean loss over all rows, in evaluation mode."""
    objective.eval()
    total = torch.zeros(2, dtype=torch.float64, device=fabric.device)
    with torch.no_grad(), fabric.autocast():
        for batch in batches:
            if rows := len(batch.x):
                loss, _ = objective(batch.x, **batch.companions)
                total += torch.stack([loss.double() * rows, total.new_tensor(rows)])
    loss, count = _summed(fabric, total)
    if count == 0:
        raise ValueError("validation has no row")
    return loss / count


def _summed(fabric: Fabric, values: Tensor) -> list[float]:
    """The sums of ``values`` over all processes, read from the device."""
    total = fabric.all_reduce(values, reduce_op="sum")
    assert isinstance(total, Tensor)
    return [float(value) for value in total.tolist()]


def share_buffers(fabric: Fabric, module: nn.Module) -> None:
    """Gives all processes the first one's buffers, which each has counted for itself."""
    if fabric.world_size > 1:
        for buffer in module.buffers():
            torch.distributed.broadcast(buffer, 0)


class Snapshot:
    """A copy of a module's state, in memory that is used again for the next copy.

    Args:
        module: the module to copy from and restore.
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._state: dict[str, Any] = {}
        self.take()

    @torch.no_grad()
    def take(self) -> None:
        """Copies the state as it is now."""
        for name, value in self._module.state_dict().items():
            if isinstance(value, Tensor) and name in self._state:
                self._state[name].copy_(value)
            else:
                self._state[name] = value.clone() if isinstance(value, Tensor) else deepcopy(value)

    def restore(self) -> None:
        """Puts the copy back."""
        self._module.load_state_dict(self._state)


def is_finite(module: nn.Module) -> bool:
    """Whether all parameters and buffers are numbers."""
    tensors = [*module.parameters(), *module.buffers()]
    return all(bool(tensor.isfinite().all()) for tensor in tensors)


@contextmanager
def last_good_epoch(
    objective: nn.Module,
    phase: str,
    rows: list[dict[str, Any]],
    learning_rate: float,
    checkpoint: Checkpoint | None,
) -> Iterator[Snapshot]:
    """A scope that training leaves, by Ctrl-C or divergence, with the last whole epoch's weights.

    Args:
        objective: what is trained.
        phase: the phase's name, for the message.
        rows: the phase's history, one row an epoch.
        learning_rate: for the message.
        checkpoint: for the message.

    Raises:
        TrainingInterrupted: for a ``KeyboardInterrupt``.
        TrainingDiverged: for a ``FloatingPointError``, or any error while a parameter is NaN or
            infinite: Pyro's checks of arguments find it before the epoch's mean loss shows it.
    """
    good = Snapshot(objective)
    try:
        yield good
    except KeyboardInterrupt as error:
        good.restore()
        resume = "" if checkpoint is None else f", and {checkpoint.path} holds what to resume"
        raise TrainingInterrupted(
            f"stopped in epoch {len(rows) + 1} of {phase!r}: the weights are those of epoch "
            f"{len(rows)}{resume}",
            phase,
            len(rows),
        ) from error
    except Exception as error:
        if is_finite(objective) and not isinstance(error, FloatingPointError):
            raise
        good.restore()
        raise TrainingDiverged(
            f"the loss of {phase!r} became infinite or NaN in epoch {len(rows) + 1}, and the "
            f"weights are those of epoch {len(rows)}: lower learning_rate (now "
            f"{learning_rate:g}), set gradient_clip (such as 5), or scale the data",
            phase,
            len(rows),
        ) from error
