"""Networks: plain modules from tensors to tensors, with no probability in them.

What estimators take are the pair objects, which build an encoder and the decoder that mirrors it.
"""

from .bounds import inverse_soft_clamp, soft_clamp, soft_clamp_exp
from .conditioned import Conditioned, checked_covariates
from .convolutional import GMVAE_LAYERS, STRIDED_LAYERS, ConvDecoder, ConvEncoder, Layer
from .convolutional_ladder import ConvolutionalLadder
from .counts import LogCounts, log_counts
from .encoding import Encoding, Form, FormName
from .image_pairs import ByShape, Convolutional, Convolutions, Strided
from .ladder import LadderDecoder, LadderEncoder, LadderNetworks
from .ladder_pairs import LadderByShape, PerceptronLadder
from .masked import Masked, masked
from .mlp import MLP
from .pairs import Networks, Perceptron, feature_dims
from .residual import Residual, ResidualBlock
from .scaling import Scaling

__all__ = [
    "GMVAE_LAYERS",
    "MLP",
    "STRIDED_LAYERS",
    "ByShape",
    "Conditioned",
    "ConvDecoder",
    "ConvEncoder",
    "Convolutional",
    "ConvolutionalLadder",
    "Convolutions",
    "Encoding",
    "Form",
    "FormName",
    "LadderByShape",
    "LadderDecoder",
    "LadderEncoder",
    "LadderNetworks",
    "Layer",
    "LogCounts",
    "Masked",
    "Networks",
    "Perceptron",
    "PerceptronLadder",
    "Residual",
    "ResidualBlock",
    "Scaling",
    "Strided",
    "checked_covariates",
    "feature_dims",
    "inverse_soft_clamp",
    "log_counts",
    "masked",
    "soft_clamp",
    "soft_clamp_exp",
]
