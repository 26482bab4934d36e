"""MFCVAE on MNIST and on two sets of rendered scenes: the best facet of each label."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from ..estimators import MFCVAE, DeepMixture
from ..guides import GaussianHead
from ..inference import ComponentMeans, MutualInformation, OnFacets, Progressive, Refit, Training
from ..models import GaussianMixture, Normal
from ..networks import ConvolutionalLadder, PerceptronLadder
from .experiment import Experiment, Target

SOURCE = "Falck et al. (2021), arXiv 2106.05241, table 1"
# The story is the paper's (K, D, covariances, fixed weights, likelihood, kinds of network); for two
# cores the networks are a quarter as wide, the training is shorter, and the scale is narrower.
SHAPES: dict[str, Any] = {
    "n_clusters": (60, 20),
    "latent_dim": (20, 2),
    "prior": partial(GaussianMixture, covariance="full", learn_weights=False),
    "posterior": partial(GaussianHead, log_scale=-2.0),
    "likelihood": partial(Normal, scale=0.15),
    "networks": ConvolutionalLadder(channels=16),
    "start": ComponentMeans(),
    "training": Training(
        max_epochs=160,
        batch_size=96,
        learning_rate=2e-3,
        during=(Progressive((20,), fade_steps=200), Refit((12, 115))),
    ),
    "precision": "bf16-mixed",
}
SHORTER = SHAPES | {
    "training": SHAPES["training"].with_params(
        max_epochs=110, during=(Progressive((20,), fade_steps=200), Refit((12, 70)))
    )
}
# Ours on MNIST are BatchNorm and the two-view information of facet 1's clusters;
# terms=[] and networks.batch_norm=False leave them out.
DIGITS: dict[str, Any] = {
    "n_clusters": (25, 25),
    "latent_dim": (5, 5),
    "networks": PerceptronLadder(batch_norm=True),
    "start": ComponentMeans(),
    "terms": [OnFacets(MutualInformation(50.0, views="auto"), (1,))],
    "training": Training(
        max_epochs=40,
        batch_size=512,
        learning_rate=2e-3,
        learning_rate_decay=None,
        during=(Progressive((25,), fade_steps=1000), Refit((6, 33))),
    ),
    "precision": "bf16-mixed",
}
SETTINGS: dict[str, dict[str, Any]] = {
    "shapes3d-1": SHAPES,
    "shapes3d-2": SHORTER,
    "mnist": DIGITS,
}
# By data, of each label: mean and standard deviation of ten runs.
TABLE: dict[str, dict[str, tuple[float, float]]] = {
    "mnist": {"digit": (0.9202, 0.0302)},
    "shapes3d-1": {"floor hue": (0.9946, 0.0110), "shape": (0.8847, 0.0182)},
    "shapes3d-2": {"wall hue": (1.0, 0.0), "shape": (0.9005, 0.0265)},
}
SHORT: dict[str, dict[str, Any]] = {
    "mnist": {
        "training__max_epochs": 40,
        "training__during": (Progressive((20,), fade_steps=1000),),
    },
    "shapes3d": {
        "training__max_epochs": 40,
        "training__during": (Progressive((10,), fade_steps=200),),
        "networks__channels": 16,
        "precision": "bf16-mixed",
    },
}
# Ours by default: clusters by facet, labels that they should tell, and less of it for two cores.
DEFAULTS: dict[str, tuple[tuple[int, int], tuple[str, str], dict[str, Any]]] = {
    "coloured-mnist": (
        (10, 10),
        ("colour", "digit"),
        {"start__epochs": 4, "training__max_epochs": 2},
    ),
    "shapes3d-1": ((10, 4), ("floor hue", "shape"), {}),
}
NOTES = {
    "mnist": "two cores: 40 epochs",
    "shapes3d": "scenes of our renderer, not the original 3DShapes; two cores: 40 epochs, 16 "
    "channels",
}


def _experiments(data: str) -> list[Experiment]:
    kind = data.partition("-")[0]
    targets = tuple(
        Target("purity", label, mean, spread, source=SOURCE)
        for label, (mean, spread) in TABLE[data].items()
    )
    theirs = Experiment(
        f"mfcvae-{data}",
        f"MFCVAE, {data}",
        "published",
        data,
        partial(MFCVAE.published, kind),
        targets,
        cpu=SHORT[kind],
        note=NOTES[kind],
    )
    ours = replace(
        theirs,
        name=f"{theirs.name}-ours",
        variant="ours",
        make=partial(_ours, data),
        cpu={},
        note="",
    )
    return [theirs, ours]


def _ours(data: str) -> DeepMixture:
    return MFCVAE(**SETTINGS[data])


def _by_default(data: str) -> Experiment:
    n_clusters, labels, cpu = DEFAULTS[data]
    return Experiment(
        f"mfcvae-{data}-defaults",
        f"MFCVAE, {data}, K = {n_clusters[0]} and {n_clusters[1]}",
        "ours",
        data,
        partial(MFCVAE, n_clusters=n_clusters),
        tuple(Target("nmi", label) for label in labels),
        cpu=cpu,
    )


EXPERIMENTS = [each for data in TABLE for each in _experiments(data)]
EXPERIMENTS += [_by_default(data) for data in DEFAULTS]
