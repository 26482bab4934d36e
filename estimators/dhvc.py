"""DHVC as a scikit-learn estimator."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

from ..guides import Guide
from ..inference import MutualInformation, Recipe, Term, TwoViewRecipe, make_views
from ..models import MixtureVAE
from .base import DeepMixture
from .stories import dhvc_story

PRETRAIN_STEPS = 700
TRAIN_STEPS = 120


@dataclass(kw_only=True, eq=False, repr=False)
class DHVC(DeepMixture):
    r"""Deep hyperspherical VAE clustering: a direction z, a cluster read off it, and x.

    .. math:: z \sim U(S^{D-1}), \quad c \mid z \sim \operatorname{softmax}_c
        [\log\omega_c + \log C_D(\kappa_c) + \kappa_c \mu_c^\top z], \quad
        x \mid z \sim p(x \mid f(z))

    A network gives q(c | x), so the bound's clustering part is the KL of two posteriors. That part
    alone is best when all data share a cluster; the extended mutual information of two views of the
    data prevents it. Only the paper's abstract could be had: this is our reconstruction, and no
    published number is claimed for it.

    The phases: ``n_heads`` assignment heads on one encoder are trained by two-view information,
    beside the decoder; the head with most information is kept, with no labels, and the prior put
    where its clusters are; then the whole bound and the information are trained together.

    Args:
        family: of the guide, ``"von-mises-fisher"`` or ``"power-spherical"``.
        views: what a datum's cluster should survive: ``"image"`` (small affine maps),
            ``"flip-crop"``, ``"vector"`` (noise and dropout), or ``"auto"``; see
            :func:`pyromix.inference.make_views`.
        n_heads: assignment heads in the pretraining.
        overclusters: clusters of a further head that sharpens the features; ``None``: 5 K, 0: none.
        balance: α, how much more than discrimination the information weighs balance.
        **settings: those of :class:`DeepMixture`. ``mutual_information`` is of two views here;
            ``pretrain_epochs=None`` is 700 steps and ``max_epochs=None`` 120; ``network`` may be
            ``"auto"``, convolutions for images. Without pretraining ``initialisation`` says how
            the prior starts; after it only ``"none"`` makes a difference.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> X = load_digits().data[:200] / 16
        >>> dhvc = DHVC(n_clusters=10, max_epochs=2, pretrain_epochs=2, hidden_dims=(32,))
        >>> dhvc.fit(X).transform(X).shape
        (200, 10)

    References:
        Yu, Wu, Chen & Liu (2024). DOI 10.11721/cqnuj20240305. Abstract only.
        Ji, Henriques & Vedaldi (2019). Invariant Information Clustering. arXiv 1807.06653.
    """

    family: str = "von-mises-fisher"
    views: str = "auto"
    n_heads: int = 20
    overclusters: int | None = None
    balance: float = 0.5

    network: str = "auto"
    assignment: str = "amortised"
    mutual_information: float = 5.0
    pretrain_neighbours: int = 0
    kl_warmup_epochs: int = 1
    batch_size: int = 512

    def story(self, event_shape: tuple[int, ...], likelihood: str) -> tuple[MixtureVAE, Guide]:
        """A fresh story and guide for data of this shape."""
        return dhvc_story(
            event_shape,
            n_clusters=self.n_clusters,
            latent_dim=self.latent_dim,
            hidden_dims=self.widths(event_shape, (500, 500)),
            network=self.network,
            batch_norm=self.batch_norm,
            likelihood=likelihood,
            family=self.family,
            assignment=self.assignment,
        )

    def epochs(self, steps_per_epoch: int) -> int:
        """Epochs of the joint training, at most."""
        return _epochs(self.max_epochs, TRAIN_STEPS, steps_per_epoch)

    def terms(self, steps_per_epoch: int) -> list[Term]:
        """The terms of one view; the information is of two."""
        terms = super().terms(steps_per_epoch)
        return [term for term in terms if not isinstance(term, MutualInformation)]

    def recipe(self, steps_per_epoch: int, event_shape: tuple[int, ...]) -> Recipe:
        """The phases of the fit."""
        plain = super().recipe(steps_per_epoch, event_shape)
        if self.n_heads < 1:
            raise ValueError(f"n_heads is {self.n_heads}: use one head or more")
        overclusters = 5 * self.n_clusters if self.overclusters is None else self.overclusters
        epochs = _epochs(self.pretrain_epochs, PRETRAIN_STEPS, steps_per_epoch)
        assert plain.pretrain is not None
        return TwoViewRecipe(
            plain.elbo,
            plain.train,
            replace(plain.pretrain, max_epochs=epochs),
            initialisation=plain.initialisation,
            n_init=plain.n_init,
            views=make_views(self.views, event_shape),
            n_heads=self.n_heads,
            overclusters=overclusters,
            weight=self.mutual_information,
            balance=self.balance,
        )


def _epochs(epochs: int | None, steps: int, steps_per_epoch: int) -> int:
    """The epochs asked for; otherwise as many as ``steps`` take."""
    return ceil(steps / steps_per_epoch) if epochs is None else epochs
