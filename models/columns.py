"""Which law a column of a table has given z."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..networks import Form
from ..parts import Count, Part, Positive, check_fields
from .families import (
    BernoulliFamily,
    CategoricalFamily,
    Family,
    HeteroscedasticFamily,
    LogNormalFamily,
    NegativeBinomialFamily,
    NormalFamily,
    PoissonFamily,
)

FamilyName = Literal[
    "normal",
    "heteroscedastic-normal",
    "log-normal",
    "bernoulli",
    "categorical",
    "poisson",
    "negative-binomial",
]


@dataclass(frozen=True)
class ColumnLaw(Part, kind="column"):
    """Which law a column has given z, in which units.

    Args:
        family: ``"normal"`` (a mean from the decoder, a learnt scale), ``"heteroscedastic-normal"``
            (both from the decoder), ``"log-normal"``, ``"bernoulli"`` of 0 and 1, ``"categorical"``
            of codes from 0, ``"poisson"`` or ``"negative-binomial"`` (a learnt dispersion).
        loc: the column's mean; of a log-normal that of its logarithm, of counts n that of log(n+1).
        scale: the spread of the same.
        n_categories: of a categorical.

    Example:
        >>> ColumnLaw("categorical", n_categories=3).outputs
        3
    """

    family: FamilyName
    loc: float = 0.0
    scale: Positive = 1.0
    n_categories: Count = 1

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def form(self) -> Form:
        """How it is encoded."""
        return Form(FAMILIES[self.family].form, self.loc, self.scale, self.n_categories)

    @property
    def outputs(self) -> int:
        """How many numbers the decoder gives for it."""
        categorical = self.family == "categorical"
        return self.n_categories if categorical else FAMILIES[self.family].outputs


FAMILIES: dict[str, type[Family]] = {
    "normal": NormalFamily,
    "heteroscedastic-normal": HeteroscedasticFamily,
    "log-normal": LogNormalFamily,
    "bernoulli": BernoulliFamily,
    "categorical": CategoricalFamily,
    "poisson": PoissonFamily,
    "negative-binomial": NegativeBinomialFamily,
}
