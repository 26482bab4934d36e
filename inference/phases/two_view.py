"""Clusters by two-view mutual information: pretraining with many heads.

The extended mutual information between a datum's cluster and that of a changed view of it needs no
labels, and neither does the choice among several assignment heads: the one with most is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from pyro.distributions import TorchDistribution
from torch import Tensor, nn

from ...guides import AmortisedAssignment, Guide
from ...models import MixtureVAE
from ...parts import Count, Natural, NonNegative, Positive, given, without_groups
from ..objectives import Views, unlike_shares
from ..prediction import batched
from ..training import Data, Rows, as_rows, seeded
from .assignment_heads import AssignmentHeads
from .autoencoder import Pretraining
from .phase import Budget
from .unlike import unlike_groups

FOUND = "found_groups"  # the companion that heads are taught, where there is one
TAUGHT = 5.0  # its weight, as of pseudo-labels
MANY = 20_000  # data above which heads are compared on an even subset


class InformationPretraining(nn.Module):
    r"""Trains an encoder by the two-view information of many assignment heads that share it.

    .. math:: -\frac1H \sum_h I_\alpha(\gamma_h(x), \gamma_h(x')) - I_\alpha(\omega(x), \omega(x'))
        - \frac1X \log p(x \mid \operatorname{mode} q(z \mid x))

    H heads have K clusters each and start apart, so they are cheap restarts; one more, ω, has more
    clusters and sharpens the features. The last term, in nats per feature, trains the decoder.

    Args:
        model: the story.
        guide: its guide; one with an amortised assignment of ``"c"`` takes the head that is kept.
        views: makes x' of x.
        n_heads: number of heads, H.
        overclusters: clusters of ω; 0 for no such head.
        balance: α, the extra weight of balance.
        shares: of the clusters, in any order; ``None``: equal ones.

    Raises:
        TypeError: the guide's network of ``"c"`` is no ``Linear``.
        ValueError: a story of several clusterings.

    References:
        Ji, Henriques & Vedaldi (2019). Invariant Information Clustering. arXiv 1807.06653.
    """

    def __init__(
        self,
        model: MixtureVAE,
        guide: Guide,
        views: Views,
        *,
        n_heads: Count = 20,
        overclusters: Natural = 50,
        balance: NonNegative = 0.5,
        shares: tuple[Positive, ...] | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.guide = guide
        self.views = views
        if len(model.prior.mixtures) > 1:
            raise ValueError(
                f"the story has {len(model.prior.mixtures)} clusterings: two-view information with "
                "several heads is for one; use Autoencoder() or none"
            )
        _own_head(guide)
        width, n_clusters = guide.amortised.width("c"), model.prior.mixtures[0].n_clusters
        self.heads = AssignmentHeads(
            width,
            n_clusters,
            n_heads=n_heads,
            overclusters=overclusters,
            balance=balance,
            shares=shares,
        )

    def forward(self, x: Tensor, **companions: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its detached parts, in nats per datum (per feature: ``reconstruction``)."""
        encoder = self.guide.amortised
        # One pass over both views, so that BatchNorm has one mean for them.
        known = without_groups(companions)
        found = known.pop(FOUND, None)
        twice = {name: torch.cat([v, v]) for name, v in known.items()}

        def assign(rows: Tensor) -> list[Tensor]:
            return [self.heads.assignments(encoder.features(rows, **known))]

        both = encoder.features(torch.cat([x, self.views.of(x, assign)]), **twice)
        parts = self.heads.losses(both)
        if found is not None:
            log_gamma = self.heads.assignments(both[: len(x)]).clamp(min=1e-38).log()
            parts["found_groups"] = -TAUGHT * (found * log_gamma).sum(-1).mean()
        # A quarter of the rows teaches the decoder as well, and its backward pass is dear.
        target = x[: max(2, len(x) // 4)]
        posteriors = encoder.posterior_from(both[: len(target)])
        points = {site: _point(q) for site, q in posteriors.items()}
        its = {name: each[: len(target)] for name, each in known.items()}
        log_prob = self.model.law(points, **its).log_prob(target).mean()
        parts["reconstruction"] = -log_prob / target[0].numel()
        loss = torch.stack(list(parts.values())).sum()
        return loss, {name: part.detach() for name, part in parts.items()}

    def select(self, x: Tensor | Rows, seed: int = 0) -> tuple[int, list[float]]:
        """Keep the head whose information over the data is largest as the guide's own network.

        Args:
            x: data, ``(N, *event)``, with companions if any; an even subset of many.
            seed: of the views.

        Returns:
            The head's number, and the information of all heads in nats.
        """

        def compare(rows: Tensor, **companions: Tensor) -> dict[str, Tensor]:
            features = self.guide.amortised.features

            def assign(x: Tensor) -> list[Tensor]:
                return [self.heads.assignments(features(x, **companions))]

            (first,) = assign(rows)
            (second,) = assign(self.views.of(rows, assign))
            return {"first": first, "second": second}

        with seeded(seed, "select", device=next(self.parameters()).device):
            rows = as_rows(x).at(slice(None, None, -(-len(x) // MANY)))
            pair = batched(self.model, self.guide, rows, compare, 2048, dim=1)
        found = self.heads.information(pair["first"], pair["second"])
        best = found.index(max(found))
        own = _own_head(self.guide)
        if own is not None:
            with torch.no_grad():
                weight, bias = self.heads.parameters_of(best)
                own.weight.copy_(weight)
                own.bias.copy_(bias)
        return best, found

    def groups(self, x: Tensor | Rows, head: int) -> Tensor:
        """A head's clusters, ``(N, K)``."""

        def infer(rows: Tensor, **companions: Tensor) -> dict[str, Tensor]:
            features = self.guide.amortised.features(rows, **companions)
            return {"c": self.heads.clusters(features, head)}

        return batched(self.model, self.guide, x, infer, 2048)["c"]


def _point(posterior: TorchDistribution) -> Tensor:
    """The mode, or the mean of a law whose mode is not closed."""
    try:
        return posterior.mode
    except NotImplementedError:
        return posterior.mean


def _own_head(guide: Guide) -> nn.Linear | None:
    """The network of q(c | x) that a head must be able to become, if the guide has one."""
    if not isinstance(guide, AmortisedAssignment):
        return None
    network = guide.networks["c"]
    if not isinstance(network, nn.Linear):
        raise TypeError(f"the network of 'c' is a {type(network).__name__}: use a Linear")
    return network


@dataclass(frozen=True, repr=False)
class TwoView(Pretraining):
    """Pretraining by the information that the clusters of two views of a datum share.

    Information is largest for clusters of one size, which would cut groups of unlike sizes. Where
    the data fall in such, and they stand apart, the heads are taught them, and their shares are
    expected in place of equal ones.

    Args:
        n_heads: assignment heads on one encoder, cheap restarts.
        overclusters: clusters of a further head that sharpens the features; ``None``: 5 K, 0: none.
        balance: α, the extra weight of balance.
        shares: of the clusters, in any order, where they are known; ``None``: equal ones;
            ``"found"``: those of groups of unlike sizes that stand apart, if there are such.
        views: what a datum's cluster should survive, or its name.
        epochs: passes over the data, or a budget of steps; 0 for none.
        learning_rate: of Adam.

    References:
        Ji, Henriques & Vedaldi (2019). Invariant Information Clustering. arXiv 1807.06653.
    """

    n_heads: Count = 20
    overclusters: Natural | None = None
    balance: NonNegative = 0.5
    shares: tuple[Positive, ...] | Literal["found"] | None = "found"
    views: Views | str = "auto"
    epochs: Natural | Budget = Budget(2100)
    learning_rate: Positive = 1e-3

    def module(
        self, model: MixtureVAE, guide: Guide, data: Rows, resumed: bool
    ) -> tuple[nn.Module, Data]:
        """Many heads on the guide's encoder, trained on the data themselves."""
        if self.shares != "found":
            return self._heads(model, guide, self.shares), data
        groups = unlike_groups(data.x, model.prior.mixtures[0].n_clusters)
        if groups is None:
            return self._heads(model, guide, None), data
        found = torch.as_tensor(groups).to(data.x)
        heads = self._heads(model, guide, unlike_shares(found.sum(0)))
        return heads, data.with_companions(**{FOUND: found})

    def _heads(
        self, model: MixtureVAE, guide: Guide, shares: tuple[float, ...] | None
    ) -> InformationPretraining:
        more = self.overclusters
        return InformationPretraining(
            model,
            guide,
            given("views", self.views, Views),
            n_heads=self.n_heads,
            overclusters=5 * model.prior.mixtures[0].n_clusters if more is None else more,
            balance=self.balance,
            shares=shares,
        )

    def check(self, model: MixtureVAE, guide: Guide, x: Tensor) -> None:
        """Refuse views or a story that this is not for."""
        super().check(model, guide, x)
        given("views", self.views, Views)(x)
        self._heads(model, guide, None if self.shares == "found" else self.shares)
