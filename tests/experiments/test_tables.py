"""Tables of results, and the results' files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pyromix.experiments import (
    EXPERIMENTS,
    Record,
    labelling,
    methods_tables,
    peak_memory,
    published_table,
    read,
    records,
)
from pyromix.experiments.experiment import Target

from .toys import TOY

METRICS = {"accuracy": 0.8, "purity": 0.9, "nmi": 0.7, "calibration_error": 0.1}
RECORD = Record(
    "toy", "VaDE (ours)", "digits", "all", 0, "cpu", 10, METRICS,
    {"wall": 60.0, "cpu": 50.0, "label_10000": 0.3, "label_10000_cpu": 0.2}, 900.0,
)  # fmt: skip


def rows_of(table: str) -> list[dict[str, str]]:
    lines = [line for line in table.splitlines() if line.startswith("|")]
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [dict(zip(head, row, strict=True)) for row in rows]


def test_published_beside_ours() -> None:
    other = replace(RECORD, seed=1, metrics=METRICS | {"accuracy": 1.0})
    (row,) = rows_of(published_table([TOY], [RECORD, other], "cpu"))
    assert row["published"] == "0.9000 ± 0.0500"
    assert (row["here, mean ± sd"], row["best"]) == ("0.9000 ± 0.1000", "1.0000")
    assert row["above published"] == "+0.0000"
    assert row["seeds"] == "2 of 3"
    assert (row["purity"], row["minutes"]) == ("0.900 ± 0.000", "1.0")


def test_missing_rows_are_said() -> None:
    table = published_table([TOY], [RECORD], "full")
    assert "missing: `pyromix reproduce toy --budget full`" in table
    assert "two cores: 2 epochs" in table


def test_a_number_above_another_measure_is_of_the_best_facet() -> None:
    facets = replace(
        TOY, targets=(Target("purity", "hue", 0.5), Target("purity", "shape", 0.5)), row="toy"
    )
    metrics = {
        f"facet_{j}/{label}/{m}": 0.1 * (3 * j + i)
        for j in (0, 1)
        for i, label in enumerate(("hue", "shape"))
        for m in ("purity", "accuracy", "nmi")
    }
    rows = rows_of(published_table([facets], [replace(RECORD, metrics=metrics)], "cpu"))
    assert [row["row"] for row in rows] == ["toy, hue", "toy, shape"]
    assert [row["here, mean ± sd"] for row in rows] == ["0.3000", "0.4000"]
    assert [row["calibration error"] for row in rows] == ["", ""]


def test_methods_are_ranked_within_their_data() -> None:
    better = replace(RECORD, method="k-means", metrics=METRICS | {"accuracy": 0.95})
    elsewhere = replace(RECORD, data="mnist", split="test")
    tables = dict(methods_tables([RECORD, better, replace(RECORD, seed=1), elsewhere]))
    assert list(tables) == ["digits, scored on all rows", "mnist, scored on the test split"]
    first, second = rows_of(tables["digits, scored on all rows"])
    assert (first["method"], second["method"]) == ("k-means", "VaDE (ours)")
    assert (first["seeds"], second["seeds"]) == ("1", "2")
    assert (second["fit, s"], second["label 10,000, CPU s"]) == ("60.0", "0.20")
    assert second["peak MiB"] == "900"


def test_results_are_read_back_and_others_refused(tmp_path: Path) -> None:
    for seed in (1, 0):
        replace(RECORD, seed=seed).write(tmp_path)
    (tmp_path / "toy" / "arcs-0.json").write_text("another benchmark's")
    assert [each.seed for each in records(tmp_path)] == [0, 1]
    path = tmp_path / "toy" / "cpu-0.json"
    assert read(path) == RECORD
    newer = path.read_text().replace('"version": 1', '"version": 2', 1)
    for text in ("{", "[]", "{}", newer, path.read_text().replace('"seed"', '"sead"')):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"cpu-0\.json is no result"):
            read(path)


def test_so_many_rows_are_labelled() -> None:
    seen = []
    seconds = labelling(lambda x: seen.append(x.shape), np.zeros((7, 2)))
    assert seen == [(16, 2), (10_000, 2)]
    assert set(seconds) == {"label_10000", "label_10000_cpu"}


def test_the_peak_is_in_mebibytes() -> None:
    before = peak_memory()
    held = np.ones(int(before + 200) * 2**17)
    after = peak_memory()
    assert held.nbytes / 2**20 < after < held.nbytes / 2**20 + 2 * before + 200


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_can_be_made(name: str) -> None:
    each = EXPERIMENTS[name]
    assert each.name == name
    for budget in ("cpu", "full"):
        estimator = each.estimator(budget, 7)
        estimator.check_arguments()
        assert estimator.random_state == 7
    for target in each.targets:
        assert (target.value is None) or (target.source and 0.5 < target.value <= 1)
    assert each.variant == "published" or not each.name.endswith("published")


def test_every_published_row_has_ours_beside_it() -> None:
    for each in EXPERIMENTS.values():
        variants = {other.variant for other in EXPERIMENTS.values() if other.row == each.row}
        assert "ours" in variants, each.name


def test_no_other_budget() -> None:
    with pytest.raises(ValueError, match=r"budget is 'gpu': .*use one of cpu, full"):
        TOY.estimator("gpu", 0)  # type: ignore[arg-type]
