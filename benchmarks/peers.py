"""What others give on the same data, by the same metrics, on the same machine.

k-means, Gaussian mixtures, UMAP, spectral clustering and an autoencoder, and ClustPy's VaDE, DEC,
IDEC and DipDECK, which are installed by ``pip install -e '.[peers]'``. Every fit has a process of
its own, so that its peak memory is its own. Results stand where those of ``pyromix reproduce`` do,
in its format; ``pyromix reproduce --table`` shows them together. Seeds that are done are skipped,
and so are peers whose package is missing, with the reason. For one thread, set OMP_NUM_THREADS=1.

    python benchmarks/peers.py --data digits
    python benchmarks/peers.py --data mnist --root ROOT --peers k-means UMAP+GMM --seeds 0 1 2

K is given, except to HDBSCAN and DipDECK, which find one. Methods that cannot label new rows give
them the cluster of the nearest row that they were fitted to. The budget "cpu" shortens the deep
ones: 20 epochs of pretraining and 30 of clustering; "full" is ClustPy's defaults.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyromix.data import Dataset
from pyromix.experiments import Record, apart, labelling, peak_memory, place, splits
from pyromix.reports import scored

Rows = NDArray[Any]
Answer = Callable[[Rows], Rows]  # (N, X) to responsibilities (N, K)
Fit = Callable[[Rows, int, int, str], Answer]  # rows, K, seed, budget

FOLDER = Path(__file__).parent / "results"
NEIGHBOURS = 15
COMPONENTS = 30
FEW = 10_000  # rows that spectral clustering is fitted to at most
EPOCHS = {"cpu": (20, 30), "full": (100, 150)}


def one_hot(labels: Rows, n_clusters: int) -> Rows:
    """Labels as probabilities; noise, -1, is a cluster of its own."""
    if (labels < 0).any():
        labels, n_clusters = np.where(labels < 0, n_clusters, labels), n_clusters + 1
    return np.eye(n_clusters)[labels]


def as_nearest(rows: Rows, labels: Rows) -> Answer:
    """Gives every row the cluster of the nearest row that was fitted."""
    from sklearn.neighbors import KNeighborsClassifier

    nearest = KNeighborsClassifier(1).fit(rows, labels)
    n_clusters = int(labels.max()) + 1
    return lambda x: one_hot(nearest.predict(x), n_clusters)


def k_means(rows: Rows, n_clusters: int, seed: int, budget: str) -> Answer:
    """k-means, the best of ten."""
    from sklearn.cluster import KMeans

    fitted = KMeans(n_clusters, n_init=10, random_state=seed).fit(rows)
    return lambda x: one_hot(fitted.predict(x), n_clusters)


def gmm(rows: Rows, n_clusters: int, seed: int, budget: str) -> Answer:
    """A Gaussian mixture of diagonal covariances on the data."""
    from sklearn.mixture import GaussianMixture

    mixture = GaussianMixture(n_clusters, covariance_type="diag", reg_covar=1e-4, random_state=seed)
    fitted = mixture.fit(rows.astype(float))
    return lambda x: np.asarray(fitted.predict_proba(x.astype(float)))


def _mixture(codes: Rows, n_clusters: int, seed: int) -> Any:
    from sklearn.mixture import GaussianMixture

    return GaussianMixture(n_clusters, reg_covar=1e-4, random_state=seed).fit(codes.astype(float))


def pca_gmm(rows: Rows, n_clusters: int, seed: int, budget: str) -> Answer:
    """A Gaussian mixture of full covariances on thirty principal components."""
    from sklearn.decomposition import PCA

    pca = PCA(min(COMPONENTS, rows.shape[1]), random_state=seed).fit(rows)
    fitted = _mixture(pca.transform(rows), n_clusters, seed)
    return lambda x: np.asarray(fitted.predict_proba(pca.transform(x).astype(float)))


def _umap(rows: Rows, seed: int) -> Any:
    from umap import UMAP

    # A seed makes UMAP single-threaded and warn of it.
    return UMAP(
        n_components=10, n_neighbors=NEIGHBOURS, min_dist=0.0, random_state=seed, n_jobs=1
    ).fit(rows)


def umap_gmm(rows: Rows, n_clusters: int, seed: int, budget: str) -> Answer:
    """A Gaussian mixture of full covariances on ten dimensions of UMAP."""
    umap = _umap(rows, seed)
    fitted = _mixture(umap.embedding_, n_clusters, seed)
    return lambda x: np.asarray(fitted.predict_proba(umap.transform(x).astype(float)))


def umap_hdbscan(rows: Rows, n_clusters: int, seed: int, budget: str) -> Answer:
    """HDBSCAN on ten dimensions of UMAP, clusters of a hundredth of the rows at least."""
    from sklearn.cluster import HDBSCAN

    umap = _umap(rows, seed)
    fitted = HDBSCAN(min_cluster_size=max(5, len(rows) // 100), copy=True).fit(umap.embedding_)
    labels = np.where(fitted.labels_ < 0, fitted.labels_.max() + 1, fitted.labels_)
    nearest = as_nearest(umap.embedding_, labels)
    return lambda x: nearest(umap.transform(x))


def spectral(rows: Rows, n_clusters: int, seed: int, budget: str) -> Answer:
    """Spectral clustering of a graph of neighbours, of 10,000 rows at most."""
    from sklearn.cluster import SpectralClustering

    few = rows
    if len(rows) > FEW:
        few = rows[np.random.default_rng(seed).choice(len(rows), FEW, replace=False)]
    fitted = SpectralClustering(
        n_clusters, affinity="nearest_neighbors", n_neighbors=NEIGHBOURS, random_state=seed
    ).fit(few)
    return as_nearest(few, fitted.labels_)


def autoencoder_gmm(rows: Rows, n_clusters: int, seed: int, budget: str) -> Answer:
    """A Gaussian mixture on the code of an autoencoder of 500-500-2000-10, by this package."""
    from pyromix import VaDE
    from pyromix.inference import Autoencoder, Training
    from pyromix.networks import Perceptron

    vade = VaDE(
        n_clusters=n_clusters,
        latent_dim=10,
        networks=Perceptron((500, 500, 2000)),
        pretraining=Autoencoder(EPOCHS[budget][0]),
        start=None,
        training=Training(max_epochs=0, batch_size=256),
        random_state=seed,
    ).fit(rows)
    fitted = _mixture(vade.transform(rows), n_clusters, seed)
    return lambda x: np.asarray(fitted.predict_proba(vade.transform(x).astype(float)))


def _clustpy(name: str) -> Fit:
    def fit(rows: Rows, n_clusters: int, seed: int, budget: str) -> Answer:
        from clustpy import deep

        pretraining, clustering = EPOCHS[budget]
        known = {"n_clusters": n_clusters} if name != "DipDECK" else {}
        if name == "DipDECK" and budget == "full":
            clustering = 50
        model = getattr(deep, name)(
            **known,
            pretrain_epochs=pretraining,
            clustering_epochs=clustering,
            random_state=seed,
        )
        model.fit(rows.astype(np.float32))
        found = int(np.max(model.labels_)) + 1
        return lambda x: one_hot(model.predict(x.astype(np.float32)), found)

    return fit


PEERS: Mapping[str, Fit] = {
    "k-means": k_means,
    "GMM": gmm,
    "PCA+GMM": pca_gmm,
    "UMAP+GMM": umap_gmm,
    "UMAP+HDBSCAN": umap_hdbscan,
    "spectral": spectral,
    "AE+GMM": autoencoder_gmm,
    **{f"ClustPy {name}": _clustpy(name) for name in ("VaDE", "DEC", "IDEC", "DipDECK")},
}


def measure(peer: str, data: str, seed: int, budget: str, folder: Path, root: str) -> None:
    """Fit one peer, score it, and write the result."""
    fitted, asked, split = splits(data, root)
    rows, n_clusters = _flat(fitted), _classes(fitted)
    wall, cpu = perf_counter(), process_time()
    answer = PEERS[peer](rows, n_clusters, seed, budget)
    seconds = {"wall": perf_counter() - wall, "cpu": process_time() - cpu}
    gamma = answer(_flat(asked))
    Record(
        name=_name(peer, data),
        method=peer,
        data=data,
        split=split,
        seed=seed,
        budget=budget,
        n_clusters=gamma.shape[1],
        metrics=scored(asked, [gamma]),
        seconds=seconds | labelling(answer, _flat(asked)),
        peak_memory_mib=peak_memory(),
        note=(PEERS[peer].__doc__ or "").strip(),
    ).write(folder)


def _flat(data: Dataset) -> Rows:
    return data.x.reshape(len(data), -1)


def _classes(data: Dataset) -> int:
    """K, the one thing that peers are told of the labels."""
    if data.labels is None or data.labels.ndim != 1:
        raise ValueError(f"{data.name} has no one label for each datum: use digits or mnist")
    return len(np.unique(data.labels))


def _name(peer: str, data: str) -> str:
    return f"peer-{peer}-{data}".lower().replace(" ", "-").replace("+", "-")


def missing(peer: str) -> str | None:
    """Why a peer cannot be asked."""
    package = {"C": "clustpy", "U": "umap"}.get(peer[0])
    if package is None or find_spec(package) is not None:
        return None
    return f"{peer} is left out: {package} is not installed (pip install -e '.[peers]')"


def main() -> None:
    """Parse the command line and fit what is not done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="digits")
    parser.add_argument("--peers", nargs="+", default=list(PEERS), choices=list(PEERS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--budget", default="cpu", choices=list(EPOCHS))
    parser.add_argument("--root", default="~/.cache/pyromix")
    parser.add_argument("--out", type=Path, default=FOLDER)
    options = parser.parse_args()
    os.environ.setdefault("TQDM_DISABLE", "1")  # ClustPy's bars, in the processes to come
    for peer in options.peers:
        if (reason := missing(peer)) is not None:
            print(reason, file=sys.stderr)
            continue
        for seed in options.seeds:
            path = place(options.out, _name(peer, options.data), options.budget, seed)
            if path.exists():
                continue
            asked = (peer, options.data, seed, options.budget, options.out, options.root)
            done = apart(measure, *asked)
            print(peer, f"seed {seed}", path if done else "failed", flush=True)


if __name__ == "__main__":
    main()
