"""Residual networks: sizes by hand, mirrored levels, and a block against its formula."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d

from pyromix.networks import Residual, ResidualBlock, feature_dims


@pytest.mark.parametrize(
    ("shape", "features"),
    [
        ((1, 28, 28), 8 * 7 * 7),
        ((3, 32, 32), 16 * 4 * 4),
        ((3, 64, 64), 32 * 4 * 4),
        ((1, 8, 8), 4 * 4 * 4),
        ((1, 5, 5), 4 * 3 * 3),
        ((2, 27, 50), 16 * 4 * 7),
    ],
)
@pytest.mark.parametrize("blocks", [1, 2])
def test_sizes(shape: tuple[int, int, int], features: int, blocks: int) -> None:
    networks = Residual(channels=4, blocks=blocks)
    encoder, decoder = networks.encoder(shape), networks.decoder(6, shape)
    assert feature_dims(encoder, shape) == (features,)
    assert encoder(torch.rand(2, 3, *shape)).shape == (2, 3, features)
    assert decoder(torch.randn(2, 3, 6)).shape == (2, 3, *shape)

    def resized(module: nn.Module) -> list[ResidualBlock]:
        found = [each for each in module.modules() if isinstance(each, ResidualBlock)]
        assert len(found) == blocks * (len(networks.levels(shape)) - 1)
        return [each for each in found if not isinstance(each.shortcut, nn.Identity)]

    assert len(resized(encoder)) == len(resized(decoder)) == len(networks.levels(shape)) - 2


def test_weights_by_hand() -> None:
    """28×28, 32 channels: levels of 32 and 64, a block each."""
    networks, block = Residual(), 2 * (32 * 32 * 9 + 2 * 32)
    turn = 32 * 64 * 9 + 64 * 64 * 9 + 32 * 64 + 3 * 2 * 64  # two convolutions and a shortcut
    turn_up = 64 * 32 * 9 + 32 * 32 * 9 + 64 * 32 + 3 * 2 * 32
    stem, linear, output = 9 * 32 + 2 * 32, 10 * 64 * 49 + 2 * 64, 32 * 9 + 1
    counts = [
        sum(parameter.numel() for parameter in network.parameters())
        for network in (networks.encoder((1, 28, 28)), networks.decoder(10, (1, 28, 28)))
    ]
    assert counts == [stem + block + turn, linear + turn_up + block + output]


@pytest.mark.parametrize("size", [None, (6, 5)])
def test_a_block_is_its_formula(size: tuple[int, int] | None) -> None:
    block = ResidualBlock(3, 4, stride=1 if size else 2, size=size).double()
    x = torch.randn(5, 3, 3, 3, dtype=torch.float64)
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.copy_(torch.randn_like(parameter))
        out = block(x)
    stride = 1 if size else 2

    def repeated(y: torch.Tensor) -> torch.Tensor:
        if not size:
            return y
        rows, columns = (torch.arange(side) * 3 // side for side in size)
        return y[:, :, rows][:, :, :, columns]

    named = dict(block.named_parameters())

    def norm(y: torch.Tensor, name: str) -> torch.Tensor:
        weight, bias = named[f"{name}.weight"], named[f"{name}.bias"]
        centred = y - y.mean((0, 2, 3), keepdim=True)
        scale = (centred.square().mean((0, 2, 3), keepdim=True) + 1e-5).sqrt()
        return weight[:, None, None] * centred / scale + bias[:, None, None]

    start = 1 if size else 0
    main = conv2d(repeated(x), named[f"main.{start}.weight"], stride=stride, padding=1)
    main = norm(main, f"main.{start + 1}").clamp(min=0)
    main = norm(conv2d(main, named[f"main.{start + 3}.weight"], padding=1), f"main.{start + 4}")
    shortcut = norm(conv2d(x, named["shortcut.0.weight"], stride=stride), "shortcut.1")
    torch.testing.assert_close(out, (main + repeated(shortcut)).clamp(min=0))


@pytest.mark.parametrize("arguments", [{"channels": 0}, {"blocks": 0}])
def test_sizes_are_at_least_one(arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=rf"{next(iter(arguments))} is 0: .* takes int from 1"):
        Residual(**arguments)
