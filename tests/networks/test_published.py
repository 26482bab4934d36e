"""The papers' networks: weights counted by hand, and outputs by the formulas, in plain torch."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pyromix.networks import (
    Convolutional,
    ConvolutionalLadder,
    LadderDecoder,
    LadderEncoder,
    Perceptron,
    PerceptronLadder,
)

PUBLISHED = ConvolutionalLadder(channels=4, output_norm=True, rung_norm=True, weight_norm=True)


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def shuffled(network: nn.Module) -> dict[str, Tensor]:
    """Every weight anew, so that no part is at a neutral value; and the weights by name."""
    network.double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.3 * torch.randn_like(parameter))
    return dict(network.named_parameters())


def elu(x: Tensor) -> Tensor:
    return torch.where(x > 0, x, x.exp() - 1)


def normalised(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """BatchNorm over batch and pixels, of this batch's moments."""
    centred = x - x.mean((0, 2, 3), keepdim=True)
    scale = (centred.square().mean((0, 2, 3), keepdim=True) + 1e-5).sqrt()
    return weight[:, None, None] * centred / scale + bias[:, None, None]


def correlate(x: Tensor, weight: Tensor, bias: Tensor, stride: int) -> Tensor:
    """A convolution padded by 1, patch by patch."""
    size = weight.shape[-1]
    padded = torch.zeros(*x.shape[:2], x.shape[2] + 2, x.shape[3] + 2, dtype=x.dtype)
    padded[:, :, 1:-1, 1:-1] = x
    patches = padded.unfold(2, size, stride).unfold(3, size, stride)
    return torch.einsum("nchwij,ocij->nohw", patches, weight) + bias[:, None, None]


def spread(x: Tensor, weight: Tensor, bias: Tensor, stride: int) -> Tensor:
    """A transposed convolution padded by 1: every pixel paints its kernel."""
    size = weight.shape[-1]
    height, width = ((side - 1) * stride + size for side in x.shape[2:])
    canvas = torch.zeros(len(x), weight.shape[1], height, width, dtype=x.dtype)
    for row in range(x.shape[2]):
        for column in range(x.shape[3]):
            painted = torch.einsum("nc,coij->noij", x[:, :, row, column], weight)
            top, left = row * stride, column * stride
            canvas[:, :, top : top + size, left : left + size] += painted
    return canvas[:, :, 1:-1, 1:-1] + bias[:, None, None]


def test_vade() -> None:
    """D-500-500-2000-10 and its mirror (Jiang et al. 2017, section 4)."""
    networks = Perceptron((500, 500, 2000))
    assert networks.layers((784,)) == Perceptron().layers((784,))
    encoder, decoder = networks.encoder((784,)), networks.decoder(10, (784,))
    middle = (500 * 500 + 500) + (500 * 2000 + 2000)
    assert count(encoder) == 784 * 500 + 500 + middle
    back = (10 * 2000 + 2000) + (2000 * 500 + 500) + (500 * 500 + 500) + (500 * 784 + 784)
    assert count(decoder) == back
    for network, given in ((encoder, torch.randn(7, 784)), (decoder, torch.randn(7, 10))):
        weights = list(shuffled(network).values())
        out = given.double()
        for index in range(0, len(weights), 2):
            out = out @ weights[index].T + weights[index + 1]
            if network is encoder or index < len(weights) - 2:
                out = torch.where(out > 0, out, 0.0)
        torch.testing.assert_close(network(given.double()), out)


MNIST = [16 * 36, 16 * 32 * 36, 32 * 64 * 16, 64 * 500 * 81]
SVHN = [3 * 64 * 16, 64 * 128 * 16, 128 * 256 * 16, 256 * 500 * 16]


