"""VaDE on MNIST: the paper's best run, and the mean of those who ran it again."""

from __future__ import annotations

from ..estimators import VaDE
from .experiment import Experiment, Target

TARGETS = (
    Target(value=0.9446, of="best run", source="Jiang et al. (2017), arXiv 1611.05148, table 2"),
    Target(value=0.716, spread=0.044, source="20 seeds run by others; where is not known to us"),
)

EXPERIMENTS = [
    Experiment(
        "vade-mnist",
        "VaDE, MNIST, K = 10",
        "published",
        "mnist",
        VaDE.published,
        TARGETS,
        pooled=True,
        cpu={"pretraining__epochs": 10, "training__max_epochs": 20},
        note="two cores: 10 epochs of pretraining and 20 together; theirs are 3,000",
    ),
    Experiment(
        "vade-mnist-ours", "VaDE, MNIST, K = 10", "ours", "mnist", VaDE, TARGETS, pooled=True
    ),
]
