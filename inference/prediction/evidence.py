"""Lower bounds on log p(x), datum by datum: the evidence bound and the importance-weighted one.

Like all answers of a trained story they run in batches, without gradients, each from its seed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.distributions import Distribution

from ...guides import Guide
from ...models import MixtureVAE, Prior
from ...parts import Count, checked
from ..objectives import ClosedFormELBO
from ..training import Rows, seeded
from .answers import BATCH_SIZE, batched, device_of
from .draws import draws_of, in_own_order

NUMBERS = (
    2**21
)  # of data decoded at a time: larger tensors leave the cache, and take half as long again


@checked
def bound(
    model: MixtureVAE,
    guide: Guide,
    x: Tensor | Rows,
    *,
    num_samples: Count = 1,
    seed: int = 0,
    batch_size: Count = BATCH_SIZE,
) -> Tensor:
    """The evidence lower bound of each datum in nats, ``(N,)``, under the guide's assignment rule.

    Args:
        model: the story.
        guide: its guide.
        x: data, ``(N, *event)``, or :class:`Rows` with companions.
        num_samples: samples of z the expectation is averaged over.
        seed: same seed, same samples.
        batch_size: rows at a time.
    """
    elbo = ClosedFormELBO(num_particles=num_samples)

    def negative(rows: Tensor, **companions: Tensor) -> dict[str, Tensor]:
        reconstruction, divergences = elbo.per_datum(model, guide, rows, **companions)
        total = reconstruction + sum(each.total for each in divergences.values())
        return {"bound": -(total if num_samples == 1 else total.mean(0))}

    with seeded(seed, "bound", device=device_of(model)):
        return batched(model, guide, x, negative, max(1, batch_size // num_samples))["bound"]


@checked
def importance_weighted_bound(
    model: MixtureVAE,
    guide: Guide,
    x: Tensor | Rows,
    *,
    num_samples: Count = 100,
    seed: int = 0,
    batch_size: Count = BATCH_SIZE,
) -> Tensor:
    r"""The importance-weighted bound of each datum in nats, ``(N,)``; clusters are summed out.

    .. math:: \log \frac1S \sum_s \frac{p(x \mid z_s)\, p(z_s)}{q(z_s \mid x)}

    It rises to log p(x) as S grows.

    Draws are a datum's own: its bound is the same each time, in any batch and at any place.

    Args:
        model: the story.
        guide: its guide.
        x: data, ``(N, *event)``, or :class:`Rows` with companions.
        num_samples: draws for each datum, S.
        seed: same seed, same draws.
        batch_size: draws decoded at a time.

    References:
        Burda, Grosse & Salakhutdinov (2016). Importance Weighted Autoencoders. arXiv 1509.00519,
        equation 8.
    """

    def weigh(rows: Tensor, **companions: Tensor) -> dict[str, Tensor]:
        weights = guide_weights(model, guide, rows, num_samples, seed, batch_size, **companions)
        return {"bound": weights.logsumexp(0) - math.log(num_samples)}

    return in_own_order(model, guide, x, weigh, max(1, batch_size // num_samples))["bound"]


def guide_weights(
    model: MixtureVAE,
    guide: Guide,
    x: Tensor,
    num_samples: int,
    seed: int,
    batch_size: int,
    **companions: Tensor,
) -> Tensor:
    """Log importance weights of draws from the guide, log p(x, z) - log q(z | x): ``(S, B)``."""
    posteriors = guide.posterior(x, **companions)
    latents = draws_of(guide, posteriors, x, num_samples, seed, **companions)
    density = log_density(posteriors, latents)
    decoded = min(batch_size, max(1, NUMBERS // x[0].numel()))
    some = max(1, decoded // len(x))
    parts = zip(*(z.split(some) for z in latents.values()), strict=True)
    joint = [
        log_joint(model, x, dict(zip(latents, part, strict=True)), **companions) for part in parts
    ]
    return torch.cat(joint) - density


def log_density(laws: Mapping[str, Distribution], latents: Mapping[str, Tensor]) -> Tensor:
    """The log-density of latents under laws of their sites, together: ``(..., D)`` to ``(...)``."""
    return torch.stack([law.log_prob(latents[site]) for site, law in laws.items()]).sum(0)


def log_joint(
    model: MixtureVAE, x: Tensor, latents: Mapping[str, Tensor], **companions: Tensor
) -> Tensor:
    """log p(x, z) in nats with the clusters summed out: ``(B, *event)``, ``(..., B, D)``."""
    likelihood: Tensor = model.law(latents, **companions).log_prob(x)
    return likelihood + log_prior(model.prior, latents)


def log_prior(prior: Prior, latents: Mapping[str, Tensor]) -> Tensor:
    """log p of all continuous latents with the clusters summed out: ``(..., D)`` to ``(...)``."""
    parts = [mixture.log_prob(**mixture.own(latents)) for mixture in prior.mixtures]
    return torch.stack(parts).sum(0)
