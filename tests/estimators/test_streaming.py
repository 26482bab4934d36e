"""Fits of rows that are not in memory, and answers about them, beside those of the same array."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, csr_matrix
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score
from torch.utils.data import DataLoader, TensorDataset

from pyromix import MFCVAE, VaDE, load
from pyromix.inference import (
    ArrayRows,
    Autoencoder,
    DatasetRows,
    GaussianMixtureStart,
    Iterated,
    ParquetRows,
    Rows,
    Shards,
    SparseRows,
    Trainer,
    Training,
    TrainingInterrupted,
)
from pyromix.networks import Perceptron

Array = NDArray[Any]
pytestmark = [
    pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]
X, GROUPS = make_blobs(1500, 4, centers=3, cluster_std=0.4, random_state=0)
X = X.astype(np.float32)
SAMPLE = 400
UNTAUGHT: dict[str, Any] = {"pretraining": None, "start": None}
GREY: dict[str, Any] = {"likelihood": "bernoulli", "standardise": False}


def vade(**more: Any) -> VaDE:
    settings: dict[str, Any] = {
        "n_clusters": 3,
        "latent_dim": 2,
        "networks": Perceptron(32),
        "pretraining": Autoencoder(epochs=60, learning_rate=5e-3),
        "start": GaussianMixtureStart(on="data"),
        "training": Training(max_epochs=3, batch_size=64),
        "standardise": True,
        "random_state": 0,
        "device": "cpu",
    }
    return VaDE(**settings | more)


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("mapped") / "x.npy"
    np.save(path, X)
    return np.load(path, mmap_mode="r")


@pytest.fixture(scope="module")
def fitted(mapped: Any) -> VaDE:
    return vade().fit(ArrayRows(mapped, sample=SAMPLE))


def part(number: int) -> Iterator[Array]:
    yield from np.array_split(X[500 * number : 500 * (number + 1)], 7)


def sources(folder: Path) -> dict[str, Any]:
    """Everything that the rows can be read from, with a sample of some."""
    pd.DataFrame(X, columns=list("abcd")).to_parquet(folder / "x.parquet", row_group_size=100)
    data = TensorDataset(torch.from_numpy(X), torch.from_numpy(GROUPS))
    return {
        "sparse": SparseRows(csr_array(X), SAMPLE),
        "dataset": DatasetRows(data, sample=SAMPLE),
        "loader": Iterated(DataLoader(data, batch_size=50), SAMPLE),
        "shards": Shards(range(3), part, SAMPLE),
        "parquet": ParquetRows(folder, sample=SAMPLE),
    }


def test_a_fit_finds_the_groups_of_whatever_it_reads(
    fitted: VaDE, tmp_path: Path, mapped: Any
) -> None:
    assert not hasattr(fitted, "labels_")
    assert adjusted_rand_score(GROUPS, fitted.predict(X)) > 0.95
    for name, source in sources(tmp_path).items():
        mixture = vade(**UNTAUGHT).fit(source)
        assert mixture.predict(source).shape == (1500,)
        losses = [row["loss"] for row in mixture.history_]
        assert losses[-1] < losses[0], name
        assert mixture.n_features_in_ == 4
        assert hasattr(mixture, "feature_names_in_") == (name == "parquet")
    untaught = vade(**UNTAUGHT)
    both = untaught.fit_predict(ArrayRows(mapped, sample=SAMPLE))
    np.testing.assert_array_equal(both, untaught.predict(X))


def test_the_joint_training_reads_all_rows_and_the_start_a_sample(
    mapped: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    place = GaussianMixtureStart.groups

    def watched(self: Any, features: Array, n_clusters: int, seed: int) -> Array:
        seen.append(len(features))
        return place(self, features, n_clusters, seed)

    monkeypatch.setattr(GaussianMixtureStart, "groups", watched)
    read: list[int] = []
    rows = ArrayRows.rows

    def counted(self: Any, numbers: Array) -> torch.Tensor:
        read.append(len(numbers))
        return rows(self, numbers)

    source = ArrayRows(mapped, sample=SAMPLE)
    monkeypatch.setattr(ArrayRows, "rows", counted)
    vade(pretraining=None, training=Training(max_epochs=2, batch_size=64)).fit(source)
    assert seen == [SAMPLE]
    assert sum(read) == SAMPLE + 2 * len(X) + 1  # one row to know the shape


def test_few_rows_are_taken_to_memory_and_fitted_as_an_array_is(
    mapped: Any, tmp_path: Path
) -> None:
    few = X[:200]
    pd.DataFrame(few).rename(columns=str).to_parquet(tmp_path / "few.parquet")
    as_array = vade(**UNTAUGHT).fit(few)
    for given in (mapped[:200], csr_matrix(few), DataLoader(TensorDataset(torch.from_numpy(few)))):
        mixture = vade(**UNTAUGHT).fit(given)
        np.testing.assert_array_equal(mixture.labels_, as_array.labels_)
        np.testing.assert_array_equal(mixture.transform(given), as_array.transform(few))
    named = vade(**UNTAUGHT).fit(tmp_path)
    assert list(named.feature_names_in_) == ["0", "1", "2", "3"]
    np.testing.assert_array_equal(named.predict(str(tmp_path)), as_array.labels_)


def test_answers_are_those_of_the_array_wherever_they_are_put(
    fitted: VaDE, tmp_path: Path, mapped: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyromix.estimators.streaming.BLOCK", 300)
    source = ArrayRows(mapped, sample=SAMPLE)
    for name, column in (
        ("predict", "label"),
        ("predict_proba", "probability"),
        ("transform", "z"),
        ("score_samples", "score"),
    ):
        ask = getattr(fitted, name)
        whole = ask(X)
        np.testing.assert_allclose(ask(source), whole, rtol=1e-4, atol=1e-4)
        kept = ask(source, out=tmp_path / f"{name}.npy")
        assert isinstance(kept, np.memmap)
        assert kept.dtype == whole.dtype
        np.testing.assert_allclose(kept, whole, rtol=1e-4, atol=1e-4)
        filled = np.empty_like(whole)
        assert ask(source, out=filled) is filled
        np.testing.assert_array_equal(filled, kept)
        path = ask(X, out=str(tmp_path / f"{name}.parquet"))
        table = pd.read_parquet(path)
        width = whole.shape[1] if whole.ndim > 1 else 0
        assert list(table) == ([f"{column}_{i}" for i in range(width)] or [column])
        np.testing.assert_array_equal(table.to_numpy().reshape(whole.shape), whole)
    assert {path.suffix for path in tmp_path.iterdir()} == {".npy", ".parquet"}


def test_several_clusterings_have_a_column_or_a_table_each(tmp_path: Path) -> None:
    mixture = MFCVAE(
        n_clusters=(2, 3),
        latent_dim=2,
        networks=Perceptron(8),
        start=None,
        training=Training(max_epochs=1),
        device="cpu",
        random_state=0,
    ).fit(X[:300])
    source = SparseRows(csr_array(X[:300]))
    assert mixture.predict(source).shape == (300, 2)
    found = mixture.predict_proba(source)
    assert [each.shape for each in found] == [(300, 2), (300, 3)]
    table = pd.read_parquet(mixture.predict_proba(source, out=tmp_path / "p.parquet"))
    assert list(table) == [f"probability_{j}_{i}" for j in range(2) for i in range(2 + j)]
    with pytest.raises(ValueError, match="the answer is 2 arrays, one for each facet"):
        mixture.predict_proba(source, out=tmp_path / "p.npy")
    assert [path.name for path in tmp_path.iterdir()] == ["p.parquet"]


def test_where_answers_cannot_be_put(fitted: VaDE, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"use a path that ends in .npy or .parquet"):
        fitted.predict(X, out="labels.csv")
    with pytest.raises(TypeError, match="out is a int: give an array, or a path"):
        fitted.predict(X, out=3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"out has shape \(3,\), and the answer has \(1500,\)"):
        fitted.predict(X, out=np.zeros(3, int))
    with pytest.raises(ValueError, match="out has 1501 rows, and X has 1500"):
        fitted.predict(X, out=np.zeros(1501, int))
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        fitted.predict(X, out=tmp_path / "none" / "labels.npy")


def test_what_is_wrong_is_told_with_its_row(fitted: VaDE) -> None:
    for value, word in ((np.nan, "NaN"), (np.inf, "inf")):
        wrong = X.copy()
        wrong[1234, 2] = value
        source = SparseRows(csr_array(wrong), SAMPLE)
        for ask in (vade(**UNTAUGHT).fit, fitted.predict):
            with pytest.raises(ValueError, match=rf"X holds {word} at \[1234, 2\]: impute or drop"):
                ask(source)
    beyond = np.clip(np.abs(X) / 20, 0, 1)
    beyond[1234, 2] = 1.5
    with pytest.raises(ValueError, match=r"of rows 12[0-9]+ to 12[0-9]+ of X"):
        vade(**UNTAUGHT, **GREY).fit(SparseRows(csr_array(beyond), SAMPLE))
    with pytest.raises(ValueError, match="y has 1,499 rows and X has 1,500: give one for each"):
        vade().fit(SparseRows(csr_array(X), SAMPLE), GROUPS[:-1])
    uneven = Shards([4, 3], lambda width: [np.ones((300, width))], sample=200)
    with pytest.raises((ValueError, RuntimeError)):
        vade(**UNTAUGHT).fit(uneven)


def test_rows_are_held_out_of_the_sample_and_not_trained_on(
    mapped: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[torch.Tensor] = []
    from pyromix.estimators.ready import Ready

    def watched(self: Ready, chunk: torch.Tensor, first: int) -> Rows:
        seen.append(chunk)
        assert self.scaling is not None
        return Rows(self.scaling(chunk))

    monkeypatch.setattr(Ready, "__call__", watched)
    training = Training(max_epochs=3, batch_size=64, patience=2)
    mixture = vade(**UNTAUGHT | {"training": training}).fit(ArrayRows(mapped, sample=SAMPLE))
    assert all("validation" in row for row in mixture.history_ if row["phase"] == "train")
    assert len(torch.cat(seen)) >= 2 * len(X)  # they are read, and left out after


def test_a_stopped_fit_resumes_bit_for_bit(
    mapped: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = ArrayRows(mapped, sample=SAMPLE)
    settings = UNTAUGHT | {"training": Training(max_epochs=4, batch_size=64)}
    whole = vade(**settings).fit(source)
    path = tmp_path / "checkpoint.pt"
    epochs = iter([None, None, KeyboardInterrupt])
    run = Trainer._epoch

    def stopped(self: Trainer, *given: Any) -> dict[str, float]:
        if stop := next(epochs):
            raise stop
        return run(self, *given)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_epoch", stopped)
        patch.setattr("pyromix.inference.training.checkpoint.monotonic", count(0, 10).__next__)
        with pytest.raises(TrainingInterrupted, match="stopped in epoch 3 of 'train'"):
            vade(**settings).fit(source, checkpoint=path)
    with pytest.raises(ValueError, match="was begun with"):
        vade(**settings).fit(ArrayRows(mapped[:1499], sample=SAMPLE), checkpoint=path)
    resumed = vade(**settings).fit(source, checkpoint=path)
    assert len(resumed.history_) == len(whole.history_)
    for name, tensor in whole.model_.state_dict().items():
        assert torch.equal(tensor, resumed.model_.state_dict()[name])


def test_a_run_of_a_stream_is_kept_without_labels(fitted: VaDE, tmp_path: Path) -> None:
    fitted.save(tmp_path / "run")
    again = load(tmp_path / "run")
    assert not hasattr(again, "labels_")
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))


class Guarded:
    """An array that cannot be read whole."""

    def __init__(self, x: Array) -> None:
        self.x = x
        self.most = 0

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: Any) -> Array:
        found: Array = self.x[rows]
        self.most = max(self.most, len(found))
        return found

    def __array__(self, *given: Any) -> Array:
        raise AssertionError("it is read whole")


def test_the_whole_is_never_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyromix.inference.training.streams.SHUFFLED", 256)
    monkeypatch.setattr("pyromix.estimators.streaming.BLOCK", 256)
    joined: list[int] = []
    cat = torch.cat

    def watched(tensors: Any, dim: int = 0) -> torch.Tensor:
        found = cat(tensors, dim)
        joined.append(len(found))
        return found

    monkeypatch.setattr(torch, "cat", watched)
    guarded = Guarded(X)
    source = ArrayRows(guarded, sample=SAMPLE)
    mixture = vade(pretraining=None, training=Training(max_epochs=1, batch_size=64)).fit(source)
    mixture.predict(source, out=tmp_path / "labels.npy")
    mixture.transform(source, out=tmp_path / "codes.parquet")
    assert guarded.most <= 256
    assert max(joined) == SAMPLE


def test_a_stream_is_learnt_batch_by_batch() -> None:
    mixture = vade(**UNTAUGHT)
    batches = np.split(X, 5)
    mixture.partial_fit(batches[0])
    before = mixture.score(X)
    for batch in batches[1:] * 2:
        assert mixture.partial_fit(batch) is mixture
    np.testing.assert_array_equal(mixture.labels_, mixture.predict(batches[-1]))
    assert mixture.score(X) > before + 0.2
    passes = [row["epoch"] for row in mixture.history_ if row["phase"] == "partial"]
    assert passes == [*range(1, 9)]
    again = vade(**UNTAUGHT)
    for batch in [*batches, *batches[1:]]:
        again.partial_fit(batch)
    for name, tensor in mixture.model_.state_dict().items():
        assert torch.equal(tensor, again.model_.state_dict()[name])
    sent = pickle.loads(pickle.dumps(mixture))
    np.testing.assert_array_equal(sent.transform(X), mixture.transform(X))
    assert sent.partial_fit(batches[0]).history_[-1]["epoch"] == 1  # with another Adam


def test_a_stream_goes_on_from_a_fit_and_not_from_one_forgotten(fitted: VaDE) -> None:
    mixture = vade(**UNTAUGHT).fit(X[:300])
    mixture.partial_fit(X[300:600])
    model = mixture.model_
    mixture.fit(X[:300])
    assert mixture.model_ is not model
    weights = {name: tensor.clone() for name, tensor in mixture.model_.state_dict().items()}
    mixture.partial_fit(X[300:600])
    assert mixture.history_[-1]["epoch"] == 1
    assert any(not torch.equal(t, weights[n]) for n, t in mixture.model_.state_dict().items())


def test_a_batch_of_a_stream_may_have_labels() -> None:
    mixture = vade(**UNTAUGHT | {"training": Training(batch_size=64, learning_rate=5e-3)})
    for _ in range(4):
        for rows in np.array_split(np.arange(len(X)), 5):
            mixture.partial_fit(X[rows], np.where(rows % 2, GROUPS[rows], -1))
    assert (mixture.predict(X) == GROUPS).mean() > 0.9
    assert mixture.partial_fit(X[:300]).history_[-1]["classification"] == 0


def test_what_a_stream_cannot_have() -> None:
    for more, name in (
        ({"n_init": 2}, "n_init"),
        ({"training": Training(patience=2)}, "training's patience"),
    ):
        with pytest.raises(ValueError, match=f"{name} is set, which a stream's single pass"):
            vade(**more).partial_fit(X)
    with pytest.raises(ValueError, match="n_clusters is 3 and X has 2 samples"):
        vade().partial_fit(X[:2])
