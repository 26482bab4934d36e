"""A fit that is killed at any moment, and resumed, ends bit for bit as one that was let be."""

from __future__ import annotations

import multiprocessing
import random
from multiprocessing.context import ForkServerContext
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pytest
import torch

from pyromix.estimators import ESTIMATORS, DeepMixture
from pyromix.inference import Autoencoder, Checkpoint, Neighbours, TwoView
from pyromix.networks import Perceptron, PerceptronLadder

pytestmark = pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")

X = np.random.RandomState(0).rand(80, 6).astype(np.float32)
SEED = 0


def estimator(name: str) -> DeepMixture:
    """Three short phases, so that moments fall in all of them."""
    made = ESTIMATORS[name](random_state=SEED)
    several = name == "mfcvae"
    made.set_params(
        n_clusters=(3, 2) if several else 3,
        latent_dim=2,
        networks=PerceptronLadder((16, 16)) if several else Perceptron(16, batch_norm=True),
        training__max_epochs=12,
        training__batch_size=16,
    )
    if isinstance(made.pretraining, TwoView | Neighbours | Autoencoder):
        made.set_params(pretraining__epochs=6)
    return made


def fit(name: str, path: Path) -> None:
    """In a process of its own, with every epoch on disk."""
    torch.set_num_threads(1)
    defaults = Checkpoint.__init__.__kwdefaults__
    assert defaults is not None
    defaults["every"] = 0.0
    estimator(name).fit(X, checkpoint=path)


@pytest.fixture(scope="module")
def server() -> ForkServerContext:
    """Processes that need not import the package anew."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pyromix.estimators", "lightning_fabric", __name__])
    return context


def bits(fitted: DeepMixture) -> list[bytes]:
    tensors = [*fitted.model_.state_dict().values(), *fitted.guide_.state_dict().values()]
    return [tensor.numpy().tobytes() for tensor in tensors if isinstance(tensor, torch.Tensor)]


def timeless(fitted: DeepMixture) -> list[dict[str, Any]]:
    rows = fitted.history_
    return [{name: row[name] for name in row if name != "seconds"} for row in rows]


def run(server: ForkServerContext, name: str, path: Path, seconds: float | None) -> float:
    """A fit that is killed after so many seconds, or let be; how long it took."""
    process = server.Process(target=fit, args=(name, path))
    started = perf_counter()
    process.start()
    process.join(seconds)
    process.kill()
    process.join()
    if seconds is None:
        assert process.exitcode == 0
    return perf_counter() - started


def killed_and_resumed(
    server: ForkServerContext, name: str, folder: Path, moments: int, per_fit: int
) -> None:
    """So many kills, some of them of a fit that was killed before."""
    whole = estimator(name).fit(X)
    run(server, name, folder / "first.pt", None)  # the server starts
    long = run(server, name, folder / "second.pt", None)
    chance = random.Random(name)
    for number in range(moments // per_fit):
        path = folder / f"{number}.pt"
        for _ in range(per_fit):
            run(server, name, path, chance.uniform(0.0, 1.1 * long))
        resumed = estimator(name).fit(X, checkpoint=path)
        assert bits(resumed) == bits(whole)
        assert timeless(resumed) == timeless(whole)
        assert (resumed.labels_ == whole.labels_).all()
    left = {path.name for path in folder.iterdir()}
    assert {name for name in left if name.endswith(".lock")} == set()


def test_a_few_moments(server: ForkServerContext, tmp_path: Path) -> None:
    killed_and_resumed(server, "vade", tmp_path, moments=4, per_fit=2)


@pytest.mark.long
@pytest.mark.parametrize("name", ESTIMATORS)
def test_many_moments(server: ForkServerContext, name: str, tmp_path: Path) -> None:
    killed_and_resumed(server, name, tmp_path, moments=50, per_fit=2)
