"""A likelihood for each column of a table: a product of laws given z, one decoder, a head each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, cast

import torch
from pyro.distributions import TorchDistribution, constraints
from torch import Tensor, nn

from ..distributions import log_prob_by_feature
from ..networks import Encoding
from .columns import FAMILIES, ColumnLaw
from .families import Family
from .likelihood import Likelihood


class Share(NamedTuple):
    """The columns of one family, and where their numbers stand.

    Attributes:
        family: their laws.
        columns: their places among the columns, ``(n,)``.
        heads: among the decoder's numbers, ``(n, O)``.
        places: among the encoded numbers, ``(n, W)``.
        valid: which of the latter are no padding, ``(n, W)``.
    """

    family: Family
    columns: Tensor
    heads: Tensor
    places: Tensor
    valid: Tensor


class Mixed(Likelihood):
    r"""Reals, counts, yes-or-no and categories side by side, independent given z.

    .. math:: \log p(x \mid z) = \sum_j \log p_j(x_j \mid z)

    It is a likelihood of encoded rows (:class:`pyromix.networks.Encoding`), in nats of the table's
    own units; :class:`Coded` makes it one of the table's rows. A column that is NaN is not observed
    and adds nothing. An estimator makes it of a table by itself.

    Args:
        decoder: a network to the numbers that all columns need.
        event_shape: ``(E,)``, of encoded rows.
        columns: the law of each column.

    Raises:
        ValueError: no columns, or an event shape that is not that of theirs encoded.

    Example:
        >>> columns = (ColumnLaw("normal"), ColumnLaw("categorical", n_categories=3))
        >>> likelihood = Mixed(nn.Linear(2, 4), (4,), columns=columns)
        >>> likelihood.distribution(torch.zeros(5, 2)).sample().shape
        torch.Size([5, 4])

    References:
        Nazábal, Olmos, Ghahramani & Valera (2020). Handling incomplete heterogeneous data using
        VAEs. arXiv 1807.03653, section 4.
    """

    leaves_gaps = True

    def __init__(
        self,
        decoder: nn.Module,
        event_shape: tuple[int, ...],
        *,
        columns: tuple[ColumnLaw, ...] = (),
    ) -> None:
        super().__init__(decoder, event_shape)
        if not columns:
            raise ValueError("columns is empty: give a ColumnLaw for each column of the table")
        self.columns = tuple(columns)
        self.encoding = Encoding([each.form for each in columns])
        if self.event_shape != (self.encoding.width,):
            raise ValueError(
                f"event_shape is {self.event_shape}, and the columns encoded are "
                f"({self.encoding.width},): give rows that an Encoding has made"
            )
        names = list(dict.fromkeys(each.family for each in columns))
        groups = [[j for j, each in enumerate(columns) if each.family == name] for name in names]
        self.families = nn.ModuleList(
            FAMILIES[name]([columns[j] for j in group])
            for name, group in zip(names, groups, strict=True)
        )
        widths = [each.form.width for each in columns]
        for i, group in enumerate(groups):
            heads, _ = _places([each.outputs for each in columns], group)
            places, valid = _places(widths, group)
            for name, value in (
                ("columns", torch.tensor(group)),
                ("heads", heads),
                ("places", places),
                ("valid", valid),
            ):
                self.register_buffer(f"_{name}_{i}", value, persistent=False)

    @classmethod
    def decoded_shape(cls, event_shape: tuple[int, ...], **arguments: Any) -> tuple[int, ...]:
        """As many numbers as the columns need together."""
        return (sum(each.outputs for each in arguments.get("columns", ())),)

    @property
    def has_categories(self) -> bool:
        """Whether some columns are categories, or yes or no."""
        return any(each.form.kind in ("category", "binary") for each in self.columns)

    @property
    def shares(self) -> list[Share]:
        """The columns by family."""
        names = ("columns", "heads", "places", "valid")
        return [
            Share(cast(Family, family), *(getattr(self, f"_{name}_{i}") for name in names))
            for i, family in enumerate(self.families)
        ]

    def distribution(self, z: Tensor) -> TorchDistribution:
        """The product of the columns' laws: ``(..., D)`` to batch shape ``(...)``."""
        return MixedLaw(self.decoder(z), self.shares, self.event_shape[0])

    @classmethod
    def check(cls, x: Tensor) -> None:
        """Encoded rows are all finite numbers, or NaN where nothing is known."""
        super().check(x.nan_to_num(nan=0.0, posinf=math.inf, neginf=-math.inf))


