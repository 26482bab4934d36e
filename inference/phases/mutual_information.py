"""Clusters by two-view mutual information: pretraining with many heads, and its recipe.

The extended mutual information between a datum's cluster and that of a changed view of it needs no
labels, and neither does the choice among several assignment heads: the one with most is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ...guides import AmortisedAssignment
from ...models import MixtureVAE
from ..objectives import AffineViews, Views, two_view_information
from ..prediction import batched
from ..training import seeded
from .recipe import Recipe

MANY = 20_000  # data above which heads are compared on an even subset


class InformationPretraining(nn.Module):
    r"""Trains an encoder by the two-view information of many assignment heads that share it.

    .. math:: -\frac1H \sum_h I_\alpha(\gamma_h(x), \gamma_h(x')) - I_\alpha(\omega(x), \omega(x'))
        - \frac1X \log p(x \mid \operatorname{mode} q(z \mid x))

    H heads have K clusters each and start apart, so they are cheap restarts; one more, ω, has more
    clusters and sharpens the features. The last term, in nats per feature so that it does not
    outweigh the others, teaches the decoder and the latent head.

    Args:
        model: the story.
        guide: its guide, with an amortised assignment of the site ``"c"``.
        views: makes x' of x.
        n_heads: number of heads, H.
        overclusters: clusters of ω; 0 for no such head.
        balance: α, the extra weight of balance.

    Raises:
        TypeError: the guide's network of ``"c"`` is no ``Linear``.

    References:
        Ji, Henriques & Vedaldi (2019). Invariant Information Clustering. arXiv 1807.06653.
    """

    def __init__(
        self,
        model: MixtureVAE,
        guide: AmortisedAssignment,
        views: Views,
        *,
        n_heads: int = 20,
        overclusters: int = 50,
        balance: float = 0.5,
    ) -> None:
        super().__init__()
        self.model = model
        self.guide = guide
        self.views = views
        self.balance = balance
        network = _own_head(guide)
        width, n_clusters = network.in_features, network.out_features
        self.heads = nn.Linear(width, n_heads * n_clusters)
        self.split = (n_heads, n_clusters)
        self.overclustering = nn.Linear(width, overclusters) if overclusters else None

    def assignments(self, features: Tensor) -> Tensor:
        """γ of every head: ``(B, F)`` to ``(H, B, K)``."""
        gamma: Tensor = self.heads(features).unflatten(-1, self.split).softmax(-1)
        return gamma.transpose(0, 1)

    def forward(self, batch: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its detached parts, in nats per datum (per feature: ``reconstruction``)."""
        encoder = self.guide.guide
        # One pass over both views, so that BatchNorm has one mean for them.
        both = encoder.features(torch.cat([batch, self.views(batch)]))
        first, second = self.assignments(both).chunk(2, 1)
        parts = {"mutual_information": -two_view_information(first, second, self.balance).mean()}
        if self.overclustering is not None:
            first, second = self.overclustering(both).softmax(-1).chunk(2)
            parts["overclustering"] = -two_view_information(first, second, self.balance)
        # A quarter of the rows teaches the decoder as well, and its backward pass is dear.
        target = batch[: max(2, len(batch) // 4)]
        posteriors = encoder.posterior_from(both[: len(target)])
        code = self.model.prior.code({site: q.mode for site, q in posteriors.items()})
        log_prob = self.model.likelihood.distribution(code).log_prob(target).mean()
        parts["reconstruction"] = -log_prob / target[0].numel()
        loss = torch.stack(list(parts.values())).sum()
        return loss, {name: part.detach() for name, part in parts.items()}

    def select(self, x: Tensor, seed: int = 0) -> tuple[int, list[float]]:
        """Keep the head whose information over the data is largest as the guide's own network.

        Args:
            x: data, ``(N, *event)``; an even subset of many.
            seed: of the views.

        Returns:
            The head's number, and the information of all heads in nats.
        """

        def compare(rows: Tensor) -> dict[str, Tensor]:
            features = self.guide.guide.features
            first = self.assignments(features(rows))
            second = self.assignments(features(self.views(rows)))
            return {"first": first, "second": second}

        with seeded(seed, "select", device=next(self.parameters()).device):
            rows = x[:: -(-len(x) // MANY)]
            pair = batched(self.model, self.guide, rows, compare, 2048, dim=1)
        found = two_view_information(pair["first"], pair["second"], self.balance)
        best = int(found.argmax())
        network, (_, n_clusters) = _own_head(self.guide), self.split
        kept = slice(best * n_clusters, (best + 1) * n_clusters)
        with torch.no_grad():
            network.weight.copy_(self.heads.weight[kept])
            network.bias.copy_(self.heads.bias[kept])
        return best, found.tolist()


def _own_head(guide: AmortisedAssignment) -> nn.Linear:
    """The network of q(c | x), which a head must be able to become."""
    network = guide.networks["c"]
    if not isinstance(network, nn.Linear):
        raise TypeError(f"the network of 'c' is a {type(network).__name__}: use a Linear")
    return network


@dataclass(frozen=True)
class TwoViewRecipe(Recipe):
    """A recipe whose clusters come from two-view information, and the prior's from them.

    Args:
        views: makes x' of x.
        n_heads: assignment heads in the pretraining, of which the most informative is kept.
        overclusters: clusters of the pretraining's further head; 0 for none.
        balance: α, the extra weight of balance.
    """

    views: Views = field(default_factory=AffineViews)
    n_heads: int = 20
    overclusters: int = 50
    balance: float = 0.5

    def pretraining(
        self, model: MixtureVAE, guide: Any, x: Tensor, resumed: bool
    ) -> tuple[nn.Module, Tensor]:
        """Many heads on the guide's encoder, trained on the data themselves."""
        module = InformationPretraining(
            model,
            guide,
            self.views,
            n_heads=self.n_heads,
            overclusters=self.overclusters,
            balance=self.balance,
        )
        return module, x

    def initialise(
        self, model: MixtureVAE, guide: Any, x: Tensor, pretrained: nn.Module | None, seed: int
    ) -> dict[str, float]:
        """Keep the best head, and put the prior's components where its clusters are.

        Returns:
            The number of the head and the information of each, for the history.
        """
        if not isinstance(pretrained, InformationPretraining):
            return super().initialise(model, guide, x, pretrained, seed)
        best, found = pretrained.select(x, seed)

        def infer(rows: Tensor) -> dict[str, Tensor]:
            posteriors, logits = guide.infer(rows)
            return {"z": posteriors["z"].mean, "c": logits["c"].softmax(-1)}

        inferred = batched(model, guide, x, infer, 2048)
        (mixture,) = model.prior.mixtures
        code = inferred["z"].to(mixture.logits)
        mixture.initialise(code, inferred["c"].to(code))
        guide.narrow("z", code)
        return {"head": best, **{f"information_{i}": value for i, value in enumerate(found)}}
