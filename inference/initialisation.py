"""Before the joint training: autoencoder pretraining, then moments of the code for the prior."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture
from torch import Tensor, nn

from ..guides import Guide
from ..models import MixtureVAE
from .prediction import encode

INITIALISATIONS = ("kmeans", "gmm", "data", "none")


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
        posteriors = self.guide.posterior(batch)
        means = {site: posterior.mean for site, posterior in posteriors.items()}
        likelihood = self.model.likelihood.distribution(self.model.prior.code(means))
        loss = -likelihood.log_prob(batch).mean()
        return loss, {"reconstruction": loss.detach()}


def initialise_prior(
    model: MixtureVAE, guide: Guide, x: Tensor, *, method: str = "kmeans", seed: int = 0
) -> None:
    """Set the prior's components to the moments of groups of the code.

    Args:
        model: the story, changed in place.
        guide: its guide.
        x: data, ``(N, *event)``.
        method: how the groups are found: ``"kmeans"`` or ``"gmm"`` (diagonal, as VaDE) on the code,
            ``"data"``: k-means on the data themselves; ``"none"`` leaves the prior alone.
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
        features = x.flatten(1).cpu().numpy() if method == "data" else code.numpy()
        groups = _groups(features.astype(np.float64), mixture.n_clusters, method, seed)
        target = mixture.logits
        mixture.initialise(code.to(target), torch.as_tensor(groups).to(target))


def _groups(features: np.ndarray, n_clusters: int, method: str, seed: int) -> np.ndarray:
    """Responsibilities ``(N, K)`` of scikit-learn's k-means or Gaussian mixture."""
    if method == "gmm":
        mixture = GaussianMixture(
            n_clusters, covariance_type="diag", n_init=5, reg_covar=1e-4, random_state=seed
        )
        probabilities: np.ndarray = mixture.fit(features).predict_proba(features)
        return probabilities
    labels = KMeans(n_clusters, n_init=10, random_state=seed).fit_predict(features)
    one_hot: np.ndarray = np.eye(n_clusters)[labels]
    return one_hot
