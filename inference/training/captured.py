"""An optimiser step recorded as a CUDA graph and replayed, which spares the launch of each kernel.

A graph has the addresses of what it reads, so each batch is copied to where the recorded one stood,
and nothing that Python decides changes any more. The first steps are ordinary ones, which create
the optimiser's state; batches of another size than the first, such as an epoch's last, are so too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from .batches import Batch

WARM = 3  # steps before the recording, as torch advises

Losses = tuple[Tensor, dict[str, Tensor]]
Step = Callable[[Batch], Losses]


@runtime_checkable
class Recordable(Protocol):
    """A module whose steps can be recorded."""

    def changing(self) -> str:
        """What changes from step to step in Python, in words; nothing if nothing does."""

    def count(self, steps: int) -> None:
        """Steps have been done, or undone, that Python has not seen."""


class CUDAGraphs:
    """How steps are recorded on a CUDA device."""

    kind = "cuda"

    def warm(self, step: Step, batch: Batch) -> Losses:
        """An ordinary step, on a stream of its own."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            losses = step(batch)
        torch.cuda.current_stream().wait_stream(stream)
        return losses

    def record(self, step: Step, batch: Batch) -> tuple[Losses, Callable[[], None]]:
        """Where a step's losses will stand, and what replays it; nothing is computed yet."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            losses = step(batch)
        return losses, graph.replay


GRAPHS = CUDAGraphs()


def check_capture(device: torch.device, world: int = 1) -> None:
    """Refuse a place where no step is recorded.

    Args:
        device: where the training is.
        world: in how many processes.

    Raises:
        ValueError: names what it is.
    """
    if device.type != GRAPHS.kind or world > 1:
        where = f"in {world} processes" if world > 1 else f"on {str(device)!r}"
        raise ValueError(
            f"capture is True, and the training is {where}: only the steps of one CUDA device are "
            "recorded; use device='cuda' and devices=1, or capture=False"
        )


class CapturedStep:
    """A step on batches, which is recorded and from then on replayed.

    What it gives is overwritten by the next step: read it before, or copy it.

    Args:
        step: zeroes the gradients, evaluates, goes back, and updates the weights; its optimiser is
            ``capturable``.
        module: what is trained.
        device: where.

    Raises:
        TypeError: a module that does not say what changes.
        ValueError: a device that records nothing, or a module that changes from step to step.
    """

    def __init__(self, step: Step, module: nn.Module, device: torch.device) -> None:
        check_capture(device)
        if not isinstance(module, Recordable):
            raise TypeError(
                f"capture is True, and {type(module).__name__} does not say by `changing` and "
                "`count` that its steps can be recorded: use capture=False"
            )
        if changing := module.changing():
            raise ValueError(f"capture is True, and {changing}: use capture=False")
        self.step = step
        self.module = module
        self.done = 0
        self.batch: Batch | None = None
        self.losses: Losses | None = None
        self.replay: Callable[[], None] | None = None

    def __call__(self, batch: Batch) -> Losses:
        """One step: the loss and its parts."""
        if self.batch is None:
            self.batch = batch.map(torch.clone)
        if _shapes(batch) != _shapes(self.batch):
            return self.step(batch)
        self._copy(batch)
        if self.done < WARM:
            self.done += 1
            return GRAPHS.warm(self.step, self.batch)
        if self.replay is None:
            self.losses, self.replay = GRAPHS.record(self.step, self.batch)
            self.module.count(-1)
        self.replay()
        self.module.count(1)
        assert self.losses is not None
        return self.losses

    def _copy(self, batch: Batch) -> None:
        assert self.batch is not None
        self.batch.x.copy_(batch.x)
        for name, each in self.batch.companions.items():
            each.copy_(batch.companions[name])


def _shapes(batch: Batch) -> dict[str, torch.Size]:
    return {"": batch.x.shape, **{name: each.shape for name, each in batch.companions.items()}}
