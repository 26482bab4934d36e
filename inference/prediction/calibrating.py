r"""How far what stands in gaps spreads about what is expected there, measured.

A fit has seen the noise of what is observed, and is too sure of the rest: its noise has not come to
its end, the encoder's law is too narrow, and the decoder knows the rows. So observed values are
hidden as gaps are, and their squared errors compared with what the story says of them:

.. math:: f_i^2 = \frac{\sum (x_i - \mathbb E[x_i \mid x_{\mathrm{rest}}])^2
    - \operatorname{Var}[\mathbb E[x_i \mid z]]}
    {\sum \mathbb E[\operatorname{Var}[x_i \mid z]]}

The noise in gaps is f g times as wide, with one g for all features, by which intervals of 90 %, if
what stands in gaps were normal, hold 92 % of what was hidden: errors with long tails would make
most intervals too wide, and what was fitted is hit a little more often than what was not. Where
the networks know the rows by heart, as wide ones do few rows of many features, that is not enough.
The bound and the clusters keep the story's own noise. It is ours.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...guides import Guide
from ...models import MixtureVAE, Observed
from ..training import Rows, as_rows, derive_seed
from .imputation import variances

FOLDS = 3  # each observed value is hidden once
ROWS, NUMBERS, SAMPLES = 500, 2**24, 100
ENOUGH = 20  # values of a feature that say how far it spreads; those of all do besides
LEAST, MOST = 0.1, 100.0
INSIDE, REACH = 0.92, 1.6449  # so many deviations about a normal law's mean hold 90 %


def calibrate_gaps(model: MixtureVAE, guide: Guide, x: Tensor | Rows, *, seed: int = 0) -> None:
    """Measure the ``stretch`` of a story with gaps, in place; other stories are left as they are.

    Args:
        model: the story, in the units of ``x``.
        guide: its guide.
        x: what it was fitted to, ``(N, *event)``, or :class:`Rows` with companions; an even subset
            of many is looked at.
        seed: of what is hidden.

    References:
        Kuleshov, Fenner & Ermon (2018). Accurate uncertainties for deep learning using calibrated
        regression. arXiv 1807.00263 (the idea of measuring, not this rule).
    """
    likelihood = model.likelihood
    if not isinstance(likelihood, Observed) or not likelihood.stretches:
        return
    data = as_rows(x)
    size = data.x[0].numel()
    most = max(ENOUGH, min(ROWS, NUMBERS // (SAMPLES * size)))
    data = data.at(slice(None, None, -(-len(data) // most)))
    likelihood.stretch.fill_(1.0)
    error, noise, count = (torch.zeros(size, dtype=torch.float64) for _ in range(3))
    fold, seen = _folds(data.x, seed), []
    for each in range(FOLDS):
        hidden = (fold == each) & ~data.x.isnan()
        left = data.x.masked_fill(hidden, torch.nan)
        kept = ~left.flatten(1).isnan().all(1)
        if not bool(kept.any()):
            continue
        asked = Rows(left, **data.companions).at(kept)
        mean, of_means, own = variances(model, guide, asked, num_samples=SAMPLES, seed=seed)
        hidden, truth = hidden[kept].cpu(), data.x[kept].cpu()
        wrong = (truth - mean).square() - of_means
        for total, part in ((error, wrong), (noise, own), (count, torch.ones_like(own))):
            total += part.double().masked_fill(~hidden, 0.0).flatten(1).sum(0)
        seen.append((hidden, (truth - mean).abs().double(), of_means.double(), own.double()))
    if not bool(count.any()):
        return
    tiny = torch.finfo(torch.float64).tiny
    varied = noise > tiny
    pooled = (error[varied] / noise[varied] * count[varied]).sum() / count[varied].sum().clamp(1)
    weight = ENOUGH / (ENOUGH + count)
    ratio = (1 - weight) * error / noise.clamp(min=tiny) + weight * pooled.clamp(min=LEAST**2)
    factor = torch.where(varied, ratio, 1.0).clamp(LEAST**2, MOST**2).sqrt()
    factor = factor.reshape(data.x.shape[1:])
    away, spread = (torch.cat([each[i][each[0]] for each in seen]) for i in (1, 2))
    own = torch.cat([(factor.square() * each[3])[each[0]] for each in seen])
    likelihood.stretch.copy_(_common(away, spread, own) * factor)


def _common(away: Tensor, of_means: Tensor, noise: Tensor) -> float:
    """g, by bisection: of errors, each with the variance of means and of noise, ``(M,)``."""
    low, high = LEAST, 1 / LEAST
    for _ in range(30):
        middle: float = (low * high) ** 0.5
        inside = away <= REACH * (of_means + middle**2 * noise).sqrt()
        low, high = (low, middle) if float(inside.double().mean()) > INSIDE else (middle, high)
    return middle


def _folds(x: Tensor, seed: int) -> Tensor:
    """Which values are hidden together: ``(N, *event)`` whole numbers below ``FOLDS``."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "folds"))
    return torch.randint(FOLDS, x.shape, generator=generator).to(x.device)
