r"""Priors on a mixture's own parameters, added to the objective once per data set: MAP.

In nats per datum a log-density of parameters is divided by the number of data, which a fit tells
its terms (:meth:`Term.attach`). With K larger than the data need, a sparse law of the weights
switches components off, and a law of the components keeps those that are empty where they are.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Self

import torch
from pyro import distributions as dist
from torch import Tensor

from ...models import MixturePrior
from ...parts import Count, Positive
from .schedules import Schedule
from .terms import Clusterings, Look, Term

LEAST = 1e-3  # of a datum: weights worth less count as that, so that no density is endless


class SparseWeights(Term):
    r"""A prior on the weights under which clusters that hold little are switched off.

    .. math:: -\tfrac1N \log p(\pi), \qquad
        \pi \sim \operatorname{Dirichlet}(\alpha/K, \dots, \alpha/K)
        \quad\text{or}\quad
        \pi_k = v_k \prod_{j<k} (1 - v_j), \; v_k \sim \operatorname{Beta}(1, \alpha)

    A stick is broken in the order of falling weights, in which the density is largest where α ≤ 1,
    and so that the clusters' numbers mean nothing. Densities are of π itself.

    Args:
        concentration: α; small values leave few clusters.
        form: ``"dirichlet"`` or ``"stick-breaking"``.
        weight: a number, or a schedule over optimiser steps; above 1 the prior counts as often.
        rows: number of data, N; ``None``: those of the fit.

    Raises:
        ValueError: a concentration that is not positive, an unknown form; in the fit, a story whose
            weights are fixed.

    Example:
        >>> term = SparseWeights(3.0, rows=1)  # Dirichlet(1, 1, 1) is uniform, of density 2
        >>> float(-term(torch.eye(3), torch.tensor([0.2, 0.3, 0.5])).exp())
        -0.5

    References:
        Rousseau & Mengersen (2011). Asymptotic behaviour of the posterior distribution in
        overfitted mixture models. JRSS B 73(5).
        Kurihara, Welling & Teh (2007). Collapsed variational Dirichlet process mixture models.
    """

    name = "sparse_weights"
    forms = ("dirichlet", "stick-breaking")

    def __init__(
        self,
        concentration: Positive = 1.0,
        form: str = "dirichlet",
        weight: float | Schedule = 1.0,
        rows: Count | None = None,
    ) -> None:
        super().__init__(weight)
        if not concentration > 0:
            raise ValueError(f"concentration is {concentration}: use a positive number")
        if form not in self.forms:
            raise ValueError(f"form is {form!r}: use one of {', '.join(self.forms)}")
        self.concentration = concentration
        self.form = form
        self.rows = _checked(rows)

    def attach(self, mixtures: Mapping[str, MixturePrior], rows: int) -> Self:
        """A copy that knows the number of data, unless that was given."""
        for site, mixture in mixtures.items():
            if not mixture.learn_weights:
                raise ValueError(
                    f"SparseWeights is for weights that are learnt, and those of {site!r} are "
                    f"fixed: make {type(mixture).__name__} with learn_weights, or leave the term "
                    "out"
                )
        told = copy.copy(self)
        told.rows = self.rows or rows
        return told

    def __call__(self, responsibilities: Tensor, weights: Tensor) -> Tensor:
        rows = _known(self, self.rows)
        least = math.log(LEAST / rows)
        log_weights = weights.clamp(min=1e-38).log().clamp(min=least)
        if self.form == "dirichlet":
            value = _log_dirichlet(log_weights, self.concentration / weights.shape[-1])
        else:
            value = _log_stick_breaking(log_weights, self.concentration)
        return -value.mean() / rows


class ComponentPrior(Term):
    r"""A prior on the components' means and precisions, which keeps emptied ones from wandering.

    .. math:: -\tfrac1N \sum_c \bigl[\log \mathcal N(\mu_c; 0, I)
        + \log \operatorname{Wishart}(\Lambda_c; \nu, S)\bigr], \qquad \mathbb E\Lambda = K^{2/D} I

    so that K components fill the space that their means are drawn in. Full covariances have
    ν = D + 2; of diagonal ones each precision has the law of D = 1, a Gamma of shape 3/2. Means and
    covariances are those of ``component()``, whatever its family; the density is of (μ, Λ).

    Args:
        weight: a number, or a schedule over optimiser steps.

    Raises:
        ValueError: in the fit, a story whose codes are not all vectors, or whose components are
            functions of a style.

    References:
        Stirn & Knowles (2024). The VampPrior Mixture Model. arXiv 2402.04412 (their prior, in which
        all covariances are full).
    """

    name = "component_prior"

    def __init__(self, weight: float | Schedule = 1.0) -> None:
        super().__init__(weight)
        self.mixtures: Mapping[str, MixturePrior] = {}
        self.rows: int | None = None

    def attach(self, mixtures: Mapping[str, MixturePrior], rows: int) -> Self:
        """A copy that knows the mixtures and the number of data."""
        for mixture in mixtures.values():
            name = type(mixture).__name__
            if "w" in mixture.latent_sites:
                raise ValueError(
                    f"ComponentPrior is for components of their own, and those of {name} are "
                    "functions of a style: leave the term out"
                )
            if mixture.lives_on() != "real":
                raise ValueError(
                    f"ComponentPrior is for codes among all vectors, and {name} is elsewhere: "
                    "leave the term out"
                )
        told = copy.copy(self)
        told.mixtures, told.rows = mixtures, _checked(rows)
        return told

    def __call__(self, responsibilities: Tensor, weights: Tensor) -> Tensor:
        """Nothing: it is a function of the components alone, which :meth:`total` looks at."""
        return weights.new_zeros(())

    def total(self, found: Clusterings, look: Look, **companions: Tensor) -> Tensor:
        """The unweighted sum over all clusterings.

        Raises:
            ValueError: it was not told of its story.
        """
        rows = _known(self, self.rows)
        values = [log_component_prior(self.mixtures[site]) for site in found]
        return -torch.stack(values).sum() / rows


def log_component_prior(mixture: MixturePrior) -> Tensor:
    """The log-density of a mixture's means and precisions, summed over its components, in nats."""
    law = mixture.component()
    loc, dim = law.mean, law.event_shape[-1]
    log_density: Tensor = dist.Normal(torch.zeros_like(loc), 1.0).log_prob(loc).sum()
    precision = mixture.n_clusters ** (2 / dim)
    covariance = getattr(law, "covariance_matrix", None)
    if covariance is None:
        gamma = dist.Gamma(torch.full_like(loc, 1.5), 1.5 / precision)
        return log_density + torch.as_tensor(gamma.log_prob(1 / law.variance)).sum()
    factor = torch.linalg.cholesky(covariance)
    scale = torch.eye(dim).to(loc) * math.sqrt(precision / (dim + 2))
    precisions = torch.cholesky_inverse(factor)
    wishart = torch.distributions.Wishart(torch.tensor(dim + 2.0).to(loc), scale_tril=scale)
    return log_density + torch.as_tensor(wishart.log_prob(precisions)).sum()


