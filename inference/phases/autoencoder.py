"""Pretraining by reconstruction: an autoencoder of the data, or of their neighbours."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...guides import Guide
from ...models import MixtureVAE
from ...parts import Count, Natural, Positive, under, without_groups
from ..training import Batch, Data, Rows, Trainer, seeded
from .filling import filled
from .graph import nearest, principal_components
from .phase import Budget, Fit, Phase, epochs_of

WIDE = 50  # features above which neighbours are looked for in principal components
TARGET = "target_"  # begins the names of a target's own companions
USUAL = Budget(5000, least=10, most=60)


class Pretraining(Phase, kind="pretraining", abstract=True):
    """What is trained before the prior is started; a subclass is a frozen dataclass.

    It needs ``epochs`` and ``learning_rate`` and says what is trained, on what data
    (:meth:`module`). Size of the batches, decay and clipping are those of the joint training.
    """

    epochs: Natural | Budget
    learning_rate: float
    example = "Autoencoder(), Neighbours() or TwoView()"

    @abstractmethod
    def module(
        self, model: MixtureVAE, guide: Guide, data: Rows, resumed: bool
    ) -> tuple[nn.Module, Data]:
        """What is trained, ``module(x, **companions) -> (loss, parts)``, and on what.

        Args:
            model: the story.
            guide: its guide.
            data: ``(N, *event)``, with companions.
            resumed: the phase is over and only its weights are wanted.
        """

    def check(self, model: MixtureVAE, guide: Guide, x: Tensor) -> None:
        """Refuse epochs below 0, and a learning rate that is not positive."""
        if epochs_of(self.epochs, 1) < 0:
            raise ValueError(f"pretraining's epochs is {self.epochs}: use 0 or more")
        if not self.learning_rate > 0:
            raise ValueError(
                f"pretraining's learning_rate is {self.learning_rate}: use a positive number"
            )

    def __call__(self, fit: Fit) -> None:
        """Train, and leave what was trained in ``fit.pretrained``."""
        epochs = epochs_of(self.epochs, fit.steps_in_memory)
        if epochs == 0:
            return
        phase = "pretrain" + fit.suffix
        with seeded(fit.seed, phase, "weights"):
            module, rows = self.module(fit.model, fit.guide, fit.data, fit.completed(phase))
        Trainer(
            max_epochs=epochs,
            batch_size=fit.training.batch_size,
            learning_rate=self.learning_rate,
            learning_rate_decay=fit.training.learning_rate_decay,
            gradient_clip=fit.training.gradient_clip,
            verbose=fit.verbose,
        ).fit(
            module,
            rows,
            fabric=fit.fabric,
            phase=phase,
            seed=fit.seed,
            checkpoint=fit.checkpoint,
            history=fit.history,
        )
        fit.pretrained = module


@dataclass(frozen=True, repr=False)
class Autoencoder(Pretraining):
    """VaDE's first phase, encoder and decoder trained at once to give back x.

    Args:
        epochs: passes over the data, or a budget of steps; 0 for none.
        learning_rate: of Adam.

    Raises:
        ValueError: in the fit, if a setting is out of range.

    References:
        Jiang et al. (2017). arXiv 1611.05148, section 4.
    """

    epochs: Natural | Budget = USUAL
    learning_rate: Positive = 1e-3

    def module(
        self, model: MixtureVAE, guide: Guide, data: Rows, resumed: bool
    ) -> tuple[nn.Module, Data]:
        """-log p(x | E_q[z]) on the data."""
        return Reconstruction(model, guide), data


@dataclass(frozen=True, repr=False)
class Neighbours(Pretraining):
    """An autoencoder whose target is a random one of each datum's nearest neighbours.

    What neighbours share survives in the code and what is a datum's own does not, so groups show.
    It is ours, not a paper's.

    Args:
        n_neighbours: how many neighbours a target is drawn from, not counting itself; all others if
            the data are fewer.
        epochs: passes over the data, or a budget of steps; 0 for none.
        learning_rate: of Adam.
    """

    n_neighbours: Count = 10
    epochs: Natural | Budget = USUAL
    learning_rate: Positive = 1e-3

    def module(
        self, model: MixtureVAE, guide: Guide, data: Rows, resumed: bool
    ) -> tuple[nn.Module, Data]:
        """-log p(x' | E_q[z | x]) on the data and their neighbours x'."""
        if resumed:
            return Reconstruction(model, guide), data
        seen = model.coordinates(data.x, **data.companions)
        return Reconstruction(model, guide), NeighbourRows(data, self.n_neighbours, seen)


class Reconstruction(nn.Module):
    """The story's decoder on the guide's posterior mean, trained to give back a target.

    Its loss is -log p(target | E_q[z | x]) in nats per datum.

    Args:
        model: the story.
        guide: its guide.
    """

    def __init__(self, model: MixtureVAE, guide: Guide) -> None:
        super().__init__()
        self.model = model
        self.guide = guide

    def forward(
        self, x: Tensor, target: Tensor | None = None, **companions: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its detached part ``reconstruction``; without a target that of ``x``.

        A target that has companions of its own, ``target_covariates``, is decoded with them.
        """
        theirs = under(TARGET, companions)
        own = {
            name: each
            for name, each in without_groups(companions).items()
            if not name.startswith(TARGET)
        }
        posteriors = self.guide.posterior(x, **own)
        means = {site: posterior.mean for site, posterior in posteriors.items()}
        law = self.model.law(means, **(theirs or own))
        loss = -law.log_prob(x if target is None else target).mean()
        return loss, {"reconstruction": loss.detach()}


class NeighbourRows(Rows):
    """Data, each with a random one of its nearest neighbours, drawn anew for every batch.

    Args:
        data: ``(N, *event)``, with companions.
        n_neighbours: how many neighbours a target is drawn from.
        seen: where neighbours are near, ``(N, …)``; ``None``: in the data.
    """

    def __init__(self, data: Rows, n_neighbours: Count, seen: Tensor | None = None) -> None:
        points = filled(data.x if seen is None else seen)
        rows = principal_components(points.flatten(1).cpu().numpy(), WIDE)
        neighbours = torch.as_tensor(nearest(rows, n_neighbours))
        super().__init__(data.x, **data.companions, neighbours=neighbours)

    def take(self, rows: Tensor) -> Batch:
        """Rows with a neighbour of each as companion ``target``, and its own companions."""
        x, companions = super().take(rows)
        neighbours = companions.pop("neighbours")
        choice = torch.randint(neighbours.shape[1], (len(rows), 1), device=rows.device)
        chosen = neighbours.gather(1, choice).squeeze(1)
        theirs = {
            TARGET + name: self.companions[name][chosen] for name in without_groups(companions)
        }
        return Batch(x, {**companions, "target": self.x[chosen], **theirs})
