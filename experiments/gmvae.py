"""GMVAE's table of MNIST: K of 10, 16 and 30, one Monte Carlo sample and ten."""

from __future__ import annotations

from functools import partial
from typing import Any

from ..estimators import GMVAE
from ..networks import Perceptron
from .experiment import Experiment, Target

# (K, M): mean, standard deviation and best of the runs.
TABLE = {
    (10, 1): (0.7778, 0.0575, 0.8731),
    (10, 10): (0.8231, 0.0375, 0.8854),
    (16, 1): (0.8509, 0.0199, 0.8901),
    (16, 10): (0.8782, 0.0533, 0.9692),
    (30, 1): (0.9277, 0.0160, 0.9584),
    (30, 10): (0.8927, 0.0250, 0.9322),
}
# An epoch of theirs, which is of convolutions, takes three minutes on one core.
SHORT: dict[str, Any] = {
    "networks": Perceptron((500, 500), batch_norm=True),
    "latent_dim": 64,
    "prior__style_dim": 16,
    "training__max_epochs": 20,
    "training__batch_size": 128,
    "training__learning_rate": 1e-3,
}


def _experiments(n_clusters: int, num_particles: int) -> list[Experiment]:
    mean, spread, best = TABLE[n_clusters, num_particles]
    target = Target(
        "most_confident_accuracy",
        value=mean,
        spread=spread,
        best=best,
        source="Dilokthanakul et al. (2016), arXiv 1611.02648, table 1",
    )
    row = f"GMVAE, MNIST, K = {n_clusters}, M = {num_particles}"
    name = f"gmvae-mnist-k{n_clusters}-m{num_particles}"
    published = partial(GMVAE.published, n_clusters=n_clusters, num_particles=num_particles)
    note = "two cores: perceptrons of 500-500, D = 64, W = 16, 20 epochs of batches of 128"
    theirs = Experiment(name, row, "published", "mnist", published, (target,), cpu=SHORT, note=note)
    ours = Experiment(
        f"{name}-ours",
        row,
        "ours",
        "mnist",
        partial(_ours, n_clusters, num_particles),
        (target,),
    )
    return [theirs, ours]


def _ours(n_clusters: int, num_particles: int) -> GMVAE:
    return GMVAE(n_clusters=n_clusters).set_params(objective__num_particles=num_particles)


EXPERIMENTS = [each for cell in TABLE for each in _experiments(*cell)]
