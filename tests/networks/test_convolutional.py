"""Convolutional pairs: the decoder inverts every shape of the encoder."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pyromix.networks import GMVAE_LAYERS, ConvDecoder, ConvEncoder, Layer


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (2, 19, 23)])
def test_decoder_inverts_shapes(shape: tuple[int, int, int]) -> None:
    layers = GMVAE_LAYERS.get(shape[1:], (Layer(4, 5, 2, 1), Layer(6, 3, 3)))
    encoder, decoder = ConvEncoder(shape, layers), ConvDecoder(7, shape, layers)
    x = torch.rand(2, 3, *shape)
    assert encoder(x).shape == (2, 3, encoder.out_features)
    assert decoder(torch.randn(2, 3, 7)).shape == x.shape


def test_published_sizes() -> None:
    """GMVAE's MNIST encoder ends in 500 maps of 1×1."""
    encoder = ConvEncoder((1, 28, 28), GMVAE_LAYERS[28, 28])
    assert encoder.out_features == 500
    sizes = [module.kernel_size[0] for module in encoder.layers if isinstance(module, nn.Conv2d)]
    assert sizes == [6, 6, 4, 9]


def test_layers_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="layers do not fit"):
        ConvEncoder((1, 8, 8), GMVAE_LAYERS[28, 28])
