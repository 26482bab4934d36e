"""Which start finds the groups, and which rule without labels chooses it: a study on many sets.

Every start of the data alone is run on every set with K given, three seeds each. Labels serve for
two scores in the table and for nothing else. A file for each set and seed holds what was found, so
a study that was interrupted goes on; its table is made of the files.

    OMP_NUM_THREADS=1 python benchmarks/starts.py --sets digits wine --seeds 0 1 2
    OMP_NUM_THREADS=1 python benchmarks/starts.py --sets mnist fashion-mnist --root ROOT
    python benchmarks/starts.py --table

Starts and rule were settled on ``KNOWN``; ``ASIDE`` was looked at afterwards.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import AgglomerativeClustering
from sklearn.datasets import (
    load_breast_cancer,
    load_iris,
    load_wine,
    make_blobs,
    make_circles,
    make_moons,
)
from sklearn.metrics import normalized_mutual_info_score
from sklearn.preprocessing import scale

from pyromix.data import DEFAULT_ROOT, Dataset, arcs, load, pinwheel, shapes3d
from pyromix.evaluation import hungarian_accuracy
from pyromix.inference import (
    Averaged,
    GaussianMixtureStart,
    GroupsOf,
    KMeansStart,
    SpectralStart,
    Start,
    UMAPStart,
    modularity,
    neighbour_graph,
    shared_neighbours,
)

Array = NDArray[Any]
Labelled = tuple[Array, Array]

RESULTS = Path(__file__).parent / "results" / "starts"
FEW = 5000  # data above which what costs their square is left out
DEAR = ("spectral", "Ward")
RULES = ("neighbours", "modularity", "agreement")

STARTS: dict[str, Start] = {
    "k-means": KMeansStart(on="data"),
    "PCA + GMM": GaussianMixtureStart(on="data", n_components=30),
    "UMAP + GMM": UMAPStart(),
    "spectral": SpectralStart(),
    "Ward": GroupsOf(AgglomerativeClustering()),
}


def table(bundled: Callable[[], Any], scaled: bool = True) -> Labelled:
    """A table that scikit-learn bundles, its columns standardised."""
    found = bundled()
    return (scale(found.data) if scaled else found.data), found.target


def rows_of(found: Dataset, factor: str = "") -> Labelled:
    """A set of the zoo's as rows, with its labels, or with one of several."""
    labels = found.labels
    assert labels is not None
    if factor:
        labels = labels[:, found.label_names.index(factor)]
    return found.x.reshape(len(found.x), -1).astype(float), labels


def named(name: str, root: str) -> Labelled:
    """A set that the zoo knows by name."""
    return rows_of(load(name, root=root, download=False))


def stretched(seed: int) -> Labelled:
    """Six Gaussians in eight dimensions, each stretched in directions of its own."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(6, size=3000)
    shapes = generator.normal(size=(6, 8, 8)) * 0.6
    centres = generator.normal(size=(6, 8)) * 3
    noise = generator.normal(size=(3000, 8))
    return centres[labels] + np.einsum("nij,nj->ni", shapes[labels], noise), labels


def heavy_tails(seed: int) -> Labelled:
    """Four clusters in four dimensions, of Student's law with two degrees of freedom."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(4, size=2000)
    noise = generator.standard_t(2, size=(2000, 4))
    return 6 * np.eye(4)[labels] + noise, labels


def uneven(seed: int) -> Labelled:
    """99 to 1: two Gaussians in five dimensions, six standard deviations apart."""
    generator = np.random.default_rng(seed)
    labels = (np.arange(3000) >= 2970).astype(int)
    return generator.normal(size=(3000, 5)) + 6 * labels[:, None] * np.eye(5)[0], labels


def uneven_digits(seed: int) -> Labelled:
    """Digits of which each class has seven tenths of the one before."""
    x, labels = named("digits", "")
    order = np.random.default_rng(seed).permutation(10)
    kept = [np.flatnonzero(labels == c)[: int(174 * 0.7**i)] for i, c in enumerate(order)]
    rows = np.sort(np.concatenate(kept))
    return x[rows], labels[rows]


def noisy_features(seed: int) -> Labelled:
    """Six blobs in four dimensions, and 46 features more that say nothing."""
    x, labels = make_blobs(2000, 4, centers=6, cluster_std=1.0, random_state=seed)
    noise = np.random.default_rng(seed).normal(size=(2000, 46)) * 3
    return np.concatenate([x, noise], 1), labels


KNOWN: Mapping[str, Callable[[int, str], Labelled]] = {
    "digits": lambda seed, root: named("digits", root),
    "wine": lambda seed, root: table(load_wine),
    "breast-cancer": lambda seed, root: table(load_breast_cancer),
    "pinwheel": lambda seed, root: rows_of(pinwheel(FEW, seed=seed)),
    "mnist": lambda seed, root: named("mnist", root),
    "fashion-mnist": lambda seed, root: named("fashion-mnist", root),
}
ASIDE: Mapping[str, Callable[[int, str], Labelled]] = {
    "arcs": lambda seed, root: rows_of(arcs(FEW, seed=seed)),
    "iris": lambda seed, root: table(load_iris),
    "scenes-floor": lambda seed, root: rows_of(shapes3d(1, root=root), "floor_hue"),
    "scenes-shape": lambda seed, root: rows_of(shapes3d(1, root=root), "shape"),
    "moons": lambda seed, root: make_moons(2000, noise=0.08, random_state=seed),
    "rings": lambda seed, root: make_circles(2000, noise=0.06, factor=0.5, random_state=seed),
    "stretched": lambda seed, root: stretched(seed),
    "unequal-spreads": lambda seed, root: make_blobs(
        2000, centers=[[0, 0], [5, 0], [0, 9]], cluster_std=[0.4, 1.2, 2.5], random_state=seed
    ),
    "heavy-tails": lambda seed, root: heavy_tails(seed),
    "uneven-99-1": lambda seed, root: uneven(seed),
    "uneven-digits": lambda seed, root: uneven_digits(seed),
    "noisy-features": lambda seed, root: noisy_features(seed),
    "wine-unscaled": lambda seed, root: table(load_wine, scaled=False),
}
SETS = {**KNOWN, **ASIDE}


