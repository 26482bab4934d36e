"""Whatever takes long says what it does, in every phase."""

from __future__ import annotations

import numpy as np
import pytest

from pyromix import DeepMixture
from pyromix.inference import (
    BestOf,
    GaussianMixtureStart,
    KMeansStart,
    Neighbours,
    PseudoLabels,
    SpectralStart,
    Training,
)
from pyromix.networks import Perceptron


@pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")
@pytest.mark.parametrize("verbose", [True, False])
def test_every_phase_says_what_it_does(verbose: bool, capfd: pytest.CaptureFixture[str]) -> None:
    """In their order, and a search that has no epochs when it begins; else not a word."""
    starts = (
        GaussianMixtureStart(on="data"),
        KMeansStart(on="data"),
        SpectralStart(),
    )
    mixture = DeepMixture(
        n_clusters=2,
        latent_dim=2,
        networks=Perceptron(8),
        pretraining=Neighbours(3, epochs=1),
        start=PseudoLabels(BestOf(starts), epochs=1),
        training=Training(max_epochs=1),
        random_state=0,
        verbose=verbose,
    )
    mixture.fit(np.random.RandomState(0).rand(60, 4).astype(np.float32))
    told = "".join(capfd.readouterr())
    if not verbose:
        assert told == ""
        return
    said = [
        "neighbours of 60 data",
        "pretrain ",
        "Gaussian mixture of 60 data",
        "k-means of 60 data",
        "eigenvectors of the graph of 60 data",
        "initialise ",
        "labels ",
        "train ",
    ]
    places: list[int] = []
    for words in said:
        assert words in told
        places.append(told.index(words, places[-1] if places else 0))
    assert places == sorted(places)
