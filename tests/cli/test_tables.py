"""A user's table on the command line: its columns are told, kept, and put in order again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pyromix.cli import drawing
from pyromix.cli.inputs import Source
from pyromix.estimators import load
from pyromix.inference import sample

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


def test_draws_go_to_their_file_in_parts(
    pyromix: Invoke, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("sample", run, "--cluster", 1, "-n", 50, "--out")
    assert pyromix(*arguments, tmp_path / "whole.npz").exit_code == 0
    monkeypatch.setattr(drawing, "AT_ONCE", 4 * 20)
    sizes = []

    def counted(model: Any, n: int, **more: Any) -> Any:
        sizes.append(n)
        return sample(model, n, **more)

    monkeypatch.setattr(drawing, "draw", counted)
    assert pyromix(*arguments, tmp_path / "parts.npz").exit_code == 0
    assert sizes == [20, 20, 10]
    whole, parts = (dict(np.load(tmp_path / f"{name}.npz")) for name in ("whole", "parts"))
    assert pyromix(*arguments, tmp_path / "again.npz").exit_code == 0
    np.testing.assert_array_equal(parts["x"], np.load(tmp_path / "again.npz")["x"])
    assert len(np.unique(parts["x"], axis=0)) == 50
    for name in ("x", "clusters"):
        assert (parts[name].shape, parts[name].dtype) == (whole[name].shape, whole[name].dtype)
    assert (parts["clusters"] == 1).all()
    assert {path.name for path in tmp_path.iterdir()} == {"whole.npz", "parts.npz", "again.npz"}


def test_more_draws_than_there_is_room_for(pyromix: Invoke, run: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.npz"
    refused(pyromix("sample", run, "-n", 10**14, "--out", out), "GiB", "draw at most")
    refused(pyromix("sample", run, "-n", 10**9, "--out", tmp_path / "a.png"), "5,592,405", ".npz")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match=r"n is 100000000000000: .* this machine has"):
        load(run).sample(10**14)
