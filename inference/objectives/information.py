"""How much clusters tell of data, in nats: entropies, and the information that two views share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

UNLIKE = 0.8  # entropy of clusters' sizes, as a share of the largest there is


def entropy(probabilities: Tensor) -> Tensor:
    """Entropy in nats of each row: ``(..., K)`` to ``(...)``; zeros count nothing."""
    terms: Tensor = torch.special.xlogy(probabilities, probabilities.clamp(min=1e-38))
    return -terms.sum(-1)


def check_shares(
    shares: Sequence[float] | Literal["found"] | None, n_clusters: int | None = None
) -> None:
    """Refuse what are no shares of clusters.

    Args:
        shares: those, or ``None`` for equal ones, or ``"found"`` for such as will be.
        n_clusters: K, where it is known.

    Raises:
        ValueError: they do not sum to one, or are not of K clusters.
    """
    if shares is None or shares == "found":
        return
    if isinstance(shares, str):
        raise ValueError(f"shares is {shares!r}: give numbers, 'found' or None")
    if not abs(sum(shares) - 1) < 1e-6 or not min(shares) > 0:
        raise ValueError(f"shares is {shares}: give one above 0 for each cluster, of sum 1")
    if n_clusters is not None and len(shares) != n_clusters:
        raise ValueError(f"shares is {shares}, and there are {n_clusters} clusters: give as many")


def balance_entropy(mean: Tensor, shares: Sequence[float] | None = None) -> Tensor:
    r"""How well the sizes of clusters agree with expected ones: largest, H(p), where they are p.

    .. math:: H(p) - \min_{\text{orders of } p} \operatorname{KL}(\bar\gamma \,\|\, p)

    For equal shares it is the entropy of the sizes. The order is that of the sizes: clusters have
    no names.

    Args:
        mean: sizes of the clusters, rows summing to one, ``(..., K)``.
        shares: p; ``None``: equal ones.

    Returns:
        Nats, ``(...)``.

    Example:
        >>> balance_entropy(torch.tensor([0.1, 0.9]), (0.9, 0.1))  # H(0.9, 0.1)
        tensor(0.3251)
    """
    if shares is None:
        return entropy(mean)
    p = mean.new_tensor(sorted(shares, reverse=True))
    found = mean.sort(-1, descending=True).values
    return entropy(p) + entropy(found) + (found * p.log()).sum(-1)


def two_view_information(
    first: Tensor,
    second: Tensor,
    balance: float = 0.5,
    shares: Sequence[float] | None = None,
) -> Tensor:
    r"""Extended mutual information between the clusters of two views of the same data, in nats.

    .. math:: \sum_{cc'} P_{cc'} \log
        \frac{P_{cc'}}{P_c^{1+\alpha}\, P_{c'}^{1+\alpha}}, \qquad
        P = \tfrac1{2B} (\gamma^\top\gamma' + \gamma'^\top\gamma)

    That is (1 + 2α) H(c) - H(c' | c); where shares are given, :func:`balance_entropy` stands for
    H(c) in it.

    Args:
        first: responsibilities of one view, ``(..., B, K)``; leading dims are heads.
        second: those of the other view.
        balance: α, the extra weight of balance.
        shares: expected of the clusters, in any order; ``None``: equal ones.

    Returns:
        A value for each head, ``(...)``; to be maximised.

    Example:
        >>> two_view_information(torch.eye(4), torch.eye(4), balance=0.0)  # log 4
        tensor(1.3863)
    """
    # Products of small numbers need full precision.
    with torch.autocast(first.device.type, enabled=False):
        wide = torch.promote_types(first.dtype, torch.float32)
        joint = first.to(wide).transpose(-1, -2) @ second.to(wide) / first.shape[-2]
        joint = (joint + joint.transpose(-1, -2)) / 2
        marginal = joint.sum(-1)
        if shares is None:
            return 2 * (1 + balance) * entropy(marginal) - entropy(joint.flatten(-2))
        given = entropy(joint.flatten(-2)) - entropy(marginal)
        return (1 + 2 * balance) * balance_entropy(marginal, shares) - given


def unlike_shares(sizes: Tensor) -> tuple[float, ...] | None:
    """Shares of clusters, ``(K,)``, if none is empty and they are unlike; else ``None``.

    Example:
        >>> unlike_shares(torch.tensor([900.0, 100.0])), unlike_shares(torch.tensor([6.0, 4.0]))
        ((0.9, 0.1), None)
    """
    shares = sizes.double() / sizes.sum()
    even = float(entropy(shares)) >= UNLIKE * math.log(len(shares))
    return None if even or float(shares.min()) <= 0 else tuple(shares.tolist())
