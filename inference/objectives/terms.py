"""Named terms of the objective: scalar functionals of the responsibilities and the prior weights.

The loss is the negative bound plus, for each term, its weight times its value (maths of the zoo:
everything the seed papers add to the bound has this form).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from copy import copy
from typing import Literal, Self

import torch
from torch import Tensor

from ...models import MixturePrior
from ...parts import NonNegative, Part, Positive, given
from .information import (
    balance_entropy,
    check_shares,
    entropy,
    two_view_information,
    unlike_shares,
)
from .schedules import Schedule, as_schedule
from .views import Views

Clusterings = Mapping[str, tuple[Tensor, Tensor]]
Look = Callable[..., Clusterings]  # of a view, and of companions in place of the batch's


class Term(Part, kind="term", abstract=True):
    """One term of the objective.

    To write one, define :meth:`__call__`, and ``name``, under which it stands in the history (the
    class's own name by default). :func:`pyromix.testing.check_term` tells whether it is right.

    Args:
        weight: a number from 0, or a schedule over optimiser steps.

    Raises:
        ValueError: a weight below 0, which would turn the term into its opposite.
    """

    name: str = ""

    def __init__(self, weight: float | Schedule = 1.0) -> None:
        if isinstance(weight, int | float) and weight < 0:
            raise ValueError(f"weight is {weight}: use a number from 0, or a schedule")
        self.weight = as_schedule(weight)
        self.name = self.name or type(self).alias.replace("-", "_")

    @abstractmethod
    def __call__(self, responsibilities: Tensor, weights: Tensor) -> Tensor:
        """The unweighted value in nats, to be minimised.

        Args:
            responsibilities: q(c | x), ``(..., B, K)``, of the rows that are not masked.
            weights: p(c), ``(K,)``, or ``(..., B, K)`` where it depends on the datum.
        """

    def attach(self, mixtures: Mapping[str, MixturePrior], rows: int) -> Self:
        """The term as it is for a story and its data: itself, unless it looks at either.

        Args:
            mixtures: those of the story, by the site of their clusters.
            rows: number of data, N.

        Raises:
            ValueError: a story that the term is not for.
        """
        return self

    def heed(self, sizes: Mapping[str, Tensor]) -> Self:
        """The term as it is for clusters that a start has found: itself, unless it looks at them.

        Args:
            sizes: of the clusters, ``(K,)``, by site; none where nothing was found.
        """
        return self

    def takes(self, companion: str) -> bool:
        """Whether a companion of the batch is this term's own, and none of the programs'."""
        return False

    def total(self, found: Clusterings, look: Look, **companions: Tensor) -> Tensor:
        """The unweighted sum over all clusterings.

        Args:
            found: for each clustering site q(c | x) and p(c).
            look: the same for another view of the batch.
            **companions: those of the batch.
        """
        return torch.stack([self(*pair) for pair in found.values()]).sum()


class InformationFloor(Term):
    r"""GMVAE's minimum information constraint: the clustering may not be worth less than λ nats.

    .. math:: \max\bigl(0,\; \lambda - \operatorname{mean}_x
        \operatorname{KL}(\gamma(x) \,\|\, \pi)\bigr)

    Added to a KL of the same value it gives ``max(λ, KL)``. Without it clusters merge early.

    Args:
        floor: λ in nats; useful only below log K.
        weight: a number, or a schedule over optimiser steps.

    Raises:
        ValueError: a negative floor.

    Example:
        >>> InformationFloor(0.5)(torch.full((8, 10), 0.1), torch.full((10,), 0.1))
        tensor(0.5000)

    References:
        Dilokthanakul et al. (2016). arXiv 1611.02648, section 3.4.
    """

    name = "information_floor"

    def __init__(self, floor: NonNegative = 0.5, weight: float | Schedule = 1.0) -> None:
        super().__init__(weight)
        if floor < 0:
            raise ValueError(f"floor is {floor}: a number of nats cannot be negative")
        self.floor = floor

    def __call__(self, responsibilities: Tensor, weights: Tensor) -> Tensor:
        log_weights = weights.clamp(min=1e-38).log()
        kl = -entropy(responsibilities) - (responsibilities * log_weights).sum(-1)
        return (self.floor - kl.mean()).clamp(min=0.0)


class Affiliation(Term):
    r"""The augmented ELBO's regulariser: data should belong to one cluster.

    .. math:: \operatorname{mean}_x H(\gamma(x))

    An entropy is never negative, so with λ ≥ 0 the objective is still a lower bound on log p(x), as
    it is with Rényi's. At λ = 1 on the marginal rule the log-sum-exp cancels and the expected
    complete-data log-joint remains. The other forms are ours: they reward the same thing, but are
    never positive, so that the objective is a lower bound only after λ (K − 1)/K for the variance,
    or λ for the maximum, is taken off.

    Args:
        weight: λ, a number, or a schedule over optimiser steps.
        form: ``"entropy"``; ``"renyi"``, -log Σγ²; ``"variance"``, -K·Var_c γ; ``"max"``,
            -max_c γ.

    Raises:
        ValueError: an unknown form.

    Example:
        >>> Affiliation()(torch.full((8, 4), 0.25), torch.full((4,), 0.25))  # log 4
        tensor(1.3863)

    References:
        Na, Lee & Kim (2024). Neurocomputing 10.1016/j.neucom.2024.128795. Abstract only; the terms
        are our reconstruction.
    """

    name = "affiliation"
    forms = ("entropy", "renyi", "variance", "max")

    def __init__(self, weight: float | Schedule = 1.0, form: str = "entropy") -> None:
        super().__init__(weight)
        if form not in self.forms:
            raise ValueError(f"form is {form!r}: use one of {', '.join(self.forms)}")
        self.form = form

    def __call__(self, responsibilities: Tensor, weights: Tensor) -> Tensor:
        if self.form == "entropy":
            return entropy(responsibilities).mean()
        if self.form == "renyi":
            return -responsibilities.square().sum(-1).log().mean()
        if self.form == "variance":
            clusters = responsibilities.shape[-1]
            return -clusters * responsibilities.var(-1, correction=0).mean()
        return -responsibilities.amax(-1).mean()


class MutualInformation(Term):
    r"""Extended mutual information between data and clusters: discriminative and balanced.

    .. math:: -\bigl[(1 + \alpha)\, H(\bar\gamma) - \operatorname{mean}_x H(\gamma(x))\bigr],
        \qquad \bar\gamma = \operatorname{mean}_x \gamma(x)

    With ``views`` it is that between the clusters of a datum and of a changed view of it,
    :func:`two_view_information`, so that clusters are what the change leaves alone. The batch
    stands for the data: it should hold 20 K rows or more.

    It is largest for clusters of one size, so groups of unlike sizes are cut. Where their shares p
    are known, :func:`balance_entropy` takes the place of the entropy, and it is largest at p.

    Args:
        weight: a number, or a schedule over optimiser steps.
        balance: α, the extra weight of balance.
        views: makes another view of a batch, or its name, such as ``"auto"``; ``None`` looks at one
            view only.
        shares: of the clusters, in any order, above 0 and of sum 1; ``None``: equal ones;
            ``"found"``: those that the start of a fit has found, if they are unlike, else equal
            ones.

    Raises:
        ValueError: a negative balance, or shares that are none, or not of K clusters.

    Example:
        >>> MutualInformation(balance=0.0)(torch.eye(4), torch.full((4,), 0.25))  # -log 4
        tensor(-1.3863)

    References:
        Yu, Wu, Chen & Liu (2024). DOI 10.11721/cqnuj20240305. Abstract only; a reconstruction.
        Ji, Henriques & Vedaldi (2019). Invariant Information Clustering. arXiv 1807.06653.
    """

    name = "mutual_information"

    def __init__(
        self,
        weight: float | Schedule = 1.0,
        balance: NonNegative = 0.5,
        views: Views | str | None = None,
        shares: tuple[Positive, ...] | Literal["found"] | None = None,
    ) -> None:
        super().__init__(weight)
        if balance < 0:
            raise ValueError(f"balance is {balance}: it weighs H(c) and cannot be negative")
        check_shares(shares)
        self.balance = balance
        self.shares = shares
        self.views = None if views is None else given("views", views, Views)

    def __call__(self, responsibilities: Tensor, weights: Tensor) -> Tensor:
        mean = responsibilities.flatten(0, -2).mean(0)
        unsure = entropy(responsibilities).mean()
        return unsure - (1 + self.balance) * balance_entropy(mean, self.expected)

    @property
    def expected(self) -> tuple[float, ...] | None:
        """The shares that are pressed for; ``None``: equal ones."""
        return None if self.shares == "found" else self.shares

    def heed(self, sizes: Mapping[str, Tensor]) -> Self:
        """That with the shares found of the one clustering, where it is to have those."""
        if self.shares != "found" or len(sizes) != 1:
            return self
        told = copy(self)
        told.shares = unlike_shares(next(iter(sizes.values())))
        return told

    def attach(self, mixtures: Mapping[str, MixturePrior], rows: int) -> Self:
        """The term itself, if its shares are of as many clusters as each clustering has."""
        for mixture in mixtures.values():
            check_shares(self.shares, mixture.n_clusters)
        return self

    def total(self, found: Clusterings, look: Look, **companions: Tensor) -> Tensor:
        """The unweighted sum over all clusterings."""
        if self.views is None:
            return super().total(found, look)
        views = self.views

        def assign(x: Tensor) -> list[Tensor]:
            return [gamma for gamma, _ in look(lambda batch: x).values()]

        second = look(lambda batch: views.of(batch, assign))
        values = [
            two_view_information(gamma, second[site][0], self.balance, self.expected).mean()
            for site, (gamma, _) in found.items()
        ]
        return -torch.stack(values).sum()
