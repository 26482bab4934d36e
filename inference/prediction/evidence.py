"""Lower bounds on log p(x), datum by datum: the evidence bound and the importance-weighted one.

Like all answers of a trained story they run in batches, without gradients, each from its seed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from ...guides import Guide
from ...models import MixtureVAE, Prior
from ..objectives import ClosedFormELBO
from ..training import seeded
from .answers import BATCH_SIZE, batched, device_of


def bound(
    model: MixtureVAE,
    guide: Guide,
    x: Tensor,
    *,
    num_samples: int = 1,
    seed: int = 0,
    batch_size: int = BATCH_SIZE,
) -> Tensor:
    """The evidence lower bound of each datum in nats, ``(N,)``, under the guide's assignment rule.

    Args:
        model: the story.
        guide: its guide.
        x: data, ``(N, *event)``.
        num_samples: samples of z the expectation is averaged over.
        seed: same seed, same samples.
        batch_size: rows at a time.
    """
    elbo = ClosedFormELBO(num_particles=num_samples)

    def negative(rows: Tensor) -> dict[str, Tensor]:
        reconstruction, divergences = elbo.per_datum(model, guide, rows)
        total = reconstruction + sum(each.total for each in divergences.values())
        return {"bound": -(total if num_samples == 1 else total.mean(0))}

    with seeded(seed, "bound", device=device_of(model)):
        return batched(model, guide, x, negative, max(1, batch_size // num_samples))["bound"]


def importance_weighted_bound(
    model: MixtureVAE,
    guide: Guide,
    x: Tensor,
    *,
    num_samples: int = 100,
    seed: int = 0,
    batch_size: int = BATCH_SIZE,
) -> Tensor:
    r"""The importance-weighted bound of each datum in nats, ``(N,)``; clusters are summed out.

    .. math:: \log \frac1S \sum_s \frac{p(x \mid z_s)\, p(z_s)}{q(z_s \mid x)}

    It rises to log p(x) as S grows.

    References:
        Burda, Grosse & Salakhutdinov (2016). Importance Weighted Autoencoders. arXiv 1509.00519,
        equation 8.
    """

    def weigh(rows: Tensor) -> dict[str, Tensor]:
        posteriors = guide.posterior(rows)
        parts = []
        per_pass = max(1, batch_size // len(rows))
        for start in range(0, num_samples, per_pass):
            shape = torch.Size([min(per_pass, num_samples - start)])
            latents = {site: posterior.sample(shape) for site, posterior in posteriors.items()}
            likelihood = model.likelihood.distribution(model.prior.code(latents))
            log_weight = likelihood.log_prob(rows) + log_prior(model.prior, latents)
            for site, posterior in posteriors.items():
                log_weight = log_weight - posterior.log_prob(latents[site])
            parts.append(log_weight.logsumexp(0))
        return {"bound": torch.stack(parts).logsumexp(0) - math.log(num_samples)}

    rows = min(batch_size, 256)
    with seeded(seed, "importance-weighted bound", device=device_of(model)):
        return batched(model, guide, x, weigh, rows)["bound"]


def log_prior(prior: Prior, latents: Mapping[str, Tensor]) -> Tensor:
    """log p of all continuous latents with the clusters summed out: ``(..., D)`` to ``(...)``."""
    parts = [mixture.log_prob(**mixture.own(latents)) for mixture in prior.mixtures]
    return torch.stack(parts).sum(0)
