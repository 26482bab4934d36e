"""A start that teaches story and guide the groups that another start finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...guides import Guide
from ...models import MixturePrior, MixtureVAE
from ...parts import GROUPS, Natural, NonNegative, Positive, Rate, facet_of, is_groups, site_name
from ..objectives import (
    Classification,
    Clock,
    ClosedFormELBO,
    MixtureELBO,
    ObjectiveModule,
    Schedule,
    as_schedule,
)
from ..training import Rows, Trainer
from .around import StartAround
from .auto_start import AutoStart
from .phase import Budget, Fit, epochs_of
from .start import Features


class Heeding(ObjectiveModule):
    """A story, a guide and an objective that heeds the groups of some data in each step.

    Args:
        elbo: the objective, which knows how long the training is.
        model: the story.
        guide: its guide.
        trust: the share of the data.
    """

    def __init__(
        self, elbo: MixtureELBO, model: nn.Module, guide: nn.Module, trust: Schedule
    ) -> None:
        super().__init__(elbo, model, guide)
        self.trust = trust

    def forward(self, x: Tensor, **companions: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its detached parts, in nats per datum."""
        share = self.trust.at(self.elbo.step, self.elbo.clock)
        if share < 1:
            heeded = torch.rand(len(x), 1, device=x.device) < share
            companions = {
                name: each * heeded if is_groups(name) else each
                for name, each in companions.items()
            }
        loss: tuple[Tensor, dict[str, Tensor]] = super().forward(x, **companions)
        return loss


@dataclass(frozen=True, repr=False)
class PseudoLabels(StartAround, alias="pseudo-labels"):
    r"""Groups that a start finds, taken for labels: all parts are trained by the labelled bound.

    .. math:: \mathbb E_q[\log p(x \mid z)] + H(q(z \mid x)) + \sum_c P_c(x)\, (s_c - \log P_c(x))
        + w \sum_c P_c(x) \log \gamma_c(x)

    Without a pretraining the components begin where they were drawn, and data are brought to
    them: what an untrained encoder says puts components on top of each other. The joint training
    that follows is by the plain bound, which keeps the groups where the latent
    dimension is large enough. A datum of no group is trained by the plain bound here too.

    Args:
        start: finds the groups: a start, a clusterer, a function, an array or a name.
        epochs: passes over the data, or a budget of steps.
        learning_rate: of Adam.
        label_weight: w, in the start and nowhere else.
        trust: share of the data whose groups count, drawn anew in every step; the others are
            trained by the plain bound. A schedule over the phase, such as
            ``OverTraining(LinearWarmup(1.0, 0.0, 1.0))``, hands over to the plain bound by and by.

    Raises:
        ValueError: a setting out of range.

    References:
        Lee (2013). Pseudo-label: the simple and efficient semi-supervised learning method for deep
        neural networks. Kingma, Rezende, Mohamed & Welling (2014). arXiv 1406.5298.
    """

    start: Any = AutoStart()
    epochs: Natural | Budget = Budget(3000, least=8, most=100)
    learning_rate: Positive = 1e-3
    label_weight: NonNegative = 5.0
    trust: Rate | Schedule = 1.0

    def find_all(
        self,
        model: MixtureVAE,
        guide: Guide,
        x: Tensor | Rows,
        *,
        seed: int = 0,
        pretrained: nn.Module | None = None,
    ) -> tuple[dict[str, Tensor], dict[str, float]]:
        """Those of the start within, which may find one facet's after another's."""
        within = self.start.find_all(model, guide, x, seed=seed, pretrained=pretrained)
        found: tuple[dict[str, Tensor], dict[str, float]] = within
        # A start that puts the prior at means, and not at groups, says its groups by `find`.
        known = found[0].keys() == {mixture.site("c") for mixture in model.prior.mixtures}
        return (
            found if known else super().find_all(model, guide, x, seed=seed, pretrained=pretrained)
        )

    def find(
        self,
        x: Tensor,
        mixture: MixturePrior,
        code: Tensor,
        *,
        seed: int = 0,
        pretrained: nn.Module | None = None,
    ) -> tuple[Features, dict[str, float]]:
        """Those of the start within."""
        found: tuple[Features, dict[str, float]] = self.start.find(
            x, mixture, code, seed=seed, pretrained=pretrained
        )
        return found

    def check(self, model: MixtureVAE, guide: Guide, x: Tensor) -> None:
        """Refuse what the start within refuses."""
        self.start.check(model, guide, x)

    def place(self, fit: Fit) -> None:
        """Put the prior where the groups are, if a pretraining has made codes of the data."""
        if fit.pretrained is not None:
            super().place(fit)

    def __call__(self, fit: Fit) -> None:
        """Find the groups, and train all parts on them."""
        super().__call__(fit)
        groups = {
            site_name(GROUPS, facet_of(site)): each.to(fit.x.device)
            for site, each in fit.groups.items()
        }
        epochs = epochs_of(self.epochs, fit.steps_in_memory)
        elbo = ClosedFormELBO([Classification(self.label_weight)])
        elbo.clock = Clock(fit.steps_in_memory, epochs)
        Trainer(
            max_epochs=epochs,
            batch_size=fit.training.batch_size,
            learning_rate=self.learning_rate,
            learning_rate_decay=fit.training.learning_rate_decay,
            gradient_clip=fit.training.gradient_clip,
            verbose=fit.verbose,
        ).fit(
            Heeding(elbo, fit.model, fit.guide, as_schedule(self.trust)),
            fit.data.with_companions(**groups),
            fabric=fit.fabric,
            phase="labels" + fit.suffix,
            seed=fit.seed,
            checkpoint=fit.checkpoint,
            history=fit.history,
        )
