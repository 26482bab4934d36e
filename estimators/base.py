"""`DeepMixture`: any story, guide and objective as a scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClusterMixin, TransformerMixin
from torch import Tensor

from ..data import Unseen
from ..guides import Guide
from ..inference import (
    ClosedFormELBO,
    GaussianMixtureStart,
    MixtureELBO,
    Neighbours,
    Pretraining,
    Recipe,
    StartLike,
    Term,
    Training,
    as_start,
)
from ..inference.training.devices import Precision
from ..models import GaussianMixture, MixtureVAE
from ..networks import LadderNetworks, Networks, Perceptron
from ..parts import Count, Natural, NonNegative, Part, Seed, Unbuilt, build, given, spelt
from .composition import compose
from .documentation import document
from .gaps import Missing
from .parameters import Parameters
from .partial import LearnsOn
from .persistence import Saved
from .showing import Shows
from .tables import Laws


@dataclass(kw_only=True, eq=False, repr=False)
class DeepMixture(
    Shows,
    Parameters,
    LearnsOn,
    Saved,
    ClusterMixin,
    TransformerMixin,
    BaseEstimator,
    Part,
    kind="estimator",
):
    """A deep mixture model of any parts: prior, posterior, likelihood, networks, objective.

    Parts are given unbuilt, as classes or ``functools.partial`` of classes, since only the fit
    knows their sizes, or by registered names such as ``"gamma-mixture"``. The phases of the fit are
    objects. The estimators of the zoo are this one with their papers' parts as defaults.

    Args:
        n_clusters: number of clusters, K; a tuple makes several clusterings of the same data
            (facets), a number for each; ``"auto"`` finds it by :func:`cluster_curves`.
        latent_dim: dimension of z, D; by facet where there are several.
        prior: the prior over clusters and codes, made with (K, D), such as ``GaussianMixture``; by
            facet where there are several.
        posterior: the guide's head for a latent, made with (F, D), such as ``GaussianHead``; a dict
            has one for each latent by name. ``"auto"`` is the family that lives where the prior
            does.
        likelihood: of the data, made with (decoder, event_shape), such as ``Normal``. ``"auto"`` is
            Bernoulli for data within [0, 1], else normal; one for each column of a mixed table.
        networks: what makes encoder and decoder, such as ``Perceptron((500, 500))``.
        assignment: the rule for q(c | x): ``"marginal"`` (given z, tightest), ``"optimal"`` (the
            best that does not look at z) or ``"amortised"`` (a network).
        objective: ``ClosedFormELBO``, ``EnumeratedELBO``, or a partial of one.
        terms: what is added to the objective, such as ``Affiliation(1.0)``.
        label_weight: of the log-loss of what is known of some data: labels, groups and pairs.
        pretraining: what is trained first: ``Autoencoder()``, ``Neighbours()``, ``TwoView()``, or
            ``None``.
        start: how the prior starts after that: ``GaussianMixtureStart()``, ``KMeansStart()``,
            ``UMAPStart()``, ``GroupsOf(clusterer)`` or a clusterer alone, ``BestOf(starts)``, or
            ``None``.
        training: the joint training, such as ``Training(max_epochs=40)``.
        standardise: bring each feature to mean 0 and spread 1 and keep the scaling in the story,
            whose answers stay in the units of X; ``"auto"`` does if units are far from that.
        missing: what NaN in X is. ``"auto"``: not observed; the bound is that of what is observed,
            and the encoder is told of the gaps. ``"allow"``: so too, and where X has none, or few,
            the encoder learns of gaps to come, up to half of each datum being hidden from it in
            training. ``"error"``: refused.
        columns: of a table, the likelihood of a column, such as ``{"age": "normal", "visits":
            "poisson"}``: ``"normal"``, ``"heteroscedastic-normal"``, ``"log-normal"``,
            ``"poisson"``, ``"negative-binomial"``, ``"bernoulli"`` or ``"categorical"``; others
            have what suits them. ``"auto"``: a DataFrame with columns that are no plain numbers is
            read column by column, whose answers are DataFrames again, and any other data as one
            array.
        unseen: what a category is that fit has not seen: an ``"error"``, or ``"missing"``, which
            has the fit prepare for gaps as ``missing="allow"`` does.
        n_init: restarts; the best held-out bound is kept, labels are never used.
        warm_start: a second ``fit`` goes on from the weights of the first, with the joint training
            alone, whose optimiser starts anew.
        random_state: seed, ``RandomState`` or ``None``.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:1"``, or a ``torch.device``.
        devices: processes to train in (DDP); above 1 a script needs a ``__main__`` guard.
        precision: ``"32-true"``, ``"bf16-mixed"`` or ``"64-true"``.
        verbose: show a progress bar for each phase.

    Attributes:
        n_clusters_: K, given or found.
        labels_: cluster of each training datum, ``(N,)``, or ``(N, J)`` of J facets.
        model_: the fitted story.
        guide_: its fitted guide.
        history_: rows with phase, epoch, loss and its named parts in nats per datum.
        n_features_in_: number of features seen in fit.
        n_missing_: number of values of X that were not observed.
        columns_: of a table by column what each is, with its likelihood.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> X = load_digits().data[:200] / 16
        >>> mixture = DeepMixture(
        ...     prior="gamma-mixture", networks=Perceptron(32), pretraining=None,
        ...     training=Training(max_epochs=2),
        ... )
        >>> mixture.fit(X).predict_proba(X).shape
        (200, 10)
    """

    n_clusters: Count | tuple[Count, ...] | Literal["auto"] = 10
    latent_dim: Count | tuple[Count, ...] = 10
    prior: Unbuilt | Sequence[Unbuilt] = GaussianMixture
    posterior: Unbuilt | Mapping[str, Unbuilt] = "auto"
    likelihood: Unbuilt = "auto"
    networks: Networks | LadderNetworks | str = Perceptron(batch_norm=True)
    assignment: Unbuilt = "marginal"
    objective: Unbuilt = ClosedFormELBO
    terms: Sequence[Term] = ()
    label_weight: NonNegative = 5.0
    pretraining: Pretraining | str | None = Neighbours()
    start: StartLike = GaussianMixtureStart()
    training: Training = Training()
    standardise: bool | Literal["auto"] = "auto"
    missing: Missing = "auto"
    columns: Laws = "auto"
    unseen: Unseen = "error"
    n_init: Count = 1
    warm_start: bool = False
    random_state: Seed | np.random.RandomState | None = None
    device: str | torch.device = "auto"
    devices: Count = 1
    precision: Precision = "32-true"
    verbose: bool = False

    alias: ClassVar[str]

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        document(cls, DeepMixture)

    def build(
        self,
        event_shape: tuple[int, ...],
        likelihood: Unbuilt = "bernoulli",
        *,
        n_covariates: Natural = 0,
        fill: Tensor | None = None,
        hide: float = 0.0,
    ) -> tuple[MixtureVAE, Guide]:
        """A fresh story and guide, for plain Pyro.

        Args:
            event_shape: shape of one datum, ``(X,)`` or ``(C, H, W)``.
            likelihood: stands in for ``"auto"``, which only data can tell.
            n_covariates: numbers of the companion ``covariates`` of each row.
            fill: for data with gaps, where x is NaN: what the encoder sees of each feature there,
                such as its mean, ``(*event)``; ``None``: data have none.
            hide: the share of features at most that the encoder is not to see besides, in training.

        Raises:
            TypeError, ValueError: parts that do not go together.

        Example:
            >>> model, guide = DeepMixture(n_clusters=3, networks=Perceptron(16)).build((64,))
            >>> model(n=5).shape
            torch.Size([5, 64])
        """
        return compose(
            event_shape,
            n_clusters=self.known_clusters(),
            latent_dim=self.latent_dim,
            prior=self.prior,
            posterior=self.posterior,
            likelihood=likelihood if self.likelihood == "auto" else self.likelihood,
            networks=self.networks,
            assignment=self.assignment,
            n_covariates=n_covariates,
            fill=fill,
            hide=hide,
        )

    def elbo(self) -> MixtureELBO:
        """The objective with its terms, at its first step.

        Raises:
            TypeError, ValueError: an objective or a term that is none.
        """
        if isinstance(self.terms, Term | str) or not isinstance(self.terms, Sequence):
            raise TypeError(f"terms is {spelt(self.terms)}: give a list, such as [Affiliation()]")
        terms = [given("terms", term, Term) for term in self.terms]
        return build("objective", self.objective, MixtureELBO, terms=terms)

    def recipe(self) -> Recipe:
        """The phases of the fit.

        Raises:
            TypeError, ValueError: a phase that is none.
        """
        pretraining, start = self.pretraining, self.start
        return Recipe(
            self.elbo(),
            given("training", self.training, Training),
            None if pretraining is None else given("pretraining", pretraining, Pretraining),
            None if start is None else as_start("start", start),
            n_init=self.n_init,
            verbose=self.verbose,
        )
