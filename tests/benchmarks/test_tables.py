"""The benchmarks' commands run and print whole tables; the fits here are too short to mean much."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import matplotlib.image
import pyro
import pytest
from matplotlib.figure import Figure
from sklearn.cluster import KMeans

from pyromix.data import load
from pyromix.evaluation import hungarian_accuracy
from pyromix.inference import Training
from pyromix.networks import PerceptronLadder

pytestmark = pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")

FOLDER = Path(__file__).parents[2] / "benchmarks"
SHORT = [
    "--set",
    "training.max_epochs=1",
    "networks.hidden_dims=8",
    "pretraining=None",
    "start=gmm",
]

Benchmark = Callable[..., list[list[str]]]


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Benchmark:
    """``benchmark(module, argument, …)`` gives the cells of the table that is printed."""

    def run(module: ModuleType, *arguments: object) -> list[list[str]]:
        monkeypatch.setattr(sys, "argv", [module.__name__, *map(str, arguments)])
        module.main()
        lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
        assert len({len(row) for row in rows}) == 1
        assert set(rows.pop(1)) == {"---"}
        return rows

    return run


def test_digits(benchmark: Benchmark) -> None:
    digits = load("digits")
    head, row = benchmark(script("digits"), "--methods", "k-means", "--seeds", 3)
    clusters = KMeans(10, n_init=10, random_state=3).fit_predict(digits.x.astype(float))
    assert digits.labels is not None
    accuracy = hungarian_accuracy(digits.labels, clusters)
    assert (head[0], row[0]) == ("method", "k-means")
    assert row[1:3] == [f"{accuracy:.3f} ± 0.000", f"{accuracy:.3f}"]


def test_mnist(benchmark: Benchmark, tmp_path: Path) -> None:
    picture = tmp_path / "clusters.png"
    arguments = ["vade", "--data", "digits", *SHORT, "--clusters", picture]
    head, row = benchmark(script("mnist"), *arguments)
    found = dict(zip(head, row, strict=True))
    assert (found["method"], found["data"], found["K"], found["seed"]) == (
        "vade", "digits", "10", "0",
    )  # fmt: skip
    assert 0 < float(found["accuracy"]) <= float(found["purity"]) <= 1
    assert float(found["bound (nats)"]) < 0
    assert matplotlib.image.imread(picture).std() > 0


def test_facets(benchmark: Benchmark, tmp_path: Path) -> None:
    module = script("facets")
    module.SETTINGS["digits"] = {
        "n_clusters": (5, 3),
        "networks": PerceptronLadder((8, 8)),
        "training": Training(max_epochs=2),
    }
    head, *rows = benchmark(module, "digits", "--pictures", tmp_path)
    found = [dict(zip(head, row, strict=True)) for row in rows]
    assert [(row["facet"], row["K"], row["label"]) for row in found] == [
        ("0", "5", "digit"),
        ("1", "3", "digit"),
    ]
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"facets-digits-samples.png", "facets-digits-swap.png"}


def test_pinwheel(benchmark: Benchmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = script("pinwheel")
    module.SETTINGS.update(training=Training(max_epochs=1), n_init=2)
    drawn: list[Figure] = []
    monkeypatch.setattr(module, "save_figure", lambda figure, path: drawn.append(figure))
    head, *rows = benchmark(module, "--out", tmp_path / "pinwheel.png")
    assert head[0] == "floor (nats)"
    assert [row[0] for row in rows] == ["0", "1"]
    assert [len(row[3].split()) for row in rows] == [2, 2]
    titles = [[axes.get_title(loc=at) for at in ("left", "center")] for axes in drawn[0].axes]
    assert titles[0] == ["data, by arm", ""]
    assert titles[2] == [f"floor 1 nats: accuracy {float(rows[1][1]):.2f}", ""]


def test_step_time(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Every model's four contenders take steps, and K is told beside them."""
    monkeypatch.syspath_prepend(FOLDER)
    module = script("step_time")
    with pyro.validation_enabled(False):
        module.step_table(list(module.MODELS), [2], [3], 1, "cpu", capture=False)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    assert [row[:3] for row in rows] == [[name, "2", "3"] for name in module.MODELS]
    for row in rows:
        times = [float(cell.partition(" ")[0]) for cell in row[3:]]
        assert len(times) == 4
        assert min(times) > 0
        assert row[3].endswith(" (1.00)")
    sys.modules.pop("hand_written", None)


def test_starts_prints_what_every_rule_would_choose(benchmark: Benchmark) -> None:
    """Of the results that are kept; no rule beats the choice by labels."""
    starts = script("starts")
    rows = benchmark(starts, "--table")
    names = {path.stem.rpartition("-")[0] for path in starts.RESULTS.glob("*.json")}
    shown = [row for row in rows if row[0].rpartition(" (")[0] in starts.SETS]
    assert {row[0].rpartition(" (")[0] for row in shown} == names
    assert len(shown) == 2 * len(names)  # by accuracy, and by mutual information
    width = len(starts.STARTS) + len(starts.RULES) + 4
    assert {len(row) for row in rows} == {width}
    for row in shown:
        oracle = float(row[-1])
        assert all(float(value) <= oracle for value in row[-4:-1])
