"""The bound from distributions alone, analytic where it can be: no trace, no enumeration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import pyro
import torch
from torch import Tensor, nn

from ...guides import Guide
from ...models import Divergence, MixtureVAE, divergence
from ...parts import GROUPS, Count, facet_of, without_groups
from .objective import Evaluation, MixtureELBO, Program
from .schedules import Schedule
from .terms import Clusterings, Term


class ClosedFormELBO(MixtureELBO, alias="closed-form"):
    r"""The bound from the story's and guide's distributions, analytically where that is closed.

    .. math:: -L = -\mathbb E_q[\log p(x \mid z)] - H(q(z \mid x))
        - \mathbb E_q \sum_c \gamma_c\, (s_c - \log \gamma_c) + \sum_t \lambda_t\, t(\gamma, \pi)

    with scores s of the clusters and a law γ of them by the guide's assignment rule
    (:func:`pyromix.models.divergence`): log p(z, c) and its softmax under ``"marginal"``, its
    expectation and the softmax of that under ``"optimal"``, a network's γ under ``"amortised"``.

    The entropy of q(z | x), the KL of the style latent and, under the assignment rules that do not
    look at z, the whole clustering part need no sample; the reconstruction does. Stories are
    :class:`MixtureVAE`, guides :class:`Guide`.

    Args:
        terms: functionals of the responsibilities to add, each with its own weight.
        kl_weight: multiplies everything the latents add to the loss; a sequence gives one for each
            facet.
        num_particles: samples of the latents for each datum, in one vectorised pass.
        expected_scores: under the marginal rule, take E_q[log p(z, c)] for the scores and leave the
            law at the sample of z: VaDE's and GMVAE's own estimator, which integrates z a second
            time; in expectation it is the loosest bound of all.

    Example:
        >>> from pyromix import VaDE
        >>> from pyromix.networks import Perceptron
        >>> model, guide = VaDE(n_clusters=3, networks=Perceptron(16)).build((64,))
        >>> sorted(ClosedFormELBO().parts(model, guide, torch.rand(8, 64)))
        ['kl_c', 'kl_z', 'reconstruction']
    """

    capturable = True

    def __init__(
        self,
        terms: Sequence[Term] = (),
        *,
        kl_weight: float | Schedule | Sequence[float | Schedule] = 1.0,
        num_particles: Count = 1,
        expected_scores: bool = False,
    ) -> None:
        super().__init__(terms, kl_weight=kl_weight, num_particles=num_particles)
        self.expected_scores = expected_scores

    def per_datum(
        self, model: MixtureVAE, guide: Guide, x: Tensor, **companions: Tensor
    ) -> tuple[Tensor, dict[str, Divergence]]:
        """-E_q[log p(x | z)] and what each clustering adds, before any averaging: ``(..., B)``."""
        latents, divergences = self.inferred(model, guide, x, **companions)
        return -model.law(latents, **companions).log_prob(x), divergences

    def inferred(
        self, model: MixtureVAE, guide: Guide, x: Tensor, **companions: Tensor
    ) -> tuple[dict[str, Tensor], dict[str, Divergence]]:
        """A sample of the latents, and what each clustering adds, by its site."""
        posteriors, logits = guide.infer(x, **without_groups(companions))
        shape = torch.Size([self.num_particles] if self.num_particles > 1 else [])
        latents = {site: posterior.rsample(shape) for site, posterior in posteriors.items()}
        return latents, {
            mixture.site("c"): divergence(
                mixture,
                posteriors,
                latents,
                self._rule(guide),
                logits.get(mixture.site("c")),
                companions.get(mixture.site(GROUPS)),
            )
            for mixture in model.prior.mixtures
        }

    def _rule(self, guide: Guide) -> str:
        rule = guide.assignment
        return "plug-in" if self.expected_scores and rule == "marginal" else rule

    def clusterings(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Clusterings:
        """For each clustering site q(c | x) and p(c); nothing is decoded."""
        story, own = cast(MixtureVAE, model), cast(Guide, guide)
        if self._rule(own) != "amortised":
            return _clusterings(self.inferred(story, own, *args, **kwargs)[1])
        _, logits = own.infer(*args, **kwargs)
        sites = {mixture.site("c"): mixture for mixture in story.prior.mixtures}
        return {site: (logits[site].softmax(-1), each.weights) for site, each in sites.items()}

    def negative_bound(
        self, model: Program, guide: Program, *args: Any, **kwargs: Any
    ) -> Evaluation:
        """The negative bound without terms."""
        if not isinstance(model, MixtureVAE):
            raise TypeError(
                f"model is {type(model).__name__}: ClosedFormELBO needs a MixtureVAE; "
                "EnumeratedELBO takes any Pyro program"
            )
        reconstruction, divergences = self.per_datum(model, cast(Guide, guide), *args, **kwargs)
        loss = reconstruction.mean()
        parts = {"reconstruction": loss.detach()}
        for site, each in divergences.items():
            weight = self.kl_weight(facet_of(site))
            loss = loss + weight * each.total.mean()
            parts |= {name: weight * part.mean() for name, part in each.parts.items()}
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
    return {site: (each.responsibilities, each.weights) for site, each in divergences.items()}
