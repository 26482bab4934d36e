"""Batches of an experiment: clusters of simulated counts, with the batch known and unknown.

Cells of four groups are counted in three batches, in which genes are counted with efficiencies of
their own and groups are mixed otherwise; cells are counted to different depths. The zoo's VaDE has
negative binomial counts with size factors, blind or with ``covariates=``, and its own start or that
from a Gaussian mixture; beside it are the usual logarithms, principal components and a Gaussian
mixture, as they are and with the batches' means taken off. One JSON for each method and seed, of
data and fit; what is there is not measured again.

    python benchmarks/batches.py            # measures and prints the table of docs/results.md
    python benchmarks/batches.py --table    # prints it
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from pyromix import VaDE
from pyromix.evaluation import independence
from pyromix.inference import GaussianMixtureStart, PseudoLabels, Training
from pyromix.models import NegativeBinomial
from pyromix.reports import table_head, table_row

RESULTS = Path(__file__).parent / "results" / "batches"
SEEDS = (0, 1, 2)
GROUPS, BATCHES = 4, 3
Floats = NDArray[np.float64]


class Cells(NamedTuple):
    """Simulated counts.

    Attributes:
        counts: ``(N, G)``.
        group: ``(N,)``, whole numbers.
        batch: ``(N,)``, text.
    """

    counts: Floats
    group: NDArray[np.int64]
    batch: NDArray[np.str_]


def simulate(seed: int, n: int = 800, genes: int = 100) -> Cells:
    """Cells whose counts tell of the batch as much as of the group.

    A tenth of the genes is a group's own, up to six times as frequent there; every batch counts
    each gene with an efficiency of its own (log-normal of σ = 1). Negative binomial with r = 5.

    Args:
        seed: of everything.
        n: cells.
        genes: genes, G.
    """
    rng = np.random.default_rng(seed)
    share = rng.dirichlet(np.ones(GROUPS) * 3, BATCHES)  # groups in each batch
    batch = rng.integers(0, BATCHES, n)
    group = np.array([rng.choice(GROUPS, p=share[b]) for b in batch])
    profile = np.tile(rng.normal(0, 1, genes), (GROUPS, 1))
    own = rng.permutation(genes)[: GROUPS * (genes // 10)].reshape(GROUPS, -1)
    for each, markers in enumerate(own):
        profile[each, markers] += rng.uniform(1.0, 1.8, len(markers))
    efficiency = rng.normal(0, 1.0, (BATCHES, genes))
    rate = np.exp(profile[group] + efficiency[batch])
    depth = np.exp(rng.normal(np.log(1000), 0.4, n))
    mean = depth[:, None] * rate / rate.sum(1, keepdims=True)
    counts = rng.poisson(rng.gamma(5.0, mean / 5.0)).astype(float)
    return Cells(counts, group, np.array(["a", "b", "c"])[batch])


def vade(
    cells: Cells, seed: int, *, known: bool, epochs: int = 60, start: Any = None
) -> tuple[Floats, Any]:
    """Codes and clusters of VaDE, with the batch known or not; its own start unless told."""
    model = VaDE(
        n_clusters=GROUPS,
        likelihood=partial(NegativeBinomial, size_factors="share"),
        training=Training(max_epochs=epochs),
        **({} if start is None else {"start": start}),
        random_state=seed,
    )
    given: dict[str, Any] = {"covariates": cells.batch} if known else {}
    model.fit(cells.counts, **given)
    return model.transform(cells.counts, **given), model.labels_


def usual(cells: Cells, seed: int, *, known: bool) -> tuple[Floats, Any]:
    """Logarithms of shares, less the means of the batches if known, 20 components, a mixture."""
    seen = np.log1p(cells.counts * cells.counts.shape[1] / cells.counts.sum(1, keepdims=True))
    if known:
        for each in np.unique(cells.batch):
            seen[cells.batch == each] -= seen[cells.batch == each].mean(0)
    codes = PCA(20, random_state=seed).fit_transform(seen)
    mixture = GaussianMixture(GROUPS, n_init=5, random_state=seed)
    return codes, mixture.fit_predict(codes)


MIXTURE = PseudoLabels(GaussianMixtureStart(on="data", n_components=20), epochs=60)
METHODS: dict[str, Callable[[Cells, int], tuple[Floats, Any]]] = {
    "PCA + GMM": partial(usual, known=False),
    "PCA + GMM, batch means off": partial(usual, known=True),
    "VaDE, blind": partial(vade, known=False),
    "VaDE, covariates": partial(vade, known=True),
    "VaDE from a mixture, blind": partial(vade, known=False, start=MIXTURE),
    "VaDE from a mixture, covariates": partial(vade, known=True, start=MIXTURE),
}


def measure(method: str, seed: int) -> dict[str, float]:
    """Scores of one method on the cells of one seed."""
    cells, begun = simulate(seed), process_time()
    codes, clusters = METHODS[method](cells, seed)
    return {
        "ari_groups": float(adjusted_rand_score(cells.group, clusters)),
        "ari_batches": float(adjusted_rand_score(cells.batch, clusters)),
        **independence(codes, clusters, cells.batch, cells.group),
        "cpu_seconds": process_time() - begun,
    }


def path_of(method: str, seed: int) -> Path:
    """Where the scores of a method and a seed stand."""
    name = "-".join("".join(c if c.isalnum() else " " for c in method.lower()).split())
    return RESULTS / f"{name}-{seed}.json"


def table() -> str:
    """What has been measured, in Markdown: means and standard deviations over seeds."""
    columns = {
        "ari_groups": "ARI with groups",
        "ari_batches": "ARI with batches",
        "labels_told": "groups told from codes",
        "batch_told": "batches told from codes (guessed: .333)",
        "cpu_seconds": "CPU s",
    }
    lines = [table_head("method", "seeds", *columns.values())]
    for method in METHODS:
        found = [
            json.loads(path_of(method, seed).read_text())
            for seed in SEEDS
            if path_of(method, seed).exists()
        ]
        if found:
            values = {key: np.array([each[key] for each in found]) for key in columns}
            cells = [
                f"{value.mean():.0f}"
                if key == "cpu_seconds"
                else f"{value.mean():.3f} ± {value.std():.3f}"
                for key, value in values.items()
            ]
            lines.append(table_row(method, len(found), *cells))
    return "\n".join(lines)


def main() -> None:
    """Measure what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", action="store_true", help="print what has been measured")
    torch.set_num_threads(1)
    if not parser.parse_args().table:
        RESULTS.mkdir(parents=True, exist_ok=True)
        for seed in SEEDS:
            for method in METHODS:
                if not path_of(method, seed).exists():
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        found = measure(method, seed)
                    path_of(method, seed).write_text(json.dumps(found, indent=1) + "\n")
                    print(method, seed, found, flush=True)
    print(table())


if __name__ == "__main__":
    main()
