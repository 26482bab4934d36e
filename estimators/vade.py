"""VaDE, the baseline of the zoo, and VaDE by the augmented ELBO."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from ..guides import GaussianHead
from ..inference import Affiliation, LinearWarmup, OverTraining, Term
from .base import DeepMixture
from .composition import Unbuilt


@dataclass(kw_only=True, eq=False, repr=False)
class VaDE(DeepMixture, alias="vade"):
    r"""Variational Deep Embedding: a mixture of Gaussians in the latent space of a VAE.

    .. math:: c \sim \operatorname{Cat}(\pi), \quad z \mid c \sim \mathcal N(\mu_c, \Sigma_c),
        \quad x \mid z \sim p(x \mid f(z))

    The pretraining on neighbours, and the start with full covariances, are ours; the paper's are
    ``pretraining=Autoencoder()`` and ``start=GaussianMixtureStart("diag")``.

    Args:
        **parts: those of :class:`DeepMixture`.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> from pyromix.inference import Training
        >>> X = load_digits().data[:200] / 16
        >>> vade = VaDE(n_clusters=10, pretraining=None, training=Training(max_epochs=2))
        >>> vade.fit(X).predict_proba(X).shape
        (200, 10)

    References:
        Jiang et al. (2017). Variational Deep Embedding: An Unsupervised and Generative Approach to
        Clustering. arXiv 1611.05148.
    """

    posterior: Unbuilt = partial(GaussianHead, log_scale=-2.0)


@dataclass(kw_only=True, eq=False, repr=False)
class AugmentedVaDE(VaDE, alias="augmented-vade"):
    r"""VaDE by the augmented ELBO: every datum is pressed to belong to one cluster.

    .. math:: L - \lambda \operatorname{mean}_x H\bigl(q(c \mid x)\bigr)

    It is still a lower bound on log p(x); at λ = 1 and the marginal rule it is the expected
    complete-data log-joint. λ rises to 1 over the first quarter of the training. Only the paper's
    abstract could be had: the regulariser is our reconstruction, and no published number is claimed
    for it. On any other estimator it is ``terms=[Affiliation()]``.

    Args:
        **parts: those of :class:`DeepMixture`.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> from pyromix.inference import Training
        >>> X = load_digits().data[:200] / 16
        >>> vade = AugmentedVaDE(pretraining=None, training=Training(max_epochs=2)).fit(X)
        >>> "affiliation" in vade.history_[-1]
        True

    References:
        Na, Lee & Kim (2024). Neurocomputing 10.1016/j.neucom.2024.128795. Abstract only.
    """

    terms: Sequence[Term] = (Affiliation(OverTraining(LinearWarmup(0.0, 1.0, 0.25))),)
