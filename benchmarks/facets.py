"""MFCVAE over seeds: every facet against every label on held-out data, without labels in the fit.

The settings stand below; --set changes them.

    python benchmarks/facets.py shapes3d-1 --seeds 0 1 2 --pictures FOLDER
    python benchmarks/facets.py mnist --root ROOT
    python benchmarks/facets.py shapes3d-1 --set progressive=False
"""

from __future__ import annotations

import argparse
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

from pyromix.cli.settings import arguments
from pyromix.data import load
from pyromix.estimators import MFCVAE
from pyromix.evaluation import evaluate_facets
from pyromix.reports import samples_picture, save_figure, swaps

# The story is the paper's (K, D, covariances, fixed weights, likelihood, kinds of network); for two
# cores the networks are a quarter as wide, the training is shorter, and the scale is narrower.
SHAPES: dict[str, Any] = {
    "n_clusters": (60, 20),
    "latent_dim": (20, 2),
    "covariance": "full",
    "learn_weights": False,
    "likelihood": "normal",
    "scale": 0.15,
    "channels": 16,
    "log_scale": -2.0,
    "batch_size": 96,
    "learning_rate": 2e-3,
    "learning_rate_decay": "cosine",
    "max_epochs": 160,
    "join_epochs": (20,),
    "fade_steps": 200,
    "refit_epochs": (12, 115),
    "precision": "bf16-mixed",
}
SHORTER = {**SHAPES, "max_epochs": 110, "refit_epochs": (12, 70)}
# Ours on MNIST are BatchNorm and the two-view information of facet 1's clusters;
# mutual_information=0.0 and batch_norm=False leave them out.
DIGITS: dict[str, Any] = {
    "n_clusters": (25, 25),
    "latent_dim": (5, 5),
    "network": "mlp",
    "batch_norm": True,
    "mutual_information": 50.0,
    "views": "auto",
    "term_facets": (1,),
    "batch_size": 512,
    "learning_rate": 2e-3,
    "max_epochs": 40,
    "join_epochs": (25,),
    "fade_steps": 1000,
    "refit_epochs": (6, 33),
    "precision": "bf16-mixed",
}
SETTINGS = {"shapes3d-1": SHAPES, "shapes3d-2": SHORTER, "mnist": DIGITS}


def main() -> None:
    """Parse the command line, fit each seed, and print a row for each facet and label."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", choices=list(SETTINGS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--root", default="~/.cache/pyromix")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    parser.add_argument("--pictures", type=Path, help="draw the first seed's facets here")
    options = parser.parse_args()
    train = load(options.data, root=options.root)
    test = load(options.data, root=options.root, split="test")
    assert test.labels is not None
    names = test.label_names or ("digit",)
    given = arguments(MFCVAE, {}, options.set)
    print(f"torch {torch.__version__.split('+')[0]}, {torch.get_num_threads()} threads, {given}")
    print("| data | seed | facet | K | occupied | label | purity | accuracy | NMI | minutes |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    best: dict[str, list[float]] = {name: [] for name in names}
    for seed in options.seeds:
        mfcvae = MFCVAE(**{**SETTINGS[options.data], **given, "random_state": seed})
        started = perf_counter()
        mfcvae.fit(train.x)
        minutes = (perf_counter() - started) / 60
        if options.pictures and seed == options.seeds[0]:
            save_figure(swaps(mfcvae, test), options.pictures / f"facets-{options.data}-swap.png")
            grids = samples_picture(mfcvae, test.image_shape, 8)
            save_figure(grids, options.pictures / f"facets-{options.data}-samples.png")
        scores = evaluate_facets(test.labels, mfcvae.predict_proba(test.x), names)
        for facet, n_clusters in enumerate(mfcvae.clusterings()):
            for name in names:
                key = f"facet_{facet}/{name}"
                print(
                    f"| {options.data} | {seed} | {facet} | {n_clusters} "
                    f"| {scores[f'facet_{facet}/occupied_clusters']:.0f} | {name} "
                    f"| {scores[key + '/purity']:.3f} | {scores[key + '/accuracy']:.3f} "
                    f"| {scores[key + '/nmi']:.3f} | {minutes:.1f} |",
                    flush=True,
                )
        told = []
        for name in names:
            facet = int(scores[f"best_facet/{name}"])
            best[name].append(scores[f"facet_{facet}/{name}/purity"])
            told.append(f"{name} by facet {facet}")
        dependence = scores.get("dependence/0-1", 0.0)
        print(f"seed {seed}: {', '.join(told)}; facets share {dependence:.3f} (AMI)", flush=True)
    for name, found in best.items():
        print(f"{name}: purity in its best facet {np.mean(found):.4f} ± {np.std(found):.4f}")


if __name__ == "__main__":
    main()
