"""Networks: plain modules from tensors to tensors, with no probability in them."""

from .bounds import inverse_soft_clamp, soft_clamp, soft_clamp_exp
from .convolutional import GMVAE_LAYERS, STRIDED_LAYERS, ConvDecoder, ConvEncoder, Layer
from .ladder import LadderDecoder, LadderEncoder, conv_ladder, mlp_ladder
from .mlp import MLP
from .pairs import NETWORKS, encoder_decoder

__all__ = [
    "GMVAE_LAYERS",
    "MLP",
    "NETWORKS",
    "STRIDED_LAYERS",
    "ConvDecoder",
    "ConvEncoder",
    "LadderDecoder",
    "LadderEncoder",
    "Layer",
    "conv_ladder",
    "encoder_decoder",
    "inverse_soft_clamp",
    "mlp_ladder",
    "soft_clamp",
    "soft_clamp_exp",
]
