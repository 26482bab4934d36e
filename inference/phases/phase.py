"""What a phase of a fit is, and what it is given."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field, fields, replace
from math import ceil
from typing import TYPE_CHECKING, Any, Protocol, Self

from torch import Tensor, nn

from ...guides import Guide
from ...models import MixtureVAE
from ...parts import Count, Part, check_fields
from ..training import Checkpoint, Decay, Row, Rows, Source, steps_of

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass(frozen=True, repr=False)
class Budget(Part, kind="budget"):
    """How long a phase lasts where its epochs are not given: so many optimiser steps.

    Args:
        steps: optimiser steps.
        least: epochs at least.
        most: epochs at most.

    Example:
        >>> Budget(5000, least=10, most=40).epochs(steps_per_epoch=250)
        20
    """

    steps: Count
    least: Count = 1
    most: Count | None = None

    def __post_init__(self) -> None:
        check_fields(self)

    def epochs(self, steps_per_epoch: int) -> int:
        """As many epochs as the steps take, within ``least`` and ``most``."""
        epochs = max(self.least, ceil(self.steps / steps_per_epoch))
        return epochs if self.most is None else min(self.most, epochs)


def epochs_of(given: int | Budget, steps_per_epoch: int) -> int:
    """The epochs given, or those that a budget makes."""
    return given.epochs(steps_per_epoch) if isinstance(given, Budget) else given


class Pace(Protocol):
    """What the pretraining has from the joint training, :class:`Training`."""

    @property
    def batch_size(self) -> int:
        """Rows of a batch, over all processes together."""

    @property
    def learning_rate_decay(self) -> Decay | None:
        """``"cosine"`` to zero, ``(factor, every n epochs)``, or ``None``."""

    @property
    def gradient_clip(self) -> float | None:
        """Largest norm of the gradient, or ``None``."""


@dataclass
class Fit:
    """A fit under way: what its phases work on, one after the other.

    Attributes:
        model: the story, changed in place.
        guide: its guide, changed in place.
        data: ``(N, *event)``, with named companions of the rows.
        seed: of whatever is random; each phase draws from a stream named after it.
        training: the joint training, whose batches the pretraining has too.
        fabric: where to train; ``None``: in this process.
        validation: held-out data, or ``None``.
        checkpoint: where to store the state, and to go on from.
        suffix: ends the phases' names, where there are several restarts.
        verbose: show progress bars.
        history: rows of all phases so far.
        pretrained: what the pretraining trained, if there was one.
        groups: what the start found, by clustering site, ``(N, K)``.
        source: all data, where they are not in memory and ``data`` are a sample of them.
    """

    model: MixtureVAE
    guide: Guide
    data: Rows
    seed: int
    training: Pace
    fabric: Fabric | None = None
    validation: Rows | None = None
    checkpoint: Checkpoint | None = None
    suffix: str = ""
    verbose: bool = False
    history: list[Row] = field(default_factory=list)
    pretrained: nn.Module | None = None
    groups: dict[str, Tensor] = field(default_factory=dict)
    source: Source | None = None

    @property
    def x(self) -> Tensor:
        """The data alone."""
        return self.data.x

    @property
    def everything(self) -> Rows | Source:
        """All data: those in memory, or what they are a sample of."""
        return self.data if self.source is None else self.source

    def completed(self, phase: str) -> bool:
        """Whether a phase has come to its end in the checkpoint."""
        return self.checkpoint is not None and self.checkpoint.completed(phase)

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps of an epoch over all data."""
        return self._steps(len(self.everything))

    @property
    def steps_in_memory(self) -> int:
        """Optimiser steps of an epoch over the data in memory."""
        return self._steps(len(self.x))

    def _steps(self, rows: int) -> int:
        world = 1 if self.fabric is None else self.fabric.world_size
        return max(1, steps_of(rows, max(1, self.training.batch_size), world))


@dataclass(frozen=True, repr=False)
class Phase(Part, abstract=True):
    """A phase of a fit: settings in a frozen dataclass, and a call that does it.

    Nested parameters can be read and set as scikit-learn does (``training__max_epochs=40``), and
    setting gives a changed copy, since a default is shared by all estimators.
    """

    def __post_init__(self) -> None:
        check_fields(self)

    @abstractmethod
    def __call__(self, fit: Fit) -> None:
        """Do this phase of a fit, in place."""

    def check(self, model: MixtureVAE, guide: Guide, x: Tensor) -> None:
        """Refuse, before any work, a story, guide or data that this phase cannot have.

        Raises:
            TypeError, ValueError: names what is wrong and what would do.
        """

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The settings by name; with ``deep`` those of phases within, as ``phase__name``."""
        found = {each.name: getattr(self, each.name) for each in fields(self)}
        for name, value in list(found.items()) if deep else ():
            if isinstance(value, Phase):
                found |= {f"{name}__{inner}": each for inner, each in value.get_params().items()}
        return found

    def with_params(self, **changes: Any) -> Self:
        """A copy with some settings changed."""
        return replace(self, **changes)