def study(name: str, seed: int, root: str) -> dict[str, Any]:
    """Scores of all starts on one set, and of their average."""
    x, labels = SETS[name](seed, root)
    n_clusters = len(np.unique(labels))
    started = time.process_time()
    graph = neighbour_graph(x)
    graph_seconds = time.process_time() - started
    found: dict[str, Array] = {}
    scores: dict[str, dict[str, float]] = {}
    for start, phase in STARTS.items():
        if start in DEAR and len(x) > FEW:
            continue
        started = time.process_time()
        found[start] = phase.groups(x, n_clusters, seed)
        scores[start] = {"seconds": time.process_time() - started}
    averaged = Averaged([GroupsOf(each) for each in found.values()])
    found["averaged"] = averaged.groups(x, n_clusters, seed).argmax(1)
    scores["averaged"] = {"seconds": sum(each["seconds"] for each in scores.values())}
    for start, groups in found.items():
        scores[start] |= {
            "accuracy": hungarian_accuracy(labels, groups),
            "nmi": float(normalized_mutual_info_score(labels, groups)),
            "neighbours": shared_neighbours(graph, groups),
            "modularity": modularity(graph, groups),
            "occupied": len(np.unique(groups)),
        }
    alike = {
        one: {other: float(normalized_mutual_info_score(a, b)) for other, b in found.items()}
        for one, a in found.items()
    }
    truth = {
        "neighbours": shared_neighbours(graph, labels),
        "modularity": modularity(graph, labels),
    }
    return {
        "set": name,
        "seed": seed,
        "n": len(x),
        "features": x.shape[1],
        "n_clusters": n_clusters,
        "graph_seconds": graph_seconds,
        "starts": scores,
        "nmi_between": alike,
        "labels": truth,
    }


def chosen(found: dict[str, Any], rule: str, score: str) -> str:
    """The start that a rule prefers; ``"oracle"`` knows the score, from the labels."""
    among = [start for start in STARTS if start in found["starts"]]
    if rule == "agreement":
        alike = found["nmi_between"]
        return max(among, key=lambda one: sum(alike[one][other] for other in among if other != one))
    known = score if rule == "oracle" else rule
    return max(among, key=lambda start: found["starts"][start][known])


def tables(folder: Path = RESULTS) -> str:
    """Accuracy and NMI by set, the means over seeds, and how rules do over all sets."""
    files = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    columns = [*STARTS, "averaged", *RULES, "oracle"]
    found: list[str] = []
    for title, sets in (("settled on", KNOWN), ("set aside", ASIDE)):
        for score in ("accuracy", "nmi"):
            lines = [
                f"| {title} ({score}) | N × X, K | {' | '.join(columns)} |",
                "|" + "---|" * (len(columns) + 2),
            ]
            means = []
            for name in sets:
                ran = [each for each in files if each["set"] == name]
                if not ran:
                    lines.append(f"| {name} (0) | missing | {' | '.join([''] * len(columns))} |")
                    continue
                line, row = _row(name, ran, score, columns)
                lines.append(line)
                means.append(row)
            whole = list(zip(*means, strict=True))
            shown = [f"{np.mean(each):.3f}" if None not in each else "" for each in whole]
            found.append("\n".join([*lines, f"| mean | | {' | '.join(shown)} |"]))
    return "\n\n".join(found)


def _row(
    name: str, found: list[dict[str, Any]], score: str, columns: list[str]
) -> tuple[str, list[float | None]]:
    """The means of one set over its seeds, as a line and as numbers; ``None`` where not run."""
    row: list[float | None] = []
    for column in columns:
        rule = column in (*RULES, "oracle")
        picks = [chosen(each, column, score) if rule else column for each in found]
        ran = all(pick in each["starts"] for pick, each in zip(picks, found, strict=True))
        values = [each["starts"][p][score] for p, each in zip(picks, found, strict=True) if ran]
        row.append(float(np.mean(values)) if ran else None)
    size = f"{found[0]['n']:,} × {found[0]['features']}, {found[0]['n_clusters']}"
    shown = ["" if value is None else f"{value:.3f}" for value in row]
    return f"| {name} ({len(found)}) | {size} | {' | '.join(shown)} |", row


def main() -> None:
    """Run what is missing, or print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--root", default=DEFAULT_ROOT)
    parser.add_argument("--table", action="store_true", help="print the tables of what was run")
    options = parser.parse_args()
    if options.table:
        print(tables())
        return
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    UMAPStart().groups(np.random.default_rng(0).normal(size=(50, 3)), 2, 0)  # imports and compiles
    for name in options.sets:
        for seed in options.seeds:
            path = RESULTS / f"{name}-{seed}.json"
            if path.exists():
                continue
            found = study(name, seed, options.root)
            RESULTS.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
            print(name, seed, {k: round(v["accuracy"], 3) for k, v in found["starts"].items()})


if __name__ == "__main__":
    main()
