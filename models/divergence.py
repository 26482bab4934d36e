"""What one mixture adds to the negative bound, by each rule for its clusters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from pyro.distributions import TorchDistribution
from torch import Tensor

from ..parts import given_law, known_rows
from .prior import MixturePrior

ASSIGNMENTS = ("marginal", "optimal", "amortised", "plug-in")


@dataclass(frozen=True)
class Divergence:
    """What one mixture adds to the negative bound, in nats.

    Attributes:
        total: ``(..., B)``, differentiable; the sum of the parts.
        parts: the same, split by site (``kl_z``, ``kl_c``, …) and detached.
        responsibilities: q(c | x), ``(..., B, K)``, whatever groups were given.
        weights: p(c), ``(K,)``, or that of each datum, ``(..., B, K)``, where the story has one.
    """

    total: Tensor
    parts: dict[str, Tensor]
    responsibilities: Tensor
    weights: Tensor


def divergence(
    mixture: MixturePrior,
    posteriors: Mapping[str, TorchDistribution],
    latents: Mapping[str, Tensor],
    assignment: str = "marginal",
    logits: Tensor | None = None,
    groups: Tensor | None = None,
) -> Divergence:
    r"""What a mixture adds to the negative bound, analytic wherever it can be.

    Every assignment rule is a pair: scores :math:`s_c` that estimate log p(z, c), and a law
    :math:`\gamma` of c. It adds :math:`-H(q(z|x)) - \sum_c \gamma_c (s_c - \log\gamma_c)`, and the
    KL of a style latent.

    Args:
        mixture: the mixture.
        posteriors: q(· | x) by site name, batch shape ``(B,)``.
        latents: a sample of each, ``(..., B, D)``.
        assignment: ``"marginal"``: c is summed out given z; ``"optimal"``: the best q(c | x);
            ``"amortised"``: q(c | x) from ``logits``; ``"plug-in"``: the law of ``"marginal"``
            with the scores of ``"optimal"``, VaDE's and GMVAE's estimator, a looser bound.
        logits: ``(..., B, K)``, for ``"amortised"``.
        groups: given for some rows, ``(B, K)``: they stand in for the law of c.

    Raises:
        ValueError: a rule by which this mixture learns no cluster, an unknown one, or
            ``"amortised"`` without logits.
    """
    own, posterior = mixture.own(latents), posteriors[mixture.site("z")]
    scores = _scores(mixture, posterior, own, assignment)
    if assignment in ("marginal", "optimal"):
        log_gamma, clustering = scores.log_softmax(-1), scores.logsumexp(-1)
    else:
        log_gamma = _given_assignment(mixture, own, assignment, logits)
        clustering = _mean(log_gamma, scores)
    log_law = given_law(log_gamma, groups)
    if groups is not None:
        clustering = torch.where(known_rows(groups), _mean(log_law, scores), clustering)
    total = -_entropy(posterior, own["z"]) - clustering
    log_prior = mixture.log_cluster_prior(scores)
    with torch.no_grad():
        kl_c = -_mean(log_law, log_prior.expand(scores.shape))
        parts = {mixture.site("kl_z"): total.detach() - kl_c, mixture.site("kl_c"): kl_c}
    for name, kl in mixture.other_divergences(posteriors).items():
        total = total + kl
        parts[mixture.site(f"kl_{name}")] = kl.detach()
    weights = mixture.weights if log_prior.dim() == 1 else log_prior.exp()
    return Divergence(total, parts, log_gamma.exp(), weights)


def _mean(log_law: Tensor, scores: Tensor) -> Tensor:
    """The mean under a law of scores less its logarithm, ``(..., K)`` to ``(...)``; 0 log 0 = 0."""
    ruled_out = log_law == -torch.inf
    difference = scores - log_law.masked_fill(ruled_out, 0.0)
    return (log_law.exp() * difference).sum(-1)


def _scores(
    mixture: MixturePrior,
    posterior: TorchDistribution,
    own: Mapping[str, Tensor],
    assignment: str,
) -> Tensor:
    if assignment in ASSIGNMENTS[:3] and assignment not in mixture.assignments:
        raise ValueError(mixture.wrong_assignment(assignment))
    if assignment == "marginal":
        return mixture.log_joint(**own)
    try:
        return mixture.expected_log_joint(posterior, own.get("w"))
    except NotImplementedError:
        if assignment != "amortised":
            raise
        return mixture.log_joint(**own)  # unbiased, since the given law does not look at z


def _given_assignment(
    mixture: MixturePrior, own: Mapping[str, Tensor], assignment: str, logits: Tensor | None
) -> Tensor:
    if assignment == "plug-in":
        return mixture.log_joint(**own).log_softmax(-1)
    if assignment == "amortised" and logits is not None:
        return logits.log_softmax(-1)
    given = "without" if logits is None else "with"
    raise ValueError(
        f"assignment is {assignment!r} {given} logits: use one of {', '.join(ASSIGNMENTS)}; "
        "'amortised' needs logits"
    )


def _entropy(posterior: TorchDistribution, sample: Tensor) -> Tensor:
    """The entropy of q; without a closed form its unbiased estimate at a sample."""
    try:
        return posterior.entropy()
    except NotImplementedError:
        return -posterior.log_prob(sample)
