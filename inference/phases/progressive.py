"""Progressive training of a ladder: one facet alone at first, the others faded in one by one."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ...guides import Guide
from ...models import MixtureVAE
from ...networks import LadderDecoder
from ..objectives import Constant, MixtureELBO, Objective, Piecewise, Product, Schedule
from ..training import Callback, Row
from .initialisation import refit_mixture
from .recipe import Recipe


@dataclass(frozen=True)
class Progressive:
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
        refits: in that order, the step before which a facet's mixture is fitted to its codes anew
            by :func:`refit_mixture`, apart from the facets before it; none, as published: never.

    Raises:
        ValueError: steps that fall, negative ``fade_steps``, an order that is none, or a refit of
            a facet that has not joined.

    Example:
        >>> progressive = Progressive(joins=(100,), fade_steps=50)
        >>> [progressive.alphas(step) for step in (0, 125, 200)]
        [(0.0, 1.0), (0.5, 1.0), (1.0, 1.0)]

    References:
        Li, Murkute, Gyawali & Wang (2020). Progressive Learning and Disentanglement of Hierarchical
        Representations. arXiv 2002.10549.
        Falck et al. (2021). arXiv 2106.05241.
    """

    joins: tuple[int, ...]
    fade_steps: int
    order: tuple[int, ...] | None = None
    refits: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.fade_steps < 0:
            raise ValueError(f"fade_steps is {self.fade_steps}: use 0 or more")
        if any(step < 0 for step in self.joins) or list(self.joins) != sorted(self.joins):
            raise ValueError(f"joins is {self.joins}: give steps from 0 on that do not fall")
        if sorted(self._order) != list(range(self.n_facets)):
            raise ValueError(
                f"order is {self.order}: give every facet from 0 to {self.n_facets - 1} once"
            )
        starts = (0, *self.joins)
        if self.refits and (
            len(self.refits) != self.n_facets
            or any(refit < start for refit, start in zip(self.refits, starts, strict=True))
        ):
            raise ValueError(
                f"refits is {self.refits}, and facets join at {starts}: give each facet a step no "
                "sooner than it joins, or none at all"
            )

    @property
    def n_facets(self) -> int:
        """J."""
        return len(self.joins) + 1

    @property
    def _order(self) -> tuple[int, ...]:
        return tuple(reversed(range(self.n_facets))) if self.order is None else self.order

    @property
    def fades(self) -> tuple[Schedule, ...]:
        """By facet, the schedule of α."""
        first, *others = self._order
        fades: dict[int, Schedule] = {first: Constant(1.0)}
        for facet, join in zip(others, self.joins, strict=True):
            last = join if self.fade_steps else join - 1
            fades[facet] = Piecewise([(last, 0.0), (join + self.fade_steps, 1.0)])
        return tuple(fades[facet] for facet in range(self.n_facets))

    @property
    def refit_steps(self) -> dict[int, int]:
        """By facet, the step before which it is fitted anew; empty if none is."""
        return dict(zip(self._order, self.refits, strict=False))

    def due(self, step: int) -> tuple[tuple[int, tuple[int, ...]], ...]:
        """The facets to fit anew before a step, each with those fitted before it."""
        steps = self.refit_steps
        return tuple(
            (facet, tuple(each for each in self._order[:rank] if steps[each] <= step))
            for rank, facet in enumerate(self._order)
            if steps.get(facet) == step
        )

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


class ProgressiveObjective(Objective):
    """An objective whose facets are faded in, in the decoder and in the bound.

    After every epoch it adds ``alpha_j`` and ``beta_j`` to the history, as they stand then, and
    where mixtures are fitted anew ``refitted_j``, 1 from then on.

    Args:
        elbo: the objective once all facets are in; its ``kl_weight`` is faded in a copy.
        model: a story whose decoder is a ladder.
        guide: its guide.
        progressive: when the facets join.
        x: data, ``(N, *event)``, to fit the mixtures to anew, where ``progressive`` asks for it.
        seed: of those fits.

    Raises:
        TypeError: the decoder is no ladder.
        ValueError: the ladder has another number of facets, or there are refits and no data.
    """

    model: MixtureVAE
    guide: Guide
    decoder: LadderDecoder

    def __init__(
        self,
        elbo: MixtureELBO,
        model: MixtureVAE,
        guide: Guide,
        progressive: Progressive,
        x: Tensor | None = None,
        seed: int = 0,
    ) -> None:
        decoder = model.likelihood.decoder
        if not isinstance(decoder, LadderDecoder):
            raise TypeError(
                f"the decoder is a {type(decoder).__name__}: progressive training fades the rungs "
                "of a LadderDecoder"
            )
        if len(decoder.latent_dims) != progressive.n_facets:
            raise ValueError(
                f"joins is {progressive.joins}, which makes {progressive.n_facets} facets, and the "
                f"ladder has {len(decoder.latent_dims)}: give a step for each but the first"
            )
        if progressive.refits and x is None:
            raise ValueError(f"refits is {progressive.refits} and x is None: give the data as x")
        faded = copy.copy(elbo)
        faded.kl_weights = progressive.kl_weights(elbo.kl_weights)
        super().__init__(faded, model, guide)
        self.progressive, self.x, self.seed = progressive, x, seed
        # Referred to and not registered: the ladder is a part of the model.
        object.__setattr__(self, "decoder", decoder)

    def forward(self, batch: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its detached parts, in nats per datum."""
        if self.training and self.x is not None:
            self._refit(self.x)
        with self.decoder.faded(self.progressive.alphas(self.elbo.step)):
            return super().forward(batch)

    def _refit(self, x: Tensor) -> None:
        for facet, given in self.progressive.due(self.elbo.step):
            with torch.autocast(x.device.type, enabled=False):
                refit_mixture(self.model, self.guide, x, facet, given=given, seed=self.seed)

    @property
    def callbacks(self) -> tuple[Callback, ...]:
        """What the training loop calls after every epoch."""
        return (self._log,)

    def _log(self, epoch: int, row: Row) -> None:
        step = self.elbo.step
        for facet, alpha in enumerate(self.progressive.alphas(step)):
            row[f"alpha_{facet}"] = alpha
            row[f"beta_{facet}"] = self.elbo.kl_weights[facet](step)
        for facet, refit in self.progressive.refit_steps.items():
            row[f"refitted_{facet}"] = float(step > refit)


@dataclass(frozen=True)
class ProgressiveRecipe(Recipe):
    """A recipe whose joint training brings the facets of a ladder in one by one.

    Args:
        progressive: when the facets join.
    """

    progressive: Progressive = field(kw_only=True)

    def objective(self, model: MixtureVAE, guide: Guide, x: Tensor, seed: int) -> Objective:
        """What the joint training minimises."""
        seed = seed % 2**32
        return ProgressiveObjective(self.fresh_elbo(), model, guide, self.progressive, x, seed)
