"""A small experiment on the digits, with a pretraining and a start."""

from __future__ import annotations

from functools import partial
from typing import Any

from pyromix import VaDE
from pyromix.experiments import Experiment, Target
from pyromix.inference import Autoencoder, KMeansStart, Training
from pyromix.networks import Perceptron

PARTS: dict[str, Any] = {
    "networks": Perceptron((16,)),
    "latent_dim": 3,
    "pretraining": Autoencoder(1),
    "start": KMeansStart(),
    "training": Training(max_epochs=3),
}
TOY = Experiment(
    "toy",
    "VaDE, a toy",
    "ours",
    "digits",
    partial(VaDE, **PARTS),
    (Target(value=0.9, spread=0.05, source="nobody"),),
    cpu={"training__max_epochs": 2},
    note="two cores: 2 epochs",
)
