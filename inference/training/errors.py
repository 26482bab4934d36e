"""What a training loop can end with besides a trained module."""

from __future__ import annotations

from typing import Any


class TrainingDiverged(ValueError):  # noqa: N818, it pairs with TrainingInterrupted
    """The loss became infinite or NaN; the module holds the weights of its last finite epoch.

    Args:
        message: what happened and what to change, in one line.
        phase: name of the phase that diverged.
        epoch: the last finite epoch, 0 for the start.
    """

    def __init__(self, message: str, phase: str, epoch: int) -> None:
        super().__init__(message, phase, epoch)
        self.phase = phase
        self.epoch = epoch

    def __str__(self) -> str:
        return str(self.args[0])


class TrainingInterrupted(KeyboardInterrupt):
    """The user stopped the training; the module holds the weights of its last whole epoch.

    A ``KeyboardInterrupt``, so that what stops on Ctrl-C still does.

    Args:
        message: where it stopped and how to go on, in one line.
        phase: name of the phase that was stopped.
        epoch: the last whole epoch, 0 for the start.

    Attributes:
        fitted: what a fit of several phases had come to, if that can be used.
    """

    fitted: tuple[Any, ...] | None = None

    def __init__(self, message: str, phase: str, epoch: int) -> None:
        super().__init__(message, phase, epoch)
        self.phase = phase
        self.epoch = epoch

    def __str__(self) -> str:
        return str(self.args[0])
