"""Convolutional pairs: the decoder inverts every shape of the encoder."""

from __future__ import annotations

import pytest
import torch

from pyromix.networks import GMVAE_LAYERS, ConvDecoder, ConvEncoder, Layer, encoder_decoder


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
    sizes = [module.kernel_size[0] for module in encoder.layers if hasattr(module, "kernel_size")]
    assert sizes == [6, 6, 4, 9]


def test_layers_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="layers do not fit"):
        ConvEncoder((1, 8, 8), GMVAE_LAYERS[28, 28])


def test_pair_of_perceptrons_flattens_images() -> None:
    encoder, decoder, width = encoder_decoder((1, 8, 8), 5, hidden_dims=(16, 12))
    assert encoder(torch.rand(3, 4, 1, 8, 8)).shape == (3, 4, width)
    assert decoder(torch.rand(3, 4, 5)).shape == (3, 4, 1, 8, 8)


def test_conv_pair_names_the_sizes_it_takes() -> None:
    with pytest.raises(ValueError, match="28×28 or 32×32"):
        encoder_decoder((1, 16, 16), 5, network="conv")
    with pytest.raises(ValueError, match="mlp, conv"):
        encoder_decoder((4,), 5, network="cnn")
