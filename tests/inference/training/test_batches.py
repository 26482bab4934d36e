"""Batches: what an epoch covers, how processes share it, and what is left out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from pyromix.inference.training.batches import Batch, Rows, Share, batches_of, steps_of


def share(rank: int = 0, world: int = 1) -> Share:
    return Share(torch.device("cpu"), torch.float64, rank, world)


def alone(batches: Iterator[Batch]) -> Iterator[Tensor]:
    """Batches of data without companions."""
    for batch in batches:
        assert not batch.companions
        yield batch.x


def rows(batches: Iterator[Batch]) -> list[list[int]]:
    return [batch[:, 0].int().tolist() for batch in alone(batches)]


def flat(batches: list[list[int]]) -> list[int]:
    return [row for batch in batches for row in batch]


def numbered(n: int) -> Tensor:
    return torch.arange(n, dtype=torch.float32).unsqueeze(-1)


def test_an_epoch_is_a_permutation_that_the_seed_decides() -> None:
    batches = batches_of(numbered(23), 5, share())
    first = rows(batches.shuffled(seed=1))
    assert [len(batch) for batch in first] == [5, 5, 5, 5, 3]
    assert sorted(flat(first)) == list(range(23))
    assert rows(batches.shuffled(seed=1)) == first
    assert rows(batches.shuffled(seed=2)) != first


def test_ordered_covers_every_row_in_order() -> None:
    assert flat(rows(batches_of(numbered(21), 5, share()).ordered())) == list(range(21))


@pytest.mark.parametrize("n", [23, 21, 24])
def test_processes_share_each_batch_in_equal_parts(n: int) -> None:
    whole = rows(batches_of(numbered(n), 5, share()).shuffled(seed=3))
    parts = [rows(batches_of(numbered(n), 5, share(r, 2)).shuffled(seed=3)) for r in range(2)]
    assert [len(batch) for batch in parts[0]] == [len(batch) for batch in parts[1]]
    for batch, first, second in zip(whole, *parts, strict=False):
        usable = len(batch) - len(batch) % 2
        assert [*first, *second] == [*batch[:usable:2], *batch[1:usable:2]]


def test_processes_cover_validation_rows_once() -> None:
    parts = [flat(rows(batches_of(numbered(7), 3, share(r, 2)).ordered())) for r in range(2)]
    assert sorted(flat(parts)) == list(range(7))


@pytest.mark.parametrize(
    ("n", "size", "world", "lengths"),
    [
        (9, 4, 1, [4, 4]),
        (10, 4, 1, [4, 4, 2]),
        (11, 8, 1, [8]),
        (12, 8, 1, [8, 4]),
        (3, 1, 1, [1, 1, 1]),
        (1, 4, 1, [1]),
        (11, 4, 2, [2, 2]),
        (12, 4, 2, [2, 2, 2]),
        (1, 4, 2, []),
    ],
)
def test_only_a_last_batch_of_one_row_or_less_than_half_is_left_out(
    n: int, size: int, world: int, lengths: list[int]
) -> None:
    for data in (numbered(n), list(numbered(n).split(size))):
        batches = batches_of(data, size, share(0, world)).shuffled(seed=0)
        assert [len(batch.x) for batch in batches] == lengths


def test_floats_take_the_type_of_the_module_and_integers_keep_theirs() -> None:
    assert next(alone(batches_of(numbered(3), 2, share()).ordered())).dtype == torch.float64
    counts = torch.arange(6).reshape(3, 2)
    assert next(alone(batches_of(counts, 2, share()).ordered())).dtype == torch.int64


def test_an_array_is_a_tensor_and_not_an_iterable_of_rows() -> None:
    assert [len(b.x) for b in batches_of(np.zeros((5, 2)), 3, share()).ordered()] == [3, 2]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_loader_is_read_in_an_order_that_the_seed_decides(workers: int) -> None:
    data = TensorDataset(numbered(20), torch.zeros(20))
    loader = DataLoader(data, batch_size=4, shuffle=True, num_workers=workers)
    streams = [batches_of(loader, 4, share(rank, 2)) for rank in range(2)]
    assert len(streams[0]) == 5
    torch.manual_seed(0)
    first = rows(streams[0].shuffled(seed=1))
    second = rows(streams[1].shuffled(seed=1))
    assert sorted(flat(first + second)) == list(range(20))
    assert rows(streams[0].shuffled(seed=1)) == first
    assert rows(streams[0].shuffled(seed=2)) != first


class Pairs(Rows):
    """Rows that draw a companion of their own: a row and one drawn at random."""

    def take(self, rows: Tensor) -> Batch:
        return Batch(self.x[rows], {"other": self.x[torch.randint(len(self), rows.shape)]})


@pytest.mark.parametrize("kind", ["shuffled", "ordered"])
def test_two_processes_shares_of_rows_make_the_whole_batch(kind: str) -> None:
    data = Rows(numbered(24), negative=-numbered(24), label=torch.arange(24) % 3)
    shares = [share(), share(0, 2), share(1, 2)]
    epochs = [
        list(batches.shuffled(seed=3) if kind == "shuffled" else batches.ordered())
        for batches in (batches_of(data, 8, each) for each in shares)
    ]
    assert [len(epoch) for epoch in epochs] == [3, 3, 3]
    for whole, *parts in zip(*epochs, strict=True):
        x = whole.x
        negative, label = whole.companions.values()
        assert [len(x), len(negative), len(label)] == [8, 8, 8]
        assert list(whole.companions) == ["negative", "label"]
        assert torch.equal(torch.stack([part.x for part in parts], 1).flatten(0, 1), x)
        for name, tensor in whole.companions.items():
            merged = torch.stack([part.companions[name] for part in parts], 1).flatten(0, 1)
            assert torch.equal(merged, tensor)
        assert (x.dtype, label.dtype) == (torch.float64, torch.int64)
        assert torch.equal(x, -negative)
        assert torch.equal(x.squeeze(-1).long() % 3, label)


def test_rows_are_those_of_a_tensor_alone() -> None:
    bare = alone(batches_of(numbered(23), 5, share()).shuffled(seed=1))
    beside = batches_of(Rows(numbered(23), same=numbered(23)), 5, share()).shuffled(seed=1)
    for batch, (x, companion) in zip(bare, beside, strict=True):
        assert torch.equal(batch, x)
        assert torch.equal(x, companion["same"])


def test_rows_may_draw_their_companions_anew() -> None:
    batches = batches_of(Pairs(numbered(20)), 20, share())
    epochs = [next(batches.shuffled(seed=1)) for _ in range(2)]
    assert torch.equal(epochs[0][0], epochs[1][0])
    others = [epoch.companions["other"] for epoch in epochs]
    assert not torch.equal(*others)
    assert set(others[0].flatten().tolist()) <= set(range(20))


def test_what_cannot_be_read_twice_is_refused() -> None:
    with pytest.raises(TypeError, match="every epoch, such as a DataLoader; got generator"):
        batches_of((batch for batch in [numbered(3)]), 2, share())
    with pytest.raises(TypeError, match=r"begin with one, or map .* to tensors; got str"):
        list(batches_of(["a"], 2, share()).ordered())


@pytest.mark.parametrize("world", [1, 2, 3])
@pytest.mark.parametrize("batch_size", [1, 2, 5, 8])
def test_steps_of_an_epoch_are_those_that_are_taken(batch_size: int, world: int) -> None:
    for n in range(1, 30):
        batches = batches_of(numbered(n), batch_size, share(world - 1, world))
        taken = len(list(batches.shuffled(seed=0)))
        assert len(batches) == steps_of(n, batch_size, world) == taken
