"""GMVAE: components that are functions of a style vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from ..inference import InformationFloor, Term
from ..models import StyleMixture
from ..networks import Networks, Perceptron
from .base import DeepMixture
from .composition import Unbuilt


@dataclass(kw_only=True, eq=False, repr=False)
class GMVAE(DeepMixture, alias="gmvae"):
    r"""Gaussian mixture VAE: the components are functions of a style vector w.

    .. math:: w \sim \mathcal N(0, I), \quad c \sim \operatorname{Cat}(1/K), \quad
        z \mid c, w \sim \mathcal N(\mu_c(w), \sigma_c^2(w)), \quad x \mid z \sim p(x \mid f(z))

    ``objective=partial(ClosedFormELBO, conditional_prior="published")`` is the paper's own
    estimator of the conditional prior, which integrates z a second time, a looser bound. Without a
    start on small data, ``{"z": partial(GaussianHead, log_scale=-2.0), "w": GaussianHead}`` as the
    posterior keeps the code from drowning in noise.

    Args:
        **parts: those of :class:`DeepMixture`.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> from pyromix.inference import Training
        >>> X = load_digits().data[:200] / 16
        >>> gmvae = GMVAE(n_clusters=10, pretraining=None, training=Training(max_epochs=2))
        >>> gmvae.fit(X).predict(X).shape
        (200,)

    References:
        Dilokthanakul et al. (2016). Deep Unsupervised Clustering with Gaussian Mixture Variational
        Autoencoders. arXiv 1611.02648.
    """

    prior: Unbuilt | Sequence[Unbuilt] = partial(StyleMixture, style_dim=4, hidden_dim=64)
    networks: Networks | str = Perceptron(large=(500, 500), batch_norm=True)
    terms: Sequence[Term] = (InformationFloor(0.5),)
