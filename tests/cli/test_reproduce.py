"""``pyromix reproduce``: what it lists, refuses, skips and tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pyromix.cli import reproducing
from pyromix.experiments import EXPERIMENTS, Record

from .conftest import Invoke

NAME = "dhvc-digits-defaults"
METRICS = {"accuracy": 0.8, "purity": 0.9, "nmi": 0.7, "calibration_error": 0.1}
SECONDS = {"wall": 60.0, "cpu": 50.0, "label_10000": 0.3, "label_10000_cpu": 0.2}


def record(seed: int) -> Record:
    return Record(NAME, "DHVC (ours)", "digits", "all", seed, "cpu", 10, METRICS, SECONDS, 900.0)


def test_list_shows_every_experiment(pyromix: Invoke) -> None:
    text = pyromix("reproduce", "--list").stdout
    for name in EXPERIMENTS:
        assert f" {name} " in text.replace("\n", " \n ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["dhvc-digit-defaults"], "did you mean 'dhvc-digits-defaults'?"),
        ([NAME, "--seeds", "0..2"], "--seeds is '0..2': give whole numbers from 0"),
        ([NAME, "--budget", "gpu"], "--budget is 'gpu': did you mean 'cpu'? use one of cpu, full"),
        ([], "NAME is needed"),
    ],
)
def test_bad_input_is_told(
    pyromix: Invoke, tmp_path: Path, arguments: list[str], said: str
) -> None:
    result = pyromix("reproduce", *arguments, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
    assert not (tmp_path / "out").exists()


def test_seeds_that_are_done_are_skipped(
    pyromix: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted = []

    def measure(function: Any, experiment: Any, budget: str, seed: int, *rest: object) -> bool:
        fitted.append((experiment.name, budget, seed))
        record(seed).write(tmp_path)
        return True

    monkeypatch.setattr(reproducing, "apart", measure)
    record(1).write(tmp_path)
    for _ in range(2):
        result = pyromix("reproduce", NAME, "--seeds", "0,1,2", "--out", tmp_path)
        assert f"{NAME}: accuracy 0.8000 ± 0.0000 of 3 seeds" in result.output
    assert fitted == [(NAME, "cpu", 0), (NAME, "cpu", 2)]


def test_a_seed_that_fails_ends_it(
    pyromix: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reproducing, "apart", lambda *arguments: False)
    result = pyromix("reproduce", NAME, "--out", tmp_path)
    assert result.exit_code == 1
    assert f"{NAME}, seed 0 failed" in result.output


def test_tables_say_what_is_there_and_what_is_missing(pyromix: Invoke, tmp_path: Path) -> None:
    record(0).write(tmp_path)
    text = pyromix("reproduce", "--table", "--out", tmp_path).output
    assert "| DHVC, digits, K = 10 | ours | 10 |" in text
    assert "| 0.8000 | 0.8000 | 1 of 3 |" in text
    assert "missing: `pyromix reproduce gmvae-mnist-k10-m1 --budget cpu`" in text
    assert "digits, scored on all rows:" in text