@pytest.mark.parametrize(
    ("shape", "code_dim", "kernels", "maps"),
    [((1, 28, 28), 200, MNIST, (16, 32, 64, 500)), ((3, 32, 32), 50, SVHN, (64, 128, 256, 500))],
)
def test_gmvae(
    shape: tuple[int, int, int], code_dim: int, kernels: list[int], maps: tuple[int, ...]
) -> None:
    """Dilokthanakul et al. 2016: BatchNorm and ReLU after every layer but the decoder's last."""
    encoder = Convolutional().encoder(shape)
    decoder = Convolutional().decoder(code_dim, shape)
    norms = 2 * sum(maps)
    assert count(encoder) == sum(kernels) + norms
    assert count(decoder) == code_dim * 500 + sum(kernels) + norms + shape[0]

    def kinds(network: nn.Module) -> list[str]:
        leaves = [each for each in network.modules() if not list(each.children())]
        return [type(each).__name__ for each in leaves if not isinstance(each, nn.Unflatten)]

    assert kinds(encoder) == ["Conv2d", "BatchNorm2d", "ReLU"] * 4 + ["Flatten"]
    up = ["ConvTranspose2d", "BatchNorm2d", "ReLU"]
    assert kinds(decoder) == ["Linear", "BatchNorm2d", "ReLU", *up * 3, "ConvTranspose2d"]


def test_mfcvae_perceptrons() -> None:
    """Falck et al. 2021, MNIST: z_1 on 500 units, z_2 on 2000; the decoder adds 0.1·r_1 to u_2."""
    networks = PerceptronLadder()
    encoder, decoder = networks.encoder((784,), 2), networks.decoder((5, 4), (784,))
    assert count(encoder) == (784 * 500 + 500) + (500 * 2000 + 2000)
    rungs = (5 * 500 + 500) + (4 * 2000 + 2000)
    assert count(decoder) == rungs + (2000 * 500 + 500) + (500 * 500 + 500) + (500 * 784 + 784)

    a, b, c, d = shuffled(encoder).values()
    x = torch.rand(7, 784, dtype=torch.float64)
    first = (x @ a.T + b).relu()
    torch.testing.assert_close(encoder(x), (first, (first @ c.T + d).relu()))

    w = shuffled(decoder)
    z_1, z_2 = torch.randn(7, 5, dtype=torch.float64), torch.randn(7, 4, dtype=torch.float64)

    def layer(given: Tensor, name: str) -> Tensor:
        return given @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    upper = layer(layer(z_2, "rungs.1.layers.0").relu(), "backbones.1.layers.0").relu()
    merged = 0.1 * layer(z_1, "rungs.0.layers.0").relu() + upper
    by_hand = layer(layer(merged, "backbones.0.layers.0").relu(), "backbones.0.layers.2")
    torch.testing.assert_close(decoder(torch.cat([z_1, z_2], 1)), by_hand)


def test_mfcvae_convolutional_encoder() -> None:
    """3DShapes: a convolution of w = g v / |v|, ELU, BatchNorm; z_1 leaves after the first."""
    encoder = PUBLISHED.encoder((3, 16, 16), 2)
    w = shuffled(encoder)

    def convolution(given: Tensor, name: str, stride: int) -> Tensor:
        length, direction = (
            w[f"{name}.0.parametrizations.weight.original{index}"] for index in (0, 1)
        )
        norm = direction.square().sum((1, 2, 3), keepdim=True).sqrt()
        out = correlate(given, length * direction / norm, w[f"{name}.0.bias"], stride)
        return normalised(elu(out), w[f"{name}.2.weight"], w[f"{name}.2.bias"])

    x = torch.rand(6, 3, 16, 16, dtype=torch.float64)
    first = convolution(x, "backbones.0", 2)
    second = convolution(first, "backbones.1", 2)
    by_hand = (
        convolution(convolution(first, "rungs.0.0", 2), "rungs.0.1", 1).flatten(1),
        convolution(convolution(second, "rungs.1.0", 2), "rungs.1.1", 2).flatten(1),
    )
    torch.testing.assert_close(encoder(x), by_hand)


