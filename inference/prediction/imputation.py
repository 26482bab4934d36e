r"""What stands in the gaps of data: expectations, spreads and draws given what is observed.

.. math:: p(x_{\mathrm{mis}} \mid x_{\mathrm{obs}}) \approx
    \sum_s \bar w_s\, p(x_{\mathrm{mis}} \mid z_s), \qquad
    w_s = \frac{p(x_{\mathrm{obs}} \mid z_s)\, p(z_s)}{q(z_s \mid x_{\mathrm{obs}})}, \quad
    z_s \sim q(z \mid x_{\mathrm{obs}})

with weights that sum to one for each datum; what is observed is left as it is (Mattei & Frellsen
2019, MIWAE, arXiv 1812.02633, equations 9 to 12). Clusters are summed out in p(z).
"""

from __future__ import annotations

import torch
from pyro.distributions import TorchDistribution
from torch import Tensor

from ...distributions import ObservedLaw, log_prob_by_feature
from ...guides import Guide
from ...models import MixtureVAE
from ...models.coded import CodedLaw
from ...parts import Count, checked
from ..training import Rows, as_rows, derive_seed, seeded
from .answers import BATCH_SIZE, device_of
from .draws import draws_of, in_own_order
from .evidence import NUMBERS, log_density, log_prior
from .noise import Noise, keys_of


@checked
def impute(
    model: MixtureVAE,
    guide: Guide,
    x: Tensor | Rows,
    n_draws: Count | None = None,
    *,
    num_samples: Count = 200,
    seed: int = 0,
    batch_size: Count = BATCH_SIZE,
) -> Tensor:
    r"""Data with their gaps filled, by expectations or by draws.

    Draws are of z by sampling importance resampling, and then of x from p(x | z), so that they
    spread as gaps given the rest do: the features of a draw go together.

    Args:
        model: the story, whose likelihood is :class:`pyromix.models.Observed`.
        guide: its guide.
        x: data, NaN where not observed, ``(N, *event)``, or :class:`Rows` with companions.
        n_draws: how many draws; ``None`` for :math:`\mathbb E[x_{\mathrm{mis}} \mid
            x_{\mathrm{obs}}]`.
        num_samples: weighted draws of z for each datum, S.
        seed: same seed and data, same answer, in any order of the rows.
        batch_size: rows at a time, at most.

    Returns:
        ``(N, *event)``; draws ``(n_draws, N, *event)``.

    References:
        Rubin (1988). Using the SIR algorithm to simulate posterior distributions.
    """
    if n_draws is None:
        moments = imputation_moments(
            model, guide, x, num_samples=num_samples, seed=seed, batch_size=batch_size
        )
        return moments[0]
    draws = n_draws

    def fill(rows: Tensor, **companions: Tensor) -> dict[str, Tensor]:
        latents, weights, _ = _weighted(model, guide, rows, num_samples, seed, **companions)
        noise = Noise(keys_of(rows), draws, derive_seed(seed, "resampling"))
        below = weights.double().cumsum(0).T.contiguous()  # (B, S)
        places = noise.uniform(torch.Size([])).T.contiguous() * below[:, -1:]
        chosen = torch.searchsorted(below, places).clamp(max=num_samples - 1).T  # (n, B)
        own = torch.arange(len(rows), device=rows.device)
        kept = {site: z[chosen, own] for site, z in latents.items()}
        drawn = unseen(model.law(kept, **companions)).sample()
        return {"x": torch.where(rows.isnan(), drawn, rows).transpose(0, 1)}

    some = _rows_at_a_time(as_rows(x).x, max(draws, num_samples), batch_size)
    with seeded(seed, "impute", device=device_of(model)):
        return in_own_order(model, guide, x, fill, some)["x"].transpose(0, 1)


@checked
def imputation_moments(
    model: MixtureVAE,
    guide: Guide,
    x: Tensor | Rows,
    *,
    num_samples: Count = 200,
    seed: int = 0,
    batch_size: Count = BATCH_SIZE,
) -> tuple[Tensor, Tensor]:
    """Expectation and standard deviation of every gap given what is observed.

    Args:
        model: the story, whose likelihood is :class:`pyromix.models.Observed`.
        guide: its guide.
        x: data, NaN where not observed, ``(N, *event)``, or :class:`Rows` with companions.
        num_samples: weighted draws of z for each datum, S.
        seed: same seed, same draws: a datum's own.
        batch_size: rows at a time, at most.

    Returns:
        ``(N, *event)`` each; what is observed is itself, without spread.
    """

    data = as_rows(x)
    mean, of_means, noise = variances(
        model, guide, data, num_samples=num_samples, seed=seed, batch_size=batch_size
    )
    missing = data.x.cpu().isnan()
    spread = torch.where(missing, (of_means + noise).sqrt(), torch.zeros_like(mean))
    return torch.where(missing, mean, data.x.cpu()), spread


