"""MFCVAE over seeds: every facet against every label on held-out data, without labels in the fit.

The settings are those of pyromix.experiments; --set changes them.

    python benchmarks/facets.py shapes3d-1 --seeds 0 1 2 --pictures FOLDER
    python benchmarks/facets.py mnist --root ROOT
    python benchmarks/facets.py shapes3d-1 --set 'training.during=[]'
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from pyromix.cli.settings import arguments
from pyromix.data import load
from pyromix.estimators import MFCVAE
from pyromix.experiments import MFCVAE_SETTINGS as SETTINGS
from pyromix.reports import (
    environment,
    label_columns,
    responsibilities,
    samples_picture,
    save_figure,
    scored,
    swaps,
    table_head,
    table_row,
    timed_fit,
)


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
    names = [label.name for label in label_columns(test)]
    given = arguments(MFCVAE, {}, options.set)
    print(f"{environment()}, {given}")
    columns = ("occupied", "label", "purity", "accuracy", "NMI", "minutes")
    print(table_head("data", "seed", "facet", "K", *columns))
    best: dict[str, list[float]] = {name: [] for name in names}
    for seed in options.seeds:
        mfcvae = MFCVAE(**SETTINGS[options.data], random_state=seed).set_params(**given)
        minutes = timed_fit(mfcvae, train.x) / 60
        if options.pictures and seed == options.seeds[0]:
            save_figure(swaps(mfcvae, test), options.pictures / f"facets-{options.data}-swap.png")
            grids = samples_picture(mfcvae, test.image_shape, 8)
            save_figure(grids, options.pictures / f"facets-{options.data}-samples.png")
        scores = scored(test, responsibilities(mfcvae, test.x))
        for facet, n_clusters in enumerate(mfcvae.clusterings()):
            occupied = f"{scores[f'facet_{facet}/occupied_clusters']:.0f}"
            about = (options.data, seed, facet, n_clusters, occupied)
            for name in names:
                of_label = f"facet_{facet}/{name}"
                found = [scores[f"{of_label}/{metric}"] for metric in ("purity", "accuracy", "nmi")]
                print(table_row(*about, name, *found, f"{minutes:.1f}"), flush=True)
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