def test_mfcvae_convolutional_decoder() -> None:
    """Rungs with BatchNorm, features side by side as channels, BatchNorm on the output too."""
    decoder = PUBLISHED.decoder((3, 2), (3, 16, 16))
    w = shuffled(decoder)

    def rung(code: Tensor, name: str, shape: tuple[int, int, int]) -> Tensor:
        flat = code @ w[f"{name}.0.weight"].T + w[f"{name}.0.bias"]
        units = elu(flat)[..., None, None]
        out = normalised(units, w[f"{name}.2.weight"], w[f"{name}.2.bias"])
        return out.reshape(-1, *shape)

    def convolution(given: Tensor, name: str, stride: int) -> Tensor:
        out = spread(given, w[f"{name}.0.weight"], w[f"{name}.0.bias"], stride)
        return normalised(elu(out), w[f"{name}.2.weight"], w[f"{name}.2.bias"])

    z_1, z_2 = torch.randn(6, 3, dtype=torch.float64), torch.randn(6, 2, dtype=torch.float64)
    upper = convolution(rung(z_2, "rungs.1", (16, 4, 4)), "backbones.1.0", 2)
    upper = convolution(upper, "backbones.1.1", 1)
    merged = torch.cat([rung(z_1, "rungs.0", (4, 8, 8)), upper], 1)
    by_hand = convolution(merged, "backbones.0", 2)
    torch.testing.assert_close(decoder(torch.cat([z_1, z_2], 1)), by_hand)


def test_mfcvae_choices_add_what_they_say() -> None:
    """Weights of each choice counted by hand, for 32×32×3, 64 channels and facets of 20 and 2."""
    plain = ConvolutionalLadder()

    def counts(networks: ConvolutionalLadder) -> tuple[int, int]:
        shape = (3, 32, 32)
        return count(networks.encoder(shape, 2)), count(networks.decoder((20, 2), shape))

    encoder, decoder = counts(plain)
    lengths = 64 + 128 + (64 + 64) + (128 + 256)
    assert counts(ConvolutionalLadder(weight_norm=True)) == (encoder + lengths, decoder)
    assert counts(ConvolutionalLadder(output_norm=True)) == (encoder, decoder + 2 * 3)
    units = 64 * 16 * 16 + 256 * 8 * 8
    assert counts(ConvolutionalLadder(rung_norm=True)) == (encoder, decoder + 2 * units)


def weight_normed() -> tuple[LadderEncoder, LadderEncoder]:
    networks = []
    for pair in (ConvolutionalLadder(4), ConvolutionalLadder(4, weight_norm=True)):
        torch.manual_seed(0)
        networks.append(pair.encoder((3, 16, 16), 2))
    return networks[0], networks[1]


def test_weight_norm_starts_where_the_plain_convolutions_do() -> None:
    plain, parted = weight_normed()
    x = torch.rand(5, 3, 16, 16)
    torch.testing.assert_close(parted(x), plain(x))


@pytest.mark.parametrize("again", [copy.deepcopy, None])
def test_weight_norm_is_copied_and_loaded(again: Callable[[nn.Module], nn.Module] | None) -> None:
    _, parted = weight_normed()
    shuffled(parted)
    if again is None:
        other: nn.Module = ConvolutionalLadder(4, weight_norm=True).encoder((3, 16, 16), 2).double()
        other.load_state_dict(parted.state_dict())
    else:
        other = again(parted)
    x = torch.rand(5, 3, 16, 16, dtype=torch.float64)
    assert all(torch.equal(*each) for each in zip(parted(x), other(x), strict=True))


def test_a_normalised_output_is_standard_in_every_channel() -> None:
    decoder: LadderDecoder = ConvolutionalLadder(4, output_norm=True).decoder((3, 2), (3, 16, 16))
    images = decoder(torch.randn(50, 5))
    torch.testing.assert_close(images.mean((0, 2, 3)), torch.zeros(3), rtol=0, atol=1e-4)
    torch.testing.assert_close(images.std((0, 2, 3)), torch.ones(3), rtol=0, atol=1e-3)
