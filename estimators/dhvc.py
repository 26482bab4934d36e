"""DHVC: directions, clusters read off them, and the information that two views share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from ..guides import SphericalHead
from ..inference import (
    BestHead,
    Budget,
    ClosedFormELBO,
    LinearWarmup,
    MutualInformation,
    PerEpoch,
    Pretraining,
    StartLike,
    Term,
    Training,
    TwoView,
)
from ..models import ReversedVonMisesFisherMixture
from ..networks import ByShape, LadderNetworks, Networks, Perceptron, Strided
from ..parts import Unbuilt
from .base import DeepMixture


@dataclass(kw_only=True, eq=False, repr=False)
class DHVC(DeepMixture, alias="dhvc"):
    r"""Deep hyperspherical VAE clustering: a direction z, a cluster read off it, and x.

    .. math:: z \sim U(S^{D-1}), \quad c \mid z \sim \operatorname{softmax}_c
        [\log\omega_c + \log C_D(\kappa_c) + \kappa_c \mu_c^\top z], \quad
        x \mid z \sim p(x \mid f(z))

    A network gives q(c | x), so the bound's clustering part is the KL of two posteriors. That part
    alone is best when all data share a cluster; the extended mutual information of two views of the
    data prevents it. Only the paper's abstract could be had: this is our reconstruction, and no
    published number is claimed for it. ``prior=VonMisesFisherMixture`` is the mixture written
    forwards, c before z.

    Twenty assignment heads on one encoder are trained by two-view information, beside the decoder;
    the head with most information is kept, with no labels, and the prior put where its clusters
    are; then the whole bound and the information are trained together.

    Args:
        **parts: those of :class:`DeepMixture`.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> from pyromix.inference import Training, TwoView
        >>> X = load_digits().data[:200] / 16
        >>> dhvc = DHVC(pretraining=TwoView(epochs=2), training=Training(max_epochs=2))
        >>> dhvc.fit(X).transform(X).shape
        (200, 10)

    References:
        Yu, Wu, Chen & Liu (2024). DOI 10.11721/cqnuj20240305. Abstract only.
        Ji, Henriques & Vedaldi (2019). Invariant Information Clustering. arXiv 1807.06653.
    """

    prior: Unbuilt | Sequence[Unbuilt] = ReversedVonMisesFisherMixture
    posterior: Unbuilt | Mapping[str, Unbuilt] = SphericalHead
    networks: Networks | LadderNetworks | str = ByShape(
        vectors=Perceptron(large=(500, 500), batch_norm=True), images=Strided()
    )
    assignment: Unbuilt = "amortised"
    objective: Unbuilt = partial(ClosedFormELBO, kl_weight=PerEpoch(LinearWarmup(0.0, 1.0, 1)))
    terms: Sequence[Term] = (MutualInformation(5.0, views="auto", shares="found"),)
    pretraining: Pretraining | str | None = TwoView()
    start: StartLike = BestHead()
    training: Training = Training(max_epochs=Budget(240), batch_size=256)
