"""Batches of a source: each process reads units of its own, and shuffles a few thousand rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from heapq import heappop, heappush
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from .batches import (
    Batch,
    Batches,
    Data,
    Rows,
    Share,
    Stream,
    as_rows,
    batches_of,
    steps_of,
    trained_on,
)
from .beside import drawn
from .chunks import bytes_of_row, joined
from .sources import Source

SHUFFLED, SHUFFLED_BYTES = 2**14, 2**26  # rows that are shuffled at a time, and their bytes


class SourceBatches:
    """Batches of rows that are read as they are needed.

    An epoch permutes the units of the source, deals them out to the processes, and shuffles some
    thousand rows of each one's at a time. All processes take as many steps: what one has more than
    another is read and left out, and comes in another epoch. Where units are fewer than processes
    each reads all and takes its share of every batch.

    Args:
        source: the rows, counted.
        batch_size: rows of a global batch.
        share: this process's share.

    Raises:
        TypeError: rows that are not counted.

    Example:
        >>> from .shards import Shards
        >>> source = Shards([0, 10], lambda first: [torch.arange(first, first + 5.0)[:, None]])
        >>> rows = source.draw(seed=0)
        >>> batches = SourceBatches(source, 4, Share(torch.device("cpu"), torch.float32))
        >>> [len(batch.x) for batch in batches.shuffled(seed=0)]
        [4, 4, 2]
    """

    def __init__(self, source: Source, batch_size: int, share: Share) -> None:
        if source.lengths is None:
            raise TypeError("rows are counted before they are trained on: draw a sample first")
        self.source = source
        self.lengths = source.lengths
        self.batch_size = int(batch_size)
        self.share = share
        dealt = source.n_units >= share.world
        self.rank, self.world = (share.rank, share.world) if dealt else (0, 1)

    def __len__(self) -> int:
        return steps_of(len(self.source), self.batch_size, self.share.world)

    def shuffled(self, seed: int) -> Iterator[Batch]:
        """One epoch in the order that ``seed`` gives, as many batches in each process."""
        random = torch.Generator().manual_seed(seed)
        order = torch.randperm(self.source.n_units, generator=random).tolist()
        parts = dealt(order, self.lengths, self.world)
        left = min(sum(self.lengths[unit] for unit in part) for part in parts)
        random.manual_seed(seed + self.rank)
        largest, whose = 0, self.share if self.world == 1 else replace(self.share, rank=0, world=1)
        size = max(1, self.batch_size // self.world)
        for rows in shuffled(self._read(parts[self.rank]), size, random):
            rows = rows.at(slice(left))
            left -= len(rows)
            largest, own = trained_on(len(rows), largest, whose)
            if own is not None:
                yield self._placed(rows.at(own))

    def ordered(self) -> Iterator[Batch]:
        """Every row of this process's share once, in order."""
        units = dealt(range(self.source.n_units), self.lengths, self.world)[self.rank]
        for chunk in self._read(units):
            for rows in as_rows(chunk).split(self.batch_size):
                own = (
                    slice(None)
                    if self.world > 1
                    else slice(self.share.rank, None, self.share.world)
                )
                yield self._placed(rows.at(own))

    def _placed(self, rows: Rows) -> Batch:
        """The batch of these rows, with as many drawn from what goes along."""
        more = drawn(self.source.others, torch.arange(len(rows)))
        return Batch(rows.x, {**rows.companions, **more}).map(self.share.place)

    def _read(self, units: Sequence[int]) -> Iterator[Any]:
        """The chunks of these units, by other processes where there are such."""
        reads = Units(self.source, units)
        workers = min(self.source.workers, len(units))
        if workers == 0:
            return iter(reads)
        return iter(DataLoader(reads, batch_size=None, num_workers=workers))


def dealt(order: Sequence[int], lengths: Sequence[int], world: int) -> list[list[int]]:
    """Units dealt out to processes, so that all have about as many rows: the longest first.

    Args:
        order: the units; those of a process are in it.
        lengths: rows of each unit.
        world: how many processes.

    Example:
        >>> dealt([0, 1, 2, 3], [5, 30, 20, 4], world=2)
        [[1], [0, 2, 3]]
    """
    parts: list[list[int]] = [[] for _ in range(world)]
    held = [(0, rank) for rank in range(world)]
    for place in sorted(range(len(order)), key=lambda place: -lengths[order[place]]):
        rows, rank = heappop(held)
        parts[rank].append(place)
        heappush(held, (rows + lengths[order[place]], rank))
    return [[order[place] for place in sorted(part)] for part in parts]


class Units(IterableDataset[Any]):
    """Units of a source, dealt out to the workers of a loader.

    Args:
        source: the rows.
        units: which, in this order.
    """

    def __init__(self, source: Source, units: Sequence[int]) -> None:
        self.source = source
        self.units = units

    def __iter__(self) -> Iterator[Any]:
        worker = get_worker_info()
        own = self.units if worker is None else self.units[worker.id :: worker.num_workers]
        for unit in own:
            yield from self.source.read(unit)


def shuffled(chunks: Iterable[Tensor | Rows], size: int, random: torch.Generator) -> Iterator[Rows]:
    """Batches of rows that are shuffled some thousand at a time; the last may be smaller.

    Args:
        chunks: ``(B, *event)`` each, alone or with companions.
        size: rows of a batch.
        random: decides the order.
    """
    held: list[Rows] = []
    rows = most = 0
    for chunk in map(as_rows, chunks):
        if len(chunk) == 0:
            continue
        most = most or max(size, min(SHUFFLED, SHUFFLED_BYTES // bytes_of_row(chunk)))
        held.append(chunk)
        rows += len(chunk)
        if rows >= most:
            mixed = _permuted(held, random)
            whole = rows - rows % size
            yield from mixed.at(slice(whole)).split(size)
            held, rows = [mixed.at(slice(whole, None)).map(Tensor.clone)], rows - whole
    if rows:
        yield from _permuted(held, random).split(size)


def _permuted(held: list[Rows], random: torch.Generator) -> Rows:
    mixed: Rows = joined(held)
    return mixed.at(torch.randperm(len(mixed), generator=random))


def read_batches(
    x: Data | Source, batch_size: int, share: Share
) -> Batches | Stream | SourceBatches:
    """The batches of a source, or of what :func:`batches_of` takes."""
    if isinstance(x, Source):
        return SourceBatches(x, batch_size, share)
    return batches_of(x, batch_size, share)
