"""Several clusterings at once: what fit leaves of them, and evaluate and sample by facet."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from pyromix.data import load as load_data
from pyromix.estimators import MFCVAE
from pyromix.estimators import load as load_run
from pyromix.evaluation import facet_dependence, facet_matrices

from .conftest import Invoke
from .test_faults import refused

LADDER = [
    "-k",
    "6,3",
    "--latent-dim",
    "3,2",
    "--max-epochs",
    3,
    "--set=networks.vectors.hidden_dims=16,16",
]


@pytest.fixture(scope="module")
def two(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The few digits, every second one inverted: a file with two labels."""
    digits = load_data(few)
    assert digits.labels is not None
    side = np.arange(len(digits)) % 2
    path = tmp_path_factory.mktemp("data") / "digits.npz"
    x = np.where(side[:, None] == 1, 1 - digits.x, digits.x)
    np.savez(path, x=x, y=np.stack([digits.labels, side], -1))
    return path


@pytest.fixture(scope="module")
def run(pyromix: Invoke, two: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of MFCVAE, and beside it what was printed."""
    folder = tmp_path_factory.mktemp("runs") / "mfcvae"
    result = pyromix("fit", "mfcvae", two, "--out", folder, *LADDER)
    assert result.exit_code == 0, result.output
    folder.with_suffix(".txt").write_text(result.stdout)
    return folder


def test_fit_leaves_a_picture_of_everything(run: Path) -> None:
    pictures = {path.stem for path in run.glob("*.png")}
    assert pictures == {
        "clusters",
        "confusion-y_0",
        "confusion-y_1",
        "curves",
        "facets",
        "latent-map-facet-0",
        "latent-map-facet-1",
        "parts",
        "swap",
    }
    for name in pictures:
        assert matplotlib.image.imread(run / f"{name}.png").std() > 0


def test_metrics_hold_every_facet_against_every_label(run: Path, two: Path) -> None:
    data, estimator = load_data(two), load_run(run)
    assert data.labels is not None
    clusters = estimator.predict(data.x)
    assert clusters.shape == (200, 2)
    found = json.loads((run / "metrics.json").read_text())
    assert found["n_clusters"] == [6, 3]
    for name, matrix in facet_matrices(data.labels, clusters).items():
        for (j, f), value in np.ndenumerate(matrix):
            assert found["metrics"][f"facet_{j}/y_{f}/{name}"] == pytest.approx(value)
    dependence = facet_dependence(clusters)[0, 1]
    assert found["metrics"]["dependence/0-1"] == pytest.approx(dependence)
    assert 0 < found["metrics"]["facet_1/affiliation_variance"] <= (3 - 1) / 3**2
    kmeans = [name for name in found["baselines"] if name.startswith("k-means")]
    assert kmeans == ["k-means, K = 6", "k-means, K = 3"]
    assert found["baselines"]["k-means, K = 3"]["y_1/purity"] == 1


def test_the_tables_show_every_facet_beside_the_baselines(run: Path) -> None:
    text = run.with_suffix(".txt").read_text()
    assert "K = 6, 3, seed 0" in text
    metrics = json.loads((run / "metrics.json").read_text())["metrics"]
    facets = [
        [line for line in text.splitlines() if f"mfcvae facet {j}, K = {k}" in line]
        for j, k in enumerate((6, 3))
    ]
    for j, lines in enumerate(facets):
        for line, name in zip(lines, ("accuracy", "purity", "nmi"), strict=True):
            for f in range(2):
                assert f" {metrics[f'facet_{j}/y_{f}/{name}']:.3f} " in line
    assert f"best facet by NMI: {metrics['best_facet/y_0']:.0f} for y 0" in text
    assert f"facets share (AMI): {metrics['dependence/0-1']:.3f} for 0-1" in text


def test_the_history_has_the_parts_of_each_facet(run: Path) -> None:
    with (run / "history.csv").open(newline="") as file:
        last = list(csv.DictReader(file))[-1]
    for j, k in enumerate((6, 3)):
        assert float(last[f"kl_c_{j}"]) >= 0
        assert 0 <= float(last[f"affiliation_variance_{j}"]) <= (k - 1) / k**2


@pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")
def test_the_run_is_what_python_would_have_fitted(run: Path, two: Path) -> None:
    x = load_data(two).x
    mfcvae = MFCVAE(n_clusters=(6, 3), latent_dim=(3, 2), random_state=0).set_params(
        networks__vectors__hidden_dims=(16, 16), training__max_epochs=3
    )
    mfcvae.fit(x)
    again = load_run(run).predict_proba(x)
    assert all((a == b).all() for a, b in zip(again, mfcvae.predict_proba(x), strict=True))


def test_evaluate_has_a_column_for_each_facet(pyromix: Invoke, run: Path, two: Path) -> None:
    result = pyromix("evaluate", run, two, "--json", "--num-samples", 3)
    found = json.loads(result.stdout)["metrics"]
    fitted = json.loads((run / "metrics.json").read_text())["metrics"]
    for name in fitted.keys() - {"seconds"}:
        assert found[name] == pytest.approx(fitted[name], rel=1e-6), name
    lines = pyromix("evaluate", run, two, "--num-samples", 3).stdout.splitlines()
    (row,) = (line for line in lines if "affiliation variance" in line)
    assert [cell.strip() for cell in row.split("│")[2:4]] == [
        f"{found[f'facet_{j}/affiliation_variance']:.3f}" for j in range(2)
    ]
    assert any("importance weighted bound" in line for line in lines)
    assert any("best facet by NMI" in line for line in lines)


def test_evaluate_draws_the_reliability_of_the_label_s_best_facet(
    pyromix: Invoke, run: Path, few: Path, tmp_path: Path
) -> None:
    out = tmp_path / "reliability.png"
    assert pyromix("evaluate", run, few, "--num-samples", 2, "--out", out).exit_code == 0
    assert out.exists()


@pytest.mark.parametrize(("facet", "cluster"), [(0, 5), (1, 2)])
def test_sample_fixes_one_facet_and_lets_the_other_vary(
    pyromix: Invoke, run: Path, tmp_path: Path, facet: int, cluster: int
) -> None:
    arguments = ["--facet", facet, "--cluster", cluster, "-n", 60, "--out", tmp_path / "a.npz"]
    assert pyromix("sample", run, *arguments).exit_code == 0
    with np.load(tmp_path / "a.npz") as drawn:
        assert drawn["x"].shape == (60, 1, 8, 8)
        assert (drawn["clusters"][:, facet] == cluster).all()
        assert len(np.unique(drawn["clusters"][:, 1 - facet])) > 1


@pytest.mark.parametrize("chosen", [[], ["--facet", 1], ["--facet", 0, "--cluster", 3]])
def test_sample_draws_all_facets_one_or_a_cluster_of_it(
    pyromix: Invoke, run: Path, tmp_path: Path, chosen: list[object]
) -> None:
    out = tmp_path / "a.png"
    assert pyromix("sample", run, *chosen, "-n", 6, "--out", out).exit_code == 0
    assert matplotlib.image.imread(out).std() > 0


def test_a_facet_that_is_not_there_is_refused(pyromix: Invoke, run: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    out = ["--out", path]
    for facet in (2, -1):
        refused(pyromix("sample", run, "--facet", facet, *out), "has facets 0 to 1")
    refused(pyromix("sample", run, "--facet", 1, "--cluster", 3, *out), "clusters 0 to 2")
    refused(pyromix("sample", run, "--cluster", 1, *out), "2 facets", "--facet")
    assert not path.exists()


def test_one_facet_is_reported_as_one_clustering(
    pyromix: Invoke, unpainted: None, few: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    arguments = ["-k", 4, "--latent-dim", 2, "--max-epochs", 1]
    arguments += ["--set=networks=PerceptronLadder(16)"]
    result = pyromix("fit", "mfcvae", few, "--out", run, *arguments)
    assert result.exit_code == 0, result.output
    assert {"accuracy", "nmi", "ari"} <= json.loads((run / "metrics.json").read_text())[
        "metrics"
    ].keys()
    assert (run / "latent-map.png").exists()
    assert not (run / "swap.png").exists()
    assert pyromix("sample", run, "--cluster", 3, "--out", tmp_path / "a.npz").exit_code == 0
    with np.load(tmp_path / "a.npz") as drawn:
        assert drawn["clusters"].tolist() == [3] * 10
