"""Progressive training of a ladder: one facet alone at first, the others faded in one by one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

from ...models import MixtureVAE
from ...networks import LadderDecoder
from ...parts import Natural, Part, check_fields
from ..objectives import Clock, Constant, Hook, MixtureELBO, Piecewise, Product, Schedule
from .phase import Fit


@dataclass(frozen=True)
class Joining:
    r"""When each facet of a ladder joins: its coefficients α and β go linearly from 0 to 1.

    .. math:: \alpha_j(t) = \min\bigl(1, \max(0, (t - t_j) / n)\bigr), \qquad
        \beta_j(t) = \alpha_j(t)\, \beta_j

    α multiplies the facet's rung in the decoder and β its part of the bound, so that before it
    joins a facet has no influence on the bound. The encoder is never faded, nor are the terms: they
    look at every facet from the start, or at those that :class:`OnFacets` names.

    Args:
        joins: the optimiser steps t_j at which the second facet joins, the third, …; the first is
            there from the start.
        fade_steps: n, optimiser steps that a facet takes to come in; 0: at once.
        order: facets in the order in which they join; ``None``: the deepest first.

    Raises:
        ValueError: steps that fall, negative ``fade_steps``, or an order that is none.

    Example:
        >>> joining = Joining(joins=(100,), fade_steps=50)
        >>> [joining.alphas(step) for step in (0, 125, 200)]
        [(0.0, 1.0), (0.5, 1.0), (1.0, 1.0)]

    References:
        Li, Murkute, Gyawali & Wang (2020). Progressive Learning and Disentanglement of Hierarchical
        Representations. arXiv 2002.10549.
        Falck et al. (2021). arXiv 2106.05241.
    """

    joins: tuple[int, ...]
    fade_steps: int
    order: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.fade_steps < 0:
            raise ValueError(f"fade_steps is {self.fade_steps}: use 0 or more")
        if any(step < 0 for step in self.joins) or list(self.joins) != sorted(self.joins):
            raise ValueError(f"joins is {self.joins}: give steps from 0 on that do not fall")
        if sorted(self.facets) != list(range(self.n_facets)):
            raise ValueError(
                f"order is {self.order}: give every facet from 0 to {self.n_facets - 1} once"
            )

    @property
    def n_facets(self) -> int:
        """J."""
        return len(self.joins) + 1

    @property
    def facets(self) -> tuple[int, ...]:
        """The facets in the order in which they join."""
        return tuple(reversed(range(self.n_facets))) if self.order is None else self.order

    @property
    def fades(self) -> tuple[Schedule, ...]:
        """By facet, the schedule of α."""
        first, *others = self.facets
        fades: dict[int, Schedule] = {first: Constant(1.0)}
        for facet, join in zip(others, self.joins, strict=True):
            last = join if self.fade_steps else join - 1
            fades[facet] = Piecewise([(last, 0.0), (join + self.fade_steps, 1.0)])
        return tuple(fades[facet] for facet in range(self.n_facets))

    def alphas(self, step: int) -> tuple[float, ...]:
        """By facet, α at a step."""
        return tuple(fade(step) for fade in self.fades)

    def kl_weights(self, weights: Sequence[Schedule]) -> tuple[Schedule, ...]:
        """By facet, the schedule of β: α times a weight, one for each facet or one for all.

        Raises:
            ValueError: another number of weights.
        """
        if len(weights) not in (1, self.n_facets):
            raise ValueError(
                f"kl_weight has {len(weights)} weights and there are {self.n_facets} facets: "
                "give one for each, or one for all"
            )
        each = weights if len(weights) == self.n_facets else [weights[0]] * self.n_facets
        return tuple(Product(pair) for pair in zip(self.fades, each, strict=True))


class During(Part, kind="during", abstract=True):
    """What happens on the way of a joint training; a subclass is a frozen dataclass.

    Attributes:
        whole: the training must go on to its end, so that ``patience`` may not stop it.
    """

    whole: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_fields(self)

    @abstractmethod
    def hook(self, fit: Fit, elbo: MixtureELBO, joining: Joining) -> Hook:
        """What acts on the objective, which may be changed in place.

        Args:
            fit: the fit under way.
            elbo: its objective, whose clock is set.
            joining: when the facets join.

        Raises:
            TypeError, ValueError: a story that this is not for.
        """


@dataclass(frozen=True, repr=False)
class Progressive(During):
    """Train one facet of a ladder alone at first, and fade in the others one by one.

    Args:
        join_epochs: epochs before the second facet joins, the third, …; ``None`` spreads them
            evenly over all.
        fade_steps: batches that a facet takes to come in; ``None``: half of the least time from a
            facet's joining to the next or to the end.
        order: the facets in the order in which they join; ``None``: the deepest first.

    References:
        Falck et al. (2021). arXiv 2106.05241.
    """

    join_epochs: tuple[Natural, ...] | None = None
    fade_steps: Natural | None = None
    order: tuple[Natural, ...] | None = None

    whole = True

    def joining(self, n_facets: int, clock: Clock) -> Joining:
        """When so many facets join a training of this length.

        Raises:
            ValueError: not an epoch for each facet but the first, or too few for all to come in.

        Example:
            >>> Progressive().joining(2, Clock(steps_per_epoch=10, epochs=30))
            Joining(joins=(100,), fade_steps=100, order=None)
        """
        evenly = tuple(clock.epochs * facet // (n_facets + 1) for facet in range(1, n_facets))
        chosen = evenly if self.join_epochs is None else tuple(self.join_epochs)
        if len(chosen) != n_facets - 1:
            raise ValueError(
                f"join_epochs is {chosen}, and there are {n_facets} facets: give an epoch for each "
                "but the first"
            )
        end = clock.epochs * clock.steps_per_epoch
        joins = tuple(epoch * clock.steps_per_epoch for epoch in chosen)
        room = min((after - join for join, after in pairwise((*joins, end))), default=end)
        fade = max(1, room // 2) if self.fade_steps is None else self.fade_steps
        if chosen and joins[-1] + fade > end:
            raise ValueError(
                f"join_epochs is {chosen} and fade_steps {fade}: in {clock.epochs} epochs of "
                f"{clock.steps_per_epoch} batches the last facet would not come in; let it join "
                "sooner, fade faster, or train for longer"
            )
        return Joining(joins, fade, self.order)

    def hook(self, fit: Fit, elbo: MixtureELBO, joining: Joining) -> Hook:
        """Fade the rungs in the decoder and the facets in the bound."""
        decoder = fit.model.likelihood.decoder
        if not isinstance(decoder, LadderDecoder):
            raise TypeError(
                f"the decoder is a {type(decoder).__name__}: progressive training fades the rungs "
                "of a ladder; use networks=PerceptronLadder(), or leave Progressive out"
            )
        elbo.kl_weights = joining.kl_weights(elbo.kl_weights)
        return Fading(decoder, joining, elbo)


def joining_of(during: Sequence[During], model: MixtureVAE, clock: Clock) -> Joining:
    """When the facets join: as :class:`Progressive` says, else all at once."""
    n_facets = len(model.prior.mixtures)
    for each in during:
        if isinstance(each, Progressive):
            return each.joining(n_facets, clock)
    return Joining((0,) * (n_facets - 1), 0)


class Fading:
    """Acts on an objective's ladder; logs ``alpha_j`` and ``beta_j`` as they stand after an epoch.

    Args:
        decoder: the ladder.
        joining: when its facets join.
        elbo: the objective, whose weights are faded.
    """

    def __init__(self, decoder: LadderDecoder, joining: Joining, elbo: MixtureELBO) -> None:
        self.decoder, self.joining, self.elbo = decoder, joining, elbo

    @contextmanager
    def around(self, step: int, training: bool) -> Iterator[None]:
        """The decoder with its rungs faded."""
        with self.decoder.faded(self.joining.alphas(step)):
            yield

    def log(self, step: int, row: dict[str, Any]) -> None:
        """Add the coefficients."""
        for facet, alpha in enumerate(self.joining.alphas(step)):
            row[f"alpha_{facet}"] = alpha
            row[f"beta_{facet}"] = self.elbo.kl_weight(facet)
