"""How many clusters are found, where their true number is known.

Twenty Gaussian mixtures with 3 to 30 components: K, dimension and separation are ``MIXTURES``; the
two nearest centres of a mixture are as many units apart as its separation says, standard deviations
are .6 to 1 on turned axes, and the largest component has up to three times the data of the
smallest. The rule and its constants (``VALLEY`` among them) were chosen on those of even number,
with a look at digits, the pinwheel and the imbalanced pair. Those of odd number were set aside, and
one thing was mended after number 11 had come out as 1: trying larger K ended too early.
Besides: the digits, the pinwheel, one component with 99 times the data of the other, a single
Gaussian, and MNIST under a torchvision root, whose classes are no more than ten words for what is
in it. K is that of ``n_clusters="auto"``; beside it stand the K of the largest modularity and of
the largest agreement between the same partitions. For digits and MNIST the clusters of a VaDE with
the K found are scored on what it was fitted to (MNIST: an even 10,000).

    python benchmarks/howmany.py
    python benchmarks/howmany.py mnist --root ROOT

Results are one file each, and what is there is not measured again.
"""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pyromix import VaDE
from pyromix.data import load
from pyromix.evaluation import hungarian_accuracy, purity
from pyromix.inference import cluster_curves

KS = (3, 4, 6, 7, 8, 10, 11, 13, 14, 15, 17, 18, 20, 21, 23, 24, 26, 27, 29, 30)
MIXTURES = [(k, (2, 5, 10, 20, 50)[i % 5], (6.0, 8.0)[i % 2]) for i, k in enumerate(KS)]
OTHERS = ("digits", "pinwheel", "99:1", "one")
RESULTS = Path(__file__).parent / "results" / "howmany"
ROWS = 10_000  # that MNIST's VaDE is fitted to
Table = NDArray[np.float64]


def centres(n_clusters: int, dim: int, separation: float, rng: np.random.Generator) -> Table:
    """Centres (K, D), each the one of twenty draws that is farthest from those before it."""
    found = rng.standard_normal((1, dim))
    while len(found) < n_clusters:
        drawn = rng.standard_normal((20, dim))
        away = np.linalg.norm(drawn[:, None] - found, axis=-1).min(1)
        found = np.concatenate([found, drawn[[away.argmax()]]])
    apart = np.linalg.norm(found[:, None] - found, axis=-1) + np.diag(np.full(n_clusters, np.inf))
    return np.asarray(found * separation / apart.min())


def mixture(number: int) -> tuple[Table, NDArray[np.int64]]:
    """The data of one of the mixtures, and their components."""
    n_clusters, dim, separation = MIXTURES[number]
    rng = np.random.default_rng(number)
    means = centres(n_clusters, dim, separation, rng)
    sizes = rng.uniform(0.5, 1.5, n_clusters)
    labels = rng.choice(n_clusters, max(1000, 150 * n_clusters), p=sizes / sizes.sum())
    axes = [np.linalg.qr(rng.standard_normal((dim, dim)))[0] for _ in range(n_clusters)]
    factors = np.stack([each * rng.uniform(0.6, 1.0, dim) for each in axes])
    noise = np.einsum("nde,ne->nd", factors[labels], rng.standard_normal((len(labels), dim)))
    return means[labels] + noise, labels


def data_of(name: str, root: str) -> tuple[Table, NDArray[np.int64], int]:
    """Data, their true groups, and how many there are."""
    rng = np.random.default_rng(0)
    if name.startswith("mixture"):
        number = int(name.rpartition("-")[2])
        return *mixture(number), MIXTURES[number][0]
    if name == "one":
        return rng.standard_normal((1500, 10)), np.zeros(1500, np.int64), 1
    if name == "99:1":
        labels = (np.arange(2000) < 20).astype(np.int64)
        return rng.standard_normal((2000, 10)) + 8 / np.sqrt(10) * labels[:, None], labels, 2
    found = load(name, root=root, download=False)
    assert found.labels is not None
    rows = slice(2000) if name == "pinwheel" else slice(None)
    labels = found.labels.reshape(len(found.x), -1)[rows, 0]
    x = found.x.reshape(len(found.x), -1)[rows].astype(float)
    return x, labels, len(np.unique(labels))


def measure(name: str, root: str) -> dict[str, Any]:
    """K by each guide, and for pictures of digits what a VaDE with it is worth."""
    x, labels, true_k = data_of(name, root)
    started = perf_counter()
    curves = cluster_curves(x)
    seconds = perf_counter() - started
    # One cluster is all data, on which every seed agrees.
    several = [i for i, k in enumerate(curves.ks) if k > 1]
    best = {
        "best_k": curves.best_k,
        "by_modularity": curves.ks[int(curves.modularity.mean(0).argmax())],
        "by_agreement": curves.ks[several[int(curves.agreement[several].argmax())]],
    }
    row = {
        "data": name,
        "n": len(x),
        "dim": x.shape[1],
        "true_k": true_k,
        **best,
        "remarks": list(curves.remarks),
        "seconds": seconds,
        "curves": curves.rows(),
    }
    if name in ("digits", "mnist"):
        rows = slice(None, None, max(1, len(x) // ROWS))
        fitted = VaDE(n_clusters=curves.best_k, random_state=0).fit(x[rows])
        row["majority"] = purity(labels[rows], fitted.labels_)
        row["hungarian"] = hungarian_accuracy(labels[rows], fitted.labels_)
    return row


def table() -> str:
    """The results that there are, in Markdown."""
    lines = [
        "| data | N | D | true K | K found | by modularity | by agreement | accuracy by majority, "
        "one to one | remarks |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    names = [*(f"mixture-{i}" for i in range(len(MIXTURES))), *OTHERS, "mnist"]
    exact: dict[str, list[bool]] = {}
    for name in names:
        path = path_of(name)
        if not path.exists():
            continue
        row = json.loads(path.read_text(encoding="utf-8"))
        if name.startswith("mixture"):
            half = "chosen on" if int(name.rpartition("-")[2]) % 2 == 0 else "shown"
            exact.setdefault(half, []).append(row["best_k"] == row["true_k"])
        worth = f"{row['majority']:.3f}, {row['hungarian']:.3f}" if "majority" in row else ""
        lines.append(
            f"| {name} | {row['n']} | {row['dim']} | {row['true_k']} | {row['best_k']} | "
            f"{row['by_modularity']} | {row['by_agreement']} | {worth} | "
            f"{'; '.join(row['remarks'])} |"
        )
    lines += ["", *(f"{half}: exact in {sum(each)} of {len(each)}" for half, each in exact.items())]
    return "\n".join(lines)


def path_of(name: str) -> Path:
    """Where a result is kept."""
    return RESULTS / f"{name.replace(':', '-')}.json"


def main() -> None:
    """Measure what is not there yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    mixtures = [f"mixture-{i}" for i in range(len(MIXTURES))]
    parser.add_argument("data", nargs="*", default=[*OTHERS, *mixtures[1::2], *mixtures[::2]])
    parser.add_argument("--root", default="~/.cache/pyromix")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    RESULTS.mkdir(parents=True, exist_ok=True)
    for name in options.data:
        if not path_of(name).exists():
            row = measure(name, options.root)
            text = json.dumps(row, indent=2) + "\n"
            path_of(name).write_text(text, encoding="utf-8")
            print(name, row["true_k"], row["best_k"], f"{row['seconds']:.0f} s", flush=True)
    print(table())


if __name__ == "__main__":
    main()
