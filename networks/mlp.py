"""Multilayer perceptrons, the networks of VaDE (Jiang et al. 2017) and of the zoo's tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn


class MLP(nn.Module):
    r"""A perceptron ``in_features - hidden_dims… - out_features`` over the last dimension.

    Any number of batch dimensions may stand to the left; BatchNorm counts them all as one batch.

    Args:
        in_features: size of the last dimension of the input, F.
        hidden_dims: sizes of the hidden layers.
        out_features: size of the last dimension of the output; ``None`` ends with the last hidden
            layer and its activation, which is what a trunk with heads wants.
        activation: makes the nonlinearity of one hidden layer.
        batch_norm: put a BatchNorm before every nonlinearity.

    Raises:
        ValueError: there is neither a hidden layer nor an output.

    Example:
        >>> import torch
        >>> MLP(64, (500, 500), 10)(torch.zeros(3, 5, 64)).shape
        torch.Size([3, 5, 10])
    """

    def __init__(
        self,
        in_features: int,
        hidden_dims: Sequence[int],
        out_features: int | None = None,
        *,
        activation: Callable[[], nn.Module] = nn.ReLU,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        if not hidden_dims and out_features is None:
            raise ValueError(
                "hidden_dims is empty and out_features is None: give at least one layer"
            )
        layers: list[nn.Module] = []
        width = in_features
        for size in hidden_dims:
            layers.append(nn.Linear(width, size, bias=not batch_norm))
            if batch_norm:
                layers.append(nn.BatchNorm1d(size))
            layers.append(activation())
            width = size
        if out_features is not None:
            layers.append(nn.Linear(width, out_features))
            width = out_features
        self.layers = nn.Sequential(*layers)
        self.in_features = in_features
        self.out_features = width

    def forward(self, x: Tensor) -> Tensor:
        """``(..., in_features)`` to ``(..., out_features)``."""
        flat: Tensor = self.layers(x.reshape(-1, x.shape[-1]))
        return flat.reshape(*x.shape[:-1], self.out_features)
