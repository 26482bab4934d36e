"""What is given as data is read as the numbers it holds, or refused in a line."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
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
