"""Batches for one process of one or several: from a tensor on the device, or from a stream.

The processes share each batch: of ``world`` processes, number ``rank`` takes the rows
``rank, rank + world, …`` of the same permutation, so that their mean is the global batch's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from copy import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .seeds import seeded

Batch = Tensor | tuple[Tensor, ...]


class Rows:
    """Tensors of the same rows, such as data and companions, that a module is called with.

    Args:
        *tensors: ``(N, ...)`` each.
    """

    def __init__(self, *tensors: Tensor) -> None:
        self.tensors = tensors

    def __len__(self) -> int:
        return len(self.tensors[0])

    def take(self, rows: Tensor) -> tuple[Tensor, ...]:
        """The batch of these rows: ``(B,)`` to ``(B, ...)`` each."""
        return tuple(tensor.index_select(0, rows) for tensor in self.tensors)


Data = Tensor | Rows | Iterable[Any]


@dataclass(frozen=True)
class Share:
    """Which rows are this process's, and where it computes.

    Args:
        device: the device of this process.
        dtype: the floating-point type of the module that takes the batches.
        rank: this process's number.
        world: how many processes share each batch.
    """

    device: torch.device
    dtype: torch.dtype
    rank: int = 0
    world: int = 1

    def place(self, batch: Tensor) -> Tensor:
        """``batch`` on the device, its floating-point values in the module's type."""
        dtype = self.dtype if batch.is_floating_point() else batch.dtype
        return batch.to(self.device, dtype, non_blocking=True)


class Batches:
    """Batches of tensors, which live on the device if they take less than half of what is free.

    Args:
        x: an ``(N, ...)`` tensor, or :class:`Rows` of several.
        batch_size: rows of a global batch.
        share: this process's share.
    """

    def __init__(self, x: Tensor | Rows, batch_size: int, share: Share) -> None:
        self.batch_size = int(batch_size)
        self.share = share
        self.rows = Rows(x) if isinstance(x, Tensor) else copy(x)
        tensors = tuple(tensor.detach() for tensor in self.rows.tensors)
        fits = _fits(sum(tensor.nbytes for tensor in tensors), tensors[0], share.device)
        self.rows.tensors = tuple(map(share.place, tensors)) if fits else tensors

    def __len__(self) -> int:
        return steps_of(len(self.rows), self.batch_size, self.share.world)

    def shuffled(self, seed: int) -> Iterator[Batch]:
        """One epoch in the order that ``seed`` gives: equal shares, none too small to train on."""
        order = torch.randperm(len(self.rows), generator=torch.Generator().manual_seed(seed))
        order = order.to(self.rows.tensors[0].device)
        for rows in _trainable(torch.split(order, self.batch_size), self.share):
            yield self._batch(rows)

    def ordered(self) -> Iterator[Batch]:
        """Every row of this process's share once, in order."""
        everything = torch.arange(len(self.rows), device=self.rows.tensors[0].device)
        for rows in torch.split(everything, self.batch_size):
            yield self._batch(rows[self.share.rank :: self.share.world])

    def _batch(self, rows: Tensor) -> Batch:
        batch = tuple(map(self.share.place, self.rows.take(rows)))
        return batch if len(batch) > 1 else batch[0]


class Stream:
    """Batches of an iterable that can be read again each epoch, such as a ``DataLoader``.

    Args:
        source: yields tensors, or tuples whose first entry is one; these are global batches.
        share: this process's share.

    Raises:
        TypeError: if ``source`` is no iterable, or an iterator, which can be read only once.
    """

    def __init__(self, source: Iterable[Any], share: Share) -> None:
        if not isinstance(source, Iterable) or isinstance(source, Iterator):
            raise TypeError(
                "data must be a tensor or an iterable of batches that can be read every epoch, "
                f"such as a DataLoader; got {type(source).__name__}"
            )
        self.source = source
        self.share = share

    def __len__(self) -> int:
        return len(self.source) if isinstance(self.source, Sized) else 0

    def shuffled(self, seed: int) -> Iterator[Tensor]:
        """One epoch in the source's order; ``seed`` is the same in all processes."""
        with seeded(seed):
            batches = iter(self.source)
            first = next(batches, None)
        yield from map(self.share.place, _trainable(_tensors(first, batches), self.share))

    def ordered(self) -> Iterator[Tensor]:
        """Every row of this process's share once."""
        for batch in _tensors(None, iter(self.source)):
            yield self.share.place(batch[self.share.rank :: self.share.world])


def batches_of(x: Data, batch_size: int, share: Share) -> Batches | Stream:
    """The batches of a tensor (or array), or of an iterable.

    Example:
        >>> share = Share(torch.device("cpu"), torch.float32)
        >>> [len(batch) for batch in batches_of(torch.zeros(10, 2), 4, share).shuffled(seed=0)]
        [4, 4, 2]
    """
    if not isinstance(x, Tensor) and hasattr(x, "__array__"):
        x = torch.as_tensor(x)
    if isinstance(x, Tensor | Rows):
        return Batches(x, batch_size, share)
    return Stream(x, share)


def _tensors(first: Any, rest: Iterator[Any]) -> Iterator[Tensor]:
    """The tensors of batches that may be tuples."""
    item = next(rest, None) if first is None else first
    while item is not None:
        batch = item[0] if isinstance(item, tuple | list) else item
        if not isinstance(batch, Tensor):
            raise TypeError(
                f"a batch must be a tensor or begin with one, got {type(batch).__name__}"
            )
        yield batch
        item = next(rest, None)


def _trainable(batches: Iterable[Tensor], share: Share) -> Iterator[Tensor]:
    """This process's rows of each batch, without a last batch of one, or of less than half.

    So few rows give noisy gradients, and end the epoch on BatchNorm statistics that mislead
    prediction; another permutation brings them back in the next epoch.
    """
    largest = 0
    for batch in batches:
        rows = len(batch) // share.world
        largest = max(largest, rows)
        if _enough(rows, largest):
            yield batch[share.rank : rows * share.world : share.world]


def _enough(rows: int, largest: int) -> bool:
    """Whether so many rows of a process are trained on beside a largest batch."""
    return rows > 0 and rows >= min(2, largest) and 2 * rows >= largest


def steps_of(rows: int, batch_size: int, world: int = 1) -> int:
    """Optimiser steps of an epoch: the batches, without a last one that is too small.

    Args:
        rows: of the data.
        batch_size: rows of a global batch.
        world: how many processes share each batch.

    Example:
        >>> [steps_of(rows, batch_size=100) for rows in (300, 349, 350)]
        [3, 3, 4]
    """
    whole, rest = divmod(rows, batch_size)
    full, last = batch_size // world, rest // world
    return whole * _enough(full, full) + _enough(last, full if whole else last)


def rows_of(batch: Batch) -> int:
    """How many rows a batch has."""
    return len(batch[0]) if isinstance(batch, tuple) else len(batch)


def _fits(size: int, x: Tensor, device: torch.device) -> bool:
    if device.type != "cuda" or x.device.type == "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return 2 * size < free
