"""Watching a fit: it ends with the same bits, and what is seen is what the fit would answer."""

from __future__ import annotations

from time import sleep

import numpy as np
import pytest
import torch

from pyromix import VaDE
from pyromix.data import Dataset, load
from pyromix.evaluation import hungarian_accuracy
from pyromix.experiments import Stopwatch, Watch
from pyromix.experiments.watching import ROWS, curve
from pyromix.parts import names

from .toys import PARTS

pytestmark = pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")


@pytest.fixture(scope="module")
def digits() -> Dataset:
    data = load("digits")
    assert data.labels is not None
    return Dataset(data.x[:600], data.labels[:600], data.name, data.label_names)


def fitted(data: Dataset, *during: Watch) -> VaDE:
    vade = VaDE(**PARTS, random_state=0).set_params(training__during=during)
    state = torch.get_rng_state()
    vade.fit(data.x)
    assert torch.equal(torch.get_rng_state(), state)
    return vade


def test_a_watched_fit_is_the_same_to_the_bit(digits: Dataset) -> None:
    plain, watched = fitted(digits), fitted(digits, Watch(digits, Stopwatch()))
    for one, other in zip(
        plain.model_.state_dict().values(), watched.model_.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other)
    losses = [[row.get("loss") for row in vade.history_] for vade in (plain, watched)]
    assert losses[0] == losses[1]


def test_the_curve_begins_at_the_start_and_ends_with_the_fit(digits: Dataset) -> None:
    vade = fitted(digits, Watch(digits, Stopwatch()))
    points = curve(vade.history_)
    assert len(points) == 1 + 3
    walls = [point["wall"] for point in points]
    assert walls == sorted(walls)
    assert walls[0] >= sum(r["seconds"] for r in vade.history_ if r["phase"] != "train")
    gamma = vade.predict_proba(digits.x, num_samples=0)
    assert digits.labels is not None
    accuracy = hungarian_accuracy(digits.labels, np.asarray(gamma).argmax(1))
    assert points[-1]["accuracy"] == pytest.approx(accuracy)
    untrained = VaDE(**PARTS, random_state=0).set_params(training__max_epochs=0).fit(digits.x)
    started = untrained.predict_proba(digits.x, num_samples=0).argmax(1)
    assert points[0]["accuracy"] == pytest.approx(hungarian_accuracy(digits.labels, started))


def test_rows_are_watched_evenly(digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyromix.experiments.watching.ROWS", 100)
    vade = fitted(digits, Watch(digits, Stopwatch()))
    assert digits.labels is not None
    gamma = vade.predict_proba(digits.x[::6], num_samples=0)
    accuracy = hungarian_accuracy(digits.labels[::6], gamma.argmax(1))
    assert curve(vade.history_)[-1]["accuracy"] == pytest.approx(accuracy)
    assert ROWS == 2000


def test_looking_takes_no_seconds_of_the_fit() -> None:
    watch = Stopwatch((10.0, 20.0))
    with watch.stopped():
        sleep(0.2)
        before = watch.read()[0]
    wall, cpu = watch.read()
    assert 10.0 <= wall < 10.1 < before
    assert 20.0 <= cpu < 20.1


def test_a_watch_has_no_name() -> None:
    """It holds data, which no saved run can stand for."""
    assert "watch" not in names("during")
