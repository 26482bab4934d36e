"""Rows that bring others with them: labelled examples, or pairs, drawn anew for every batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Self

import torch
from torch import Tensor

from .batches import Batch, Rows


class Beside(Rows):
    """Data, and for every batch as many rows drawn from others, with replacement.

    The batch has the drawn rows as a companion under the others' name, and their companions beside
    it: few labelled data, or pairs, are then looked at in every step.

    Args:
        data: ``(N, *event)``, with companions.
        **others: rows to draw from, by name.

    Example:
        >>> labelled = Rows(torch.ones(1, 2), labelled_groups=torch.eye(3)[:1])
        >>> batch = Beside(Rows(torch.zeros(9, 2)), labelled=labelled).take(torch.arange(4))
        >>> {name: tuple(each.shape) for name, each in batch.companions.items()}
        {'labelled': (4, 2), 'labelled_groups': (4, 3)}
    """

    def __init__(self, data: Rows, **others: Rows) -> None:
        super().__init__(data.x, **data.companions)
        self.others = others

    def take(self, rows: Tensor) -> Batch:
        """The batch of these rows, and as many drawn from the others."""
        x, companions = super().take(rows)
        return Batch(x, {**companions, **drawn(self.others, rows)})

    def map(self, function: Callable[[Tensor], Tensor]) -> Self:
        """A copy with a function applied to each tensor, those of the others too."""
        mapped = super().map(function)
        mapped.others = {name: other.map(function) for name, other in self.others.items()}
        return mapped


def drawn(others: Mapping[str, Rows], rows: Tensor) -> dict[str, Tensor]:
    """As many rows of each of several, drawn with replacement, as companions of a batch.

    Args:
        others: rows to draw from, by name.
        rows: numbers of the batch's rows, ``(B,)``.
    """
    found: dict[str, Tensor] = {}
    for name, other in others.items():
        some = other.take(torch.randint(len(other), rows.shape, device=rows.device))
        found |= {name: some.x, **some.companions}
    return found
