"""DHVC as a scikit-learn estimator."""

from __future__ import annotations

from dataclasses import dataclass

from ..guides import Guide
from ..models import MixtureVAE
from .base import DeepMixture
from .settings import Budget
from .stories import dhvc_story


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
        **settings: those of :class:`Settings`, whose defaults here are ``n_heads=20``,
            ``views="auto"``, ``mutual_information=5``, ``network="auto"`` and
            ``batch_size=256``; ``pretrain_epochs=None`` is 2,100 steps and ``max_epochs=None`` 240.
            Without pretraining ``initialisation`` says how the prior starts; after it only
            ``"none"`` makes a difference.

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

    network: str = "auto"
    assignment: str = "amortised"
    mutual_information: float = 5.0
    views: str | None = "auto"
    n_heads: int = 20
    pretrain_neighbours: int = 0
    kl_warmup_epochs: int = 1
    batch_size: int = 256

    published_dims = (500, 500)
    pretraining = Budget(2100)
    training = Budget(240)

    def story(self, event_shape: tuple[int, ...], likelihood: str) -> tuple[MixtureVAE, Guide]:
        """A fresh story and guide for data of this shape."""
        shared = self.shared(event_shape, likelihood)
        return dhvc_story(**shared, family=self.family)
