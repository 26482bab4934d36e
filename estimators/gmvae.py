"""GMVAE as a scikit-learn estimator."""

from __future__ import annotations

from dataclasses import dataclass

from ..guides import Guide
from ..inference import ClosedFormELBO, MixtureELBO
from ..models import MixtureVAE
from .base import DeepMixture
from .stories import gmvae_story


@dataclass(kw_only=True, eq=False, repr=False)
class GMVAE(DeepMixture):
    r"""Gaussian mixture VAE: the components are functions of a style vector w.

    .. math:: w \sim \mathcal N(0, I), \quad c \sim \operatorname{Cat}(1/K), \quad
        z \mid c, w \sim \mathcal N(\mu_c(w), \sigma_c^2(w)), \quad x \mid z \sim p(x \mid f(z))

    Args:
        style_dim: dimension of w, W.
        style_hidden_dim: hidden width of the network from w to the components.
        log_scale: where the log standard deviations of q(z | x) start; without an initialisation
            on small data, -2 keeps the code from drowning in noise.
        conditional_prior: ``"exact"``, or ``"published"`` for the paper's own estimator, which
            integrates z a second time, a looser bound; it needs ``bound="closed-form"``.
        **settings: those of :class:`Settings`.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> X = load_digits().data[:200] / 16
        >>> gmvae = GMVAE(n_clusters=10, max_epochs=2, hidden_dims=(32,))
        >>> gmvae.fit(X).predict(X).shape
        (200,)

    References:
        Dilokthanakul et al. (2016). Deep Unsupervised Clustering with Gaussian Mixture Variational
        Autoencoders. arXiv 1611.02648.
    """

    style_dim: int = 4
    style_hidden_dim: int = 64
    log_scale: float = 0.0
    conditional_prior: str = "exact"

    information_floor: float = 0.5

    published_dims = (500, 500)

    def story(self, event_shape: tuple[int, ...], likelihood: str) -> tuple[MixtureVAE, Guide]:
        """A fresh story and guide for data of this shape."""
        return gmvae_story(
            **self.shared(event_shape, likelihood),
            style_dim=self.style_dim,
            style_hidden_dim=self.style_hidden_dim,
            log_scale=self.log_scale,
        )

    def objective(self, steps_per_epoch: int, event_shape: tuple[int, ...]) -> MixtureELBO:
        """The objective, its schedules in optimiser steps."""
        objective = super().objective(steps_per_epoch, event_shape)
        if self.conditional_prior == "exact":
            return objective
        if not isinstance(objective, ClosedFormELBO):
            raise ValueError(
                "conditional_prior='published' is no enumeration: use bound='closed-form'"
            )
        objective.conditional_prior = self.conditional_prior
        return objective
