"""Pair objects: what they build by a datum's shape, from a seed, and what they refuse."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError

import pyro
import pytest
import torch
from pyro import distributions as dist
from pyro.infer import SVI, Trace_ELBO
from pyro.nn import PyroModule
from pyro.optim import Adam  # type: ignore[attr-defined]
from torch import Tensor, nn

from pyromix.networks import (
    ByShape,
    Convolutional,
    ConvolutionalLadder,
    LadderByShape,
    LadderNetworks,
    Networks,
    Perceptron,
    PerceptronLadder,
    Residual,
    Strided,
    feature_dims,
)

Pair = Networks | LadderNetworks
Shape = tuple[int, ...]
PAIRS: list[tuple[Networks, Shape]] = [
    (Perceptron(), (64,)),
    (Perceptron((12, 9), batch_norm=True), (2, 5, 3)),
    (ByShape(Perceptron(7), Strided()), (1, 9, 6)),
    (ByShape(Perceptron(7), Strided()), (30,)),
    (Convolutional(), (1, 28, 28)),
    (Convolutional(), (3, 32, 32)),
    (Strided(), (2, 19, 23)),
    (Residual(4), (1, 28, 28)),
    (Residual(4, blocks=2), (3, 19, 9)),
]
LADDERS: list[tuple[LadderNetworks, Shape]] = [
    (PerceptronLadder(), (64,)),
    (PerceptronLadder((9, 8), batch_norm=True), (1, 4, 4)),
    (ConvolutionalLadder(4), (3, 16, 16)),
    (ConvolutionalLadder(4, True, True, True), (3, 16, 16)),
    (LadderByShape(PerceptronLadder(5), ConvolutionalLadder(4)), (1, 16, 24)),
    (LadderByShape(PerceptronLadder(5), ConvolutionalLadder(4)), (30,)),
]
DIMS = (3, 2)


def named(case: object) -> str:
    return repr(case)


def built(case: tuple[Pair, Shape], seed: int = 0) -> tuple[nn.Module, nn.Module, int]:
    """Encoder, decoder and size of the code of a pair or a ladder for data of a shape."""
    networks, shape = case
    torch.manual_seed(seed)
    if isinstance(networks, LadderNetworks):
        return networks.encoder(shape, len(DIMS)), networks.decoder(DIMS, shape), sum(DIMS)
    return networks.encoder(shape), networks.decoder(5, shape), 5


def linears(module: nn.Module) -> list[tuple[int, int]]:
    found = [each for each in module.modules() if isinstance(each, nn.Linear)]
    return [(each.in_features, each.out_features) for each in found]


@pytest.mark.parametrize("case", [*PAIRS, *LADDERS], ids=named)
def test_shapes_for_any_batch(case: tuple[Pair, Shape]) -> None:
    encoder, decoder, code_dim = built(case)
    features = encoder(torch.rand(3, *case[1]))
    given = features if isinstance(features, tuple) else (features,)
    assert [tuple(each.shape) for each in given] == [
        (3, dim) for dim in feature_dims(encoder, case[1])
    ]
    assert decoder(torch.randn(4, 3, code_dim)).shape == (4, 3, *case[1])
    assert isinstance(case[0], LadderNetworks) is isinstance(features, tuple)


@pytest.mark.parametrize("case", [*PAIRS, *LADDERS], ids=named)
def test_gradients_reach_every_parameter(case: tuple[Pair, Shape]) -> None:
    encoder, decoder, code_dim = built(case)
    features = encoder(torch.rand(6, *case[1]))
    given = features if isinstance(features, tuple) else (features,)
    # A weight for each number: under BatchNorm a plain sum, or one of squares, is constant.
    loss = sum((torch.randn_like(each) * each).sum() for each in given)
    decoded = decoder(torch.randn(6, code_dim))
    (loss + (torch.randn_like(decoded) * decoded).sum()).backward()
    for network in (encoder, decoder):
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name


class Autoencoder(PyroModule):
    """x given a code that is a linear function of the features, as a Pyro program."""

    def __init__(self, case: tuple[Pair, Shape]) -> None:
        super().__init__("autoencoder")
        self.encoder, self.decoder, code_dim = built(case)
        self.head = nn.Linear(sum(feature_dims(self.encoder, case[1])), code_dim)

    def forward(self, x: Tensor) -> None:
        features = self.encoder(x)
        given = features if isinstance(features, tuple) else (features,)
        mean = self.decoder(self.head(torch.cat(given, -1)))
        pyro.sample("x", dist.Normal(mean, 1.0).to_event(mean.dim()), obs=x)


@pytest.mark.parametrize("case", [*PAIRS, *LADDERS], ids=named)
def test_plain_svi_moves_every_weight(case: tuple[Pair, Shape]) -> None:
    """Pyro's store copies parameters that are not contiguous, and then trains its copies."""
    model = Autoencoder(case)
    before = {name: value.clone() for name, value in model.named_parameters()}
    svi = SVI(model, lambda x: None, Adam({"lr": 1e-2}), Trace_ELBO())
    for _ in range(2):
        svi.step(torch.rand(6, *case[1]))
    assert [
        name for name, value in model.named_parameters() if torch.equal(before[name], value)
    ] == []