def _log_dirichlet(log_weights: Tensor, concentration: float) -> Tensor:
    """The symmetric Dirichlet's log-density, ``(..., K)`` to ``(...)``."""
    k = log_weights.shape[-1]
    constant = math.lgamma(k * concentration) - k * math.lgamma(concentration)
    return constant + (concentration - 1) * log_weights.sum(-1)


def _log_stick_breaking(log_weights: Tensor, concentration: float) -> Tensor:
    """That of a broken stick's parts, the largest first, ``(..., K)`` to ``(...)``.

    The product of all 1 - v is the last part, and the Jacobian of the parts by the v is the product
    of what was left before each break.
    """
    k = log_weights.shape[-1]
    falling = log_weights.sort(-1, descending=True).values
    left = falling.flip(-1).logcumsumexp(-1)[..., 1 : k - 1]  # before the breaks 2 … K-1
    last = falling[..., -1] if k > 1 else torch.zeros_like(falling[..., 0])
    value = (k - 1) * math.log(concentration) + (concentration - 1) * last
    return value - left.sum(-1)


def _checked(rows: int | None) -> int | None:
    if rows is not None and rows < 1:
        raise ValueError(f"rows is {rows}: it is the number of data")
    return rows


def _known(term: Term, rows: int | None) -> int:
    if rows is None:
        raise ValueError(
            f"{type(term).__name__} counts once per data set and does not know their number: "
            "outside of a fit use its attach(mixtures, rows)"
        )
    return rows
