"""Values that arguments are not, or are only just."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from hypothesis import strategies as st
from torch import nn

from pyromix.guides import GaussianHead
from pyromix.inference import (
    Affiliation,
    Autoencoder,
    BestHead,
    Budget,
    GroupsOf,
    KMeansStart,
    Training,
    TwoView,
)
from pyromix.models import GaussianMixture, Normal
from pyromix.networks import Perceptron, PerceptronLadder

WORDS = [
    "", "auto", "k-means", "gmm", "none", "None", "normal", "bernoulli", "poisson", "gaussian",
    "cuda", "cuda:99", "cpu", "tpu", "64-true", "optimal", "amortised", "marginal", "enumerated",
    "gaussian-mixture", "student-mixture", "style-mixture", "perceptron", "strided", "two-view",
    "residual", "best-head", "pseudo-labels", "cosine", "full", "image", "vector", "yes", "3", "-1",
    "nan", "__import__('os').system('false')", "a\nb", "\x00", "é" * 40,
]  # fmt: skip
RED: Any = partial(GaussianMixture, colour="red")  # type: ignore[call-arg]
PARTS: list[Any] = [
    GaussianMixture, GaussianHead, Normal, Perceptron, int, dict, nn.Linear, Training, object,
    partial(GaussianMixture, covariance="full"), RED,
    partial(Normal, scale=-1.0), partial(GaussianHead, log_scale=float("nan")), partial(print),
    Perceptron(4), PerceptronLadder((4, 4)), Perceptron(4, batch_norm=True), KMeansStart(),
    BestHead(), TwoView(epochs=1), Autoencoder(epochs=1), Affiliation(), [Affiliation()],
    [Affiliation(), 3], [Affiliation], Budget(2), Training(max_epochs=1), GroupsOf([0, 1] * 12),
    GroupsOf(["a"] * 24), nn.Linear(2, 2), len, lambda *_: None, print, Ellipsis, NotImplemented,
    {"z": GaussianHead}, {"z": 3}, {"w": GaussianHead}, {}, (), [], [[]], set(), frozenset({1}),
    np.random.RandomState(0), np.random.default_rng(0), torch.device("cpu"), torch.float64,
    torch.tensor(3), torch.zeros(2), np.zeros(0), np.ones(3), np.int64(3), np.float32(0.5),
    np.bool_(True), np.datetime64("2020-01-01"), pd.NA, pd.Series([1, 2]), pd.DataFrame({"a": [1]}),
    Decimal("1.5"), Fraction(1, 3), 1j, b"3", bytearray(2), memoryview(b"ab"), range(3), slice(2),
    object(), Path("nowhere"), iter([1]), np.ma.masked, (2, 0), (3, 2), (2, "3"), (0.9, 10),
]  # fmt: skip
HUGE = [2**31, 2**40, 2**63, 10**30, -(2**63)]

numbers = st.one_of(
    st.integers(-3, 6),
    st.floats(-3.0, 3.0),
    st.sampled_from([float("nan"), float("inf"), -float("inf"), 1e300, -1e300, 1e-300, -0.0]),
)
values = st.one_of(
    st.none(),
    st.booleans(),
    numbers,
    st.text(max_size=4),
    st.sampled_from(WORDS),
    st.sampled_from(PARTS),
    st.lists(numbers, max_size=3),
    st.lists(numbers, max_size=3).map(tuple),
    st.dictionaries(st.text(max_size=2), numbers, max_size=2),
)
