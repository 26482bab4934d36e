"""A user's table on the command line: its columns are told, kept, and put in order again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pyromix.cli.inputs import Source
from pyromix.estimators import load

from .conftest import TINY, Invoke
from .test_faults import refused


@pytest.fixture(scope="module")
def table(blobs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The groups of points as a table, with the names of the rows and a label."""
    held = np.load(blobs)
    frame = pd.DataFrame(held["x"], columns=list("abcd")).assign(Class=held["y"], weight=1.0)
    path = tmp_path_factory.mktemp("tables") / "groups.csv"
    frame.to_csv(path, sep=";", decimal=",")
    return path


@pytest.fixture(scope="module")
def run(pyromix: Invoke, table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on the table."""
    out = tmp_path_factory.mktemp("runs") / "groups"
    arguments = ("fit", "vade", table, "-k", 3, "--max-epochs", 1, "--out", out, *TINY)
    result = pyromix(*arguments, "--drop", "weight")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(
        "features (4): a, b, c, d; label: Class; ignored: '' (it numbers or names the rows), "
        "'weight' (dropped)\n"
    )
    return out


def test_the_run_keeps_names_and_what_was_asked(run: Path, table: Path) -> None:
    assert load(run).feature_names_in_.tolist() == ["a", "b", "c", "d"]
    record = json.loads((run / "config.json").read_text())["data"]
    assert Source.recorded(record) == Source(str(table), drop=("weight",))


def test_columns_in_another_order_are_put_in_order(
    pyromix: Invoke, run: Path, table: Path, tmp_path: Path
) -> None:
    frame = pd.read_csv(table, sep=";", decimal=",", index_col=0)
    frame[["d", "weight", "b", "Class", "a", "c"]].to_csv(tmp_path / "other.csv", index=False)
    found = [
        json.loads(pyromix("evaluate", run, path, "--json", "--num-samples", 2).stdout)["metrics"]
        for path in (table, tmp_path / "other.csv")
    ]
    assert found[0] == found[1]
    said = pyromix("evaluate", run, tmp_path / "other.csv", "--num-samples", 2).stdout
    assert "features (4): a, b, c, d; label: Class; ignored: 'weight'" in said


def test_missing_columns_are_named(pyromix: Invoke, run: Path, tmp_path: Path) -> None:
    (tmp_path / "few.csv").write_text("a,b,d\n1,2,3\n")
    refused(pyromix("evaluate", run, tmp_path / "few.csv"), "'c' is not there", "a, b, d")


def test_another_number_of_features_says_both(
    pyromix: Invoke, run: Path, finished: Path, blobs: Path, tmp_path: Path
) -> None:
    np.save(tmp_path / "wide.npy", np.zeros((3, 7)))
    said = pyromix("evaluate", run, tmp_path / "wide.npy").stderr
    assert "error: X has 7 features, but VaDE is expecting 4 features" in said
    refused(pyromix("evaluate", finished, blobs), "4 features", "64 features")
