"""An encoder and the decoder that mirrors it, for tables and for images."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch import nn

from .convolutional import GMVAE_LAYERS, STRIDED_LAYERS, ConvDecoder, ConvEncoder, Layer
from .mlp import MLP

NETWORKS = ("auto", "mlp", "conv", "strided")


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
        network: ``"mlp"`` (images are flattened); ``"conv"``, the networks of GMVAE's paper for
            28×28 and 32×32; ``"strided"``, three convolutions of stride 2 for images of any size;
            or ``"auto"``, which is ``"strided"`` for images and else ``"mlp"``.
        hidden_dims: the perceptron's hidden layers in the encoder, reversed in the decoder.
        batch_norm: put a BatchNorm before every nonlinearity; convolutions always do.

    Returns:
        Encoder ``(..., *event)`` to ``(..., F)``, decoder ``(..., D)`` to ``(..., *event)``, and F.

    Raises:
        ValueError: an unknown network, or one that does not fit the data.

    Example:
        >>> encoder, decoder, width = encoder_decoder((1, 8, 8), 10, hidden_dims=(32,))
        >>> width
        32
    """
    if network not in NETWORKS:
        raise ValueError(f"network is {network!r}: use one of {', '.join(NETWORKS)}")
    image = len(event_shape) == 3
    if network == "mlp" or (network == "auto" and not image):
        size = prod(event_shape)
        encoder: nn.Module = MLP(size, hidden_dims, batch_norm=batch_norm)
        decoder: nn.Module = MLP(code_dim, hidden_dims[::-1], size, batch_norm=batch_norm)
        if len(event_shape) > 1:
            encoder = nn.Sequential(nn.Flatten(-len(event_shape)), encoder)
            decoder = nn.Sequential(decoder, nn.Unflatten(-1, event_shape))
        return encoder, decoder, hidden_dims[-1]
    if not image:
        raise ValueError(
            f"network is {network!r} and a datum has shape {event_shape}: give images (C, H, W), "
            "or use network='mlp'"
        )
    channels, height, width = event_shape
    layers: Sequence[Layer] = STRIDED_LAYERS
    if network == "conv":
        if (height, width) not in GMVAE_LAYERS:
            sizes = " or ".join(f"{rows}×{columns}" for rows, columns in GMVAE_LAYERS)
            raise ValueError(
                f"network='conv' takes images of {sizes}, and a datum has shape {event_shape}: "
                "use network='strided'"
            )
        layers = GMVAE_LAYERS[height, width]
    shape = (channels, height, width)
    conv_encoder = ConvEncoder(shape, layers)
    return conv_encoder, ConvDecoder(code_dim, shape, layers), conv_encoder.out_features
