"""Runs on disk: a user's own classes come back in another process, and nothing is executed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.cluster import KMeans
from typer.testing import CliRunner

from pyromix import DHVC, VaDE
from pyromix.cli import app
from pyromix.estimators import load, run_config
from pyromix.guides import GaussianHead
from pyromix.inference import (
    Affiliation,
    Budget,
    GaussianMixtureStart,
    GroupsOf,
    LinearWarmup,
    MutualInformation,
    OverTraining,
    Run,
    Training,
    TwoView,
)
from pyromix.models import GaussianMixture, Normal
from pyromix.networks import ByShape, Perceptron
from pyromix.parts import describe

pytestmark = pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")

SMALL: dict[str, Any] = {
    "n_clusters": 3,
    "latent_dim": 2,
    "networks": Perceptron(8),
    "pretraining": None,
    "start": GaussianMixtureStart(),
    "training": Training(max_epochs=1),
    "random_state": 0,
}
MINE = """
from dataclasses import dataclass

import torch
from pyro import distributions as dist

from pyromix import VaDE
from pyromix.models import MixturePrior


class Laplaces(MixturePrior):
    def __init__(self, n_clusters, latent_dim, *, width=1.0):
        super().__init__(n_clusters)
        self.latent_dim, self.width = latent_dim, width
        self.loc = torch.nn.Parameter(torch.randn(n_clusters, latent_dim))

    def component(self, cluster=None, w=None):
        loc = self.loc if cluster is None else self.loc[cluster]
        return dist.Laplace(loc, self.width).to_event(1)

    def match_moments(self, codes, shares):
        self.loc.copy_(shares.T @ codes)


@dataclass(kw_only=True, eq=False, repr=False)
class Doubling(VaDE):
    factor: float = 2.0

    def transform(self, X):
        return self.factor * super().transform(X)
"""
COMMON = """
import json
import sys
import warnings
from functools import partial
from pathlib import Path

import numpy as np

from pyromix.estimators import VaDE, load
from pyromix.inference import Training
from pyromix.networks import Perceptron

warnings.simplefilter("ignore")
x = np.random.RandomState(0).rand(60, 4).astype(np.float32)
folder = Path(sys.argv[1])
"""
WRITER = """
small = dict(n_clusters=3, latent_dim=2, networks=Perceptron(8), start="gmm", random_state=0)
small["training"] = Training(max_epochs=1)
prior = VaDE(**small, prior=partial(Laplaces, width=2.0)).fit(x)
own = Doubling(**small, factor=3.0).fit(x)
prior.save(folder / "prior")
own.save(folder / "own")
np.savez(folder / "found.npz", prior=prior.predict_proba(x), own=own.transform(x))
"""
READER = """
def told(*arguments, **parts):
    try:
        return type(load(*arguments, **parts)).__name__
    except ValueError as error:
        return str(error)


found = np.load(folder / "found.npz")
said = {"prior": told(folder / "prior"), "own": told(folder / "own")}
import mine

