"""Ladders: the published shapes, what each facet can reach, and the fading of rungs."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pyromix.networks import (
    ConvolutionalLadder,
    LadderDecoder,
    LadderEncoder,
    PerceptronLadder,
)

Ladder = tuple[LadderEncoder, LadderDecoder]


def both(
    networks: PerceptronLadder | ConvolutionalLadder, shape: tuple[int, ...], dims: tuple[int, ...]
) -> Ladder:
    return networks.encoder(shape, len(dims)), networks.decoder(dims, shape)


LADDERS = {
    "mlp": lambda: both(PerceptronLadder((6, 8)), (1, 4, 4), (3, 2)),
    "mlp-norm": lambda: both(PerceptronLadder((6, 8, 4), batch_norm=True), (16,), (3, 2, 1)),
    "conv": lambda: both(ConvolutionalLadder(4), (3, 16, 16), (3, 2)),
}


@pytest.fixture(params=list(LADDERS))
def ladder(request: pytest.FixtureRequest) -> Ladder:
    """An encoder and its decoder."""
    torch.manual_seed(0)
    encoder, decoder = LADDERS[request.param]()
    return encoder.eval(), decoder.eval()


def data(decoder: LadderDecoder) -> Tensor:
    return torch.rand(7, 2, *decoder.event_shape)


def test_shapes(ladder: Ladder) -> None:
    encoder, decoder = ladder
    features = encoder(data(decoder))
    assert [tuple(each.shape) for each in features] == [(7, 2, f) for f in encoder.out_features]
    code = torch.randn(7, 2, sum(decoder.latent_dims))
    assert decoder(code).shape == (7, 2, *decoder.event_shape)
    torch.testing.assert_close(decoder(code)[3, 1], decoder(code[3, 1].unsqueeze(0))[0])


def test_the_published_perceptrons() -> None:
    """MNIST: 784-500-2000, z_1 on the 500 and z_2 on the 2000; 5-2000-500, 5-500, 500-500-784."""
    encoder, decoder = both(PerceptronLadder(), (784,), (5, 5))

    def sizes(module: nn.Module) -> list[tuple[int, int]]:
        linears = [m for m in module.modules() if isinstance(m, nn.Linear)]
        return [(m.in_features, m.out_features) for m in linears]

    assert sizes(encoder) == [(784, 500), (500, 2000)]
    assert sizes(decoder.rungs) == [(5, 500), (5, 2000)]
    assert sizes(decoder.backbones) == [(500, 500), (500, 784), (2000, 500)]


def test_the_published_convolutions() -> None:
    """3DShapes and SVHN: maths of the zoo, and the feature sizes of the authors' code."""
    encoder, decoder = both(ConvolutionalLadder(), (3, 32, 32), (20, 2))

    def layers(module: nn.Module) -> list[tuple[int, int, int]]:
        convolutions = [
            m for m in module.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)
        ]
        return [(m.out_channels, m.kernel_size[0], m.stride[0]) for m in convolutions]

    assert encoder.out_features == (3136, 1024)
    assert layers(encoder.backbones) == [(64, 4, 2), (128, 4, 2)]
    assert layers(encoder.rungs) == [(64, 4, 2), (64, 4, 1), (128, 4, 2), (256, 4, 2)]
    assert layers(decoder.backbones[1]) == [(128, 4, 2), (64, 3, 1)]
    assert layers(decoder.backbones[0]) == [(3, 4, 2)]
    assert decoder.backbones[0].in_channels == 128
    linear = [layer for layer in decoder.rungs.modules() if isinstance(layer, nn.Linear)]
    rungs = [(layer.in_features, layer.out_features) for layer in linear]
    assert rungs == [(20, 64 * 16 * 16), (2, 256 * 8 * 8)]


def test_gated_add_gives_the_shallow_rung_a_tenth() -> None:
    _, decoder = both(PerceptronLadder((6, 8)), (4,), (3, 2))
    code = torch.randn(5, 5)
    rungs, backbones = decoder.rungs, decoder.backbones
    by_hand = 0.1 * rungs[0](code[:, :3]) + backbones[1](rungs[1](code[:, 3:]))
    torch.testing.assert_close(decoder(code), backbones[0](by_hand))


def test_a_shallow_facet_sees_nothing_of_the_deeper_backbones(ladder: Ladder) -> None:
    encoder, decoder = ladder
    features = encoder(data(decoder))
    for facet, each in enumerate(features):
        each.sum().backward(retain_graph=True)
        reached = [
            any(p.grad is not None for p in backbone.parameters()) for backbone in encoder.backbones
        ]
        assert reached == [level <= facet for level in range(len(features))]
        encoder.zero_grad(set_to_none=True)


def test_a_faded_rung_has_no_influence_and_no_gradient(ladder: Ladder) -> None:
    _, decoder = ladder
    facets = len(decoder.latent_dims)
    code = torch.randn(4, sum(decoder.latent_dims), requires_grad=True)
    for facet in range(facets):
        alphas = [0.0 if j == facet else 1.0 for j in range(facets)]
        with decoder.faded(alphas):
            (slope,) = torch.autograd.grad(decoder(code).square().sum(), code)
        slopes = slope.split(decoder.latent_dims, -1)
        assert [bool((each == 0).all()) for each in slopes] == [j == facet for j in range(facets)]


def test_fading_lasts_for_its_scope(ladder: Ladder) -> None:
    _, decoder = ladder
    code = torch.randn(4, sum(decoder.latent_dims))
    whole, state = decoder(code), set(decoder.state_dict())
    facets = len(decoder.latent_dims)
    with decoder.faded([0.5] * facets):
        assert not torch.allclose(decoder(code), whole)
        assert set(decoder.state_dict()) == state
    assert torch.equal(decoder(code), whole)
    with pytest.raises(ValueError, match=f"each of the {facets} facets"), decoder.faded([1.0] * 9):
        pass


@pytest.mark.parametrize(
    ("size", "facets"), [(8, 1), (16, 2), (28, 2), (32, 1), (32, 3), (64, 2), (64, 4)]
)
def test_convolutions_fit_what_they_accept(size: int, facets: int) -> None:
    encoder, decoder = both(ConvolutionalLadder(2), (1, size, size), (2,) * facets)
    features = encoder(torch.zeros(2, 1, size, size))
    assert tuple(each.shape[-1] for each in features) == encoder.out_features
    assert decoder(torch.zeros(2, 2 * facets)).shape == (2, 1, size, size)


@pytest.mark.parametrize(("size", "facets"), [(28, 3), (32, 4), (30, 2), (8, 2)])
def test_convolutions_refuse_other_images(size: int, facets: int) -> None:
    with pytest.raises(ValueError, match=rf"divisible by {2**facets}"):
        ConvolutionalLadder().encoder((3, size, size), facets)
