"""The picture at the head of the README: a fit of the digits, seen from two sides.

    OMP_NUM_THREADS=1 python benchmarks/face.py --out docs/_static/digits.png

VaDE's defaults, seed 0, all 1,797 digits without their labels. Left the codes by UMAP, coloured by
cluster; right what each cluster draws, E[x | z] for draws of z from its component.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from pyromix.data import load
from pyromix.estimators import VaDE
from pyromix.evaluation import cluster_map
from pyromix.evaluation.samples import as_images, show_rows
from pyromix.inference import UMAPStart

COLUMNS = 12


def main() -> None:
    """Parse the command line, fit and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="the PNG")
    options = parser.parse_args()
    X = load("digits").x
    vade = VaDE(n_clusters=10, random_state=0).fit(X)
    figure = Figure(figsize=(8.4, 3.9), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.2])
    places = UMAPStart(n_components=2, min_dist=0.3).embed(vade.transform(X), seed=0)
    cluster_map(places, vade.labels_, title="1,797 digits, no labels: the codes", ax=left)
    left.set(xticks=[], yticks=[], xlabel="", ylabel="")
    rows = [vade.sample(COLUMNS, cluster=c, mean=True, seed=c)[0] for c in range(10)]
    images = as_images(np.stack(rows), (8, 8), lead=2)
    assert images is not None
    show_rows(right, images, [str(c) for c in range(10)])
    right.set_title("what each cluster draws")
    figure.savefig(options.out, dpi=90)


if __name__ == "__main__":
    main()