@pytest.mark.parametrize("case", [*PAIRS, *LADDERS], ids=named)
def test_in_evaluation_a_datum_does_not_see_its_companions(case: tuple[Pair, Shape]) -> None:
    encoder, decoder, code_dim = built(case)
    x, codes = torch.rand(5, *case[1]).double(), torch.randn(5, code_dim).double()
    for network, given in ((encoder.double(), x), (decoder.double(), codes)):
        network(given)  # BatchNorm's statistics are those of no single datum
        network.eval()
        for index in range(2):
            whole, alone = network(given), network(given[index : index + 1])
            if isinstance(whole, Tensor):
                whole, alone = (whole,), (alone,)
            for each, own in zip(whole, alone, strict=True):
                torch.testing.assert_close(each[index], own[0], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("case", [*PAIRS, *LADDERS], ids=named)
def test_a_seed_gives_the_same_weights(case: tuple[Pair, Shape]) -> None:
    first, again, other = built(case), built(case), built(case, seed=1)
    for own, same, different in zip(first[:2], again[:2], other[:2], strict=True):
        values, others = own.state_dict(), different.state_dict()
        assert all(torch.equal(values[name], value) for name, value in same.state_dict().items())
        assert any(not torch.equal(values[name], others[name]) for name in values)


@pytest.mark.parametrize(
    ("case", "sizes"),
    [
        ((Perceptron((8, 6)), (1, 3, 4)), [(12, 8), (8, 6), (5, 6), (6, 8), (8, 12)]),
        (
            (PerceptronLadder((8, 6)), (12,)),
            [(12, 8), (8, 6), (3, 8), (2, 6), (8, 8), (8, 12), (6, 8)],
        ),
    ],
    ids=named,
)
def test_layers_are_drawn_encoder_first(
    case: tuple[Pair, Shape], sizes: list[tuple[int, int]]
) -> None:
    torch.manual_seed(0)
    by_hand = [parameter for size in sizes for parameter in nn.Linear(*size).parameters()]
    encoder, decoder, _ = built(case)
    for ours, theirs in zip([*encoder.parameters(), *decoder.parameters()], by_hand, strict=True):
        assert torch.equal(ours, theirs)


def test_a_perceptron_chooses_its_layers_by_the_data() -> None:
    assert linears(Perceptron().encoder((100,))) == [(100, 256), (256, 256)]
    assert linears(Perceptron().encoder((101,))) == [(101, 500), (500, 500), (500, 2000)]
    assert linears(Perceptron(large=(500, 500)).encoder((1, 28, 28))) == [(784, 500), (500, 500)]
    for size in (4, 784):
        assert linears(Perceptron((32,)).encoder((size,))) == [(size, 32)]
        assert linears(Perceptron((32,)).decoder(5, (size,))) == [(5, 32), (32, size)]


def test_numbers_and_lists_are_tuples() -> None:
    assert Perceptron(128) == Perceptron((128,)) == Perceptron([128])  # type: ignore[arg-type]
    assert hash(Perceptron(128)) == hash(Perceptron((128,)))
    assert linears(PerceptronLadder(7).encoder((4,), 3)) == [(4, 7), (7, 7), (7, 7)]


def test_a_ladder_of_perceptrons_chooses_its_widths_by_the_data() -> None:
    assert feature_dims(PerceptronLadder().encoder((100,), 3), (100,)) == (256, 256, 256)
    assert feature_dims(PerceptronLadder().encoder((101,), 3), (101,)) == (500, 2000, 2000)


@pytest.mark.parametrize("case", [*PAIRS, *LADDERS], ids=named)
def test_a_pair_is_a_value(case: tuple[Pair, Shape]) -> None:
    networks = case[0]
    assert eval(repr(networks)) == networks
    assert pickle.loads(pickle.dumps(networks)) == networks
    with pytest.raises(FrozenInstanceError):
        networks.__setattr__("width", 3)


def test_features_are_counted_without_a_trace() -> None:
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Dropout()).double()
    encoder[2].eval()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    state = torch.random.get_rng_state()
    assert feature_dims(encoder, (1, 2, 3)) == (4,)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(before[name], value) for name, value in encoder.state_dict().items())
    assert [each.training for each in encoder] == [True, True, False, True]
    with pytest.raises(ValueError, match=r"makes \[\(2, 1, 2, 3\)\].*must give \(2, F\)"):
        feature_dims(nn.Identity(), (1, 2, 3))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Perceptron(()), r"hidden_dims is \(\): give at least one size"),
        (lambda: Perceptron((4, 0)), r"hidden_dims is \(4, 0\)"),
        (lambda: Perceptron(large=()), r"large is \(\)"),
        (lambda: PerceptronLadder(()), r"hidden_dims is \(\)"),
        (lambda: ConvolutionalLadder(0), "channels is 0"),
        (lambda: Strided().encoder((64,)), r"networks is Strided\(\).*shape \(64,\).*perceptrons"),
        (lambda: Strided().decoder(5, (64,)), r"networks is Strided\(\).*shape \(64,\)"),
        (lambda: Convolutional().encoder((1, 16, 16)), "28×28 or 32×32.*Strided"),
        (lambda: ConvolutionalLadder().encoder((64,), 2), r"ConvolutionalLadder.*shape \(64,\)"),
        (lambda: PerceptronLadder().encoder((64,), 0), "for 0 facets"),
        (lambda: PerceptronLadder((5, 4)).decoder((1, 2, 3), (64,)), r"\(5, 4\) for 3 facets"),
    ],
)
def test_what_does_not_fit_is_named(wrong: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        wrong()


def test_a_ladder_goes_into_no_pair_for_one_code() -> None:
    with pytest.raises(TypeError, match=r"ladder PerceptronLadder.*use LadderByShape"):
        ByShape(vectors=PerceptronLadder())  # type: ignore[arg-type]
