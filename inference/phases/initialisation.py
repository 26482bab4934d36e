"""Before the joint training: autoencoder pretraining, then groups of the code for the prior."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors
from torch import Tensor, nn

from ...guides import Guide
from ...models import MixtureVAE
from ..prediction import BATCH_SIZE, batched, encode, responsibilities
from ..training import seeded

INITIALISATIONS = ("gmm", "gmm-diag", "gmm-tied", "gmm-means", "kmeans", "data", "none")
COVARIANCES = {"gmm": "full", "gmm-diag": "diag", "gmm-tied": "tied"}
WIDE = 50  # features above which neighbours are looked for in principal components
VARIANCE = 0.01  # of every component that "gmm-means" starts
PLENTY = 100  # data for each parameter of a component, for covariances of their own
MANY = 20_000  # data above which a Gaussian mixture is fitted to an even subset


class Autoencoder(nn.Module):
    """The story's decoder on the guide's posterior mean: what pretraining trains.

    It is VaDE's first phase with the encoder and decoder trained at once. Its loss is
    -log p(x | E_q[z]) in nats per datum.

    Args:
        model: the story.
        guide: its guide.

    References:
        Jiang et al. (2017). arXiv 1611.05148, section 4.
    """

    def __init__(self, model: MixtureVAE, guide: Guide) -> None:
        super().__init__()
        self.model = model
        self.guide = guide

    def forward(self, batch: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its detached part ``reconstruction``."""
        return self.reconstruct(batch, batch)

    def reconstruct(self, batch: Tensor, target: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """-log p(target | E_q[z | batch]), a mean over the batch."""
        posteriors = self.guide.posterior(batch)
        means = {site: posterior.mean for site, posterior in posteriors.items()}
        likelihood = self.model.likelihood.distribution(self.model.prior.code(means))
        loss = -likelihood.log_prob(target).mean()
        return loss, {"reconstruction": loss.detach()}


class NeighbourAutoencoder(Autoencoder):
    """An autoencoder whose target is a random one of each datum's nearest neighbours.

    What neighbours share survives in the code and what is a datum's own does not, so groups show.
    It is ours, not a paper's. It trains on row numbers: ``forward`` takes a batch of them.

    Args:
        model: the story.
        guide: its guide.
        x: data, ``(N, *event)``.
        n_neighbours: how many neighbours a target is drawn from.

    Raises:
        ValueError: more neighbours than other data.
    """

    def __init__(self, model: MixtureVAE, guide: Guide, x: Tensor, n_neighbours: int) -> None:
        super().__init__(model, guide)
        if not 1 <= n_neighbours < len(x):
            raise ValueError(
                f"pretrain_neighbours is {n_neighbours} and there are {len(x)} data: use fewer"
            )
        features = x.flatten(1).cpu().numpy()
        if features.shape[1] > WIDE and len(x) > WIDE:
            features = PCA(WIDE, random_state=0).fit_transform(features)
        indices = NearestNeighbors(n_neighbors=n_neighbours).fit(features).kneighbors()[1]
        self.x: Tensor
        self.neighbours: Tensor
        self.register_buffer("x", x, persistent=False)
        self.register_buffer("neighbours", torch.as_tensor(indices), persistent=False)

    def forward(self, batch: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its detached part ``reconstruction``, for rows ``(B,)`` of the data."""
        choice = torch.randint(self.neighbours.shape[1], batch.shape, device=batch.device)
        return self.reconstruct(self.x[batch], self.x[self.neighbours[batch, choice]])


def initialise_prior(
    model: MixtureVAE, guide: Guide, x: Tensor, *, method: str = "kmeans", seed: int = 0
) -> None:
    """Set the prior's components to the moments of groups of the code, and the posterior narrow.

    Posterior noise as wide as the code would destroy what pretraining made.

    Args:
        model: the story, changed in place.
        guide: its guide.
        x: data, ``(N, *event)``.
        method: how the groups are found: on the code by ``"gmm"`` (full covariances),
            ``"gmm-diag"`` (as VaDE), ``"gmm-tied"`` (one for all) or ``"kmeans"``; ``"data"``:
            k-means on the data themselves; ``"gmm-means"`` (as MFCVAE) takes only the means, with
            variances of 0.01 and uniform weights, and lets the posterior be; ``"none"`` leaves the
            prior alone.
        seed: of the clustering.

    Raises:
        ValueError: an unknown method.
    """
    if method not in INITIALISATIONS:
        raise ValueError(f"initialisation is {method!r}: use one of {', '.join(INITIALISATIONS)}")
    if method == "none":
        return
    codes = encode(model, guide, x)
    for mixture in model.prior.mixtures:
        code = codes["z" + mixture.facet]
        if method == "gmm-means":
            cloud = _clouds(code.double().numpy(), mixture.n_clusters, seed)
            mixture.initialise(*(part.to(mixture.logits) for part in cloud))
            continue
        features = x.flatten(1).cpu() if method == "data" else mixture.coordinates(code)
        groups = _groups(features.double().numpy(), mixture.n_clusters, method, seed)
        target = mixture.logits
        mixture.initialise(code.to(target), torch.as_tensor(groups).to(target))
        guide.narrow("z" + mixture.facet, code.to(target))


def refit_mixture(
    model: MixtureVAE,
    guide: Guide,
    x: Tensor,
    facet: int,
    *,
    given: Sequence[int] = (),
    seed: int = 0,
) -> None:
    """Fit one facet's mixture to its codes as they are now, apart from what other facets tell.

    Within each cluster of the given facets the codes are centred, so that what those facets have
    found is not found again; a Gaussian mixture makes the groups, with one full covariance for all
    components unless there are a hundred data for each parameter that a component has; and every
    component takes the moments of draws from q(z | x) in its group. It is ours, not a paper's.

    Args:
        model: the story, changed in place.
        guide: its guide.
        x: data, ``(N, *event)``.
        facet: whose mixture, by number.
        given: the facets, by number, to set apart from.
        seed: of the draws and the clustering.
    """
    mixtures = model.prior.mixtures
    mixture, site = mixtures[facet], "z" + mixtures[facet].facet
    features = mixture.coordinates(encode(model, guide, x)[site]).double().numpy()
    found = responsibilities(model, guide, x) if given else {}
    for other in given:
        clusters = found["c" + mixtures[other].facet].argmax(-1).numpy()
        for cluster in np.unique(clusters):
            features[clusters == cluster] -= features[clusters == cluster].mean(0)
    (n, dim), n_clusters = features.shape, mixture.n_clusters
    plenty = n >= PLENTY * n_clusters * dim * (dim + 3) / 2
    groups = _groups(features, n_clusters, "gmm" if plenty else "gmm-tied", seed)
    with seeded(seed, "refit", facet):
        draws = batched(
            model, guide, x, lambda rows: {site: guide.posterior(rows)[site].sample()}, BATCH_SIZE
        )
    target = mixture.logits
    mixture.initialise(draws[site].to(target), torch.as_tensor(groups).to(target))


def _groups(features: np.ndarray, n_clusters: int, method: str, seed: int) -> np.ndarray:
    """Responsibilities ``(N, K)`` of scikit-learn's k-means or Gaussian mixture."""
    if method in COVARIANCES:
        scaled = features / _spread(features)
        mixture = _gaussian_mixture(scaled, n_clusters, COVARIANCES[method], seed)
        labels = mixture.predict(scaled)
    else:
        labels = KMeans(n_clusters, n_init=10, random_state=seed).fit_predict(features)
    one_hot: np.ndarray = np.eye(n_clusters)[labels]
    return one_hot


def _clouds(code: np.ndarray, n_clusters: int, seed: int) -> tuple[Tensor, Tensor]:
    """Points about the means of a Gaussian mixture of the code, and whose they are.

    Two points on each axis give every component its mean, one variance and the same weight.
    """
    spread = _spread(code)
    mixture = _gaussian_mixture(code / spread, n_clusters, "diag", seed)
    dim = code.shape[1]
    axes = np.sqrt(VARIANCE * dim) * np.concatenate([np.eye(dim), -np.eye(dim)])
    points = mixture.means_[:, None] * spread + axes
    whose = np.repeat(np.eye(n_clusters), len(axes), 0)
    return torch.as_tensor(points.reshape(-1, dim)), torch.as_tensor(whose)


def _spread(features: np.ndarray) -> float:
    return max(float(features.std(0).mean()), 1e-12)


def _gaussian_mixture(
    features: np.ndarray, n_clusters: int, covariance: str, seed: int
) -> GaussianMixture:
    """Scikit-learn's mixture, fitted to an even subset of many data."""
    mixture = GaussianMixture(
        n_clusters,
        covariance_type=covariance,
        n_init=10 if len(features) <= MANY else 3,
        reg_covar=1e-3,
        random_state=seed,
    )
    return mixture.fit(features[:: -(-len(features) // MANY)])
