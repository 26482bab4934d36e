"""Facets: the names they give, what they refuse, and densities that factorise."""

from __future__ import annotations

import pytest
import torch

from pyromix.models import Facets, GammaMixture, GaussianMixture, Prior, StyleMixture


def test_every_mixture_gets_its_facet() -> None:
    prior = Facets(
        GaussianMixture(3, 2, covariance="full"), GammaMixture(4, 1), StyleMixture(2, 1, 1)
    )
    assert isinstance(prior, Prior)
    assert [mixture.facet for mixture in prior.mixtures] == [0, 1, 2]
    assert [mixture.site("z") for mixture in prior.mixtures] == ["z_0", "z_1", "z_2"]
    assert GaussianMixture(2, 1).site("z") == "z"
    assert prior.n_clusters == (3, 4, 2)
    assert prior.latent_dims == (2, 1, 1)
    assert prior.latent_dim == 4
    assert {name.split(".")[0] for name in prior.state_dict()} == {"facet_0", "facet_1", "facet_2"}


def test_the_code_is_the_codes_of_the_facets() -> None:
    """Each in its own way: a Gamma's code is its logarithm."""
    prior = Facets(GammaMixture(4, 1), GaussianMixture(3, 2))
    latents = {"z_0": torch.rand(6, 5, 1) + 0.1, "z_1": torch.randn(6, 5, 2)}
    expected = torch.cat([latents["z_0"].log(), latents["z_1"]], -1)
    torch.testing.assert_close(prior.code(latents), expected)


def test_refusals() -> None:
    mixture = GaussianMixture(3, 2)
    with pytest.raises(ValueError, match="mixtures are missing"):
        Facets()
    with pytest.raises(ValueError, match="twice"):
        Facets(mixture, mixture)
    with pytest.raises(TypeError, match="facet 1 is a Facets"):
        Facets(GaussianMixture(2, 1), Facets(mixture))  # type: ignore[arg-type]
