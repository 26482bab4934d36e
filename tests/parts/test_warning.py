"""Warnings point at the line of the user's own code, and are one short sentence."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import redirect_stderr
from io import StringIO
from typing import Any

import numpy as np
import pytest
import torch

from pyromix import VaDE
from pyromix.estimators.scaling import UnscaledWarning
from pyromix.inference import CollapseWarning, Training
from pyromix.networks import Perceptron
from pyromix.parts.warning import warn

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 3))
QUICK: dict[str, Any] = {
    "networks": Perceptron((4,)),
    "pretraining": None,
    "start": None,
    "training": Training(max_epochs=1),
    "latent_dim": 2,
    "random_state": 0,
}
LONGEST = 300  # characters of a warning, numbers and names filled in


def fit(X: Any, y: Any = None, **changes: Any) -> None:
    VaDE(**{**QUICK, "n_clusters": 8, **changes}).fit(X, y)  # the line of the user


LINE = fit.__code__.co_firstlineno + 1
CASES: dict[type[Warning], Callable[[], None]] = {
    CollapseWarning: lambda: fit(X, standardise=False),
    UnscaledWarning: lambda: fit(X * 1e6, standardise=False),
    UserWarning: lambda: fit(X, np.arange(200) % 20, standardise=False),
}


@pytest.mark.parametrize("category", CASES)
def test_it_points_at_the_line_that_called(category: type[Warning]) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        CASES[category]()
    found = [each for each in caught if each.category is category]
    assert found
    for each in found:
        assert (each.filename, each.lineno) == (__file__, LINE)
        assert len(str(each.message)) < LONGEST
        assert "\n" not in str(each.message)


def test_frames_of_other_packages_in_between_do_not_mislead() -> None:
    """As torch's decorators stand between two of ours."""

    @torch.no_grad()
    def inner() -> None:
        warn("something")

    with pytest.warns(UserWarning, match="something") as caught:
        inner()
    assert caught[0].filename == __file__


class Kernel(StringIO):
    """As a notebook's standard error: it says that it is a terminal, and moves no cursor."""

    def isatty(self) -> bool:
        return True


Kernel.__module__ = "ipykernel.iostream"


def test_progress_in_a_notebook_is_plain_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    written = Kernel()
    with redirect_stderr(written), warnings.catch_warnings():
        warnings.simplefilter("ignore", CollapseWarning)
        fit(X, verbose=True, standardise=False)
    assert "train" in written.getvalue()
    assert "1/1" in written.getvalue()
    assert "\x1b" not in written.getvalue()
    assert "\r" not in written.getvalue()
