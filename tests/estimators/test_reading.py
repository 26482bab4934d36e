"""What is given as data is read as the numbers it holds, or refused in a line."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch

from pyromix import VaDE
from pyromix.estimators import RoundedWarning
from pyromix.inference import Training
from pyromix.models import Normal
from pyromix.networks import Perceptron

X = np.random.RandomState(0).rand(24, 4)
SMALL: dict[str, Any] = {
    "n_clusters": 2,
    "latent_dim": 2,
    "networks": Perceptron(4),
    "start": None,
    "training": Training(max_epochs=1),
    "random_state": 0,
    "device": "cpu",
}


@pytest.fixture(scope="module")
def fitted() -> VaDE:
    return VaDE(**SMALL).fit(X)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "X is None: give an array"),
        ("data.csv", "X is a str"),
        ({"a": [1.0]}, "X is a dict"),
        (3, "X is a int"),
        (iter([[1.0]]), "X is a list_iterator"),
        ([[1.0, 2.0], [3.0]], "X cannot be read: setting an array element"),
        (np.full((4, 4), "1.5"), "X holds text"),
        (np.full((4, 4), "1.5", dtype=object), r"X holds text \('1.5'\)"),
        (np.full((4, 4), 10**400, dtype=object), "X cannot be read: int too large"),
        (np.zeros((4, 4), "M8[D]"), "X holds dates"),
        (np.zeros((4, 4), "m8[s]"), "X holds spans of time"),
        (np.zeros(4, [("a", "f8")]), "X holds records"),
        (np.zeros((4, 4), complex), "Complex data not supported"),
        (np.full((4, 4), 1e39), r"X holds inf at \[0, 0\] \(float32 holds numbers up to 3e38\)"),
        (np.zeros((4, 1, 0, 0)), "holds no numbers"),
        (pd.DataFrame(np.eye(4), columns=list("abca")), "Expected unique column names"),
        (np.array([["red"], ["blue"]], object), "X holds text"),
        (torch.zeros(4, 4, requires_grad=True), "X cannot be read"),
    ],
)
def test_what_is_no_data_is_refused_in_a_line(given: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message) as caught:
        VaDE(**SMALL).fit(given)
    assert "\n" not in str(caught.value)


def test_units_that_the_likelihood_does_not_have_are_refused_later_too(fitted: VaDE) -> None:
    assert fitted.likelihood_ == "bernoulli"
    for method in ("predict", "transform", "reconstruct", "score_samples", "predict_proba"):
        with pytest.raises(ValueError, match="outside the support of the Bernoulli"):
            getattr(fitted, method)(255 * X)


def test_rows_that_overflow_are_named() -> None:
    normal = VaDE(likelihood=partial(Normal, scale=0.5), standardise=True, **SMALL).fit(X)
    far = X.copy()
    far[5] = 3e38
    for method in ("predict", "transform", "reconstruct", "score_samples", "predict_proba"):
        with pytest.raises(ValueError, match=r"row 5 of X has values up to 3e\+38, so far"):
            getattr(normal, method)(far)


def test_codes_are_numbers(fitted: VaDE) -> None:
    for codes in ([[np.nan, 0.0]], [["a", "b"]], [[1.0], [1.0, 2.0]], np.zeros((1, 2), object)):
        with pytest.raises((TypeError, ValueError), match=r"^Z "):
            fitted.inverse_transform(codes)


def test_digits_that_float32_does_not_hold_are_told() -> None:
    x = np.random.default_rng(0).normal(size=(50, 3))
    offset = x + np.array([0.0, 1e9, 0.0])
    quiet = {**SMALL, "standardise": True}
    with pytest.warns(RoundedWarning, match="columns 1 of X lose what tells their rows apart"):
        VaDE(**quiet).fit(offset)
    VaDE(**quiet).fit(x)
    VaDE(**quiet).fit(offset.astype(np.float32))
    wide = VaDE(precision="64-true", **quiet).fit(offset)
    same = VaDE(precision="64-true", **quiet).fit(x)
    np.testing.assert_allclose(wide.transform(offset), same.transform(x), atol=1e-5)


def test_whatever_speaks_a_protocol_is_read_as_the_same_numbers(fitted: VaDE) -> None:
    x = np.random.default_rng(0).random((40, 4))
    rows = x.astype(np.float32)
    table = pa.table({f"c{i}": column for i, column in enumerate(x.T)})
    wanted = fitted.transform(rows)
    given = {
        "float64": x,
        "torch": torch.from_numpy(x),
        "fortran": np.asfortranarray(rows),
        "list": x.tolist(),
        "dlpack": from_dlpack_alone(rows),
    }
    for name, each in given.items():
        np.testing.assert_allclose(fitted.transform(each), wanted, atol=1e-6, err_msg=name)
    named = VaDE(**SMALL).fit(table)
    assert list(named.feature_names_in_) == ["c0", "c1", "c2", "c3"]
    wanted = named.transform(table.to_pandas())
    frames = {
        "arrow": table,
        "stream": table.to_reader(),
        "batch": table.to_batches()[0],
        "polars": pl.DataFrame(x, [f"c{i}" for i in range(4)]),
    }
    for name, each in frames.items():
        np.testing.assert_allclose(named.transform(each), wanted, atol=1e-6, err_msg=name)
    for kind in (np.int16, np.uint8, bool):
        whole = (x > 0.5).astype(kind)
        np.testing.assert_array_equal(fitted.predict(whole), fitted.predict(whole.astype(float)))


def from_dlpack_alone(rows: Any) -> Any:
    class Alone:
        def __dlpack__(self, **given: Any) -> Any:
            return rows.__dlpack__(**given)

        def __dlpack_device__(self) -> Any:
            return rows.__dlpack_device__()

    return Alone()


def test_float32_rows_in_order_are_not_copied(fitted: VaDE) -> None:
    rows = np.random.default_rng(0).random((50, 4), np.float32)
    for given in (rows, torch.from_numpy(rows), from_dlpack_alone(rows)):
        assert np.shares_memory(fitted._rows(given).x.numpy(), rows)
    whole = VaDE(**SMALL | {"standardise": False})
    assert np.shares_memory(whole._check(rows, reset=True).numpy(), rows)
    assert not np.shares_memory(fitted._rows(rows[:, ::-1]).x.numpy(), rows)


def test_polars_tables_are_fitted_as_they_are_and_codes_come_back_as_polars() -> None:
    rng = np.random.default_rng(0)
    table = pl.DataFrame(
        {
            "size": rng.normal(size=40),
            "visits": rng.poisson(2, 40),
            "ok": rng.random(40) < 0.5,
            "colour": rng.choice(["red", "blue"], 40),
            "sort": pl.Series(rng.choice(["a", "b", "c"], 40), dtype=pl.Categorical),
            "batch": rng.choice(["one", "two"], 40),
        }
    )
    small = SMALL | {"pretraining": None}
    fitted = VaDE(**small).fit(table, covariates=["batch"])
    kinds = [column.kind for column in fitted.columns_.columns]
    assert kinds == ["real", "count", "binary", "category", "category"]
    as_pandas = VaDE(**small).fit(table.to_pandas(), covariates=["batch"])
    np.testing.assert_array_equal(fitted.labels_, as_pandas.labels_)
    features, batch = table.drop("batch"), table.select("batch")
    apart = VaDE(**small).fit(features, covariates=batch)
    np.testing.assert_array_equal(apart.predict(features, covariates=batch), fitted.labels_)
    codes = fitted.set_output(transform="polars").transform(table)
    assert isinstance(codes, pl.DataFrame)
    assert codes.columns == ["vade0", "vade1"]
