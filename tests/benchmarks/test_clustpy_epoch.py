"""The epochs that are compared are of equal networks."""

from __future__ import annotations

import sys

import pytest

from pyromix import VaDE
from pyromix.networks import Perceptron

from .test_tables import script


def test_both_take_turns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("clustpy", reason="the peers are not installed")
    module = script("clustpy_epoch")
    monkeypatch.setattr(module, "SHAPE", (6, 4, 4, 8, 2))
    monkeypatch.setattr(sys, "argv", ["clustpy_epoch", "--turns", "2", "--rows", "300"])
    module.main()
    out = capsys.readouterr().out
    assert "| pyromix | " in out
    assert "| ClustPy | " in out
    assert "ClustPy / pyromix, CPU: " in out


def test_networks_are_equal() -> None:
    """As many weights, but for the mixture's law, which has as many too."""
    deep = pytest.importorskip("clustpy.deep.vade", reason="the peers are not installed")
    shape = script("clustpy_epoch").SHAPE
    model, guide = VaDE(
        latent_dim=shape[-1], networks=Perceptron(shape[1:-1]), likelihood="bernoulli"
    ).build(shape[:1])
    ours = sum(p.numel() for module in (model, guide) for p in module.parameters())
    network, mixture = deep._VaDE_VAE(layers=list(shape)), deep._VaDE_Module(10, shape[-1])
    theirs = sum(p.numel() for module in (network, mixture) for p in module.parameters())
    assert ours == theirs
