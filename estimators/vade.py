"""VaDE, the baseline of the zoo, as a scikit-learn estimator."""

from __future__ import annotations

from dataclasses import dataclass

from ..guides import Guide
from ..models import MixtureVAE
from .base import DeepMixture
from .stories import vade_story


@dataclass(kw_only=True, eq=False, repr=False)
class VaDE(DeepMixture):
    r"""Variational Deep Embedding: a mixture of Gaussians in the latent space of a VAE.

    .. math:: c \sim \operatorname{Cat}(\pi), \quad z \mid c \sim \mathcal N(\mu_c, \Sigma_c),
        \quad x \mid z \sim p(x \mid f(z))

    Args:
        covariance: of the components, ``"diag"`` or ``"full"``.
        **settings: those of :class:`Settings`.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> X = load_digits().data[:200] / 16
        >>> vade = VaDE(n_clusters=10, max_epochs=2, pretrain_epochs=2, hidden_dims=(32,))
        >>> vade.fit(X).predict_proba(X).shape
        (200, 10)

    References:
        Jiang et al. (2017). Variational Deep Embedding: An Unsupervised and Generative Approach to
        Clustering. arXiv 1611.05148.
    """

    covariance: str = "diag"

    def story(self, event_shape: tuple[int, ...], likelihood: str) -> tuple[MixtureVAE, Guide]:
        """A fresh story and guide for data of this shape."""
        shared = self.shared(event_shape, likelihood)
        return vade_story(**shared, covariance=self.covariance)


@dataclass(kw_only=True, eq=False, repr=False)
class AugmentedVaDE(VaDE):
    r"""VaDE by the augmented ELBO: every datum is pressed to belong to one cluster.

    .. math:: L - \lambda \operatorname{mean}_x H\bigl(q(c \mid x)\bigr)

    It is still a lower bound on log p(x); at λ = 1 and the marginal rule it is the expected
    complete-data log-joint. Only the paper's abstract could be had: the regulariser is our
    reconstruction, and no published number is claimed for it. On any other estimator it is the
    keyword ``affiliation``.

    Args:
        affiliation: λ.
        **settings: those of :class:`VaDE`.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> X = load_digits().data[:200] / 16
        >>> vade = AugmentedVaDE(max_epochs=2, pretrain_epochs=2, hidden_dims=(32,)).fit(X)
        >>> "affiliation" in vade.history_[-1]
        True

    References:
        Na, Lee & Kim (2024). Neurocomputing 10.1016/j.neucom.2024.128795. Abstract only.
    """

    affiliation: float = 1.0
