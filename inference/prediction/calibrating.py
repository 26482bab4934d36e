r"""How far what stands in gaps spreads about what is expected there, measured.

A fit has seen the noise of what is observed, and is too sure of the rest: its noise has not come to
its end, the encoder's law is too narrow, and the decoder knows the rows. So observed values are
hidden as gaps are, and their squared errors compared with what the story says of them:

.. math:: f_i^2 = \frac{\sum (x_i - \mathbb E[x_i \mid x_{\mathrm{rest}}])^2
    - \operatorname{Var}[\mathbb E[x_i \mid z]]}
    {\sum \mathbb E[\operatorname{Var}[x_i \mid z]]}

The noise in gaps is f g times as wide, with one g for all features. A fit to data with gaps spares
some observed values, which it never sees; g is that by which intervals of 90 % of draws hold 90 %
of these. Where none are spared g is taken from the values that were hidden after the fit, so that
intervals, if what stands in gaps were normal, hold 92 % of them: what was fitted is hit a little
more often than what was not. Counts of a table have f alone, of one or more; log-normal columns,
categories and what is binary are left as they are. The bound and the clusters keep the story's own
noise. It is ours.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...guides import Guide
from ...models import Coded, MixtureVAE, Observed
from ..training import Rows, as_rows, derive_seed
from .imputation import impute, variances
from .noise import own_numbers

FOLDS = 3  # each observed value is hidden once
ROWS, NUMBERS, SAMPLES = 500, 2**24, 100
ENOUGH = 20  # values of a feature that say how far it spreads; those of all do besides
LEAST, MOST = 0.1, 100.0
INSIDE, REACH = 0.92, 1.6449  # so many deviations about a normal law's mean hold 90 %
LEVEL, TOLD = 0.9, 30  # of intervals, and spared values that say enough of them
NONE_OF_IT, DRAWS = 1e-6, 100  # of the noise, for draws of means; and how many
LEAST_SPARED, MOST_SPARED, WANTED = 0.05, 0.1, 100  # shares of values, and a number of them


def calibrate_gaps(
    model: MixtureVAE,
    guide: Guide,
    x: Tensor | Rows,
    *,
    spared: Tensor | None = None,
    seed: int = 0,
) -> None:
    """Measure the ``stretch`` of a story with gaps, in place; other stories are left as they are.

    Args:
        model: the story, in the units of ``x``.
        guide: its guide.
        x: what it was fitted to, ``(N, *event)``, or :class:`Rows` with companions; an even subset
            of many is looked at.
        spared: values of x that the fit was not shown, ``(N, *event)``; ``None`` for none.
        seed: of what is hidden.

    References:
        Kuleshov, Fenner & Ermon (2018). Accurate uncertainties for deep learning using calibrated
        regression. arXiv 1807.00263 (the idea of measuring, not this rule).
    """
    likelihood = model.likelihood
    if not isinstance(likelihood, Observed | Coded):
        return
    reals, counts = (each.flatten().cpu() for each in (likelihood.reals, likelihood.counts))
    if not bool((reals | counts).any()):
        return
    data = as_rows(x)
    size = data.x[0].numel()
    most = max(ENOUGH, min(ROWS, NUMBERS // (SAMPLES * size)))
    some = slice(None, None, -(-len(data) // most))
    data = data.at(some)
    unseen = torch.zeros_like(data.x, dtype=torch.bool) if spared is None else spared[some]
    data = Rows(data.x.masked_fill(unseen.to(data.x.device), torch.nan), **data.companions)
    truth_of_unseen = as_rows(x).x[some]
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
    factor = torch.ones(size, dtype=torch.float64)
    for kind in (reals, counts):
        factor[kind] = _factors(*(each[kind] for each in (error, noise, count)))
    factor = torch.where(counts, factor.clamp(min=1.0), factor)  # no law of counts is narrower
    if bool(reals.any()):
        taken = [each[0].flatten(1) & reals for each in seen]
        away, spread, own = (
            torch.cat([each[i].flatten(1)[t] for each, t in zip(seen, taken, strict=True)])
            for i in (1, 2, 3)
        )
        place = torch.cat([t.nonzero()[:, 1] for t in taken])
        factor[reals] *= _common(away, spread, factor[place].square() * own)
    factor = factor.reshape(likelihood.stretch.shape)
    likelihood.stretch.copy_(factor)
    places = unseen.cpu() & reals.reshape(likelihood.stretch.shape)
    if int(places.sum()) >= TOLD:
        drawn = []
        for share in (NONE_OF_IT, 1.0):  # the same random numbers
            likelihood.stretch.copy_(share * factor)
            drawn.append(impute(model, guide, data, DRAWS, seed=seed).cpu()[:, places].double())
        means, noise = drawn[0], drawn[1] - drawn[0]
        g = _by_draws(truth_of_unseen.cpu()[places].double(), means, noise)
        real = reals.reshape(factor.shape)
        likelihood.stretch.copy_(torch.where(real, g * factor, factor))


def _by_draws(truth: Tensor, means: Tensor, noise: Tensor) -> float:
    """g, by bisection: intervals of draws, means and noise ``(S, M)``, about values ``(M,)``."""
    ends = torch.tensor([0.5 - LEVEL / 2, 0.5 + LEVEL / 2], dtype=torch.float64)
    low, high = LEAST, 1 / LEAST
    for _ in range(20):
        middle: float = (low * high) ** 0.5
        below, above = (means + middle * noise).quantile(ends, 0)
        inside = (below <= truth) & (truth <= above)
        low, high = (low, middle) if float(inside.double().mean()) > LEVEL else (middle, high)
    return middle


def spare(x: Tensor, seed: int) -> Tensor:
    """Observed values that a fit to data with gaps is not to see, ``(N, *event)``.

    They are a twentieth; of few values more, a tenth at most, and of none of a row or a column the
    last two. A row's own values decide which of them, so that those of equal rows are the same, and
    the order of rows is no matter.

    Args:
        x: data, NaN where not observed, ``(N, *event)``.
        seed: of the choice.
    """
    observed = ~x.isnan()
    share = min(MOST_SPARED, max(LEAST_SPARED, WANTED / max(1, int(observed.sum()))))
    chosen = own_numbers(x, derive_seed(seed, "spared")) < share
    chosen &= observed & observed.any(0)
    rows = (observed & ~chosen).flatten(1).sum(1) < 2
    columns = (observed & ~chosen).sum(0) < 2
    whole = rows.reshape(-1, *(1 for _ in x.shape[1:])) | columns
    return chosen & ~whole


def _factors(error: Tensor, noise: Tensor, count: Tensor) -> Tensor:
    """f of features of a kind, ``(F,)``: few values tell less than those of all together."""
    tiny = torch.finfo(torch.float64).tiny
    varied = noise > tiny
    pooled = (error[varied] / noise[varied] * count[varied]).sum() / count[varied].sum().clamp(1)
    weight = ENOUGH / (ENOUGH + count)
    ratio = (1 - weight) * error / noise.clamp(min=tiny) + weight * pooled.clamp(min=LEAST**2)
    return torch.where(varied, ratio, 1.0).clamp(LEAST**2, MOST**2).sqrt()


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