by_hand = load(folder / "prior", prior=mine.Laplaces)
said["by_hand"] = bool((by_hand.predict_proba(x) == found["prior"]).all())
said["width"] = by_hand.model_.prior.width
said["whole"] = load(folder / "prior", prior=partial(mine.Laplaces, width=5.0)).model_.prior.width
said["imported"] = told(folder / "own")
said["other"] = told(folder / "own", estimator=VaDE)
own = load(folder / "own", estimator=mine.Doubling)
said["factor"], said["kind"] = own.factor, type(own).__name__
said["same"] = bool((own.transform(x) == found["own"]).all())
said["strange"] = told(folder / "prior", prior=mine.Laplaces, priors=mine.Laplaces)
again = folder / "again"
by_hand.save(again)
said["again"] = bool((load(again).predict_proba(x) == found["prior"]).all())
exec(Path("mine.py").read_text())
said["defined"] = bool((load(folder / "prior").predict_proba(x) == found["prior"]).all())
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process finds in the runs of another, which had classes of its own."""
    folder = tmp_path_factory.mktemp("processes")
    (folder / "mine.py").write_text(MINE)
    (folder / "writer.py").write_text(COMMON + MINE + WRITER)
    (folder / "elsewhere").mkdir()
    (folder / "reader.py").write_text(COMMON + READER)
    for script in ("writer.py", "reader.py"):
        done = subprocess.run(
            [sys.executable, script, "runs"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_an_unknown_part_is_asked_for(said: dict[str, Any]) -> None:
    assert said["prior"] == (
        "the run's prior is made of '__main__:Laplaces', which is not defined in this process: "
        "define or import it first, or hand it in: load(path, prior=Laplaces)"
    )


def test_a_part_that_is_handed_in_has_the_arguments_it_was_saved_with(
    said: dict[str, Any],
) -> None:
    assert said["by_hand"]
    assert said["width"] == 2.0
    assert said["again"]
    assert said["whole"] == 5.0, "a partial is taken as it is given"


def test_a_part_that_is_defined_again_needs_no_hand(said: dict[str, Any]) -> None:
    assert said["defined"]


def test_an_estimator_of_ones_own_comes_back(said: dict[str, Any]) -> None:
    assert said["own"] == (
        "the run's estimator is 'doubling', which is not defined in this process: define or "
        "import it first, or hand it in: load(path, estimator=…)"
    )
    assert said["imported"] == said["kind"] == "Doubling"
    assert said["factor"] == 3.0
    assert said["same"]


def test_what_is_handed_in_must_fit(said: dict[str, Any]) -> None:
    assert said["other"].startswith("the run's config.json does not fit VaDE: ")
    assert "'factor'" in said["other"]
    assert said["strange"] == "'priors' is handed in and is no argument of VaDE"


HALF: Any = np.float32(0.5)  # a number from a search over settings


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    """Grey values, ``(60, 4)``."""
    return np.random.RandomState(0).rand(60, 4).astype(np.float32)


@pytest.mark.parametrize(
    "settings",
    [
        {"prior": partial(GaussianMixture, covariance="full"), "posterior": {"z": GaussianHead}},
        {"n_clusters": (3, 2), "latent_dim": (2, 1), "prior": (GaussianMixture, "student-mixture")},
        {"terms": [Affiliation(OverTraining(LinearWarmup(0.0, 1.0, 0.5)), "max")]},
        {"terms": [MutualInformation(2.0, views="vector")], "networks": ByShape(Perceptron(7))},
        {"likelihood": partial(Normal, scale=HALF), "objective": "enumerated"},
        {"start": KMeans(n_init=2), "training": Training(max_epochs=Budget(3))},
        {"start": GroupsOf(DHVC(pretraining=TwoView(2, epochs=1), networks=Perceptron(4)))},
        {"random_state": np.random.RandomState(3), "assignment": "amortised"},
    ],
    ids=lambda settings: "-".join(settings),
)
def test_parts_come_back_as_they_were(
    settings: dict[str, Any], x: np.ndarray, tmp_path: Path
) -> None:
    vade = VaDE(**{**SMALL, **settings}).fit(x)
    vade.save(tmp_path / "run")
    again = load(tmp_path / "run")
    vade.random_state = vade.seed_ if "random_state" in settings else vade.random_state
    assert json.dumps(describe(again.get_params())) == json.dumps(describe(vade.get_params()))
    one, other = vade.predict_proba(x), again.predict_proba(x)
    pairs = [(one, other)] if isinstance(one, np.ndarray) else list(zip(one, other, strict=True))
    assert all((ours == theirs).all() for ours, theirs in pairs)
    again.save(tmp_path / "again")
    first, second = (Run.open(tmp_path / name).read_config() for name in ("run", "again"))
    assert first.arguments == second.arguments


@pytest.fixture(scope="module")
def saved(x: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of VaDE."""
    path = tmp_path_factory.mktemp("runs") / "run"
    VaDE(**SMALL).fit(x).save(path)
    return path


