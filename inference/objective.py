"""Objectives: one bound evaluated in two ways, with named parts and named terms.

:class:`EnumeratedELBO` is Pyro's own enumeration and the default truth; :class:`ClosedFormELBO`
evaluates the same bound analytically where it can. Both are drop-in Pyro ELBOs, in nats per datum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pyro
import torch
from pyro.infer import TraceEnum_ELBO
from pyro.infer.elbo import ELBO
from pyro.poutine import Trace
from torch import Tensor, nn

from ..guides import Guide
from ..models import Divergence, MixtureVAE
from .schedules import Schedule, as_schedule
from .terms import Clusterings, Term
from .traces import ScaleLatents, read_traces
from .views import Views

Program = Callable[..., Any]


@dataclass
class Evaluation:
    """One evaluation of a bound, in nats per datum.

    Attributes:
        loss: scalar, differentiable: the negative bound.
        parts: detached scalars by name, which sum to the loss.
        responsibilities: for each clustering site q(c | x), ``(..., B, K)``, and p(c), ``(K,)``.
    """

    loss: Tensor
    parts: dict[str, Tensor]
    responsibilities: Clusterings = field(default_factory=dict)


class MixtureELBO(ELBO):
    r"""What both evaluations share: terms, weights of the latents, steps, and named parts.

    The loss is :math:`-L + \sum_t \lambda_t\, t(\gamma, \pi)` in nats per datum, the mean over the
    data plate, whatever the batch.

    Args:
        terms: functionals of the responsibilities to add, each with its own weight.
        kl_weight: multiplies everything the latents add to the loss, a number or a schedule over
            optimiser steps; a sequence gives one for each facet.
        num_particles: samples of the latents for each datum, in one vectorised pass.
        max_plate_nesting: how deep the story nests plates; every story of this package has one.
    """

    def __init__(
        self,
        terms: Sequence[Term] = (),
        *,
        kl_weight: float | Schedule | Sequence[float | Schedule] = 1.0,
        num_particles: int = 1,
        max_plate_nesting: int = 1,
    ) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            num_particles=num_particles,
            max_plate_nesting=max_plate_nesting,
            vectorize_particles=True,
        )
        self.terms = tuple(terms)
        weights = kl_weight if isinstance(kl_weight, Sequence) else [kl_weight]
        self.kl_weights = tuple(as_schedule(weight) for weight in weights)
        self.step = 0
        self.last: Evaluation | None = None

    def kl_weight(self, facet: str = "") -> float:
        """The current weight of a facet's latents, ``facet`` being the end of its sites' names."""
        index = int(facet[1:]) if facet and len(self.kl_weights) > 1 else 0
        return self.kl_weights[index](self.step)

    def bound(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Evaluation:
        """The negative bound without terms."""
        raise NotImplementedError

    def clusterings(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Clusterings:
        """For each clustering site q(c | x) and p(c); x may be outside the likelihood's support."""
        with pyro.validation_enabled(False):
            return self.bound(model, guide, *args, **kwargs).responsibilities

    def evaluate(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Evaluation:
        """The negative bound with terms. Under gradients it counts as one optimiser step.

        Args:
            model: a story.
            guide: its guide.
            *args: what both are called with, the data first.
            **kwargs: likewise.
        """
        evaluation = self.bound(model, guide, *args, **kwargs)

        def look(views: Views) -> Clusterings:
            return self.clusterings(model, guide, views(args[0]), *args[1:], **kwargs)

        for term in self.terms:
            weight = term.weight(self.step)
            if weight == 0.0:
                value = torch.zeros_like(evaluation.loss)
            else:
                value = weight * term.total(evaluation.responsibilities, look)
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
        """
        with torch.no_grad():
            return self.evaluate(model, guide, *args, **kwargs).parts

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


class EnumeratedELBO(MixtureELBO, TraceEnum_ELBO):
    """The bound by Pyro's exact enumeration of every discrete site: for any story, anyone's.

    The responsibilities and the named parts are read off the traces, so terms work on stories and
    guides that know nothing of this package.

    Args:
        terms: functionals of the responsibilities to add, each with its own weight.
        kl_weight: multiplies everything the latents add to the loss; a sequence gives one for each
            facet (sites that end in ``_0``, ``_1``, …).
        num_particles: samples of the latents for each datum, in one vectorised pass.
        max_plate_nesting: how deep the story nests plates; every story of this package has one.

    Example:
        >>> from pyro.infer import SVI
        >>> from pyro.optim import Adam
        >>> from pyromix.estimators import vade_story
        >>> model, guide = vade_story((64,), n_clusters=3, latent_dim=2, hidden_dims=(16,))
        >>> svi = SVI(model, guide, Adam({"lr": 1e-3}), loss=EnumeratedELBO())
        >>> loss = svi.step(torch.rand(8, 64))
    """

    def _get_traces(
        self, model: Program, guide: Program, args: Any, kwargs: Any
    ) -> Iterator[tuple[Trace, Trace]]:
        traces: tuple[Trace, Trace]
        for traces in super()._get_traces(model, guide, args, kwargs):  # type: ignore[no-untyped-call]
            self._recorded.append(traces)
            yield traces

    def bound(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Evaluation:
        """The negative bound without terms."""
        weights = {f"_{i}": self.kl_weight(f"_{i}") for i in range(len(self.kl_weights))}
        if any(weight != 1.0 for weight in weights.values()):
            scale = weights if len(weights) > 1 else weights["_0"]
            model, guide = ScaleLatents(scale)(model), ScaleLatents(scale)(guide)
        self._recorded: list[tuple[Trace, Trace]] = []
        # Pyro wants one scale for all that is enumerated in the model; else the parts are the loss.
        uneven = len(set(weights.values())) > 1
        loss: Any = None
        if uneven:
            list(self._get_traces(model, guide, args, kwargs))
        elif torch.is_grad_enabled():
            loss = TraceEnum_ELBO.differentiable_loss(self, model, guide, *args, **kwargs)
        else:
            loss = TraceEnum_ELBO.loss(self, model, guide, *args, **kwargs)
        reading = read_traces(self._recorded, self.max_plate_nesting, differentiable=uneven)
        self._recorded = []
        values = torch.stack(list(reading.parts.values()))
        parts = dict(zip(reading.parts, values.detach(), strict=True))
        if uneven:
            return Evaluation(values.sum(), parts, reading.responsibilities)
        # Without gradients Pyro gives a float: back to the precision and device of the traces.
        loss = torch.as_tensor(loss, dtype=values.dtype, device=values.device)
        return Evaluation(loss / reading.full_size, parts, reading.responsibilities)


class ClosedFormELBO(MixtureELBO):
    """The bound from the same story's and guide's distributions, analytically where that is closed.

    The entropy of q(z | x), the KL of the style latent and, under the assignment rules that do not
    look at z, the whole clustering part need no sample; the reconstruction does. Stories are
    :class:`MixtureVAE`, guides :class:`Guide`.

    Args:
        terms: functionals of the responsibilities to add, each with its own weight.
        kl_weight: multiplies everything the latents add to the loss; a sequence gives one for each
            facet.
        num_particles: samples of the latents for each datum, in one vectorised pass.
        conditional_prior: ``"exact"``, or ``"published"`` for GMVAE's own estimator, which
            integrates z a second time: in expectation a looser bound, below VaDE's rule.

    Raises:
        ValueError: an unknown conditional prior.

    Example:
        >>> from pyromix.estimators import vade_story
        >>> model, guide = vade_story((64,), n_clusters=3, latent_dim=2, hidden_dims=(16,))
        >>> sorted(ClosedFormELBO().parts(model, guide, torch.rand(8, 64)))
        ['kl_c', 'kl_z', 'reconstruction']
    """

    def __init__(
        self,
        terms: Sequence[Term] = (),
        *,
        kl_weight: float | Schedule | Sequence[float | Schedule] = 1.0,
        num_particles: int = 1,
        conditional_prior: str = "exact",
    ) -> None:
        super().__init__(terms, kl_weight=kl_weight, num_particles=num_particles)
        if conditional_prior not in ("exact", "published"):
            raise ValueError(
                f"conditional_prior is {conditional_prior!r}: use 'exact' or 'published'"
            )
        self.conditional_prior = conditional_prior

    def per_datum(
        self, model: MixtureVAE, guide: Any, x: Tensor
    ) -> tuple[Tensor, dict[str, Divergence]]:
        """-E_q[log p(x | z)] and what each mixture adds, before any averaging: ``(..., B)``."""
        latents, divergences = self.inferred(model, guide, x)
        log_likelihood = model.likelihood.distribution(model.prior.code(latents)).log_prob(x)
        return -log_likelihood, divergences

    def inferred(
        self, model: MixtureVAE, guide: Any, x: Tensor
    ) -> tuple[dict[str, Tensor], dict[str, Divergence]]:
        """A sample of the latents, and what each mixture adds."""
        posteriors, logits = guide.infer(x)
        shape = torch.Size([self.num_particles] if self.num_particles > 1 else [])
        latents = {site: posterior.rsample(shape) for site, posterior in posteriors.items()}
        return latents, {
            mixture.facet: mixture.divergence(
                posteriors, latents, self._rule(guide), logits.get("c" + mixture.facet)
            )
            for mixture in model.prior.mixtures
        }

    def _rule(self, guide: Any) -> str:
        rule: str = guide.assignment
        return "published" if self.conditional_prior == "published" else rule

    def clusterings(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Clusterings:
        """For each clustering site q(c | x) and p(c); nothing is decoded."""
        story: Any = model
        if self._rule(guide) != "amortised":
            return _clusterings(self.inferred(story, guide, *args, **kwargs)[1])
        _, logits = cast(Guide, guide).infer(*args, **kwargs)
        sites = {"c" + mixture.facet: mixture for mixture in story.prior.mixtures}
        return {site: (logits[site].softmax(-1), each.weights) for site, each in sites.items()}

    def bound(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Evaluation:
        """The negative bound without terms."""
        if not isinstance(model, MixtureVAE):
            raise TypeError(
                f"model is {type(model).__name__}: ClosedFormELBO needs a MixtureVAE; "
                "EnumeratedELBO takes any Pyro program"
            )
        reconstruction, divergences = self.per_datum(model, guide, *args, **kwargs)
        loss = reconstruction.mean()
        parts = {"reconstruction": loss.detach()}
        for facet, divergence in divergences.items():
            weight = self.kl_weight(facet)
            loss = loss + weight * divergence.total.mean()
            parts |= {name: weight * part.mean() for name, part in divergence.parts.items()}
        return Evaluation(loss, parts, _clusterings(divergences))

    def loss_and_grads(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> float:
        """The loss as a number, after its backward pass: what :class:`pyro.infer.SVI` calls."""
        # No sample statement runs here, so SVI is told of the parameters by name.
        for program in (model, guide):
            if isinstance(program, nn.Module):
                pyro.module(str(getattr(program, "_pyro_name", "")) + ".closed_form", program)
        return super().loss_and_grads(model, guide, *args, **kwargs)

    def _get_trace(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("ClosedFormELBO evaluates distributions and records no traces")


def _clusterings(divergences: Mapping[str, Divergence]) -> Clusterings:
    return {
        "c" + facet: (each.responsibilities, each.weights) for facet, each in divergences.items()
    }


class Objective(nn.Module):
    """A story, a guide and an objective as one module for a training loop.

    Its state dict holds the parameters of both and the objective's step.

    Args:
        elbo: the objective.
        model: the story.
        guide: its guide.

    Raises:
        ValueError: a guide that makes no sense for the story; see :meth:`Prior.accept`.
    """

    def __init__(self, elbo: MixtureELBO, model: nn.Module, guide: nn.Module) -> None:
        super().__init__()
        if isinstance(model, MixtureVAE) and isinstance(guide, Guide):
            model.prior.accept(guide.posterior_like(), guide.assignment)
        self.elbo = elbo
        self.model = model
        self.guide = guide

    def forward(self, batch: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its detached parts, in nats per datum."""
        # Without Pyro's checks NaN reaches the loop, which tells of it in plain words.
        with pyro.get_param_store().scope(), pyro.validation_enabled(False):
            evaluation = self.elbo.evaluate(self.model, self.guide, batch)
        return evaluation.loss, evaluation.parts

    @property
    def callbacks(self) -> tuple[Callable[[int, dict[str, Any]], None], ...]:
        """What the training loop should call after every epoch, with (epoch, row)."""
        return ()

    def get_extra_state(self) -> Tensor:
        """The objective's step, for its schedules."""
        return torch.tensor(self.elbo.step)

    def set_extra_state(self, state: Tensor) -> None:
        """Put the objective back to a saved step."""
        self.elbo.step = int(state)
