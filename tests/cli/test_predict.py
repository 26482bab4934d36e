"""A table with text and gaps from the command line: fitted, scored, and its clusters written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pyromix.estimators import load

from .conftest import Invoke, without_painting
from .test_faults import refused

QUICK = ["--set=networks.hidden_dims=16,", "--set=start=None", "--set=latent_dim=2"]


def mixed(n: int = 90, seed: int = 0) -> pd.DataFrame:
    rng = np.random.RandomState(seed)
    group = rng.randint(0, 2, n)
    frame = pd.DataFrame(
        {
            "size": rng.normal(5 * group, 1),
            "visits": rng.poisson(1 + 6 * group),
            "colour": np.where(rng.rand(n) < 0.1 + 0.8 * group, "red", "blue"),
            "member": rng.rand(n) < 0.5,
            "kind": np.where(group, "b", "a"),
        }
    )
    frame.loc[3, "colour"] = frame.loc[5, "size"] = None
    return frame


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table with names of the rows, a label, text and gaps."""
    path = tmp_path_factory.mktemp("tables") / "people.csv.gz"
    mixed().to_csv(path)
    return path


@pytest.fixture(scope="module")
def run(pyromix: Invoke, table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on the table."""
    out = tmp_path_factory.mktemp("runs") / "people"
    with without_painting():
        result = pyromix(
            *("fit", "vade", table, "-k", 2, "--max-epochs", 1, "--out", out),
            *("--label-column", "kind", "--set", 'columns={"visits": "poisson"}', *QUICK),
        )
    assert result.exit_code == 0, result.output
    assert "features (4): size, visits, colour, member; label: kind; 2 values are missing" in (
        result.stdout
    )
    assert "visits: count, poisson, int64" in result.stderr
    return out


def test_the_run_keeps_what_the_columns_are(run: Path) -> None:
    data = json.loads((run / "config.json").read_text())["data"]
    assert [column["law"] for column in data["columns"]] == [
        *("normal", "poisson", "categorical", "bernoulli"),
    ]
    assert data["missing_values"] == 2
    assert data["columns"][2]["categories"] == ["blue", "red"]


def test_labels_probabilities_and_codes_are_written(
    pyromix: Invoke, run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "labels.parquet"
    result = pyromix("predict", run, "--out", out)
    assert result.exit_code == 0, result.output
    found = pd.read_parquet(out)
    assert list(found.columns) == ["row", "label", "probability", "p0", "p1", "z0", "z1"]
    estimator = load(run)
    np.testing.assert_array_equal(found["label"], estimator.labels_)
    np.testing.assert_allclose(found[["p0", "p1"]].sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(
        found[["z0", "z1"]], estimator.transform(mixed()[estimator.columns_.names]), atol=1e-6
    )
    refused(pyromix("predict", run, "--out", out), "exists and is not overwritten")
    assert pyromix("predict", run, "--out", out, "--overwrite").exit_code == 0


def test_another_file_s_columns_are_found_by_name(
    pyromix: Invoke, run: Path, tmp_path: Path
) -> None:
    new = mixed(10, seed=1)
    new[["member", "colour", "kind", "visits", "size"]].to_feather(tmp_path / "new.feather")
    new.to_csv(tmp_path / "new.tsv", sep="\t", index=False)
    for name in ("new.feather", "new.tsv"):
        out = tmp_path / f"{name}.csv"
        result = pyromix("predict", run, tmp_path / name, "--out", out)
        assert result.exit_code == 0, result.output
    one, other = (pd.read_csv(tmp_path / f"{name}.csv") for name in ("new.feather", "new.tsv"))
    pd.testing.assert_frame_equal(one, other)
    new.drop(columns=["size", "colour"]).to_csv(tmp_path / "less.csv", index=False)
    result = pyromix("predict", run, tmp_path / "less.csv", "--out", tmp_path / "o.csv")
    refused(result, "less.csv has no column 'size', 'colour'", "empty where nothing is known")
    new.assign(colour="teal").to_csv(tmp_path / "teal.csv", index=False)
    result = pyromix("predict", run, tmp_path / "teal.csv", "--out", tmp_path / "o.csv")
    refused(result, "'colour' holds 'teal' in row 0")


def test_a_run_on_plain_data_is_predicted_too(
    pyromix: Invoke, finished: Path, few: Path, tmp_path: Path
) -> None:
    result = pyromix("predict", finished, few, "--out", tmp_path / "labels.csv")
    assert result.exit_code == 0, result.output
    found = pd.read_csv(tmp_path / "labels.csv")
    assert len(found) == 200
    refused(pyromix("predict", finished, "--out", tmp_path / "x.txt"), "must end in .csv")


def test_scores_of_a_table_are_those_of_its_rows(pyromix: Invoke, run: Path, table: Path) -> None:
    result = pyromix("evaluate", run, table, "--label-column", "kind", "--json", "--num-samples", 2)
    assert result.exit_code == 0, result.output
    scores = json.loads(result.stdout)["metrics"]
    held = json.loads((run / "metrics.json").read_text())["metrics"]
    assert scores["bound"] == pytest.approx(held["bound"], abs=0.5)


def test_draws_are_a_table_in_the_types_that_were_fitted(
    pyromix: Invoke, run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "draws.parquet"
    result = pyromix("sample", run, "-n", 20, "--cluster", 1, "--out", out)
    assert result.exit_code == 0, result.output
    drawn = pd.read_parquet(out)
    assert list(drawn.columns) == ["size", "visits", "colour", "member", "cluster"]
    assert drawn["cluster"].eq(1).all()
    assert drawn["visits"].dtype == np.int64
    assert set(drawn["colour"]) <= {"red", "blue"}
    pyromix("sample", run, "-n", 20, "--out", tmp_path / "all.csv")
    assert len(pd.read_csv(tmp_path / "all.csv")) == 20
