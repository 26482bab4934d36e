"""A start from the information that two views share, with an encoder of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...guides import Guide
from ...models import MixturePrior, MixtureVAE
from ...networks import ByShape, Networks, Perceptron, Strided, feature_dims
from ...parts import Count, Natural, NonNegative, Positive, given
from ..objectives import Views
from ..training import Trainer, make_fabric, seeded
from .assignment_heads import AssignmentHeads
from .filling import filled
from .phase import Budget, epochs_of
from .start import Features, Start

ROWS = 2048  # answered at a time


class TwoViews(nn.Module):
    """An encoder and assignment heads, trained by the information that two views share.

    Args:
        encoder: data ``(B, *event)`` to features ``(B, F)``.
        heads: those that see them.
        views: makes another view of a batch.
    """

    def __init__(self, encoder: nn.Module, heads: AssignmentHeads, views: Views) -> None:
        super().__init__()
        self.encoder = encoder
        self.heads = heads
        self.views = views

    def forward(self, x: Tensor, **companions: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its detached parts, in nats per datum."""
        # One pass over both views, so that BatchNorm has one mean for them.
        parts = self.heads.losses(self.encoder(torch.cat([x, self.views.of(x, self.assign)])))
        loss = torch.stack(list(parts.values())).sum()
        return loss, {name: part.detach() for name, part in parts.items()}

    def assign(self, x: Tensor) -> list[Tensor]:
        """γ of every head: ``(B, *event)`` to one ``(H, B, K)``."""
        return [self.heads.assignments(self.encoder(x))]

    @torch.no_grad()
    def best(self, x: Tensor) -> tuple[Tensor, list[float]]:
        """The clusters of the most informative head, ``(N, K)``, and the information of all."""
        features = [self.encoder(rows) for rows in x.split(ROWS)]
        others = [self.encoder(self.views.of(rows, self.assign)) for rows in x.split(ROWS)]
        pair = (
            torch.cat([self.heads.assignments(each) for each in side], 1)
            for side in (features, others)
        )
        found = self.heads.information(*pair)
        head = found.index(max(found))
        return torch.cat([self.heads.clusters(each, head) for each in features]), found


@dataclass(frozen=True, repr=False)
class TwoViewStart(Start, alias="two-view"):
    """Clusters that the two views of a datum share, by an encoder that serves for nothing else.

    The head that is kept has most information; no labels are looked at. As the pretraining
    :class:`TwoView` it trains the story's own encoder.

    Args:
        n_heads: assignment heads on one encoder, cheap restarts.
        overclusters: clusters of a further head that sharpens the features; ``None``: 5 K, 0: none.
        balance: α, the extra weight of balance.
        shares: of the clusters, in any order, where they are known; ``None``: equal ones.
        views: what a datum's cluster should survive, or its name.
        networks: the pair whose encoder it is.
        epochs: passes over the data, or a budget of steps.
        batch_size: rows of a batch.
        learning_rate: of Adam.

    Raises:
        ValueError: a setting out of range.

    References:
        Ji, Henriques & Vedaldi (2019). Invariant Information Clustering. arXiv 1807.06653.
    """

    n_heads: Count = 20
    overclusters: Natural | None = None
    balance: NonNegative = 0.5
    shares: tuple[Positive, ...] | None = None
    views: Views | str = "auto"
    networks: Networks = ByShape(
        vectors=Perceptron(large=(500, 500), batch_norm=True), images=Strided()
    )
    epochs: Natural | Budget = Budget(2100)
    batch_size: Count = 256
    learning_rate: Positive = 1e-3

    on = "data"

    def groups(self, features: Features, n_clusters: int, seed: int) -> Features:
        """The clusters of rows ``(N, F)``, which have lost the shape that images have."""
        found, _ = self.train(torch.as_tensor(features).float(), n_clusters, seed)
        soft: Features = found.numpy()
        return soft

    def find(
        self,
        x: Tensor,
        mixture: MixturePrior,
        code: Tensor,
        *,
        seed: int = 0,
        pretrained: nn.Module | None = None,
    ) -> tuple[Features, dict[str, float]]:
        """The clusters of the best head, and the information of each in nats."""
        found, scores = self.train(filled(x).to(mixture.logits), mixture.n_clusters, seed)
        numbers = {f"information_{number}": score for number, score in enumerate(scores)}
        return found.double().cpu().numpy(), numbers

    def train(self, x: Tensor, n_clusters: int, seed: int) -> tuple[Tensor, list[float]]:
        """Train encoder and heads: the clusters ``(N, K)``, and every head's information."""
        with seeded(seed, "two views", device=x.device):
            module = self._module(tuple(x.shape[1:]), n_clusters).to(x)
            steps = max(1, len(x) // self.batch_size)
            trainer = Trainer(
                epochs_of(self.epochs, steps),
                self.batch_size,
                self.learning_rate,
                learning_rate_decay="cosine",
                gradient_clip=10.0,
            )
            precision: Any = "64-true" if x.dtype == torch.float64 else "32-true"
            trainer.fit(module, x, fabric=make_fabric(str(x.device), precision), seed=seed)
            return module.eval().best(x)

    def _module(self, event_shape: tuple[int, ...], n_clusters: int) -> TwoViews:
        encoder = self.networks.encoder(event_shape)
        heads = AssignmentHeads(
            feature_dims(encoder, event_shape)[0],
            n_clusters,
            n_heads=self.n_heads,
            overclusters=5 * n_clusters if self.overclusters is None else self.overclusters,
            balance=self.balance,
            shares=self.shares,
        )
        return TwoViews(encoder, heads, given("views", self.views, Views))

    def check(self, model: MixtureVAE, guide: Guide, x: Tensor) -> None:
        """Refuse views that these data cannot have."""
        super().check(model, guide, x)
        given("views", self.views, Views)(x)
