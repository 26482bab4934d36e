"""Networks: plain modules from tensors to tensors, with no probability in them."""

from .bounds import inverse_soft_clamp, soft_clamp
from .convolutional import GMVAE_LAYERS, STRIDED_LAYERS, ConvDecoder, ConvEncoder, Layer
from .mlp import MLP
from .pairs import NETWORKS, encoder_decoder

__all__ = [
    "GMVAE_LAYERS",
    "MLP",
    "NETWORKS",
    "STRIDED_LAYERS",
    "ConvDecoder",
    "ConvEncoder",
    "Layer",
    "encoder_decoder",
    "inverse_soft_clamp",
    "soft_clamp",
]
