"""One seed of an experiment: its result on disk, and its rest after it was stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyromix.data import Dataset, load
from pyromix.evaluation import hungarian_accuracy
from pyromix.experiments import apart, measure, place, read, running, splits, watching

from .toys import TOY

pytestmark = pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> Dataset:
    data = load("digits")
    assert data.labels is not None
    few = Dataset(data.x[:300], data.labels[:300], data.name, data.label_names)
    monkeypatch.setattr(running, "load", lambda *args, **kwargs: few)
    return few


def test_a_result_says_all(few: Dataset, tmp_path: Path) -> None:
    record = measure(TOY, "cpu", 3, tmp_path)
    path = tmp_path / "toy" / "cpu-3.json"
    assert [each.name for each in path.parent.iterdir()] == ["cpu-3.json"]
    kept = read(path)
    assert (kept.name, kept.method, kept.data) == ("toy", "VaDE (ours)", "digits")
    assert (kept.split, kept.seed, kept.budget, kept.n_clusters) == ("all", 3, "cpu", 10)
    assert kept.metrics == pytest.approx(record.metrics, rel=1e-5)
    assert {"accuracy", "purity", "most_confident_accuracy", "nmi", "calibration_error"} < set(
        kept.metrics
    )
    vade = TOY.estimator("cpu", 3).fit(few.x)
    assert few.labels is not None
    accuracy = hungarian_accuracy(few.labels, vade.predict(few.x))
    assert kept.metrics["accuracy"] == pytest.approx(accuracy, rel=1e-5)
    assert kept.metrics["bound"] < 0
    assert len(kept.curve) == 3
    assert kept.curve[-1]["wall"] <= kept.seconds["wall"]
    assert kept.seconds["label_10000"] > 0
    assert kept.peak_memory_mib > 100
    assert kept.settings["latent_dim"] == 3
    assert "Watch" not in json.dumps(kept.settings)


def test_a_stopped_seed_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = measure(TOY, "full", 0, tmp_path / "whole")
    monkeypatch.setattr(
        "pyromix.inference.training.checkpoint.monotonic", iter(range(0, 999, 9)).__next__
    )
    log, epochs = watching._Watching.log, []

    def stop(self: Any, step: int, row: dict[str, Any]) -> None:
        epochs.append(row["epoch"])
        if epochs == [1, 2]:
            raise KeyboardInterrupt
        log(self, step, row)
        row["watched_wall"] += 1000.0

    monkeypatch.setattr(watching._Watching, "log", stop)
    with pytest.raises(KeyboardInterrupt):
        measure(TOY, "full", 0, tmp_path)
    assert not place(tmp_path, "toy", "full", 0).exists()
    monkeypatch.setattr(watching._Watching, "log", log)
    rest = measure(TOY, "full", 0, tmp_path)
    assert epochs == [1, 2]
    assert rest.metrics == whole.metrics
    assert [p["accuracy"] for p in rest.curve] == [p["accuracy"] for p in whole.curve]
    assert all(point["wall"] >= 1000.0 for point in rest.curve[1:])
    assert rest.seconds["wall"] >= rest.curve[-1]["wall"]


def test_splits_can_be_pooled(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {
        "train": Dataset(np.zeros((3, 2), np.float32), np.array([0, 1, 0]), "toy"),
        "test": Dataset(np.ones((2, 2), np.float32), np.array([1, 1]), "toy"),
    }
    monkeypatch.setattr(running, "load", lambda data, *, root, split: parts[split])
    assert splits("toy") == (parts["train"], parts["test"], "test")
    both, again, split = splits("toy", pooled=True)
    assert both is again
    assert split == "all"
    assert both.x[:, 0].tolist() == [0, 0, 0, 1, 1]
    assert both.labels is not None
    assert both.labels.tolist() == [0, 1, 0, 1, 1]


def failing() -> None:
    raise ValueError("no")


def interrupted() -> None:
    raise KeyboardInterrupt


@pytest.mark.slow
def test_a_process_of_its_own_says_how_it_ended(capfd: pytest.CaptureFixture[str]) -> None:
    assert apart(print, "done")
    assert not apart(failing)
    with pytest.raises(KeyboardInterrupt):
        apart(interrupted)
    out, err = capfd.readouterr()
    assert "done" in out
    assert "ValueError: no" in err
