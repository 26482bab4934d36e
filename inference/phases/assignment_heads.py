"""Many assignment heads on one encoder, trained by the information that two views share."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.functional import linear

from ..objectives import check_shares, two_view_information


class AssignmentHeads(nn.Module):
    r"""Heads of K clusters each that share features, and one more, ω, with more clusters.

    .. math:: -\frac1H \sum_h I_\alpha(\gamma_h(x), \gamma_h(x')) - I_\alpha(\omega(x), \omega(x'))

    The heads start apart, so they are cheap restarts; ω sharpens the features.

    Args:
        width: of the features, F.
        n_clusters: K.
        n_heads: number of heads, H.
        overclusters: clusters of ω; 0 for no such head.
        balance: α, the extra weight of balance.
        shares: expected of the K clusters, in any order; ``None``: equal ones.

    Example:
        >>> import torch
        >>> heads = AssignmentHeads(8, n_clusters=3, n_heads=2, overclusters=6)
        >>> sorted(heads.losses(torch.randn(10, 8)))  # five rows and a view of each
        ['mutual_information', 'overclustering']

    References:
        Ji, Henriques & Vedaldi (2019). Invariant Information Clustering. arXiv 1807.06653.
    """

    def __init__(
        self,
        width: int,
        n_clusters: int,
        *,
        n_heads: int = 20,
        overclusters: int = 50,
        balance: float = 0.5,
        shares: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        check_shares(shares, n_clusters)
        self.balance = balance
        self.shares = shares
        self.heads = nn.Linear(width, n_heads * n_clusters)
        self.split = (n_heads, n_clusters)
        self.overclustering = nn.Linear(width, overclusters) if overclusters else None

    def assignments(self, features: Tensor) -> Tensor:
        """γ of every head: ``(B, F)`` to ``(H, B, K)``."""
        gamma: Tensor = self.heads(features).unflatten(-1, self.split).softmax(-1)
        return gamma.transpose(0, 1)

    def losses(self, features: Tensor) -> dict[str, Tensor]:
        """The parts of the loss in nats, of features ``(2B, F)``: rows, then a view of each."""
        first, second = self.assignments(features).chunk(2, 1)
        information = two_view_information(first, second, self.balance, self.shares)
        parts = {"mutual_information": -information.mean()}
        if self.overclustering is not None:
            first, second = self.overclustering(features).softmax(-1).chunk(2)
            parts["overclustering"] = -two_view_information(first, second, self.balance)
        return parts

    def information(self, first: Tensor, second: Tensor) -> list[float]:
        """That of every head in nats, of all its assignments ``(H, N, K)`` of two views."""
        found = two_view_information(first, second, self.balance, self.shares)
        return [float(each) for each in found]

    def clusters(self, features: Tensor, head: int) -> Tensor:
        """γ of one head: ``(B, F)`` to ``(B, K)``."""
        weight, bias = self.parameters_of(head)
        return linear(features, weight, bias).softmax(-1)

    def parameters_of(self, head: int) -> tuple[Tensor, Tensor]:
        """Weight and bias of one head, ``(K, F)`` and ``(K,)``."""
        rows = slice(head * self.split[1], (head + 1) * self.split[1])
        return self.heads.weight[rows], self.heads.bias[rows]