def variances(
    model: MixtureVAE,
    guide: Guide,
    x: Tensor | Rows,
    *,
    num_samples: int,
    seed: int,
    batch_size: int = BATCH_SIZE,
) -> tuple[Tensor, Tensor, Tensor]:
    """E[x | x_obs] of every feature, the variance of E[x | z] about it, and the mean of Var[x | z].

    The arguments are those of :func:`imputation_moments`; ``(N, *event)`` each.
    """

    def expect(rows: Tensor, **companions: Tensor) -> dict[str, Tensor]:
        _, weights, law = _weighted(model, guide, rows, num_samples, seed, **companions)
        share = weights.reshape(*weights.shape, *(1,) * (rows.dim() - 1))
        gap = unseen(law)
        each = gap.mean
        average = getattr(gap, "average", None)  # of laws that have no mean of some features
        mean = (share * each).sum(0) if average is None else average(weights)
        return {
            "mean": mean,
            "of_means": (share * (each - mean).square()).sum(0),
            "noise": (share * gap.variance).sum(0),
        }

    some = _rows_at_a_time(as_rows(x).x, num_samples, batch_size)
    found = in_own_order(model, guide, x, expect, some)
    return found["mean"], found["of_means"], found["noise"]


def unseen(law: TorchDistribution) -> TorchDistribution:
    """The law of what stands in gaps, of one of data with gaps."""
    return law.unseen if isinstance(law, ObservedLaw | CodedLaw) else law


@checked
def imputation_log_prob(
    model: MixtureVAE,
    guide: Guide,
    x: Tensor | Rows,
    truth: Tensor,
    *,
    num_samples: Count = 200,
    seed: int = 0,
    batch_size: Count = BATCH_SIZE,
) -> Tensor:
    r"""How probable what stands in each gap is given what is observed, in nats of its units.

    .. math:: \log \sum_s \bar w_s\, p(x_i \mid z_s)

    Args:
        model: the story, whose likelihood is :class:`pyromix.models.Observed`.
        guide: its guide.
        x: data, NaN where not observed, ``(N, *event)``, or :class:`Rows` with companions.
        truth: what stands in the gaps, ``(N, *event)``.
        num_samples: weighted draws of z for each datum, S.
        seed: same seed, same draws: a datum's own.
        batch_size: rows at a time, at most.

    Returns:
        ``(N, *event)``; 0 where x is observed, and where the truth is not known.
    """
    data = as_rows(x)
    both = data.with_companions(truth=truth.to(data.x))

    def score(rows: Tensor, truth: Tensor, **companions: Tensor) -> dict[str, Tensor]:
        _, weights, law = _weighted(model, guide, rows, num_samples, seed, **companions)
        each = log_prob_by_feature(unseen(law), truth.masked_fill(~rows.isnan(), torch.nan))
        share = weights.log().reshape(*weights.shape, *(1,) * (rows.dim() - 1))
        return {"nats": (share + each).logsumexp(0).masked_fill(~rows.isnan(), 0.0)}

    some = _rows_at_a_time(data.x, num_samples, batch_size)
    return in_own_order(model, guide, both, score, some)["nats"]


def _rows_at_a_time(x: Tensor, samples: int, batch_size: int) -> int:
    return max(1, min(batch_size, NUMBERS // (samples * max(1, x[0].numel()))))


def _weighted(
    model: MixtureVAE, guide: Guide, x: Tensor, n: int, seed: int, **companions: Tensor
) -> tuple[dict[str, Tensor], Tensor, TorchDistribution]:
    """Draws of the latents, their self-normalised weights ``(S, B)``, and p(x | z) at them."""
    posteriors = guide.posterior(x, **companions)
    latents = draws_of(guide, posteriors, x, n, seed, **companions)
    law = model.law(latents, **companions)
    log_weight = law.log_prob(x) + log_prior(model.prior, latents)
    return latents, (log_weight - log_density(posteriors, latents)).softmax(0), law
