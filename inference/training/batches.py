"""Batches for one process of one or several: from a tensor on the device, or from a stream.

A batch is x and named companions of its rows, which a module is called with by keyword:
``module(x, labels=…)``. Nothing here knows what a companion means.

The processes share each batch: of ``world`` processes, number ``rank`` takes the rows
``rank, rank + world, …`` of the same permutation, so that their mean is the global batch's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from copy import copy
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor

from .seeds import seeded


class Batch(NamedTuple):
    """Data and what goes with them.

    Attributes:
        x: ``(B, *event)``.
        companions: by name, ``(B, ...)`` each.
    """

    x: Tensor
    companions: dict[str, Tensor]

    def map(self, function: Callable[[Tensor], Tensor]) -> Batch:
        """The batch with a function applied to each of its tensors."""
        return Batch(
            function(self.x), {name: function(each) for name, each in self.companions.items()}
        )


class Rows:
    """Data and named companions of their rows, such as labels or covariates.

    Args:
        x: ``(N, *event)``.
        **companions: ``(N, ...)`` each.

    Raises:
        ValueError: a companion of another number of rows.

    Example:
        >>> rows = Rows(torch.zeros(5, 2), labels=torch.arange(5))
        >>> rows.take(torch.tensor([3, 0])).companions["labels"]
        tensor([3, 0])
    """

    def __init__(self, x: Tensor, **companions: Tensor) -> None:
        for name, each in companions.items():
            if len(each) != len(x):
                raise ValueError(f"{name} has {len(each)} rows and the data have {len(x)}")
        self.x = x
        self.companions = companions

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: Tensor) -> Batch:
        """The batch of these rows: ``(B,)`` to ``(B, ...)`` each."""
        return Batch(self.x, self.companions).map(lambda each: each.index_select(0, rows))

    def at(self, rows: Tensor | slice) -> Self:
        """A copy with some of the rows."""
        other = copy(self)
        own = Batch(self.x, self.companions)
        other.x, other.companions = own.map(lambda each: each[rows])
        return other

    def split(self, batch_size: int) -> Iterator[Self]:
        """Copies with the rows in order, so many in each; one of none where there is no row."""
        for start in range(0, max(1, len(self)), batch_size):
            yield self.at(slice(start, start + batch_size))

    def map(self, function: Callable[[Tensor], Tensor]) -> Self:
        """A copy with a function applied to each tensor."""
        other = copy(self)
        other.x, other.companions = Batch(self.x, self.companions).map(function)
        return other

    def with_companions(self, **companions: Tensor) -> Rows:
        """The same data with more companions."""
        return Rows(self.x, **{**self.companions, **companions})


Data = Tensor | Rows | Iterable[Any]


def as_rows(x: Tensor | Rows) -> Rows:
    """Data as rows, with the companions that they have."""
    return Rows(x) if isinstance(x, Tensor) else x


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

    def place(self, tensor: Tensor) -> Tensor:
        """``tensor`` on the device, floating-point values in the module's type."""
        dtype = self.dtype if tensor.is_floating_point() else tensor.dtype
        return tensor.to(self.device, dtype, non_blocking=True)


class Batches:
    """Batches of tensors, which live on the device if they take less than half of what is free.

    Args:
        x: an ``(N, *event)`` tensor, or :class:`Rows` with companions.
        batch_size: rows of a global batch.
        share: this process's share.
    """

    def __init__(self, x: Tensor | Rows, batch_size: int, share: Share) -> None:
        self.batch_size = min(int(batch_size), 2**62)  # torch counts no further
        self.share = share
        rows = as_rows(x).map(Tensor.detach)
        size = sum(each.nbytes for each in (rows.x, *rows.companions.values()))
        self.rows = rows.map(share.place) if _fits(size, rows.x, share.device) else rows

    def __len__(self) -> int:
        return steps_of(len(self.rows), self.batch_size, self.share.world)

    def shuffled(self, seed: int) -> Iterator[Batch]:
        """One epoch in the order that ``seed`` gives: equal shares, none too small to train on."""
        order = torch.randperm(len(self.rows), generator=torch.Generator().manual_seed(seed))
        order = order.to(self.rows.x.device)
        largest = 0
        for rows in torch.split(order, self.batch_size):
            largest, own = trained_on(len(rows), largest, self.share)
            if own is not None:
                yield self._batch(rows[own])

    def ordered(self) -> Iterator[Batch]:
        """Every row of this process's share once, in order."""
        everything = torch.arange(len(self.rows), device=self.rows.x.device)
        for rows in torch.split(everything, self.batch_size):
            yield self._batch(rows[self.share.rank :: self.share.world])

    def _batch(self, rows: Tensor) -> Batch:
        return self.rows.take(rows).map(self.share.place)


class Stream:
    """Batches of an iterable that can be read again each epoch, such as a ``DataLoader``.

    Args:
        source: yields tensors; tuples whose first entry is one, which alone is taken; or mappings
            of ``x`` and its companions. These are global batches.
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

    def shuffled(self, seed: int) -> Iterator[Batch]:
        """One epoch in the source's order; ``seed`` is the same in all processes."""
        with seeded(seed):
            items = iter(self.source)
            first = list(islice(items, 1))
        largest = 0
        for batch in map(_batch_of, chain(first, items)):
            largest, own = trained_on(len(batch.x), largest, self.share)
            if own is not None:
                yield self._own(batch, own)

    def ordered(self) -> Iterator[Batch]:
        """Every row of this process's share once."""
        for item in self.source:
            yield self._own(_batch_of(item), slice(self.share.rank, None, self.share.world))

    def _own(self, batch: Batch, own: slice) -> Batch:
        return batch.map(lambda each: self.share.place(each[own]))


def batches_of(x: Data, batch_size: int, share: Share) -> Batches | Stream:
    """The batches of a tensor (or array), or of an iterable.

    Example:
        >>> share = Share(torch.device("cpu"), torch.float32)
        >>> [len(batch.x) for batch in batches_of(torch.zeros(10, 2), 4, share).shuffled(0)]
        [4, 4, 2]
    """
    if not isinstance(x, Tensor) and hasattr(x, "__array__"):
        x = torch.as_tensor(x)
    if isinstance(x, Tensor | Rows):
        return Batches(x, batch_size, share)
    return Stream(x, share)


def _batch_of(item: Any) -> Batch:
    """The batch that an iterable's item is."""
    companions: dict[str, Any] = dict(item) if isinstance(item, Mapping) else {}
    x = companions.pop("x", None) if companions else item
    if isinstance(x, tuple | list) and x:
        x = x[0]
    wrong = [each for each in (x, *companions.values()) if not isinstance(each, Tensor)]
    if wrong:
        raise TypeError(
            "a batch must be a tensor, begin with one, or map 'x' and names of companions to "
            f"tensors; got {type(wrong[0]).__name__}"
        )
    rows = Rows(x, **companions)
    return Batch(rows.x, rows.companions)


def trained_on(rows: int, largest: int, share: Share) -> tuple[int, slice | None]:
    """This process's rows of a batch of so many; none of a last one that is too small.

    One row, or less than half of a batch, gives noisy gradients, and ends the epoch on BatchNorm
    statistics that mislead prediction; another permutation brings them back in the next epoch.

    Returns:
        Rows of the largest batch so far, and those to take.
    """
    own = rows // share.world
    largest = max(largest, own)
    taken = slice(share.rank, own * share.world, share.world)
    return largest, taken if _enough(own, largest) else None


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


def _fits(size: int, x: Tensor, device: torch.device) -> bool:
    if device.type != "cuda" or x.device.type == "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return 2 * size < free
