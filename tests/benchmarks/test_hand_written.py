"""The hand-written bounds of the step-time benchmark are the package's own."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch

from pyromix import DHVC, GMVAE, MFCVAE, DeepMixture, GamMMVAE, VaDE
from pyromix.guides import GaussianHead
from pyromix.inference import Affiliation, ClosedFormELBO
from pyromix.networks import ConvolutionalLadder, Networks, Perceptron, PerceptronLadder

PATH = Path(__file__).parents[2] / "benchmarks" / "hand_written.py"
CASES: dict[str, tuple[type[DeepMixture], list[Any]]] = {
    "HandWrittenVaDE": (VaDE, []),
    "HandWrittenAugmented": (VaDE, [Affiliation(1.0)]),
    "HandWrittenGMVAE": (GMVAE, []),
    "HandWrittenGamMM": (GamMMVAE, []),
    "HandWrittenDHVC": (DHVC, []),
}


def hand_written() -> Any:
    spec = importlib.util.spec_from_file_location("hand_written", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient_are_those_of_the_closed_form_bound(name: str) -> None:
    kind, terms = CASES[name]
    model, guide = kind(n_clusters=3, latent_dim=4, networks=Perceptron(8)).build((12,))
    # Where the package's smooth bounds of scales and concentrations are the identity.
    if name == "HandWrittenDHVC":
        model.prior.log_concentration.data.fill_(2.0)
    elif name != "HandWrittenGamMM":
        head = guide.amortised.head("z")
        assert isinstance(head, GaussianHead)
        head.linear.bias.data.zero_()
    agree(name, model, guide, terms, (12,))


@pytest.mark.parametrize(
    ("event_shape", "networks"),
    [((12,), PerceptronLadder((8, 6))), ((3, 16, 16), ConvolutionalLadder(4))],
)
def test_a_ladder_by_hand_is_the_closed_form_bound(
    event_shape: tuple[int, ...], networks: Networks
) -> None:
    mfcvae = MFCVAE(n_clusters=(3, 4), latent_dim=(4, 2), networks=networks)
    model, guide = mfcvae.build(event_shape)
    for head in guide.amortised.heads.values():
        assert isinstance(head, GaussianHead)
        head.linear.weight.data.mul_(0.1)
    agree("HandWrittenMFCVAE", model, guide, [], event_shape)


def agree(
    name: str, model: Any, guide: Any, terms: list[Any], event_shape: tuple[int, ...]
) -> None:
    """Value and gradient of a hand-written bound are the package's, from the same noise."""
    model, guide = model.double(), guide.double()
    x = torch.rand(20, *event_shape, dtype=torch.float64)
    contender = getattr(hand_written(), name)(model, guide)
    parameters = list(guide.parameters()) + list(model.parameters())
    found = []
    for loss in (
        lambda: contender(x)[0],
        lambda: ClosedFormELBO(terms).differentiable_loss(model, guide, x),
    ):
        torch.manual_seed(0)
        value = loss()
        gradients = torch.autograd.grad(value, parameters, allow_unused=True)
        slopes = [torch.zeros(1) if each is None else each.flatten() for each in gradients]
        found.append((value.detach(), torch.cat(slopes)))
    torch.testing.assert_close(found[0][0], found[1][0], rtol=5e-3, atol=0)
    torch.testing.assert_close(found[0][1], found[1][1], rtol=0.05, atol=0.02)
