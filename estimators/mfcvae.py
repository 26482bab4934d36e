"""MFCVAE as a scikit-learn estimator: several clusterings of the same data at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from ..guides import Guide
from ..inference import (
    MixtureELBO,
    OnFacets,
    Product,
    ProgressiveRecipe,
    Recipe,
    Term,
    as_schedule,
    decode,
    encode,
    responsibilities,
    sample,
)
from ..models import MixtureVAE
from .base import Array, DeepMixture
from .ladder import joining, mfcvae_story
from .settings import Budget


@dataclass(kw_only=True, eq=False, repr=False)
class MFCVAE(DeepMixture):
    r"""Multi-facet clustering VAE: J clusterings of the same data, each on a rung of a ladder.

    .. math:: c_j \sim \operatorname{Cat}(\pi_j), \quad
        z_j \mid c_j \sim \mathcal N(\mu_{c_j}, \Sigma_{c_j}) \quad (j = 1 \dots J), \qquad
        x \mid z_1 \dots z_J \sim p(x \mid f(z_1, \dots, z_J))

    Whatever is given by facet has the shallowest facet first, which sees the least of the network;
    a single value stands for all facets. Published settings: ``refit_epochs=()`` and, for MNIST,
    ``batch_size=512``, ``max_epochs=402``, ``join_epochs=(201,)``, ``fade_steps=15000``,
    ``network="mlp"``; for 3DShapes ``n_clusters=(60, 20)``, ``latent_dim=(20, 2)``,
    ``covariance="full"``, ``learn_weights=False``, ``likelihood="normal"``, ``scale=0.6``,
    ``batch_size=150``, ``learning_rate=3e-4``, ``max_epochs=402``, ``join_epochs=(101,)``,
    ``fade_steps=2000``.

    Args:
        n_clusters: K by facet; their number is J.
        latent_dim: D by facet.
        covariance: of the components, ``"diag"`` or ``"full"``, by facet.
        learn_weights: learn p(c_j); otherwise it stays uniform.
        kl_weight: β by facet, the weight of its part of the bound.
        channels: of the first convolution of a ladder for images.
        log_scale: where the log standard deviations of q(z_j | x) start.
        progressive: train one facet alone at first, and fade in the others one by one.
        join_epochs: epochs before the second facet joins, the third, …; ``None`` spreads them
            evenly over all.
        fade_steps: batches that a facet takes to come in; ``None``: half of the least time from a
            facet's joining to the next or to the end.
        facet_order: the facets in the order in which they join; ``None``: the deepest first.
        refit_epochs: in that order, the epoch after which a facet's mixture is fitted to its codes
            anew, apart from the facets before it (:func:`refit_mixture`); ``()``: never, as
            published; ``None``: halfway from its joining to the next or to the end.
        term_facets: the facets whose clusters the terms look at (``information_floor``,
            ``affiliation``, ``mutual_information``), from the start on; ``None``: all.
        **settings: those of :class:`DeepMixture`. ``hidden_dims`` has a width for each facet, and
            ``network`` is ``"mlp"``, ``"conv"``, or ``"auto"``, convolutions for images. The
            published ``initialisation`` is ``"gmm-means"``, without pretraining.

    Attributes:
        labels_: cluster of each training datum in each facet, ``(N, J)``.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> X = load_digits().data[:200] / 16
        >>> mfcvae = MFCVAE(n_clusters=(10, 4), latent_dim=(5, 2), max_epochs=3).fit(X)
        >>> mfcvae.predict(X).shape, [gamma.shape for gamma in mfcvae.predict_proba(X)]
        ((200, 2), [(200, 10), (200, 4)])
        >>> mfcvae.sample(5, clusters=(3, None))[0].shape
        (5, 64)

    References:
        Falck et al. (2021). Multi-Facet Clustering Variational Autoencoders. arXiv 2106.05241.
    """

    n_clusters: int | tuple[int, ...] = (25, 25)  # type: ignore[assignment]
    latent_dim: int | tuple[int, ...] = (5, 5)  # type: ignore[assignment]
    covariance: str | tuple[str, ...] = "diag"
    learn_weights: bool = True
    kl_weight: float | tuple[float, ...] = 1.0
    channels: int = 64
    log_scale: float = 0.0
    progressive: bool = True
    join_epochs: tuple[int, ...] | None = None
    fade_steps: int | None = None
    facet_order: tuple[int, ...] | None = None
    refit_epochs: tuple[int, ...] | None = None
    term_facets: tuple[int, ...] | None = None

    network: str = "auto"
    batch_norm: bool = False
    pretrain_epochs: int | None = 0
    pretrain_neighbours: int = 0
    initialisation: str = "gmm-means"
    learning_rate: float = 5e-4
    learning_rate_decay: tuple[float, int] | str | None = None

    training: ClassVar[Budget] = Budget(10_000, 40, 400)

    def clusterings(self) -> tuple[int, ...]:
        """K of each facet."""
        return (self.n_clusters,) if isinstance(self.n_clusters, int) else tuple(self.n_clusters)

    def by_facet(self, name: str) -> tuple[Any, ...]:
        """An argument's value for each facet.

        Raises:
            ValueError: not one for each.
        """
        value, n_facets = getattr(self, name), len(self.clusterings())
        each = tuple(value) if isinstance(value, tuple | list) else (value,) * n_facets
        if len(each) != n_facets:
            raise ValueError(
                f"{name} is {value}, and n_clusters {self.n_clusters} makes {n_facets} facet(s): "
                "give one for each, or a single one for all"
            )
        return each

    def story(self, event_shape: tuple[int, ...], likelihood: str) -> tuple[MixtureVAE, Guide]:
        """A fresh story and guide for data of this shape."""
        hidden_dims = self.hidden_dims
        if hidden_dims is None and prod(event_shape) <= 100:
            hidden_dims = (256,) * len(self.clusterings())
        return mfcvae_story(
            event_shape,
            n_clusters=self.clusterings(),
            latent_dim=self.by_facet("latent_dim"),
            hidden_dims=hidden_dims,
            network=self.network,
            channels=self.channels,
            batch_norm=self.batch_norm,
            likelihood=likelihood,
            scale=self.scale,
            covariance=self.by_facet("covariance"),
            learn_weights=self.learn_weights,
            log_scale=self.log_scale,
            assignment=self.assignment,
        )

    def terms(self, steps_per_epoch: int, event_shape: tuple[int, ...]) -> list[Term]:
        """The terms of the objective, their schedules in optimiser steps."""
        terms, facets = super().terms(steps_per_epoch, event_shape), self.term_facets
        if facets is None:
            return terms
        if not facets or not set(facets) <= set(range(len(self.clusterings()))):
            raise ValueError(
                f"term_facets is {facets}: give numbers from 0 to {len(self.clusterings()) - 1}, "
                "or None for all"
            )
        return [OnFacets(term, facets) for term in terms]

    def objective(self, steps_per_epoch: int, event_shape: tuple[int, ...]) -> MixtureELBO:
        """The objective, its schedules in optimiser steps."""
        objective = super().objective(steps_per_epoch, event_shape)
        warmup = objective.kl_weights[0]
        objective.kl_weights = tuple(
            Product([warmup, as_schedule(weight)]) for weight in self.by_facet("kl_weight")
        )
        return objective

    def recipe(self, steps_per_epoch: int, event_shape: tuple[int, ...]) -> Recipe:
        """The phases of the fit, for data of this shape."""
        if self.n_heads:
            raise ValueError(f"n_heads is {self.n_heads}: heads are for one clustering; use 0")
        n_facets = len(self.clusterings())
        progressive = joining(
            n_facets,
            self.epochs(steps_per_epoch),
            steps_per_epoch,
            self.join_epochs if self.progressive else (0,) * (n_facets - 1),
            self.fade_steps if self.progressive else 0,
            self.facet_order,
            self.refit_epochs,
        )
        if self.patience is not None and (any(progressive.joins) or progressive.refits):
            raise ValueError(
                f"patience is {self.patience}: training could stop before all facets have joined "
                "and been fitted anew; use None, or progressive=False and refit_epochs=()"
            )
        plain = super().recipe(steps_per_epoch, event_shape)
        return ProgressiveRecipe(**vars(plain), progressive=progressive)

    def _predict(self, x: Tensor) -> NDArray[np.int64]:
        return np.stack([gamma.argmax(-1) for gamma in self._probabilities(x)], -1)

    def _probabilities(self, x: Tensor) -> list[Array]:  # type: ignore[override]
        gammas = responsibilities(self.model_, self.guide_, x)
        return [gammas["c" + mixture.facet].numpy() for mixture in self.model_.prior.mixtures]

    def predict(self, X: ArrayLike) -> NDArray[np.int64]:
        """The likeliest cluster of each datum in each facet, ``(N, J)``."""
        return super().predict(X)

    def predict_proba(self, X: ArrayLike) -> list[Array]:  # type: ignore[override]
        """q(c_j | x) by facet, ``(N, K_j)`` each, rows summing to one."""
        return self._probabilities(self._check(X))

    def transform(self, X: ArrayLike) -> list[Array]:  # type: ignore[override]
        """The posterior mean of z_j by facet, ``(N, D_j)`` each."""
        return [code.numpy() for code in self._codes(X)]

    def inverse_transform(self, Z: Sequence[ArrayLike]) -> Array:  # type: ignore[override]
        """E[x | z]: by facet ``(N, D_j)``, as :meth:`transform` gives them, to ``(N, *event)``."""
        check_is_fitted(self)
        codes = [torch.as_tensor(np.asarray(code)) for code in Z]
        shapes, wanted = [tuple(code.shape) for code in codes], self.by_facet("latent_dim")
        if shapes != [(len(codes[0]), dim) for dim in wanted]:
            raise ValueError(f"Z has shapes {shapes}: use (N, D) with D {wanted} by facet")
        return self._decode(codes)

    def sample(  # type: ignore[override]
        self,
        n_samples: int = 1,
        *,
        clusters: Sequence[int | None] | None = None,
        mean: bool = False,
        seed: int = 0,
    ) -> tuple[Array, NDArray[np.int64]]:
        """Draw data and the clusters of each from the story.

        Args:
            n_samples: how many.
            clusters: by facet the cluster to draw from, or ``None`` to let it vary; by default
                all vary.
            mean: give E[x | z] in place of a draw of x; for pictures.
            seed: same seed, same data.

        Returns:
            ``(n_samples, *event)`` and ``(n_samples, J)``.
        """
        check_is_fitted(self)
        x, drawn = sample(self.model_, n_samples, cluster=clusters, mean=mean, seed=seed)
        return x.numpy(), torch.stack(list(drawn.values()), -1).numpy()

    def swap(self, x_a: ArrayLike, x_b: ArrayLike, facets: Sequence[int] = (0,)) -> Array:
        """What x_a looks like with some facets of x_b: decoded posterior means, ``(N, *event)``.

        Args:
            x_a: data, ``(N, *event)``.
            x_b: as many others.
            facets: the facets to take from x_b.

        Raises:
            ValueError: another number of data, or a facet that there is none of.
        """
        ours, theirs = self._codes(x_a), self._codes(x_b)
        if len(ours[0]) != len(theirs[0]):
            raise ValueError(
                f"x_a has {len(ours[0])} samples and x_b {len(theirs[0])}: give as many of both"
            )
        if not set(facets) <= set(range(len(ours))):
            raise ValueError(f"facets is {tuple(facets)}: use numbers from 0 to {len(ours) - 1}")
        pairs = enumerate(zip(ours, theirs, strict=True))
        return self._decode([its if facet in facets else own for facet, (own, its) in pairs])

    def _codes(self, X: ArrayLike) -> list[Tensor]:
        codes = encode(*self._given(X))
        return [codes["z" + mixture.facet] for mixture in self.model_.prior.mixtures]

    def _decode(self, codes: Sequence[Tensor]) -> Array:
        """E[x | z] of the codes by facet."""
        sites = ["z" + mixture.facet for mixture in self.model_.prior.mixtures]
        return decode(self.model_, dict(zip(sites, codes, strict=True))).numpy()
