"""An encoder and the decoder that mirrors it, for tables and for images."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch import nn

from .convolutional import GMVAE_LAYERS, ConvDecoder, ConvEncoder
from .mlp import MLP

NETWORKS = ("mlp", "conv")


def encoder_decoder(
    event_shape: tuple[int, ...],
    code_dim: int,
    *,
    network: str = "mlp",
    hidden_dims: Sequence[int] = (500, 500, 2000),
    batch_norm: bool = False,
) -> tuple[nn.Module, nn.Module, int]:
    """Build an encoder without its heads, its mirrored decoder, and the encoder's width.

    Args:
        event_shape: shape of one datum: ``(X,)``, or ``(C, H, W)`` for an image.
        code_dim: size of what the decoder takes, D.
        network: ``"mlp"`` (images are flattened), or ``"conv"``, the networks of GMVAE's paper for
            28×28 and 32×32.
        hidden_dims: the perceptron's hidden layers in the encoder, reversed in the decoder.
        batch_norm: put a BatchNorm before every nonlinearity; ``"conv"`` always does.

    Returns:
        Encoder ``(..., *event)`` to ``(..., F)``, decoder ``(..., D)`` to ``(..., *event)``, and F.

    Raises:
        ValueError: an unknown network, or one that does not fit the data.

    Example:
        >>> encoder, decoder, width = encoder_decoder((1, 8, 8), 10, hidden_dims=(32,))
        >>> width
        32
    """
    if network == "mlp":
        size = prod(event_shape)
        encoder: nn.Module = MLP(size, hidden_dims, batch_norm=batch_norm)
        decoder: nn.Module = MLP(code_dim, hidden_dims[::-1], size, batch_norm=batch_norm)
        if len(event_shape) > 1:
            encoder = nn.Sequential(nn.Flatten(-len(event_shape)), encoder)
            decoder = nn.Sequential(decoder, nn.Unflatten(-1, event_shape))
        return encoder, decoder, hidden_dims[-1]
    if network != "conv":
        raise ValueError(f"network is {network!r}: use one of {', '.join(NETWORKS)}")
    if len(event_shape) != 3 or event_shape[1:] not in GMVAE_LAYERS:
        sizes = " or ".join(f"{height}×{width}" for height, width in GMVAE_LAYERS)
        raise ValueError(
            f"network='conv' takes images (C, H, W) of {sizes}, and a datum has shape "
            f"{event_shape}: reshape the data, or use network='mlp'"
        )
    shape = (event_shape[0], event_shape[1], event_shape[2])
    layers = GMVAE_LAYERS[event_shape[1], event_shape[2]]
    conv_encoder = ConvEncoder(shape, layers)
    return conv_encoder, ConvDecoder(code_dim, shape, layers), conv_encoder.out_features
