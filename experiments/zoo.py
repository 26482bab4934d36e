"""The zoo's defaults on digits and garments, also where only a paper's abstract could be had."""

from __future__ import annotations

from functools import partial
from typing import Any

from ..estimators import DHVC, GMVAE, AugmentedVaDE, DeepMixture, GamMMVAE, VaDE
from .experiment import Experiment, Target

KINDS: tuple[type[DeepMixture], ...] = (VaDE, GMVAE, GamMMVAE, DHVC, AugmentedVaDE)
DATA = {"digits": "digits", "mnist": "MNIST", "fashion-mnist": "Fashion-MNIST"}
ABSTRACT = Target(source="only the paper's abstract could be had")
# With their own budgets DHVC's phases on 60,000 images take two cores a quarter of an hour.
SHORT: dict[str, Any] = {
    "pretraining__epochs": 7,
    "training__max_epochs": 2,
    "precision": "bf16-mixed",
}
# An epoch of the digits is 18 steps.
LONGER: dict[str, Any] = {"pretraining__epochs": 100, "training__max_epochs": 100}


def _experiment(kind: type[DeepMixture], data: str) -> Experiment:
    return Experiment(
        f"{kind.alias}-{data}-defaults",
        f"{kind.__name__}, {DATA[data]}, K = 10",
        "ours",
        data,
        partial(kind, n_clusters=10),
        (ABSTRACT if kind in (GamMMVAE, DHVC, AugmentedVaDE) else Target(),),
        cpu=SHORT if kind is DHVC and data != "digits" else {},
    )


def _augmented(data: str) -> Experiment:
    return Experiment(
        f"augmented-vade-{data}",
        f"AugmentedVaDE, {DATA[data]}, K = 10",
        "published",
        data,
        AugmentedVaDE.published,
        (ABSTRACT,),
        cpu=LONGER if data == "digits" else {"pretraining__epochs": 10, "training__max_epochs": 20},
        note="VaDE's published recipe with our reconstruction of the term",
    )


EXPERIMENTS = [
    *(_experiment(kind, data) for kind in KINDS for data in DATA),
    *(_augmented(data) for data in DATA),
]
