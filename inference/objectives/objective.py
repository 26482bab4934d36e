"""What both objectives share: drop-in Pyro ELBOs in nats per datum, with named parts and terms.

:class:`EnumeratedELBO` is Pyro's own enumeration and the default truth; :class:`ClosedFormELBO`
evaluates the same bound analytically where it can.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import pyro
import torch
from pyro.infer.elbo import ELBO
from torch import Tensor, nn

from ...guides import Guide
from ...models import MixtureVAE
from ...parts import Count, Part, without_groups
from .schedules import Clock, Constant, Schedule, as_schedule
from .terms import Clusterings, Term

Program = Callable[..., Any]


@dataclass
class Evaluation:
    """One evaluation of a bound, in nats per datum.

    Attributes:
        loss: scalar, differentiable: the negative bound.
        parts: detached scalars by name, which sum to the loss.
        responsibilities: for each clustering site q(c | x), ``(..., B, K)``, and p(c), ``(K,)``, or
            ``(..., B, K)`` where it depends on the datum.
        unnamed: why the parts cannot be named, if so; the loss is then one part.
        unread: why the responsibilities cannot be read, if so.
    """

    loss: Tensor
    parts: dict[str, Tensor]
    responsibilities: Clusterings = field(default_factory=dict)
    unnamed: str = ""
    unread: str = ""


class MixtureELBO(Part, ELBO, kind="objective", abstract=True):
    r"""What both evaluations share: terms, weights of the latents, steps, and named parts.

    The loss is :math:`-L + \sum_t \lambda_t\, t(\gamma, \pi)` in nats per datum, the mean over the
    data plate, whatever the batch.

    Args:
        terms: functionals of the responsibilities to add, each with its own weight.
        kl_weight: multiplies everything the latents add to the loss, a number or a schedule over
            optimiser steps; a sequence gives one for each facet.
        num_particles: samples of the latents for each datum, in one vectorised pass.
        max_plate_nesting: how deep the story nests plates; every story of this package has one.

    Raises:
        ValueError: fewer than one sample.
    """

    capturable: ClassVar[bool] = False  # whether Python never looks at a number on the way

    def __init__(
        self,
        terms: Sequence[Term] = (),
        *,
        kl_weight: float | Schedule | Sequence[float | Schedule] = 1.0,
        num_particles: Count = 1,
        max_plate_nesting: Count = 1,
    ) -> None:
        if num_particles < 1:
            raise ValueError(f"num_particles is {num_particles}: use 1 or more")
        super().__init__(  # type: ignore[no-untyped-call]
            num_particles=num_particles,
            max_plate_nesting=max_plate_nesting,
            vectorize_particles=True,
        )
        self.terms = tuple(terms)
        weights = kl_weight if isinstance(kl_weight, Sequence) else [kl_weight]
        self.kl_weights = tuple(as_schedule(weight) for weight in weights)
        self.step = 0
        self.clock: Clock | None = None
        self.last: Evaluation | None = None

    def kl_weight(self, facet: int | None = None) -> float:
        """The current weight of a facet's latents."""
        index = facet if facet is not None and len(self.kl_weights) > 1 else 0
        return self.kl_weights[index].at(self.step, self.clock)

    @abstractmethod
    def negative_bound(
        self, model: Program, guide: Program, *args: Any, **kwargs: Any
    ) -> Evaluation:
        """The negative bound without terms."""

    def clusterings(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Clusterings:
        """For each clustering site q(c | x) and p(c); x may be outside the likelihood's support."""
        with pyro.validation_enabled(False):
            evaluation = self.negative_bound(model, guide, *args, **kwargs)
        if evaluation.unread:
            raise NotImplementedError(evaluation.unread)
        return evaluation.responsibilities

    def evaluate(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Evaluation:
        """The negative bound with terms. Under gradients it counts as one optimiser step.

        Args:
            model: a story.
            guide: its guide.
            *args: what both are called with, the data first.
            **kwargs: likewise.

        Raises:
            NotImplementedError: terms need responsibilities that cannot be read.
        """
        programs = {
            name: each
            for name, each in kwargs.items()
            if not any(term.takes(name) for term in self.terms)
        }
        evaluation = self.negative_bound(model, guide, *args, **programs)
        if self.terms and evaluation.unread:
            raise NotImplementedError(evaluation.unread)

        def look(views: Callable[[Tensor], Tensor], **companions: Tensor) -> Clusterings:
            seen = {**without_groups(programs), **companions}
            return self.clusterings(model, guide, views(args[0]), *args[1:], **seen)

        for term in self.terms:
            weight = term.weight.at(self.step, self.clock)
            if weight == 0.0:
                value = torch.zeros_like(evaluation.loss)
            else:
                value = weight * term.total(evaluation.responsibilities, look, **kwargs)
                evaluation.loss = evaluation.loss + value
            evaluation.parts[term.name] = value.detach()
        if torch.is_grad_enabled():
            self.step += 1
        self.last = evaluation
        return evaluation

    def parts(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        """The loss by name in nats per datum: ``reconstruction``, ``kl_z``, ``kl_c``, … and terms.

        Their sum is the loss; ``reconstruction`` is -E_q[log p(x | z)]. ``kl_z`` is taken given the
        cluster and, where the law of c looks at z, may be negative; ``kl_z`` + ``kl_c`` may not, in
        expectation.

        Raises:
            NotImplementedError: the parts cannot be named.
        """
        with torch.no_grad():
            evaluation = self.evaluate(model, guide, *args, **kwargs)
        if evaluation.unnamed:
            raise NotImplementedError(evaluation.unnamed)
        return evaluation.parts

    def differentiable_loss(
        self, model: Program, guide: Program, *args: Any, **kwargs: Any
    ) -> Tensor:
        """The loss, a scalar in nats per datum."""
        return self.evaluate(model, guide, *args, **kwargs).loss

    def loss(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> float:
        """The loss as a number, without gradients."""
        with torch.no_grad():
            return float(self.evaluate(model, guide, *args, **kwargs).loss)

    def loss_and_grads(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> float:
        """The loss as a number, after its backward pass: what :class:`pyro.infer.SVI` calls."""
        loss = self.differentiable_loss(model, guide, *args, **kwargs)
        loss.backward()
        return float(loss.detach())


class Hook(Protocol):
    """What a training does besides optimising, such as bringing in the facets of a ladder."""

    def around(self, step: int, training: bool) -> AbstractContextManager[None]:
        """A scope for one evaluation of the objective, at a step."""

    def log(self, step: int, row: dict[str, Any]) -> None:
        """Add numbers to the history's row of an epoch that ended before a step."""


class ObjectiveModule(nn.Module):
    """A story, a guide and an objective as one module for a training loop.

    Its state dict holds the parameters of both and the objective's step.

    Args:
        elbo: the objective.
        model: the story.
        guide: its guide.
        hooks: what else happens on the way.

    Raises:
        ValueError: a guide that makes no sense for the story; see :meth:`Prior.check_guide`.
    """

    def __init__(
        self,
        elbo: MixtureELBO,
        model: nn.Module,
        guide: nn.Module,
        hooks: Sequence[Hook] = (),
    ) -> None:
        super().__init__()
        if isinstance(model, MixtureVAE) and isinstance(guide, Guide):
            model.prior.check_guide(guide.posterior_like(), guide.assignment)
        self.hooks = tuple(hooks)
        self.elbo = elbo
        self.model = model
        self.guide = guide

    def forward(self, x: Tensor, **companions: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its detached parts, in nats per datum."""
        with ExitStack() as scope:
            for hook in self.hooks:
                scope.enter_context(hook.around(self.elbo.step, self.training))
            # Without Pyro's checks NaN reaches the loop, which tells of it in plain words.
            scope.enter_context(pyro.get_param_store().scope())
            scope.enter_context(pyro.validation_enabled(False))
            evaluation = self.elbo.evaluate(self.model, self.guide, x, **companions)
        return evaluation.loss, evaluation.parts

    def log(self, epoch: int, row: dict[str, Any]) -> None:
        """What the training loop calls after every epoch: the hooks add to its row."""
        for hook in self.hooks:
            hook.log(self.elbo.step, row)

    def changing(self) -> str:
        """What changes from step to step, so that a recorded step would not be the next one."""
        weights = [*self.elbo.kl_weights, *(term.weight for term in self.elbo.terms)]
        if not all(isinstance(each, Constant) for each in weights):
            return "a weight of the objective changes from step to step"
        if not self.elbo.capturable:
            return f"{type(self.elbo).__name__} looks at numbers as it computes"
        return "something happens during the training" if self.hooks else ""

    def count(self, steps: int) -> None:
        """Steps have been done, or undone, that Python has not seen."""
        self.elbo.step += steps

    def get_extra_state(self) -> Tensor:
        """The objective's step, for its schedules."""
        return torch.tensor(self.elbo.step)

    def set_extra_state(self, state: Tensor) -> None:
        """Put the objective back to a saved step."""
        self.elbo.step = int(state)
