"""Exact draws of a direction given the class that a softmax reads off it."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from .bessel import log_bessel_i_reduced
from .von_mises_fisher import VonMisesFisher

_PROPOSALS = 2**16  # a round
_ROUNDS = 300


def sample_spherical_softmax(offset: Tensor, slope: Tensor, index: Tensor) -> Tensor:
    r"""Draws of z, uniform on the sphere :math:`S^{D-1}`, given its class c.

    .. math:: p(z \mid c) \propto p(c \mid z) =
        \operatorname{softmax}_c(a_c + \theta_c^\top z), \qquad z \in S^{D-1}

    By rejection. For any weights w of the classes z is drawn from the von Mises–Fisher law that is
    proportional to :math:`\exp[(\theta_c - \sum_k w_k \theta_k)^\top z]`, and accepted with
    probability :math:`\exp[-\operatorname{KL}(w \| p(\cdot \mid z))]`: the product of the two is
    proportional to p(c | z), so the draws are exact whatever w. The w that is accepted most often
    solves a convex problem; at worst it is c alone, with z uniform and accepted by p(c | z).

    Args:
        offset: a, ``(K,)``.
        slope: θ, ``(K, D)`` with D ≥ 2.
        index: the class of each draw, ``(n,)``.

    Returns:
        Unit vectors, ``(n, D)``, of the dtype of ``slope``; NaN if a parameter is not finite.

    Raises:
        ValueError: a class so rare that 2e7 proposals did not do.

    Example:
        >>> index = torch.tensor([0, 1])
        >>> sample_spherical_softmax(torch.zeros(2), 50 * torch.eye(2), index).shape
        torch.Size([2, 2])
    """
    offset, theta = offset.detach().double(), slope.detach().double()
    if not bool(offset.isfinite().all() & theta.isfinite().all()):
        return slope.new_full((len(index), slope.shape[-1]), math.nan)
    classes, row = index.unique(return_inverse=True)
    weights = _best_weights(offset, theta, classes)
    natural = theta[classes] - weights @ theta
    concentration = natural.norm(dim=-1)
    tilted = (concentration > 0).unsqueeze(-1)
    loc = F.normalize(torch.where(tilted, natural, torch.ones_like(natural)), dim=-1)
    negative_entropy = torch.xlogy(weights, weights).sum(-1)
    z = theta.new_empty(len(index), theta.shape[-1])
    pending = torch.arange(len(index), device=index.device)
    for _ in range(_ROUNDS):
        if not len(pending):
            return z.to(slope.dtype)
        at = row[pending]
        law = VonMisesFisher(loc[at], concentration[at], validate_args=False)
        proposed = law.sample(torch.Size([max(1, _PROPOSALS // len(pending))]))
        log_p = (offset + proposed @ theta.T).log_softmax(-1)
        log_accept = (weights[at] * log_p).sum(-1) - negative_entropy[at]
        accepted = log_accept >= torch.rand_like(log_accept).log()
        first = accepted.int().argmax(0)
        z[pending] = proposed[first, torch.arange(len(at), device=at.device)]
        pending = pending[~accepted.any(0)]
    raise ValueError(
        f"class {int(index[pending[0]])} is too rare to be drawn from: {len(pending)} of "
        f"{len(index)} directions were not found among {_ROUNDS * _PROPOSALS:,} proposals"
    )


def _best_weights(offset: Tensor, theta: Tensor, classes: Tensor) -> Tensor:
    """For each of ``classes`` the weights by which proposals are accepted most often: (C, K).

    The envelope's mass is the exponential of a convex function of w, up to a constant.
    """
    order = theta.shape[-1] / 2 - 1

    def log_mass(weights: Tensor) -> Tensor:
        concentration = (theta[classes] - weights @ theta).norm(dim=-1)
        linear = (torch.xlogy(weights, weights) - weights * offset).sum(-1)
        return linear + log_bessel_i_reduced(order, concentration)

    logits = torch.zeros(len(classes), len(offset)).to(theta).requires_grad_()
    optimiser = torch.optim.LBFGS([logits], max_iter=20, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        total = log_mass(logits.softmax(-1)).sum()
        total.backward()
        return total

    with torch.enable_grad():
        optimiser.step(loss)
    found = logits.detach().softmax(-1)
    alone = F.one_hot(classes, len(offset)).to(theta)
    return torch.where((log_mass(found) < log_mass(alone)).unsqueeze(-1), found, alone)
