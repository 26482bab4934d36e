"""Networks: plain modules from tensors to tensors, with no probability in them.

What estimators take are the pair objects, which build an encoder and the decoder that mirrors it.
"""

from .bounds import inverse_soft_clamp, soft_clamp, soft_clamp_exp
from .convolutional import GMVAE_LAYERS, STRIDED_LAYERS, ConvDecoder, ConvEncoder, Layer
from .convolutional_ladder import ConvolutionalLadder, conv_ladder
from .image_pairs import NETWORKS, ByShape, Convolutional, Convolutions, Strided, encoder_decoder
from .ladder import LadderDecoder, LadderEncoder, LadderNetworks
from .ladder_pairs import LadderByShape, PerceptronLadder, mlp_ladder
from .mlp import MLP
from .pairs import Networks, Perceptron, feature_dims
from .residual import Residual, ResidualBlock

__all__ = [
    "GMVAE_LAYERS",
    "MLP",
    "NETWORKS",
    "STRIDED_LAYERS",
    "ByShape",
    "ConvDecoder",
    "ConvEncoder",
    "Convolutional",
    "ConvolutionalLadder",
    "Convolutions",
    "LadderByShape",
    "LadderDecoder",
    "LadderEncoder",
    "LadderNetworks",
    "Layer",
    "Networks",
    "Perceptron",
    "PerceptronLadder",
    "Residual",
    "ResidualBlock",
    "Strided",
    "conv_ladder",
    "encoder_decoder",
    "feature_dims",
    "inverse_soft_clamp",
    "mlp_ladder",
    "soft_clamp",
    "soft_clamp_exp",
]
