"""A likelihood of encoded rows as one of a table's own rows."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from pyro.distributions import TorchDistribution, constraints
from torch import Tensor, nn

from ..distributions import log_prob_by_feature
from ..networks import Encoding
from .columns import FAMILIES
from .likelihood import Likelihood
from .mixed import Mixed, MixedLaw


class Coded(Likelihood, abstract=True):
    """What a likelihood of encoded rows says of rows: numbers, codes of categories, NaN for gaps.

    What stands in gaps of reals and counts may spread further about its mean than what a fit has
    seen: ``stretch``, ``(X,)``, as :class:`Observed` has it.

    Args:
        inner: the likelihood of encoded rows.
        scaling: the encoding.

    Example:
        >>> from pyromix.models import ColumnLaw
        >>> columns = (ColumnLaw("normal", loc=7.0), ColumnLaw("categorical", n_categories=3))
        >>> inner = Mixed(nn.Linear(2, 4), (4,), columns=columns)
        >>> rows = Coded(inner, inner.encoding).distribution(torch.zeros(5, 2)).sample()
        >>> rows.shape, bool((rows[:, 1] < 3).all())
        (torch.Size([5, 2]), True)
    """

    leaves_gaps = True
    stretch: Tensor

    def __init__(self, inner: Mixed, scaling: Encoding) -> None:
        super(Likelihood, self).__init__()  # the decoder is the inner one's
        self.inner = inner
        self.scaling = scaling
        self.event_shape = (len(scaling.forms),)
        self.is_density = inner.is_density  # type: ignore[misc]
        self.register_buffer("stretch", torch.ones(self.event_shape))

    @property
    def reals(self) -> Tensor:
        """Which columns are real numbers that may spread further, ``(X,)``."""
        return self._that_widen("real")

    @property
    def counts(self) -> Tensor:
        """Which columns are counts that may, ``(X,)``."""
        return self._that_widen("count")

    def _that_widen(self, kind: str) -> Tensor:
        columns = self.inner.columns
        found = [each.form.kind == kind and FAMILIES[each.family].widens for each in columns]
        return torch.tensor(found, device=self.stretch.device)

    @property
    def decoder(self) -> nn.Module:  # type: ignore[override]
        """The inner likelihood's decoder, which gives what the columns' laws need."""
        return self.inner.decoder

    def distribution(self, z: Tensor) -> TorchDistribution:
        """The inner law, of rows."""
        return CodedLaw(self.inner.distribution(z), self.scaling, self.stretch)

    @classmethod
    def check(cls, x: Tensor) -> None:
        """Rows are all finite numbers, or NaN where nothing is known."""
        super().check(x.nan_to_num(nan=0.0, posinf=math.inf, neginf=-math.inf))

    def __repr__(self) -> str:
        return f"Coded({self.inner!r})"


class CodedLaw(TorchDistribution):
    """A law of encoded rows as one of rows.

    Args:
        law: of encoded rows.
        encoding: of rows.
        stretch: how many times as far what is not observed spreads, ``(X,)``; ``None`` for as far.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    support = constraints.independent(constraints.real, 1)
    has_rsample = False

    def __init__(self, law: MixedLaw, encoding: Encoding, stretch: Tensor | None = None) -> None:
        self.law, self.encoding, self.stretch = law, encoding, stretch
        shape = torch.Size([len(encoding.forms)])
        super().__init__(law.batch_shape, shape, validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> CodedLaw:
        """The same law for a larger batch."""
        return CodedLaw(self.law.expand(batch_shape), self.encoding, self.stretch)

    @property
    def unseen(self) -> CodedLaw:
        """The law of what stands in gaps."""
        if self.stretch is None:
            return self
        return CodedLaw(self.law.stretched(self.stretch.to(self.law.numbers)), self.encoding)

    def log_prob_by_column(self, x: Tensor) -> Tensor:
        """log p of each column in nats, ``(..., X)``; 0 where it is NaN."""
        return self.law.log_prob_by_column(self.encoding(x))

    def log_prob(self, value: Tensor) -> Tensor:
        """log p of the columns that are observed, in nats: ``(..., X)`` to ``(...)``."""
        return self.log_prob_by_column(value).sum(-1)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Rows."""
        return self.encoding.inverse(self.law.sample(sample_shape))

    @property
    def mean(self) -> Tensor:
        """Means of numbers, the probability of 1, and the code of the likeliest category."""
        return self.encoding.inverse(self.law.mean, expected=True)

    def average(self, weights: Tensor) -> Tensor:
        """The mean of a weighted mixture of batches, ``(B, X)``: of a category the likeliest.

        Args:
            weights: ``(S, B)``, sums over the first dimension one, of a law of batch ``(S, B)``.
        """
        numbers = (weights.unsqueeze(-1) * self.mean).sum(0)
        shares = (weights.unsqueeze(-1) * self.law.mean).sum(0)
        categories = self.encoding.kinds("category")
        return torch.where(categories, self.encoding.inverse(shares), numbers)

    @property
    def variance(self) -> Tensor:
        """Of numbers, ``(..., X)``; NaN of a category, which has none."""
        return self.law.variance


@log_prob_by_feature.register(CodedLaw)
def _(law: CodedLaw, x: Tensor) -> Tensor:
    return law.log_prob_by_column(x)
