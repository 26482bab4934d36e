"""What a method had after so many seconds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from pyromix.experiments import Record

from .test_tables import Benchmark, benchmark, script

__all__ = ["benchmark"]  # the fixture

RECORD = Record(
    "toy", "VaDE (ours)", "digits", "all", 0, "cpu", 10, {"accuracy": 0.9},
    {"wall": 100.0, "cpu": 50.0, "label_10000": 0.3, "label_10000_cpu": 0.2}, 900.0,
    [{"wall": 40.0, "cpu": 20.0, "accuracy": 0.5}, {"wall": 80.0, "cpu": 40.0, "accuracy": 0.7}],
)  # fmt: skip


def test_nothing_before_the_first_answer_and_the_last_at_the_end() -> None:
    after = script("over_time").after
    assert np.isnan(after(RECORD, 30, "wall"))
    assert [after(RECORD, seconds, "wall") for seconds in (40, 99, 100)] == [0.5, 0.7, 0.9]
    assert [after(RECORD, seconds, "cpu") for seconds in (30, 60)] == [0.5, 0.9]


def test_picture_and_table(benchmark: Benchmark, tmp_path: Path) -> None:
    for other in (RECORD, replace(RECORD, seed=1), replace(RECORD, method="k-means", name="k")):
        other.write(tmp_path)
    picture = tmp_path / "over-time.png"
    arguments = ["digits", "--results", tmp_path, "--out", picture]
    head, *rows = benchmark(script("over_time"), *arguments)
    assert head[2:] == ["after 30 s", "after 60 s", "after 120 s", "after 300 s"]
    assert ["VaDE (ours)", "2", "", "0.500", "0.900", "0.900"] in rows
    assert matplotlib.image.imread(picture).std() > 0


def test_no_results_are_said(benchmark: Benchmark, tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        benchmark(script("over_time"), "mnist", "--results", tmp_path, "--out", tmp_path / "x.png")
