"""The layer that makes numbers for a network of a table's rows: standardised, logarithms, one-hot.

Two average rows of a standardised column are √2 apart, and so are two categories, and yes and no.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

FormName = Literal["real", "positive", "count", "binary", "category"]


class Form(NamedTuple):
    """How one column of a table is encoded.

    Attributes:
        kind: ``"real"`` is standardised; of a ``"positive"`` number the logarithm is, of a
            ``"count"`` n that of n + 1; ``"binary"``, 0 or 1, becomes ∓√½; a ``"category"``, a
            code from 0, becomes one-hot.
        loc: what is taken off what is standardised.
        scale: what it is divided by.
        n_categories: of a category.

    Example:
        >>> Form("category", n_categories=3).width
        3
    """

    kind: FormName
    loc: float = 0.0
    scale: float = 1.0
    n_categories: int = 1

    @property
    def width(self) -> int:
        """Numbers that the column becomes."""
        return self.n_categories if self.kind == "category" else 1

    @property
    def affine(self) -> tuple[float, float]:
        """What is taken off, and divided by."""
        return (0.5, math.sqrt(0.5)) if self.kind == "binary" else (self.loc, self.scale)


class Encoding(nn.Module):
    """Rows of a table, categories as codes and NaN where nothing is known, as numbers and back.

    What is not known stays NaN. The layer is fixed: all of it follows from the forms, so that a
    state dict has nothing of it.

    Args:
        forms: of the columns, in order.

    Example:
        >>> encoding = Encoding([Form("real", 10.0, 2.0), Form("category", n_categories=3)])
        >>> encoding(torch.tensor([[12.0, 1.0]]))
        tensor([[1., 0., 1., 0.]])
        >>> encoding.inverse(encoding(torch.tensor([[12.0, 1.0]])))
        tensor([[12.,  1.]])
    """

    column: Tensor
    category: Tensor
    first: Tensor
    loc: Tensor
    scale: Tensor
    group: Tensor
    padding: Tensor

    def __init__(self, forms: Sequence[Form]) -> None:
        super().__init__()
        self.forms = tuple(forms)
        places = [
            (j, k if form.kind == "category" else -1, *form.affine)
            for j, form in enumerate(self.forms)
            for k in range(form.width)
        ]
        starts = [place for place, (_, k, *_) in enumerate(places) if k <= 0]
        widest = max((form.width for form in self.forms), default=1)
        group = [
            [start + min(k, form.width - 1) for k in range(widest)]
            for start, form in zip(starts, self.forms, strict=True)
        ]
        padding = [[k >= form.width for k in range(widest)] for form in self.forms]
        self._fix("column", [each[0] for each in places])
        self._fix("category", [each[1] for each in places])
        self._fix("first", starts)
        self._fix("loc", [each[2] for each in places], torch.get_default_dtype())
        self._fix("scale", [each[3] for each in places], torch.get_default_dtype())
        self._fix("group", group)
        self._fix("padding", padding, torch.bool)

    def _fix(self, name: str, values: object, dtype: torch.dtype = torch.long) -> None:
        self.register_buffer(name, torch.tensor(values, dtype=dtype), persistent=False)

    @property
    def width(self) -> int:
        """How many numbers a row becomes, E."""
        return len(self.column)

    def kinds(self, *kinds: str) -> Tensor:
        """Which columns are of these kinds, ``(X,)``."""
        return torch.tensor([form.kind in kinds for form in self.forms], device=self.column.device)

    def forward(self, x: Tensor) -> Tensor:
        """``(..., X)`` to ``(..., E)``, of the layer's own precision."""
        value = x.double()
        value = torch.where(self.kinds("positive"), value.clamp(min=1e-300).log(), value)
        value = torch.where(self.kinds("count"), value.log1p(), value)[..., self.column]
        single = (value - self.loc.double()) / self.scale.double()
        one_hot = (value == self.category).double().masked_fill(value.isnan(), math.nan)
        return torch.where(self.category < 0, single, one_hot).to(self.loc)

    def inverse(self, y: Tensor, *, expected: bool = False) -> Tensor:
        """``(..., E)`` to ``(..., X)``, of whatever numbers.

        Args:
            y: a category is the largest of its numbers.
            expected: leave counts and binaries as they come, where they are expectations; else
                counts are whole, and binaries 0 or 1.
        """
        first = y.double()[..., self.first]
        value = self.loc.double()[self.first] + self.scale.double()[self.first] * first
        value = torch.where(self.kinds("positive"), value.exp(), value)
        value = torch.where(self.kinds("count"), value.expm1(), value)
        if not expected:
            value = torch.where(self.kinds("binary"), (value > 0.5).double(), value)
            value = torch.where(self.kinds("count"), value.round().clamp(min=0.0) + 0.0, value)
        whole = y[..., self.group].masked_fill(self.padding, -math.inf)
        value = torch.where(self.kinds("category"), whole.argmax(-1).double(), value)
        return value.masked_fill(first.isnan(), math.nan).to(y)
