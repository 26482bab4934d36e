"""What the commands say and leave: help, list, and the round from fit to evaluate and sample."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest

from pyromix import __version__
from pyromix.cli import inputs
from pyromix.data import DATASETS, Dataset
from pyromix.data import load as load_data
from pyromix.estimators import ESTIMATORS, VaDE
from pyromix.estimators import load as load_run
from pyromix.inference import Autoencoder
from pyromix.networks import Perceptron

from .conftest import TINY, Invoke

PICTURES = ("clusters.png", "confusion.png", "curves.png", "latent-map.png", "parts.png")


def test_version(pyromix: Invoke) -> None:
    assert pyromix("--version").stdout == f"pyromix {__version__}\n"


def test_help_begins_with_a_command_to_try(pyromix: Invoke) -> None:
    text = pyromix("--help").stdout
    assert "pyromix fit vade digits" in text
    for command in ("fit", "evaluate", "sample", "list"):
        assert f"\n  {command} " in text
        assert "Examples:\n    pyromix" in pyromix(command, "--help").stdout or command == "list"


def test_help_waits_for_nothing_heavy() -> None:
    heavy = "{'torch', 'sklearn', 'pandas'}"
    script = f"import sys, pyromix.cli; sys.exit(len({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_list_shows_every_method_with_its_paper_and_every_data_set(pyromix: Invoke) -> None:
    text = " ".join(pyromix("list").stdout.split())
    for name in (*ESTIMATORS, *DATASETS):
        assert name in text
    assert "Jiang et al. (2017)" in text
    assert "Dilokthanakul et al. (2016)" in text


def test_fit_leaves_a_whole_run(finished: Path) -> None:
    names = {path.name for path in finished.iterdir()}
    assert names == {
        "config.json",
        "weights.safetensors",
        "history.csv",
        "labels.csv",
        "metrics.json",
        *PICTURES,
    }
    config = json.loads((finished / "config.json").read_text())
    assert config["estimator"] == "vade"
    networks = config["arguments"]["networks"]
    assert networks["object"] == "Perceptron"
    assert networks["arguments"]["hidden_dims"] == [16]
    assert config["arguments"]["training"]["arguments"]["max_epochs"] == 1
    assert config["arguments"]["random_state"] == 0
    assert config["data"]["name"] == "digits"
    with (finished / "history.csv").open(newline="") as file:
        phases = [row["phase"] for row in csv.DictReader(file)]
    assert phases == ["pretrain", "initialise", "train"]
    for name in PICTURES:
        assert matplotlib.image.imread(finished / name).std() > 0


def test_metrics_stand_beside_the_baselines(finished: Path) -> None:
    metrics = json.loads((finished / "metrics.json").read_text())
    assert metrics["n_clusters"] == 10
    assert (metrics["split"], metrics["n"], metrics["seed"]) == ("all", 200, 0)
    assert list(metrics["baselines"]) == ["k-means", "GaussianMixture", "PCA+GaussianMixture"]
    assert metrics["baselines"]["k-means"]["accuracy"] > 0.6
    for scores in (metrics["metrics"], *metrics["baselines"].values()):
        assert {"accuracy", "nmi", "ari", "seconds"} <= scores.keys()


def test_the_run_is_what_python_would_have_fitted(finished: Path, few: Path) -> None:
    x = load_data(few).x
    vade = VaDE(
        networks=Perceptron(16, batch_norm=True),
        pretraining=Autoencoder(1),
        start="gmm",
        training=VaDE().training.with_params(max_epochs=1),
        random_state=0,
    ).fit(x)
    assert (load_run(finished).predict_proba(x) == vade.predict_proba(x)).all()


def test_evaluate_repeats_the_metrics_of_the_fit(
    pyromix: Invoke, finished: Path, few: Path, tmp_path: Path
) -> None:
    out = tmp_path / "reliability.png"
    result = pyromix("evaluate", finished, few, "--json", "--num-samples", 5, "--out", out)
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert out.exists()
    fitted = json.loads((finished / "metrics.json").read_text())["metrics"]
    for name in fitted.keys() - {"seconds"}:
        assert found["metrics"][name] == pytest.approx(fitted[name], rel=1e-6), name
    assert found["metrics"]["importance_weighted_bound"] > found["metrics"]["bound"]
    table = pyromix("evaluate", finished, few, "--num-samples", 5).stdout
    for name in found["metrics"]:
        assert name.replace("_", " ") in table.lower()


def test_sample_draws_arrays_of_one_cluster(
    pyromix: Invoke, finished: Path, tmp_path: Path
) -> None:
    arguments = ["sample", finished, "--cluster", 3, "-n", 7, "--out"]
    assert pyromix(*arguments, tmp_path / "a.npz").exit_code == 0
    assert pyromix(*arguments, tmp_path / "b.npz").exit_code == 0
    with np.load(tmp_path / "a.npz") as first, np.load(tmp_path / "b.npz") as again:
        assert first["x"].shape == (7, 1, 8, 8)
        assert first["clusters"].tolist() == [3] * 7
        assert (first["x"] == again["x"]).all()
        assert set(np.unique(first["x"])) <= {0.0, 1.0}


def test_sample_draws_a_picture_into_the_run(
    pyromix: Invoke, finished: Path, tmp_path: Path
) -> None:
    assert pyromix("sample", finished, "-n", 4, "--out", tmp_path / "all.png").exit_code == 0
    assert matplotlib.image.imread(tmp_path / "all.png").std() > 0


def test_a_file_without_labels(pyromix: Invoke, unpainted: None, tmp_path: Path) -> None:
    x = np.random.default_rng(0).random((60, 5))
    np.save(tmp_path / "table.npy", x)
    run = tmp_path / "run"
    arguments = ["-k", 3, "--max-epochs", 1, "--out", run, *TINY]
    result = pyromix("fit", "gmvae", tmp_path / "table.npy", *arguments)
    assert result.exit_code == 0, result.output
    assert "accuracy" not in result.stdout
    for word in ("occupied", "confidence", "affiliation", "PCA+GaussianMixture"):
        assert word in result.stdout
    assert not (run / "confusion.png").exists()
    assert pyromix("evaluate", run, tmp_path / "table.npy", "--num-samples", 2).exit_code == 0
    assert pyromix("sample", run, "-n", 4, "--out", tmp_path / "s.npz").exit_code == 0
    with np.load(tmp_path / "s.npz") as drawn:
        assert drawn["x"].shape == (4, 5)


def test_a_set_with_a_test_split_is_scored_on_it(
    pyromix: Invoke, unpainted: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def thinned(*arguments: Any, **more: Any) -> Dataset:
        data = load_data(*arguments, **more)
        assert data.labels is not None
        return replace(data, x=data.x[::100], labels=data.labels[::100])

    monkeypatch.setattr(inputs, "load", thinned)
    run = tmp_path / "run"
    result = pyromix("fit", "vade", "pinwheel", "-k", 5, "--max-epochs", 1, "--out", run, *TINY)
    assert result.exit_code == 0, result.output
    assert "pinwheel, test (N = 100), K = 5, seed 0" in result.stdout
    assert json.loads((run / "metrics.json").read_text())["split"] == "test"
    assert (run / "clusters.png").exists()


def test_every_label_of_several_is_scored(pyromix: Invoke, unpainted: None, tmp_path: Path) -> None:
    labels = np.indices((2, 3)).reshape(2, -1).T.repeat(20, 0)
    x = 4.0 * np.eye(2)[labels[:, 0]] + 0.1 * np.random.default_rng(0).random((120, 2))
    np.savez(tmp_path / "two.npz", x=x, y=labels)
    run = tmp_path / "run"
    arguments = ["-k", 2, "--max-epochs", 1, "--out", run, *TINY]
    result = pyromix("fit", "vade", tmp_path / "two.npz", *arguments)
    assert result.exit_code == 0, result.output
    baseline = json.loads((run / "metrics.json").read_text())["baselines"]["k-means"]
    assert baseline["y_0/accuracy"] == 1.0
    assert baseline["y_1/accuracy"] == pytest.approx(1 / 3, abs=0.01)
    assert (run / "confusion-y_0.png").exists()
    assert (run / "confusion-y_1.png").exists()
    out = tmp_path / "r.png"
    result = pyromix("evaluate", run, tmp_path / "two.npz", "--num-samples", 2, "--out", out)
    assert result.exit_code == 2
    assert "2 labels for each datum" in result.stderr
    assert not out.exists()
