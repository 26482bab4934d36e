"""Rows that are not in memory: samples, shuffled epochs, and who reads what."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, random_array
from torch import Tensor
from torch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    TensorDataset,
    WeightedRandomSampler,
    get_worker_info,
)

from pyromix.inference.training import (
    ArrayRows,
    DatasetRows,
    IterableRows,
    Iterated,
    ParquetRows,
    Shards,
    Source,
    SparseRows,
    source_of,
)
from pyromix.inference.training.batches import Share, steps_of
from pyromix.inference.training.streams import SourceBatches

N = 1000


def table() -> NDArray[np.float32]:
    """Rows that are numbered in their first column."""
    x = np.random.default_rng(0).normal(size=(N, 3)).astype(np.float32)
    x[:, 0] = np.arange(N)
    return x


def mapped(path: Path, x: NDArray[Any]) -> Any:
    np.save(path, x)
    return np.load(path, mmap_mode="r")


class Items(Dataset[Any]):
    def __len__(self) -> int:
        return N

    def __getitem__(self, number: int) -> Any:
        return table()[number] if number == 0 else torch.from_numpy(X[number]), number % 3


class Flow(IterableDataset[Tensor]):
    def __iter__(self) -> Iterator[Tensor]:
        return iter(torch.from_numpy(X))


X = table()


def part(number: int) -> Iterator[NDArray[np.float32]]:
    """Shards of unequal lengths."""
    ends = [0, 100, 350, 400, 800, 1000]
    for start in range(ends[number], ends[number + 1], 64):
        yield X[start : min(start + 64, ends[number + 1])]


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Source]:
    frame = pd.DataFrame(X, columns=["number", "b", "c"])
    frame[:300].to_parquet(tmp_path / "1.parquet", row_group_size=70)
    (tmp_path / "more").mkdir()
    frame[300:].to_parquet(tmp_path / "more" / "2.parquet", row_group_size=200)
    found = {
        "memmap": ArrayRows(mapped(tmp_path / "x.npy", X)),
        "sparse": source_of(csr_array(X)),
        "dataset": source_of(Items()),
        "loader": source_of(DataLoader(TensorDataset(torch.from_numpy(X)), 64, shuffle=True)),
        "iterable": source_of(DataLoader(Flow(), batch_size=64)),
        "flow": source_of(Flow()),
        "parquet": source_of(tmp_path),
        "shards": Shards(range(5), part),
    }
    return {name: each for name, each in found.items() if each is not None}


def share(rank: int = 0, world: int = 1) -> Share:
    return Share(torch.device("cpu"), torch.float32, rank, world)


def numbers(batches: Any) -> list[int]:
    return [int(row) for batch in batches for row in batch.x[:, 0]]


def test_whatever_rows_are_read_from_they_are_the_same(sources: dict[str, Source]) -> None:
    assert [type(each) for each in sources.values()] == [
        ArrayRows,
        SparseRows,
        DatasetRows,
        DatasetRows,
        IterableRows,
        IterableRows,
        ParquetRows,
        Shards,
    ]
    for source in sources.values():
        np.testing.assert_array_equal(torch.cat(list(source.chunks())), X)
        drawn = source.draw(seed=0)
        assert drawn.whole
        assert len(source) == N == sum(drawn.lengths)
        np.testing.assert_array_equal(drawn.x, X)
        np.testing.assert_array_equal(drawn.rows, np.arange(N))
        assert drawn.x.dtype == torch.float32
    assert sources["parquet"].columns == ("number", "b", "c")
    assert sources["parquet"].lengths == (70, 70, 70, 70, 20, 200, 200, 200, 100)
    assert sources["shards"].lengths == (100, 250, 50, 400, 200)


def test_a_sample_is_drawn_evenly_and_by_its_seed(sources: dict[str, Source]) -> None:
    for source in sources.values():
        source.sample = 100
        first, again, other = source.draw(1), source.draw(1), source.draw(2)
        np.testing.assert_array_equal(first.rows, again.rows)
        assert (first.rows != other.rows).any()
        np.testing.assert_array_equal(first.x, X[first.rows])
        assert len(np.unique(first.rows)) == 100
        assert (np.diff(first.rows) > 0).all()
        assert not first.whole
    for source in (sources["memmap"], sources["shards"]):
        source.sample = 50
        drawn = np.concatenate([source.draw(seed).rows for seed in range(100)])
        # 5,000 draws into ten cells of 500: 4 standard deviations of a binomial.
        cells = np.histogram(drawn, 10, (0, N))[0]
        assert np.abs(cells - 500).max() < 4 * np.sqrt(5000 * 0.1 * 0.9)


def test_a_sample_is_no_larger_than_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyromix.inference.training.sources.SAMPLED_BYTES", 12 * 30)
    for source in (SparseRows(csr_array(X)), Shards(range(5), part)):
        assert len(source.draw(0).rows) == 30


@pytest.mark.parametrize("world", [1, 2, 3])
def test_an_epoch_reads_every_row_once_in_all_and_steps_are_equal(
    sources: dict[str, Source], world: int
) -> None:
    for name, source in sources.items():
        source.draw(0)
        epochs = [
            list(SourceBatches(source, 60, share(rank, world)).shuffled(seed=5))
            for rank in range(world)
        ]
        lengths = [[len(batch.x) for batch in epoch] for epoch in epochs]
        assert all(each == lengths[0] for each in lengths), name
        assert set(lengths[0][:-1]) == {60 // world}
        trained = Counter(number for epoch in epochs for number in numbers(epoch))
        assert max(trained.values()) == 1, name
        most = max(source.lengths or ())  # what one process may have more than another
        missing = N - len(trained)
        assert missing <= (world - 1) * most + 60, name
        assert missing <= 0.3 * N, name
        if world == 1:
            assert missing == N - sum(60 * (k < 16) + 40 * (k == 16) for k in range(17))
            assert len(SourceBatches(source, 60, share())) == len(epochs[0]) == steps_of(N, 60)
        batches = [SourceBatches(source, 60, share(rank, world)) for rank in range(world)]
        ordered = [number for each in batches for number in numbers(each.ordered())]
        assert sorted(ordered) == list(range(N))


def test_the_order_is_the_seeds_and_mixes_what_is_sorted(
    sources: dict[str, Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyromix.inference.training.streams.SHUFFLED", 250)
    for source in sources.values():
        source.draw(0)
        batches = SourceBatches(source, 50, share())
        first = numbers(batches.shuffled(seed=1))
        assert numbers(batches.shuffled(seed=1)) == first
        assert numbers(batches.shuffled(seed=2)) != first
        assert sorted(first) == list(range(N))
    # Units of 16 rows, 250 rows at a time: what lies together in a file is spread over the batches.
    batch = next(SourceBatches(sources["memmap"], 50, share()).shuffled(seed=1)).x[:, 0]
    assert len(torch.unique(batch // 100)) >= 7


def counted(path: str) -> Iterator[NDArray[np.float32]]:
    """Reads, and says so in a file beside."""
    for number, rows in enumerate(part(int(Path(path).suffix[1:]))):
        with Path(f"{path}.{number}.read").open("a", encoding="utf-8") as file:
            file.write("x" * len(rows))
        yield rows


@pytest.mark.slow  # starts processes
def test_two_processes_of_two_workers_read_each_row_once(tmp_path: Path) -> None:
    places = [str(tmp_path / f"shard.{number}") for number in range(5)]
    source = Shards(places, counted, workers=2)
    source.lengths = (100, 250, 50, 400, 200)
    found = [
        numbers(SourceBatches(source, 50, share(rank, 2)).shuffled(seed=0)) for rank in range(2)
    ]
    assert len(set(found[0] + found[1])) == len(found[0]) + len(found[1])
    assert sum(len(each.read_text()) for each in tmp_path.glob("*.read")) == N


class Shared(IterableDataset[Tensor]):
    """Yields the part of the worker that asks."""

    def __iter__(self) -> Iterator[Tensor]:
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        yield from torch.from_numpy(X[first::step])


def test_an_iterable_that_asks_who_reads_it_is_shared_by_rank_and_worker() -> None:
    for workers in (0, 2):
        source = source_of(DataLoader(Shared(), 64, num_workers=workers))
        assert isinstance(source, IterableRows)
        source.processes = 2
        assert source.draw(0).whole
        parts = 2 * max(1, workers)
        assert source.lengths == (N // parts,) * parts
        assert get_worker_info() is None
        found = [
            numbers(SourceBatches(source, 50, share(rank, 2)).shuffled(seed=0)) for rank in range(2)
        ]
        assert [len(each) for each in found] == [500, 500]
        assert sorted(found[0] + found[1]) == list(range(N))
    # One that does not ask is read whole by each, which trains on its share.
    source = source_of(DataLoader(Flow(), 64, num_workers=2))
    assert source is not None
    source.processes = 2
    source.draw(0)
    assert source.lengths == (N,)
    found = [
        numbers(SourceBatches(source, 50, share(rank, 2)).shuffled(seed=0)) for rank in range(2)
    ]
    assert sorted(found[0] + found[1]) == list(range(N))


def test_rows_are_changed_checked_and_left_out_by_their_numbers(sources: dict[str, Source]) -> None:
    def numbered(chunk: Tensor, first: int) -> Tensor:
        assert int(chunk[0, 0]) == first
        return chunk + 1000

    held_out = np.array([0, 1, 2, 69, 70, 500, 999])
    for source in sources.values():
        source.draw(0)
        left = source.map(numbered).without(held_out)
        assert len(left) == N - 7
        found = torch.cat(list(left.chunks()))[:, 0] - 1000
        np.testing.assert_array_equal(found, np.delete(np.arange(N), held_out))
        assert source.without(np.array([], int)) is source


def test_another_process_opens_the_file_and_gets_no_copy(tmp_path: Path) -> None:
    whole = mapped(tmp_path / "x.npy", np.arange(2_000_000, dtype=np.float32).reshape(-1, 2))
    for array in (whole, whole[10:500_000], whole[5:][3:]):
        sent = pickle.dumps(ArrayRows(array))
        assert len(sent) < 20_000
        np.testing.assert_array_equal(pickle.loads(sent).array, array)


def test_sparse_rows_become_dense_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = csr_array(random_array((3000, 40), density=0.1, random_state=0, dtype=np.float64))
    dense: list[int] = []
    toarray = csr_array.toarray

    def watched(self: Any) -> Any:
        dense.append(self.shape[0])
        return toarray(self)

    monkeypatch.setattr(csr_array, "toarray", watched)
    source = SparseRows(matrix, sample=500)
    drawn = source.draw(0)
    list(SourceBatches(source, 128, share()).shuffled(0))
    monkeypatch.undo()
    assert max(dense) <= 256
    np.testing.assert_array_equal(drawn.x, matrix.toarray()[drawn.rows])


def test_kinds_of_numbers(tmp_path: Path) -> None:
    kinds = {"float64": "float64", "int16": "float32", "bool": "float32", ">f8": "float64"}
    for kind, read in kinds.items():
        source = ArrayRows(mapped(tmp_path / f"{kind}.npy", np.ones((3, 2), kind)))
        assert str(source.draw(0).x.dtype) == f"torch.{read}"


def test_a_loader_that_weighs_its_rows_is_read_as_it_is() -> None:
    weighted = WeightedRandomSampler([1.0] * N, 10)
    loader = DataLoader(TensorDataset(torch.from_numpy(X)), 5, sampler=weighted)
    source = source_of(loader)
    assert isinstance(source, Iterated)
    assert sum(len(chunk) for chunk in source.chunks()) == 10


def test_data_in_memory_and_few_that_are_mapped_are_no_source(tmp_path: Path) -> None:
    few = mapped(tmp_path / "few.npy", X)
    for x in (X, torch.from_numpy(X), pd.DataFrame(X), X.tolist(), few, "rows.csv"):
        assert source_of(x) is None
    many = mapped(tmp_path / "many.npy", np.zeros((20_001, 2), np.float32))
    assert isinstance(source_of(many), ArrayRows)


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="X is a generator, which can be read only once"):
        source_of(batch for batch in [X])
    with pytest.raises(FileNotFoundError, match=r"no .parquet file, nor a folder that holds one"):
        source_of(tmp_path)
    with pytest.raises(ValueError, match="sample is 0 and workers is 0: use 1 row or more"):
        Shards([1], part, sample=0)
    with pytest.raises(ValueError, match="places is empty"):
        Shards([], part)
    with pytest.raises(ValueError, match="X has no row"):
        ArrayRows(X[:0])
    with pytest.raises(ValueError, match="X has no row"):
        Shards([1], lambda place: []).draw(0)
    with pytest.raises(TypeError, match="rows are counted before they are trained on"):
        SourceBatches(Shards([1], part), 5, share())
    with pytest.raises(TypeError, match="a batch maps 'y': give the data as 'x'"):
        Iterated([{"y": X}]).draw(0)
    pd.DataFrame({"a": [1.0], "b": ["x"]}).to_parquet(tmp_path / "1.parquet")
    assert ParquetRows(tmp_path, ["a"]).columns == ("a",)
    with pytest.raises(ValueError, match="has no column 'c': it has a, b"):
        ParquetRows(tmp_path, ["c"])
    pd.DataFrame({"a": [1.0]}).to_parquet(tmp_path / "2.parquet")
    pd.DataFrame({"c": [1.0]}).to_parquet(tmp_path / "3.parquet")
    (tmp_path / "1.parquet").unlink()
    with pytest.raises(ValueError, match="differ in column 'a': give the same columns"):
        ParquetRows(tmp_path)