def _places(sizes: Sequence[int], group: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Where the numbers of some columns stand, padded to the widest of them, and which do."""
    starts = [sum(sizes[:j]) for j in range(len(sizes))]
    widest = max(sizes[j] for j in group)
    places = [[starts[j] + min(k, sizes[j] - 1) for k in range(widest)] for j in group]
    valid = [[k < sizes[j] for k in range(widest)] for j in group]
    return torch.tensor(places), torch.tensor(valid)


class MixedLaw(TorchDistribution):
    """The product of the laws of a table's columns, of encoded rows; NaN is left out.

    Args:
        numbers: what the decoder gives, ``(..., O)``.
        shares: the columns by family.
        width: of encoded rows, E.
        stretch: how many times as far columns spread that can, ``(X,)``; ``None`` for as far.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    support = constraints.independent(constraints.real, 1)
    has_rsample = False

    def __init__(
        self, numbers: Tensor, shares: Sequence[Share], width: int, stretch: Tensor | None = None
    ) -> None:
        self.numbers = numbers
        self.shares = shares
        self.stretch = stretch
        super().__init__(numbers.shape[:-1], torch.Size([width]), validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> MixedLaw:
        """The same law for a larger batch."""
        shape = torch.Size(batch_shape)
        numbers = self.numbers.expand(*shape, self.numbers.shape[-1])
        return MixedLaw(numbers, self.shares, self.event_shape[0], self.stretch)

    def stretched(self, stretch: Tensor) -> MixedLaw:
        """The law whose columns spread so many times as far, ``(X,)``, where they can."""
        return MixedLaw(self.numbers, self.shares, self.event_shape[0], stretch)

    def _law(self, share: Share) -> TorchDistribution:
        law = share.family.law(self.numbers[..., share.heads])
        if self.stretch is None:
            return law
        return share.family.wider(law, self.stretch[share.columns])

    def log_prob_by_column(self, y: Tensor) -> Tensor:
        """log p of each column in nats of its own units, ``(..., X)``; 0 where it is NaN."""
        parts, columns = [], []
        for share in self.shares:
            encoded = y[..., share.places]
            missing = encoded[..., 0].isnan()
            encoded = encoded.nan_to_num(nan=0.0).masked_fill(~share.valid, -math.inf)
            law = self._law(share)
            value = law.log_prob(share.family.read(encoded)) + share.family.log_volume(encoded)
            parts.append(value.masked_fill(missing, 0.0))
            columns.append(share.columns)
        return torch.cat(parts, -1)[..., torch.cat(columns).argsort()]

    def log_prob(self, value: Tensor) -> Tensor:
        """log p of the columns that are observed, in nats: ``(..., E)`` to ``(...)``."""
        return self.log_prob_by_column(value).sum(-1)

    @property
    def variance(self) -> Tensor:
        """Of each column in its own units, ``(..., X)``; NaN of a category, which has none."""
        parts = []
        for share in self.shares:
            part = share.family.variance(self.numbers[..., share.heads])
            if self.stretch is not None and share.family.widens:
                part = part * self.stretch[share.columns].square()
            parts.append(part)
        order = torch.cat([share.columns for share in self.shares]).argsort()
        return torch.cat(parts, -1)[..., order]

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Encoded rows."""
        with torch.no_grad():
            return self._put(
                share.family.write(self._law(share).sample(torch.Size(sample_shape)))
                for share in self.shares
            )

    @property
    def mean(self) -> Tensor:
        """Encoded means: probabilities of categories, and of 1; of counts log(E[n] + 1)."""
        return self._put(share.family.mean(self.numbers[..., share.heads]) for share in self.shares)

    def _put(self, parts: Any) -> Tensor:
        """The families' numbers in the order of the columns."""
        values, places = [], []
        for share, part in zip(self.shares, parts, strict=True):
            values.append(part[..., share.valid])
            places.append(share.places[share.valid])
        whole = torch.cat(values, -1)[..., torch.cat(places).argsort()]
        return whole.to(self.numbers)


@log_prob_by_feature.register(MixedLaw)
def _(law: MixedLaw, x: Tensor) -> Tensor:
    """Of each encoded number: that of a column stands at its first, and others add nothing."""
    each = law.log_prob_by_column(x)
    firsts = torch.cat([share.places[:, 0] for share in law.shares]).sort().values
    whole = each.new_zeros(*each.shape[:-1], *law.event_shape)
    return whole.index_copy(-1, firsts, each)
