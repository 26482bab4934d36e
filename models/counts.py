"""Likelihoods of counts, whose means may be shares of a row's own size."""

from __future__ import annotations

import math
from typing import Literal

import torch
from pyro import distributions as dist
from pyro.distributions import TorchDistribution, constraints
from torch import Tensor, nn
from torch.nn.functional import softplus

from ..networks import log_counts, soft_clamp, soft_clamp_exp
from .likelihood import Likelihood

Sizing = Literal["share", "scale"]

LOWEST, HIGHEST = -12.0, 12.0  # of a log-mean that the decoder gives by itself
EVEN = 1e-6  # of a row that is shared evenly, so that no share is zero


class Counts(Likelihood, abstract=True):
    r"""Independent counts with means that the decoder gives, and sizes of rows if asked.

    .. math:: \mu(z) = e^{f(z)}, \qquad \mu(z, \ell) = \ell \operatorname{softmax} f(z)
        \ (\text{"share"}), \qquad \mu(z, \ell) = e^{\log \ell + f(z)}\ (\text{"scale"})

    A size factor ℓ says how much of a row there is, such as how deep a cell was sequenced: z then
    says what the row is made of. It is a companion of the rows, ``size_factors``, ``(B,)``; in an
    estimator it is a row's total unless others are given. Means are kept above zero: decoders'
    outputs within ±12, and a millionth of each row is shared evenly.

    Args:
        decoder: a network to the log-means, or the logits of the shares.
        event_shape: shape of one datum.
        size_factors: ``"share"``: a row's size is divided among its features, which fits totals;
            ``"scale"``: it multiplies means of their own; ``None``: there is none.

    References:
        Lopez, Regier, Cole, Jordan & Yosef (2018). Deep generative modeling for single-cell
        transcriptomics. Nature Methods 15.
    """

    support = constraints.nonnegative_integer
    support_words = "counts 0, 1, 2, …"

    def __init__(
        self,
        decoder: nn.Module,
        event_shape: tuple[int, ...],
        *,
        size_factors: Sizing | None = None,
    ) -> None:
        super().__init__(decoder, event_shape)
        self.size_factors = size_factors
        self.companions = () if size_factors is None else ("size_factors",)

    def log_mean(self, numbers: Tensor, size_factors: Tensor | None) -> Tensor:
        """log μ of the decoder's numbers, ``(..., B, *event)``, and sizes ``(B,)``.

        Raises:
            ValueError: sizes are asked for and missing.
        """
        if self.size_factors is None:
            return soft_clamp(numbers, LOWEST, HIGHEST)
        if size_factors is None:
            raise ValueError("size_factors are missing: give one above 0 for each row")
        dims = len(self.event_shape)
        log_size = size_factors.to(numbers).log().reshape(-1, *(1 for _ in range(dims)))
        if self.size_factors == "scale":
            return log_size + soft_clamp(numbers, LOWEST, HIGHEST)
        share = numbers.flatten(-dims).log_softmax(-1).reshape(numbers.shape) + math.log1p(-EVEN)
        even = share.new_full((), math.log(EVEN / math.prod(self.event_shape)))
        return log_size + torch.logaddexp(share, even)

    def coordinates(self, x: Tensor, **companions: Tensor) -> Tensor:
        """Logarithms of rows brought to one size, where they have sizes; else the counts."""
        sizes = companions.get("size_factors")
        return x if self.size_factors is None or sizes is None else log_counts(x, sizes)


