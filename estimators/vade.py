"""VaDE, the baseline of the zoo, and VaDE by the augmented ELBO."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Self

from ..guides import GaussianHead
from ..inference import (
    Affiliation,
    Autoencoder,
    ClosedFormELBO,
    ComponentMeans,
    LinearWarmup,
    OverTraining,
    Pretraining,
    StartLike,
    Term,
    Training,
)
from ..models import Bernoulli
from ..networks import Perceptron
from ..parts import Count, Unbuilt
from .base import DeepMixture
from .grouped import LATENT_DIM, START, TRAINING


@dataclass(kw_only=True, eq=False, repr=False)
class VaDE(DeepMixture, alias="vade"):
    r"""Variational Deep Embedding: a mixture of Gaussians in the latent space of a VAE.

    .. math:: c \sim \operatorname{Cat}(\pi), \quad z \mid c \sim \mathcal N(\mu_c, \Sigma_c),
        \quad x \mid z \sim p(x \mid f(z))

    The start is ours: groups that the best of several clusterers finds are taught to all parts,
    and then the plain bound is trained. The paper's recipe is :meth:`published`.

    Args:
        **parts: those of :class:`DeepMixture`.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> from pyromix.inference import Training
        >>> X = load_digits().data[:200] / 16
        >>> vade = VaDE(n_clusters=10, start="k-means", training=Training(max_epochs=2))
        >>> vade.fit(X).predict_proba(X).shape
        (200, 10)

    References:
        Jiang et al. (2017). Variational Deep Embedding: An Unsupervised and Generative Approach to
        Clustering. arXiv 1611.05148.
    """

    latent_dim: Count | tuple[Count, ...] = LATENT_DIM
    posterior: Unbuilt = partial(GaussianHead, log_scale=-2.0)
    pretraining: Pretraining | str | None = None
    start: StartLike = START
    training: Training = TRAINING

    @classmethod
    def published(cls) -> Self:
        """The paper's recipe for MNIST, by the authors' code, unfitted.

        Images are flattened, in [0, 1]; fitted and scored are all 70,000 of both splits. Networks,
        dimensions, likelihood, objective, the mixture at the start, batches, learning rates and
        Adam's ε are theirs; 3,000 epochs are those of their newest code, 500 of their first. What
        differs:

        - pretraining: theirs came as files, of a stacked autoencoder, with epochs and loss unknown;
          here encoder and decoder are trained at once, by the likelihood;
        - in their law of c the weights count once for each latent dimension, densities have 1e-10
          added, and weights and variances are free numbers; here the law is Bayes', the weights are
          a softmax, and scales are positive;
        - weights of the networks start as torch's do, theirs as Glorot's; the posterior's head
          gives log-scales, theirs log-variances; scales have smooth bounds;
        - the mixture at the start is the best of several fits, to 20,000 codes; theirs is one fit
          to all;
        - in the first thousand steps Keras' Adam weighs ε more than torch's;
        - they predict by a draw of z, which :meth:`predict` does not.

        Example:
            >>> VaDE.published().build((784,))[0](n=2).shape
            torch.Size([2, 784])
        """
        return cls(
            n_clusters=10,
            latent_dim=10,
            posterior=GaussianHead,
            likelihood=Bernoulli,
            networks=Perceptron((500, 500, 2000)),
            objective=partial(ClosedFormELBO, expected_scores=True),
            pretraining=Autoencoder(),
            start=ComponentMeans(variance=None),
            training=Training(
                max_epochs=3000,
                batch_size=100,
                learning_rate=2e-3,
                learning_rate_decay=(0.9, 10, 0.1),
                epsilon=1e-4,
                gradient_clip=None,
            ),
        )


@dataclass(kw_only=True, eq=False, repr=False)
class AugmentedVaDE(VaDE, alias="augmented-vade"):
    r"""VaDE by the augmented ELBO: every datum is pressed to belong to one cluster.

    .. math:: L - \lambda \operatorname{mean}_x H\bigl(q(c \mid x)\bigr)

    It is still a lower bound on log p(x); at λ = 1 and the marginal rule it is the expected
    complete-data log-joint. λ rises to 1 over the first quarter of the training. Only the paper's
    abstract could be had: the regulariser is our reconstruction, and no published number is claimed
    for it. On any other estimator it is ``terms=[Affiliation()]``. :meth:`published` is VaDE's
    recipe with this term.

    Args:
        **parts: those of :class:`DeepMixture`.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> from pyromix.inference import Training
        >>> X = load_digits().data[:200] / 16
        >>> vade = AugmentedVaDE(start="k-means", training=Training(max_epochs=2)).fit(X)
        >>> "affiliation" in vade.history_[-1]
        True

    References:
        Na, Lee & Kim (2024). Neurocomputing 10.1016/j.neucom.2024.128795. Abstract only.
    """

    terms: Sequence[Term] = (Affiliation(OverTraining(LinearWarmup(0.0, 1.0, 0.25))),)
