"""Batches for one process of one or several: from a tensor on the device, or from a stream.

The processes share each batch: of ``world`` processes, number ``rank`` takes the rows
``rank, rank + world, …`` of the same permutation, so that their mean is the global batch's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .seeds import seeded

Data = Tensor | Iterable[Any]


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
    """Batches of a tensor, which lives on the device if it takes less than half of what is free.

    Args:
        x: an ``(N, ...)`` tensor.
        batch_size: rows of a global batch.
        share: this process's share.
    """

    def __init__(self, x: Tensor, batch_size: int, share: Share) -> None:
        self.batch_size = int(batch_size)
        self.share = share
        self.x = share.place(x.detach()) if _fits(x, share.device) else x.detach()

    def __len__(self) -> int:
        return -(-len(self.x) // self.batch_size)

    def shuffled(self, seed: int) -> Iterator[Tensor]:
        """One epoch in the order that ``seed`` gives: equal shares, none too small to train on."""
        order = torch.randperm(len(self.x), generator=torch.Generator().manual_seed(seed))
        order = order.to(self.x.device)
        for rows in _trainable(torch.split(order, self.batch_size), self.share):
            yield self.share.place(self.x.index_select(0, rows))

    def ordered(self) -> Iterator[Tensor]:
        """Every row of this process's share once, in order."""
        for batch in torch.split(self.x, self.batch_size):
            yield self.share.place(batch[self.share.rank :: self.share.world])


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
    return Batches(x, batch_size, share) if isinstance(x, Tensor) else Stream(x, share)


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
        if rows >= min(2, largest) and rows > 0 and 2 * rows >= largest:
            yield batch[share.rank : rows * share.world : share.world]


def _fits(x: Tensor, device: torch.device) -> bool:
    if device.type != "cuda" or x.device.type == "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return 2 * x.nbytes < free