def touching(path: Path) -> list[Any]:
    """Descriptions that would make a file if any of it were executed or imported."""
    command = f"touch {path}"
    code = f"__import__('pathlib').Path({str(path)!r}).touch()"
    return [
        {"part": "os:system", "arguments": {"command": command}},
        {"object": "os:system", "arguments": {"command": command}},
        {"object": "subprocess:Popen", "arguments": {"args": command, "shell": True}},
        {"object": "pathlib:Path.touch", "arguments": {"self": str(path)}},
        {"object": "builtins:eval", "arguments": {"source": code}},
        {"part": "builtins.eval", "arguments": {}},
        {"object": "eval", "arguments": {"source": code}},
        {"object": code, "arguments": {}},
        {"part": "wicked_module:run", "arguments": {}},
        {"object": "wicked_module", "arguments": {}},
        {"object": "sklearn.utils:os.system", "arguments": {"command": command}},
        {"object": "sklearn.base:clone", "arguments": {"estimator": 1}},
        {"object": {"object": "os:system", "arguments": {}}, "arguments": {}},
        {"object": ["os", "system"], "arguments": [command]},
        {"object": "Perceptron", "arguments": {"command": command}},
        {"object": "Perceptron", "arguments": [command]},
        {"part": "GaussianMixture", "arguments": {"command": command}},
    ]


@pytest.mark.parametrize("number", range(len(touching(Path()))))
@pytest.mark.parametrize("where", ["prior", "networks", "likelihood", "terms", "training", "start"])
def test_a_wicked_config_executes_nothing(
    saved: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    where: str,
) -> None:
    mark = tmp_path / "mark"
    (tmp_path / "wicked_module.py").write_text(
        f"import pathlib\npathlib.Path({str(mark)!r}).touch()"
    )
    monkeypatch.syspath_prepend(tmp_path)
    run = Path(shutil.copytree(saved, tmp_path / "run"))
    config = json.loads((run / "config.json").read_text())
    wicked = touching(mark)[number]
    config["arguments"][where] = [wicked] if where == "terms" else wicked
    if where == "likelihood":
        config["data"]["likelihood"] = wicked
    (run / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"not defined in this process|does not take what was"):
        load(run)
    assert not mark.exists()
    assert "wicked_module" not in sys.modules


@pytest.mark.parametrize(
    "name", ["os:system", "wicked_module:run", "builtins:eval", ["vade"], None]
)
def test_a_wicked_estimator_is_none(saved: Path, tmp_path: Path, name: Any) -> None:
    run = Path(shutil.copytree(saved, tmp_path / "run"))
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**config, "estimator": name}))
    with pytest.raises(ValueError, match=r"the run's estimator is .*not defined in this process"):
        load(run)
    assert "wicked_module" not in sys.modules


@pytest.mark.parametrize(
    "changes",
    [
        {"arguments": ["vade"]},
        {"arguments": {"n_cluster": 3}},
        {"arguments": {"networks": 3}},
        {"arguments": {"training": {"object": "Training", "arguments": {"batch_size": "big"}}}},
        {"data": {}},
        {"data": {"event_shape": "four", "likelihood": "bernoulli"}},
        {"data": {"event_shape": [4], "likelihood": "bernouli"}},
        {"data": {"event_shape": [5], "likelihood": "bernoulli"}},
    ],
    ids=repr,
)
def test_a_damaged_config_is_one_line(
    saved: Path, x: np.ndarray, tmp_path: Path, changes: dict[str, Any]
) -> None:
    run = Path(shutil.copytree(saved, tmp_path / "run"))
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**config, **changes}))
    np.save(tmp_path / "x.npy", x)
    arguments = ["evaluate", str(run), str(tmp_path / "x.npy"), "--num-samples", "2"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2, result.exception
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1


def test_a_run_whose_fit_has_not_finished_is_to_be_resumed(x: np.ndarray, tmp_path: Path) -> None:
    """Its config says nothing of the data's shape yet, and that is no damage."""
    run = Run.create(tmp_path / "half a run", run_config(VaDE(**SMALL), {"name": "blobs"}))
    said = r"fit has not finished: resume it with: pyromix fit --resume '.*half a run'"
    with pytest.raises(FileNotFoundError, match=said):
        load(run.path)
    told = CliRunner().invoke(app, ["evaluate", str(run.path), "digits"])
    assert told.exit_code == 2
    assert "has not finished: resume it" in " ".join(told.output.split())


def test_a_command_asks_for_parts_that_it_does_not_know(saved: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(saved, tmp_path / "run"))
    config = json.loads((run / "config.json").read_text())
    config["arguments"]["prior"] = {"part": "mine:Laplaces", "arguments": {"width": 2.0}}
    (run / "config.json").write_text(json.dumps(config))
    result = CliRunner().invoke(app, ["sample", str(run)])
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "prior is made of 'mine:Laplaces', which is not defined" in result.stderr
