"""GamMM-VAE: a mixture of Gammas over positive codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..guides import GammaHead
from ..inference import Pretraining, StartLike, Training
from ..models import GammaMixture
from ..parts import Count, Unbuilt
from .base import DeepMixture
from .grouped import LATENT_DIM, START, TRAINING


@dataclass(kw_only=True, eq=False, repr=False)
class GamMMVAE(DeepMixture, alias="gammm-vae"):
    r"""Gamma mixture VAE: a mixture of Gammas over a positive latent vector.

    .. math:: c \sim \operatorname{Cat}(\pi), \quad
        z \mid c \sim \prod_d \operatorname{Ga}(a_{cd}, b_{cd}), \quad
        x \mid z \sim p(x \mid f(\log z))

    Only the paper's abstract could be had: story, guide and training are our reconstruction, and no
    published number is claimed for them. It starts as our VaDE does.
    ``posterior=partial(GammaHead, family="wilson-hilferty")`` has cubed folded Gaussians, scored by
    their own exact density, in place of exact Gammas with implicit gradients.

    Args:
        **parts: those of :class:`DeepMixture`.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> from pyromix.inference import Training
        >>> X = load_digits().data[:200] / 16
        >>> gammm = GamMMVAE(n_clusters=10, start="k-means", training=Training(max_epochs=2))
        >>> bool((gammm.fit(X).transform(X) > 0).all())
        True

    References:
        Guo, Fan, Amayri & Bouguila (2025). Deep clustering analysis via variational autoencoder
        with Gamma mixture latent embeddings. Neural Networks 183:106979. Abstract only.
    """

    latent_dim: Count | tuple[Count, ...] = LATENT_DIM
    prior: Unbuilt | Sequence[Unbuilt] = GammaMixture
    posterior: Unbuilt | Mapping[str, Unbuilt] = GammaHead
    pretraining: Pretraining | str | None = None
    start: StartLike = START
    training: Training = TRAINING
