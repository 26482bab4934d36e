"""Networks: plain modules from tensors to tensors, with no probability in them."""

from .bounds import soft_clamp
from .convolutional import GMVAE_LAYERS, ConvDecoder, ConvEncoder, Layer
from .mlp import MLP

__all__ = ["GMVAE_LAYERS", "MLP", "ConvDecoder", "ConvEncoder", "Layer", "soft_clamp"]
