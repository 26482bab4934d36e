"""Counts as networks and distances see them: logarithms, of rows brought to one size."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ..parts import heeded


def log_counts(x: Tensor, size_factors: Tensor) -> Tensor:
    r"""Logarithms of counts, of rows whose features are one on average.

    .. math:: \log(1 + x X / \ell)

    Args:
        x: counts, ``(B, *event)`` of X features.
        size_factors: ℓ, ``(B,)``, such as the rows' totals.

    Example:
        >>> import torch
        >>> log_counts(torch.tensor([[1.0, 3.0], [10.0, 30.0]]), torch.tensor([4.0, 40.0]))
        tensor([[0.4055, 0.9163],
                [0.4055, 0.9163]])
    """
    share = x[0].numel() / size_factors.to(x)
    return (x * share.reshape(-1, *(1 for _ in x.shape[1:]))).log1p()


class LogCounts(nn.Module):
    """An encoder that sees :func:`log_counts` of data.

    Args:
        encoder: a network from data ``(B, *event)`` to features.

    Example:
        >>> import torch
        >>> LogCounts(nn.Linear(3, 2))(torch.ones(5, 3), size_factors=torch.ones(5)).shape
        torch.Size([5, 2])
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    @property
    def companions(self) -> tuple[str, ...]:
        """Size factors, and what the encoder within looks at."""
        within: tuple[str, ...] = getattr(self.encoder, "companions", ())
        return ("size_factors", *within)

    def forward(self, x: Tensor, size_factors: Tensor | None = None, **companions: Tensor) -> Any:
        """Features of counts ``(B, *event)`` and sizes ``(B,)``.

        Raises:
            ValueError: there are no sizes.
        """
        if size_factors is None:
            raise ValueError("size_factors are missing: give one above 0 for each row")
        return self.encoder(log_counts(x, size_factors), **heeded(self.encoder, companions))
