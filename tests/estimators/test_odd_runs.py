"""Runs that someone has changed: one line, at once, and no more memory than their weights need."""

from __future__ import annotations

import json
import os
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pytest

from pyromix import VaDE
from pyromix.estimators import load
from pyromix.inference import Training
from pyromix.networks import Perceptron

pytestmark = pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")

DIMS = ("arguments", "networks", "arguments", "hidden_dims")
NO_MODEL = "config.json makes no model"
NO_DATA = "says no event_shape, likelihood or n_clusters"


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run's folder and its configuration."""
    path = tmp_path_factory.mktemp("odd") / "run"
    x = np.random.default_rng(0).random((30, 4))
    small: dict[str, Any] = {"networks": Perceptron((8, 8)), "training": Training(max_epochs=1)}
    VaDE(n_clusters=2, pretraining=None, **small).fit(x).save(path)
    return path, (path / "config.json").read_text()


def changed(text: str, path: tuple[str, ...], value: Any) -> str:
    """A configuration with another value at some place."""
    content = json.loads(text)
    inner = content
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return json.dumps(content)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("arguments",), None, "its arguments are None"),
        (("arguments",), [1], "its arguments are"),
        (("arguments", "nope"), 1, "does not fit VaDE"),
        (("arguments", "training"), 3, "does not fit VaDE"),
        (("arguments", "precision"), "x", "does not fit VaDE"),
        (("arguments", "n_clusters"), 10**9, NO_MODEL),
        (("arguments", "n_clusters"), 10**30, "takes smaller numbers"),
        (("arguments", "latent_dim"), 10**10, NO_MODEL),
        (("arguments", "prior"), {"part": "GaussianMixture", "arguments": None}, "GaussianMixture"),
        (("arguments", "prior"), {"part": "x", "arguments": {}}, "not defined in this process"),
        (DIMS, [8] * 100_000, NO_MODEL),
        (DIMS, [10**9], NO_MODEL),
        (("estimator",), None, "the run's estimator is None"),
        (("data",), None, NO_DATA),
        (("data", "event_shape"), [10**12], NO_MODEL),
        (("data", "event_shape"), [-4], NO_DATA),
        (("data", "event_shape"), [], NO_DATA),
        (("data", "n_clusters"), "auto", NO_DATA),
        (("data", "likelihood"), None, NO_MODEL),
        (("data", "standardised"), True, "does not fit the model"),
        (("data", "seed"), "x", "its seed is 'x'"),
        (("data", "feature_names"), [1, 2, 3, 4], "feature_names are not 4 names"),
    ],
)
def test_a_changed_configuration(
    text: tuple[Path, str], path: tuple[str, ...], value: Any, message: str
) -> None:
    (text[0] / "config.json").write_text(changed(text[1], path, value))
    before = perf_counter()
    with pytest.raises(ValueError, match=message) as info:
        load(text[0])
    assert "\n" not in str(info.value)
    assert perf_counter() - before < 2


@pytest.mark.parametrize("depth", [900, 100_000])
def test_deep_json(text: tuple[Path, str], depth: int) -> None:
    deep = changed(text[1], ("arguments", "terms"), "@").replace('"@"', "[" * depth + "]" * depth)
    (text[0] / "config.json").write_text(deep)
    with pytest.raises(ValueError, match="is damaged"):
        load(text[0])


def test_a_run_with_a_pipe_is_not_waited_for(text: tuple[Path, str]) -> None:
    (text[0] / "config.json").write_text(text[1])
    assert load(text[0]).n_features_in_ == 4
    os.mkfifo(text[0] / "metrics.json")
    with pytest.raises(ValueError, match="is a pipe"):
        load(text[0])
