"""Parts of a user's own, each in under 15 lines, and what becomes of them in processes that die.

python user_parts.py save FOLDER       fit and save an estimator with each part
python user_parts.py load FOLDER       load them with the parts handed in, and predict again
python user_parts.py kill FOLDER       kill a fit with each, resume it, compare with a whole fit
"""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from pyro import distributions as dist
from pyro.distributions import TorchDistribution
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.distributions.transforms import AffineTransform

import pyromix
from pyromix import VaDE
from pyromix.guides import Head
from pyromix.inference import GroupsOf, Neighbours, Schedule, Term, Training
from pyromix.inference.training import checkpoint
from pyromix.models import Likelihood, MixturePrior
from pyromix.networks import Networks, Perceptron

validating = Distribution._validate_args
from zuko.flows import NSF  # noqa: E402, it turns torch's validation off

Distribution.set_default_validate_args(validating)

X = load_digits().data[:200] / 16


class HeavyTails(MixturePrior):
    def __init__(self, n_clusters: int, latent_dim: int, df: float = 4.0) -> None:
        super().__init__(n_clusters)
        self.latent_dim, self.df = latent_dim, df
        self.loc = nn.Parameter(torch.randn(n_clusters, latent_dim))

    def component(
        self, cluster: Tensor | None = None, w: Tensor | None = None
    ) -> TorchDistribution:
        loc = self.loc if cluster is None else self.loc[cluster]
        law: TorchDistribution = dist.StudentT(self.df, loc, 1.0).to_event(1)
        return law

    def match_moments(self, codes: Tensor, shares: Tensor) -> None:
        self.loc.copy_(shares.T @ codes)


class Bent(dist.TransformedDistribution):  # type: ignore[misc]
    @property
    def mean(self) -> Tensor:
        centre: Tensor = self.base_dist.mean
        for transform in self.transforms:
            centre = transform(centre)
        return centre


class Bending(Head):
    def __init__(self, in_features: int, latent_dim: int) -> None:
        super().__init__(in_features, latent_dim)
        self.loc = nn.Linear(in_features, latent_dim)
        self.flow = NSF(latent_dim, in_features, transforms=1, passes=2).transform

    def forward(self, features: Tensor) -> TorchDistribution:
        loc = self.loc(features)
        base = dist.Normal(torch.zeros_like(loc), 1.0).to_event(1)
        return Bent(base, [self.flow(features).inv, AffineTransform(loc, 0.3, event_dim=1)])


class Spiky(Likelihood):
    def distribution(self, z: Tensor) -> TorchDistribution:
        law: TorchDistribution = dist.Laplace(self.decoder(z), 0.2).to_event(len(self.event_shape))
        return law


class NoSmallClusters(Term):
    def __call__(self, responsibilities: Tensor, weights: Tensor) -> Tensor:
        return -responsibilities.flatten(0, -2).mean(0).clamp(min=1e-6).log().mean()


class Linear(Networks):
    def encoder(self, event_shape: tuple[int, ...]) -> nn.Module:
        return nn.Sequential(nn.Linear(event_shape[0], 16), nn.Tanh())

    def decoder(self, code_dim: int, event_shape: tuple[int, ...]) -> nn.Module:
        return nn.Linear(code_dim, event_shape[0])


class Halving(Schedule):
    def __call__(self, step: float) -> float:
        return float(0.5 ** (step / 10))


def by_brightness(data: np.ndarray) -> np.ndarray:
    ranks: np.ndarray = data.sum(1).argsort().argsort()
    return ranks * 4 // len(data)


PARTS: dict[str, dict[str, Any]] = {
    "prior": {"prior": partial(HeavyTails, df=3.0)},
    "head": {"posterior": Bending},
    "likelihood": {"likelihood": Spiky},
    "term": {"terms": [NoSmallClusters(0.5)]},
    "networks": {"networks": Linear()},
    "start": {"start": GroupsOf(KMeans(n_init=2))},
    "start from a function": {"start": by_brightness},
    "schedule": {"terms": [NoSmallClusters(Halving())]},
}
HANDED: dict[str, dict[str, Any]] = {**PARTS, "prior": {"prior": HeavyTails}}


def make(**parts: Any) -> VaDE:
    """A small VaDE of four clusters with those parts."""
    small: dict[str, Any] = {
        "n_clusters": 4,
        "latent_dim": 2,
        "networks": Perceptron(16),
        "pretraining": Neighbours(epochs=2),
        "training": Training(max_epochs=4),
        "random_state": 0,
    }
    return VaDE(**{**small, **parts})


def save(folder: Path) -> None:
    for name, parts in PARTS.items():
        fitted = make(**parts).fit(X)
        fitted.save(folder / name)
        np.save(folder / f"{name}.npy", fitted.predict_proba(X))


def load(folder: Path) -> None:
    for name, parts in HANDED.items():
        loaded = pyromix.load(folder / name, **parts)
        assert np.array_equal(loaded.predict_proba(X), np.load(folder / f"{name}.npy")), name
        if name == "prior":
            assert loaded.model_.prior.df == 3.0


def kill(folder: Path) -> None:
    progress: Callable[..., None] = checkpoint.Checkpoint.progress
    for name, parts in PARTS.items():
        path, seen = folder / f"{name}.pt", [0]

        def counted(self: Any, *args: Any, seen: list[int] = seen) -> None:
            self.every = 0.0
            progress(self, *args)
            seen[0] += 1
            if seen[0] == 4:  # in the second epoch of the joint training
                os.kill(os.getpid(), signal.SIGKILL)

        child = os.fork()
        if child == 0:
            with patch.object(checkpoint.Checkpoint, "progress", counted):
                make(**parts).fit(X, checkpoint=path)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.WTERMSIG(status) == signal.SIGKILL, name
        whole, resumed = make(**parts).fit(X), make(**parts).fit(X, checkpoint=path)
        for ours, theirs in zip(
            whole.model_.parameters(), resumed.model_.parameters(), strict=True
        ):
            assert torch.equal(ours, theirs), name


if __name__ == "__main__":
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    {"save": save, "load": load, "kill": kill}[sys.argv[1]](Path(sys.argv[2]))
