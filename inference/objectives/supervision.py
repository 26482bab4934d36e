"""Terms of what is known of some data: classes, and pairs that belong together or apart."""

from __future__ import annotations

import torch
from torch import Tensor

from ...parts import GROUPS, facet_of, known_rows, site_name, under, without_groups
from .terms import Clusterings, Look, Term

TINY = 1e-37  # of a probability whose logarithm is taken; its reciprocal is still a float


class Classification(Term):
    r"""The log-loss of the groups given, which the bound alone leaves the encoder free to ignore.

    .. math:: -\operatorname{mean}_x \sum_c P_c(x) \log \gamma_c(x)

    The mean is over the rows that are known: those of the batch whose companion ``groups``
    ``(B, K)`` sums to one, or where the batch has companions ``labelled`` ``(L, *event)`` and
    ``labelled_groups`` ``(L, K)``, which are drawn from all that are known, these.

    Args:
        weight: a number, or a schedule over optimiser steps.

    Example:
        >>> gamma = torch.tensor([[0.5, 0.5], [0.1, 0.9]])
        >>> found = {"c": (gamma, torch.full((2,), 0.5))}
        >>> groups = torch.tensor([[1.0, 0.0], [0.0, 0.0]])  # the second is unknown
        >>> Classification().total(found, look=None, groups=groups)  # log 2
        tensor(0.6931)

    References:
        Kingma, Rezende, Mohamed & Welling (2014). Semi-supervised Learning with Deep Generative
        Models. arXiv 1406.5298, equation 9.
    """

    name = "classification"

    def takes(self, companion: str) -> bool:
        """Whether a companion is this term's own, and none of the programs'."""
        return companion.partition("_")[0] == "labelled"

    def __call__(self, responsibilities: Tensor, weights: Tensor) -> Tensor:
        """Nothing: no groups are given."""
        return responsibilities.new_zeros(())

    def total(self, found: Clusterings, look: Look, **companions: Tensor) -> Tensor:
        """The unweighted sum over the clusterings that groups are given for."""
        labelled, prefix = companions.get("labelled"), ""
        if labelled is not None:
            prefix = "labelled_"
            found = look(lambda x: labelled, **without_groups(under(prefix, companions)))
        values = [
            log_loss(gamma, companions[name])
            for site, (gamma, _) in found.items()
            if (name := prefix + site_name(GROUPS, facet_of(site))) in companions
        ]
        return torch.stack(values or [super().total(found, look)]).sum()


def log_loss(responsibilities: Tensor, groups: Tensor) -> Tensor:
    """The mean of -Σ_c P_c log γ_c over the rows that are known, in nats; 0 where none is.

    Args:
        responsibilities: γ, ``(..., B, K)``.
        groups: P, ``(B, K)``; rows of zeros are unknown.
    """
    logarithms = responsibilities.clamp(min=TINY).log()
    known = known_rows(groups).sum().clamp(min=1)
    return -(groups * logarithms).sum((-2, -1)).mean() / known


class PairwiseConstraints(Term):
    r"""Pairs that belong in one cluster, or in two: must-link and cannot-link.

    .. math:: -\log a \;\text{ or }\; -\log(1 - a), \qquad a = \sum_c \gamma_c(x)\, \gamma_c(x')

    the mean over pairs, which the batch has as companions ``first`` and ``second``
    ``(P, *event)`` and ``linked`` ``(P,)``, 1 for a pair of one cluster and 0 for one of two. With
    several clusterings a constraint is on each.

    Args:
        weight: a number, or a schedule over optimiser steps.

    Example:
        >>> agreement_loss(torch.full((1, 2), 0.5), torch.eye(2)[:1], torch.ones(1))  # log 2
        tensor(0.6931)

    References:
        Ours; agreement of two draws as in Shental, Bar-Hillel, Hertz & Weinshall (2003). Computing
        Gaussian mixture models with EM using equivalence constraints. NeurIPS 16.
    """

    name = "constraints"

    def takes(self, companion: str) -> bool:
        """Whether a companion is this term's own, and none of the programs'."""
        return companion.partition("_")[0] in ("first", "second", "linked")

    def __call__(self, responsibilities: Tensor, weights: Tensor) -> Tensor:
        """Nothing: no pairs are given."""
        return responsibilities.new_zeros(())

    def total(self, found: Clusterings, look: Look, **companions: Tensor) -> Tensor:
        """The unweighted sum over all clusterings."""
        if "linked" not in companions:
            return super().total(found, look)
        both = torch.cat([companions["first"], companions["second"]])
        first, second = under("first_", companions), under("second_", companions)
        its = {name: torch.cat([each, second[name]]) for name, each in first.items()}
        values = []
        for gamma, _ in look(lambda x: both, **its).values():
            one, other = gamma.chunk(2, -2)
            values.append(agreement_loss(one, other, companions["linked"]))
        return torch.stack(values).sum()


def agreement_loss(first: Tensor, second: Tensor, linked: Tensor) -> Tensor:
    """The mean over pairs of -log a where they are linked and -log(1 - a) elsewhere, in nats.

    Args:
        first: γ of one of each pair, ``(..., P, K)``.
        second: γ of the other.
        linked: 1 or 0, ``(P,)``.
    """
    together = (first * second).sum(-1)
    # What is left of one, without the cancellation of 1 - a.
    apart = (first * (1 - second)).sum(-1)
    return -torch.where(linked > 0, together, apart).clamp(min=TINY).log().mean()
