"""What is told of rows that are not in memory: it goes with its rows, wherever these are read."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.datasets import make_blobs
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from pyromix import VaDE
from pyromix.inference import (
    ArrayRows,
    DatasetRows,
    Iterated,
    ObjectiveModule,
    ParquetRows,
    Rows,
    Source,
    SparseRows,
    Training,
)
from pyromix.inference.training.batches import Share
from pyromix.inference.training.streams import SourceBatches
from pyromix.models import NegativeBinomial
from pyromix.networks import Perceptron

N, SAMPLE = 900, 300
X, GROUPS = make_blobs(N, 4, centers=3, cluster_std=0.4, random_state=0)
X = X.astype(np.float32)
X[:, 0] = np.arange(N) / N  # a row is told by its first value
BATCH = np.where(np.arange(N) % 3 == 0, "late", "early")
BATCH[-1] = "last"  # which the sample has not
ONCE = Training(max_epochs=1, batch_size=100)
pytestmark = pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")


def vade(**more: Any) -> VaDE:
    settings: dict[str, Any] = {
        "n_clusters": 3,
        "latent_dim": 2,
        "networks": Perceptron(16),
        "pretraining": None,
        "start": None,
        "training": Training(max_epochs=2, batch_size=50),
        "standardise": False,
        "random_state": 0,
        "device": "cpu",
    }
    return VaDE(**settings | more)


def sources(folder: Path, names: tuple[str, ...] = ("a", "b", "c", "d")) -> dict[str, Source]:
    np.save(folder / "x.npy", X)
    table = pd.DataFrame(X, columns=["a", "b", "c", "d"]).assign(batch=BATCH)
    table.to_parquet(folder / "x.parquet", row_group_size=90)
    return {
        "memmap": ArrayRows(np.load(folder / "x.npy", mmap_mode="r"), SAMPLE),
        "sparse": SparseRows(csr_array(X), SAMPLE),
        "dataset": DatasetRows(TensorDataset(torch.from_numpy(X)), sample=SAMPLE),
        "parquet": ParquetRows(folder / "x.parquet", names, sample=SAMPLE),
    }


def watched(patch: pytest.MonkeyPatch) -> list[tuple[Tensor, dict[str, Tensor]]]:
    """What the objective is called with."""
    seen: list[tuple[Tensor, dict[str, Tensor]]] = []
    forward = ObjectiveModule.forward

    def look(self: Any, x: Tensor, **companions: Tensor) -> Any:
        if self.training:
            seen.append((x.clone(), companions))
        return forward(self, x, **companions)

    patch.setattr(ObjectiveModule, "forward", look)
    return seen


def number(x: Tensor) -> Any:
    return (x[:, 0] * N).round().long().numpy()


def test_rows_bring_their_own_covariates_and_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    y = np.where(np.arange(N) % 7 == 0, GROUPS, -1)
    dose = np.linspace(0, 1, N)
    given = pd.DataFrame({"batch": BATCH, "dose": dose})
    spread = (dose - dose.mean()) / dose.std()
    for name, source in sources(tmp_path).items():
        with monkeypatch.context() as patch:
            seen = watched(patch)
            fitted = vade(training=ONCE).fit(source, y, covariates=given)
        assert fitted.covariates_ is not None
        assert fitted.covariates_.columns[0].categories == ("early", "last", "late")
        rows = np.concatenate([number(x) for x, _ in seen])
        assert (np.bincount(rows, minlength=N) == 1).all(), name
        for x, companions in seen:
            own = number(x)
            one_hot = companions["covariates"][:, :3].argmax(1).numpy()
            assert (np.array(["early", "last", "late"])[one_hot] == BATCH[own]).all()
            np.testing.assert_allclose(companions["covariates"][:, 3], spread[own], atol=1e-5)
            groups = companions["groups"].numpy()
            assert (groups.sum(1) == (y[own] >= 0)).all()
            assert (groups.argmax(1)[y[own] >= 0] == GROUPS[own][y[own] >= 0]).all()
            labelled = number(companions["labelled"])
            assert (y[labelled] >= 0).all()
            assert (companions["labelled_groups"].argmax(1).numpy() == y[labelled]).all()
        # Of 129 labelled rows about 43 are in the sample; of the others a quarter of it comes too.
        drawn = {int(row) for _, each in seen for row in number(each["labelled"])}
        assert len(drawn) > 90


def test_answers_about_rows_with_company_are_those_of_the_array(tmp_path: Path) -> None:
    found = sources(tmp_path)
    fitted = vade().fit(found["memmap"], GROUPS, covariates={"batch": BATCH})
    found.pop("parquet")  # whose features have names
    for ask in (fitted.predict, fitted.predict_proba, fitted.transform, fitted.score_samples):
        whole = ask(X, covariates={"batch": BATCH})
        for source in found.values():
            kept = ask(source, covariates={"batch": BATCH}, out=tmp_path / "answer.npy")
            np.testing.assert_array_equal(kept, whole)
    assert (fitted.predict(X, covariates={"batch": "late"}) >= 0).all()
    with pytest.raises(ValueError, match="has 899 rows and X has 900: give one for each"):
        fitted.predict(found["sparse"], covariates={"batch": BATCH[:-1]})


def test_of_a_sample_that_is_whole_a_fit_is_the_same_to_the_bit(tmp_path: Path) -> None:
    told: dict[str, Any] = {
        "y": np.where(np.arange(N) % 2, GROUPS, -1),
        "covariates": BATCH,
        "sample_weight": np.random.default_rng(0).uniform(0.5, 2, N),
        "constraints": {"must_link": [(0, 5)], "cannot_link": [(7, 800)]},
    }
    as_array = vade().fit(X, **told)
    for source in sources(tmp_path).values():
        source.sample = N
        fitted = vade().fit(source, **told)
        for name, tensor in as_array.model_.state_dict().items():
            assert torch.equal(tensor, fitted.model_.state_dict()[name]), name
        np.testing.assert_array_equal(fitted.labels_, as_array.labels_)


def test_weights_repeat_rows_and_zeros_leave_them_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = np.arange(N) % 4
    parts = np.random.default_rng(0).uniform(0, 3, N)
    found = sources(tmp_path)
    for source, weights in ((found["memmap"], whole), (found["parquet"], parts)):
        with monkeypatch.context() as patch:
            seen = watched(patch)
            vade(training=ONCE).fit(source, sample_weight=weights)
        times = np.bincount(np.concatenate([number(x) for x, _ in seen]), minlength=N)
        scaled = weights if weights is whole else weights / weights.mean()
        assert (np.abs(times - scaled) >= 1).sum() <= 1  # a last batch of one row is left out
        assert abs(times.sum() - scaled.sum()) <= 1
    seed = vade(training=ONCE).fit(X).seed_
    few = np.ones(N)
    few[ArrayRows(X, SAMPLE).draw(seed).rows] = 0
    with pytest.raises(ValueError, match=r"zero in all 300 rows of the sample that starts see"):
        vade().fit(ArrayRows(X, SAMPLE), sample_weight=few)


def test_pairs_are_read_from_wherever_they_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = {"must_link": [(1, 2), (899, 3)], "cannot_link": [(450, 451)]}
    source = sources(tmp_path)["parquet"]
    seen = watched(monkeypatch)
    vade().fit(source, covariates=BATCH, constraints=links)
    pairs = {
        (int(a), int(b), int(linked))
        for _, each in seen
        for a, b, linked in zip(
            number(each["first"]), number(each["second"]), each["linked"], strict=True
        )
    }
    assert pairs == {(1, 2, 1), (899, 3, 1), (450, 451, 0)}
    for _, each in seen:
        own = each["first_covariates"].argmax(1).numpy()
        names = np.array(["early", "last", "late"])
        assert (names[own] == BATCH[number(each["first"])]).all()
    with pytest.raises(ValueError, match="must_link names rows beyond 0 to 899"):
        vade().fit(source, constraints={"must_link": [(0, 900)]})


def test_sizes_go_with_their_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    counts = rng.poisson(3.0, (N, 5)) + 1
    counts[:, 0] = np.arange(N)
    law = partial(NegativeBinomial, size_factors="share")
    sizes = rng.uniform(1, 2, N)
    for given, wanted in ((sizes, sizes), (None, counts.sum(1))):
        with monkeypatch.context() as patch:
            seen = watched(patch)
            vade(likelihood=law).fit(SparseRows(csr_array(counts), SAMPLE), size_factors=given)
        for x, companions in seen:
            np.testing.assert_allclose(
                companions["size_factors"], wanted[x[:, 0].long()], rtol=1e-5
            )


def test_columns_of_parquet_are_read_by_name_and_kind(tmp_path: Path) -> None:
    table = pd.DataFrame(X[:, :3], columns=["a", "b", "c"]).assign(
        batch=BATCH, visits=np.arange(N) % 5, sort=np.array(["x", "y", "z"])[GROUPS], odd=GROUPS > 1
    )
    (tmp_path / "rows").mkdir()
    table[:400].to_parquet(tmp_path / "rows" / "1.parquet", row_group_size=100)
    table[400:].to_parquet(tmp_path / "rows" / "2.parquet", row_group_size=100)
    source = ParquetRows(tmp_path / "rows", sample=890)
    columns = {"visits": "poisson"}
    fitted = vade(columns=columns, standardise="auto").fit(source, covariates=["batch"])
    assert {each.name: each.law for each in fitted.columns_.columns} == {
        "a": "normal",
        "b": "normal",
        "c": "normal",
        "visits": "poisson",
        "sort": "categorical",
        "odd": "bernoulli",
    }
    np.testing.assert_array_equal(fitted.predict(source), fitted.predict(table))
    np.testing.assert_array_equal(fitted.predict(str(tmp_path / "rows")), fitted.predict(table))
    whole = ParquetRows(tmp_path / "rows", sample=N)
    as_frame = vade(columns=columns, standardise="auto").fit(table, covariates=["batch"])
    of_files = vade(columns=columns, standardise="auto").fit(whole, covariates=["batch"])
    np.testing.assert_array_equal(of_files.labels_, as_frame.labels_)
    with pytest.raises(ValueError, match=r"of rows 8\d\d to 899 of X: .*'last' in row \d+"):
        vade().fit(ParquetRows(tmp_path / "rows", sample=20), covariates=["batch"])


def test_batches_without_numbers_cannot_be_told_of(tmp_path: Path) -> None:
    loader = Iterated(DataLoader(TensorDataset(torch.from_numpy(X)), 50), SAMPLE)
    told: dict[str, Any] = {
        "y": GROUPS,
        "covariates": BATCH,
        "sample_weight": np.ones(N),
        "constraints": {"must_link": [(0, 1)]},
    }
    for name, given in told.items():
        with pytest.raises(TypeError, match=f"{name} has a value for each row by its number, and"):
            vade().fit(loader, **{name: given})


def test_held_out_rows_with_company_are_not_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = watched(monkeypatch)
    training = Training(max_epochs=1, batch_size=10, patience=3)
    weights = np.where(np.arange(N) % 2, 1, 2)
    vade(training=training).fit(
        ArrayRows(X, SAMPLE), covariates=BATCH, sample_weight=weights, y=GROUPS
    )
    times = np.bincount(np.concatenate([number(x) for x, _ in seen]), minlength=N)
    left_out = np.flatnonzero(times == 0)
    assert 10 < len(left_out) <= 45 + 4  # a tenth of the sample's repeated rows, and a last batch
    assert (times[times > 0] != weights[times > 0]).sum() <= 4


def test_a_source_of_rows_with_company_shuffles_them_together() -> None:
    def make(chunk: Tensor, first: int) -> Rows:
        return Rows(chunk, twice=2 * chunk[:, 0], at=torch.arange(first, first + len(chunk)))

    source = ArrayRows(X).map(make).repeated(np.arange(N) % 3)
    assert len(source) == N
    for rank in range(2):
        share = Share(torch.device("cpu"), torch.float32, rank, 2)
        for batch in SourceBatches(source, 64, share).shuffled(0):
            assert torch.equal(batch.companions["twice"], 2 * batch.x[:, 0])
            assert (batch.companions["at"].numpy() == number(batch.x)).all()
    some = np.array([0, 7, 899])
    np.testing.assert_array_equal(Source.pick(ArrayRows(X), some), X[some])
