r"""How probable each cluster is given a datum: what is reported, and what labels are taken from.

Under enumeration p(c | x) is an expectation over the posterior of z, which importance weights take
from the guide's draws:

.. math:: p(c \mid x) \approx \sum_s \bar w_s\, p(c \mid z_s), \qquad
    w_s = \frac{p(x \mid z_s)\, p(z_s)}{r(z_s \mid x)}, \quad z_s \sim r(z \mid x)

A guide fitted by the bound is narrower than the posterior and keeps to one of its modes, so r is
the guide's law with standard deviations 1.5 times as large: on simulated stories 32 such draws are
worth as much as 500 from the guide itself. Of more than seven latent dimensions it is narrower, so
that a quarter of the draws would count were the guide exact and Gaussian.

Weights are cut off at √S times their mean (Ionides 2008), which keeps few draws from being ruled by
one, and ends as S grows. With fewer than 32 draws, or where of more than seven dimensions fewer
than 8 draws count in effect, as where the guide is far from the posterior, weights bring more noise
than they mend, and the draws are averaged. In fewer dimensions some draws are near it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from pyro.distributions import TorchDistribution
from torch import Tensor, nn

from ...guides import Guide
from ...models import Likelihood, MixturePrior, MixtureVAE
from ...parts import Count, Natural, checked, heeded
from ..training import Rows
from .answers import BATCH_SIZE, asked, device_of, evaluating, posterior_means
from .draws import draws_of, in_own_order, wider
from .evidence import log_density, log_joint

WIDTH = 1.5
EFFECTIVE = 0.25  # of draws that wide, beside as many from an exact guide
AGREED = 0.99
ENOUGH = 8.0  # draws in effect, to trust their weights
UNWEIGHTED = 16  # draws from the guide, where nothing is decoded
FEWEST, MOST = 32, 128  # draws with weights
OPERATIONS = 2e7  # of the decoder for each datum, 1 to 2 s for 10,000 data on a core
BOUND_OPERATIONS = 1e9
FLOATS = 2**23  # in one tensor of all draws, clusters and dimensions


@checked
def responsibilities(
    model: MixtureVAE,
    guide: Guide,
    x: Tensor | Rows,
    *,
    num_samples: Natural | None = None,
    seed: int = 0,
    batch_size: Count = BATCH_SIZE,
) -> dict[str, Tensor]:
    r"""The probability of each cluster given each datum, for every clustering site: ``(N, K)``.

    A guide alone (``marginal``) gives p(c | x) by self-normalised importance weights, exact as S
    grows, or where decoding is dear :math:`\mathbb E_{q(z|x)}[p(c|z)]`; :class:`OptimalAssignment`
    gives its own :math:`q^*(c|x) \propto \pi_c \exp \mathbb E_{q(z|x)}[\log p(z|c)]`, of all laws
    that do not look at z the best for the bound, and over-confident; :class:`AmortisedAssignment`
    gives the q(c | x) of its network. A style is averaged over with z, and the weights of several
    clusterings are joint.

    Draws are a datum's own: its answer is the same each time, in any batch and at any place. Data
    whose draws agree on a cluster to .99 on average are answered by that average and not decoded,
    and so are those of which, in more than seven dimensions, fewer than 8 draws count in effect.

    Args:
        model: the story.
        guide: its guide.
        x: data, ``(N, *event)``, or :class:`Rows` with companions.
        num_samples: weighted draws for each datum, S. 0 gives :math:`\mathbb E_{q(z|x)}[p(c|z)]`:
            nothing is decoded, and where the guide is too sure so is the answer. ``None``: as many
            as 2e7 operations of the decoder allow, up to 128, and 0 where that is fewer than 32.
        seed: same seed, same draws.
        batch_size: draws decoded at a time.

    References:
        Ionides (2008). Truncated importance sampling. Journal of Computational and Graphical
        Statistics 17.
    """

    data = asked(x)
    affordable, size = _look(model, guide, data)
    n_weighted = affordable if num_samples is None else num_samples
    n_drawn = n_weighted or UNWEIGHTED
    width = _width(sum(sum(m.latent_dims.values()) for m in model.prior.mixtures))
    # Of squared weights together, the inverse of the draws that count.
    most = 1 / min(ENOUGH, n_drawn / 4) if width < WIDTH else math.inf
    width = width if n_weighted else 1.0

    def assign(rows: Tensor, **companions: Tensor) -> dict[str, Tensor]:
        posteriors, logits = guide.infer(rows, **companions)
        gammas = {site: scores.softmax(-1) for site, scores in logits.items()}
        asked = [m for m in model.prior.mixtures if m.site("c") not in gammas]
        if not asked:
            return gammas
        if guide.assignment == "optimal":
            styles = {site: law for site, law in posteriors.items() if not site.startswith("z")}
            drawn = draws_of(guide, styles, rows, n_drawn, seed, **companions)
            return gammas | {m.site("c"): _optimal(m, posteriors, drawn) for m in asked}
        laws = {site: wider(law, width) for site, law in posteriors.items()}
        latents = draws_of(guide, laws, rows, n_drawn, seed, **companions)
        given = {m.site("c"): m.responsibilities(**m.own(latents)) for m in asked}
        gammas |= {site: gamma.mean(0) for site, gamma in given.items()}
        sure = torch.stack([gammas[site].max(-1).values for site in given]).min(0).values
        doubtful = (sure < AGREED).nonzero().squeeze(-1)
        if n_weighted == 0 or len(doubtful) == 0:
            return gammas
        density = log_density(laws, latents)
        for some in doubtful.split(max(1, batch_size // n_drawn)):
            here = {site: z[:, some] for site, z in latents.items()}
            its = {name: each[some] for name, each in companions.items()}
            joint = log_joint(model, rows[some], here, **its)
            weights = _truncated(joint - density[:, some])
            trusted = weights.square().sum(0) <= most
            some, weights = some[trusted], weights[:, trusted]
            for site, gamma in given.items():
                gammas[site][some] = (weights.unsqueeze(-1) * gamma[:, some]).sum(0)
        return gammas

    together = max(1, min(batch_size // 8, FLOATS // (n_drawn * size)))
    return in_own_order(model, guide, data, assign, together)


def _width(dims: int) -> float:
    r"""How many times as wide as the guide's the law is that is drawn from, in D dimensions.

    Draws of standard deviation s for those of 1 have the effective share
    :math:`(\sqrt{2 s^2 - 1} / s^2)^D`.
    """
    cost = EFFECTIVE ** (-1 / dims)
    return min(WIDTH, math.sqrt(cost**2 + cost * math.sqrt(cost**2 - 1)))


def bound_samples(model: MixtureVAE, guide: Guide, x: Tensor | Rows) -> int:
    """How many draws an importance-weighted bound is made of where nobody says.

    As many as 1e9 operations of the decoder for each datum allow, from 10 to 100.
    """
    operations, _ = _cost(model, guide, x)
    return int(min(max(BOUND_OPERATIONS // max(1, operations), 10), 100))


def _look(model: MixtureVAE, guide: Guide, x: Tensor | Rows) -> tuple[int, int]:
    """How many draws may be decoded for each datum, and the numbers in a draw of all clusters."""
    operations, size = _cost(model, guide, x)
    affordable = int(OPERATIONS // max(1, operations))
    return min(affordable, MOST) if affordable >= FEWEST else 0, size


def _cost(model: MixtureVAE, guide: Guide, x: Tensor | Rows) -> tuple[int, int]:
    """Operations to decode a draw, and the numbers in a draw of all clusters."""
    row = asked(x).at(slice(1)).map(lambda each: each.to(device_of(model)))
    companions = row.companions
    with evaluating(model, guide):
        means = posterior_means(guide, row.x, **companions)
        likelihood, code = model.likelihood, model.code(means, **companions)
        operations = _operations(likelihood, code, **heeded(likelihood, companions))
    size = sum(m.n_clusters for m in model.prior.mixtures) * sum(z.numel() for z in means.values())
    return operations, size


def _operations(likelihood: Likelihood, code: Tensor, **companions: Tensor) -> int:
    """Multiplications and additions of linear and convolutional layers in decoding ``code``.

    (The first count of torch's ``FlopCounterMode`` in a process takes ten seconds.)
    """
    counts = [0]

    def count(layer: nn.Module, given: tuple[Tensor, ...], answer: Tensor) -> None:
        weight = getattr(layer, "weight", None)
        if isinstance(weight, Tensor) and weight.dim() > 1:
            places = given[0] if getattr(layer, "transposed", False) else answer
            counts.append(2 * places.numel() * weight[0].numel())

    handles = [layer.register_forward_hook(count) for layer in likelihood.modules()]
    try:
        likelihood.mean(code, **companions)
    finally:
        for handle in handles:
            handle.remove()
    return sum(counts)


def _truncated(log_weight: Tensor) -> Tensor:
    """Self-normalised weights ``(S, B)``, none of them above √S times the mean before."""
    share = log_weight.log_softmax(0).clamp(max=-0.5 * math.log(len(log_weight)))
    return share.softmax(0)


def _optimal(
    mixture: MixturePrior,
    posteriors: Mapping[str, TorchDistribution],
    latents: Mapping[str, Tensor],
) -> Tensor:
    """q*(c | x), averaged over the draws ``(S, B, W)`` of a style."""
    scores = mixture.expected_log_joint(
        posteriors[mixture.site("z")], latents.get(mixture.site("w"))
    )
    return scores.softmax(-1).reshape(-1, *scores.shape[-2:]).mean(0)