class Poisson(Counts):
    """Independent counts, log-rate from the decoder.

    Args:
        decoder: a network to the log-rates, kept within ±12.
        event_shape: shape of one datum.
        size_factors: how a row's size enters; see :class:`Counts`.

    Example:
        >>> likelihood = Poisson(nn.Linear(2, 3), (3,))
        >>> likelihood.mean(torch.zeros(5, 2)).shape
        torch.Size([5, 3])
        >>> shared = Poisson(nn.Linear(2, 3), (3,), size_factors="share")
        >>> shared.mean(torch.zeros(1, 2), size_factors=torch.tensor([9.0])).sum().round()
        tensor(9., grad_fn=<RoundBackward0>)
    """

    def distribution(self, z: Tensor, *, size_factors: Tensor | None = None) -> TorchDistribution:
        """Poisson(μ)."""
        numbers = self.decoder(z)
        if self.size_factors is None:
            rate = soft_clamp_exp(numbers, LOWEST, HIGHEST)
        else:
            rate = self.log_mean(numbers, size_factors).exp()
        law: TorchDistribution = dist.Poisson(rate).to_event(len(self.event_shape))
        return law


class NegativeBinomial(Counts):
    r"""Overdispersed counts: log-mean from the decoder, one dispersion learnt for each feature.

    .. math:: \operatorname{Var}[x \mid z] = \mu(z) + \mu(z)^2 / r

    Args:
        decoder: a network to the log-means, kept within ±12.
        event_shape: shape of one datum.
        size_factors: how a row's size enters; see :class:`Counts`.

    Example:
        >>> likelihood = NegativeBinomial(nn.Linear(2, 3), (3,))
        >>> likelihood.mean(torch.zeros(5, 2)).shape
        torch.Size([5, 3])
    """

    def __init__(
        self,
        decoder: nn.Module,
        event_shape: tuple[int, ...],
        *,
        size_factors: Sizing | None = None,
    ) -> None:
        super().__init__(decoder, event_shape, size_factors=size_factors)
        self.dispersion = nn.Parameter(torch.ones(event_shape))  # softplus gives r

    @property
    def total_count(self) -> Tensor:
        """r of each feature, ``(*event)``."""
        return softplus(self.dispersion) + 1e-4

    def distribution(self, z: Tensor, *, size_factors: Tensor | None = None) -> TorchDistribution:
        """NegativeBinomial with mean μ and total count r."""
        total_count = self.total_count
        logits = self.log_mean(self.decoder(z), size_factors) - total_count.log()
        counts = dist.NegativeBinomial(total_count, logits=logits)
        law: TorchDistribution = counts.to_event(len(self.event_shape))
        return law


class ZeroInflatedNegativeBinomial(NegativeBinomial):
    r"""Overdispersed counts that are lost now and then, and are zero then whatever their mean.

    .. math:: p(x \mid z) = \pi(z)\, [x = 0] + (1 - \pi(z))\, \operatorname{NB}(x;\, \mu(z), r)

    The probability of a loss is a feature's own and within e^±8 to one.

    Args:
        decoder: a network to the log-means and then the logits of a loss, as twice the channels of
            an image, or twice the features of a table.
        event_shape: shape of one datum.
        size_factors: how a row's size enters; see :class:`Counts`.

    Example:
        >>> likelihood = ZeroInflatedNegativeBinomial(nn.Linear(2, 6), (3,))
        >>> likelihood.mean(torch.zeros(5, 2)).shape
        torch.Size([5, 3])

    References:
        Lopez, Regier, Cole, Jordan & Yosef (2018). Nature Methods 15, equation 6 of its methods.
    """

    outputs = 2

    def distribution(self, z: Tensor, *, size_factors: Tensor | None = None) -> TorchDistribution:
        """ZeroInflatedNegativeBinomial with mean (1 - π) μ."""
        dims, total_count = len(self.event_shape), self.total_count
        numbers, loss = self.decoder(z).chunk(2, -dims)
        logits = self.log_mean(numbers, size_factors) - total_count.log()
        counts = dist.ZeroInflatedNegativeBinomial(
            total_count,
            logits=logits,
            gate_logits=soft_clamp(loss, -8.0, 8.0),
            validate_args=False,  # probabilities that round to 1 are meant, and fine as logits
        )
        law: TorchDistribution = counts.to_event(dims)
        return law
