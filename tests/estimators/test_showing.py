"""What a notebook shows: estimators with their parts and state, parts, graphs of stories."""

from __future__ import annotations

import io
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pyro
import pytest
import torch
from pyro.infer.inspect import get_model_relations
from rich.console import Console
from sklearn import config_context
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from pyromix import VaDE
from pyromix.inference import Affiliation, Neighbours, Training
from pyromix.inference.training import PhaseProgress, progress
from pyromix.models import (
    Bernoulli,
    Facets,
    GammaMixture,
    GaussianMixture,
    MixtureVAE,
    Prior,
    ReversedVonMisesFisherMixture,
    StudentMixture,
    StyleMixture,
    VonMisesFisherMixture,
)
from pyromix.networks import Perceptron


class Words(HTMLParser):
    """All words, and what is open and not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open += [tag] if tag not in ("input", "br", "img", "path", "link", "meta") else []

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def small() -> VaDE:
    training = Training(max_epochs=1)
    return VaDE(
        n_clusters=3, networks=Perceptron(8), pretraining=None, start="gmm", training=training
    )


def test_an_estimator_shows_its_parts_and_state_under_scikit_learns_diagram() -> None:
    estimator = small()
    before = Words(estimator._repr_mimebundle_()["text/html"]).words
    for words in ("Story", "Guide", "Objective", "Phases", "fittedno", "Training(max_epochs=1"):
        assert words in before, words
    assert "sk-top-container" in estimator._repr_html_()
    x = np.random.default_rng(0).random((40, 4)).astype(np.float32)
    after = Words(estimator.fit(x)._repr_html_()).words
    assert "GaussianMixture(K=3" in after
    assert "to data of shape (4,)" in after
    assert "nats per datum" in after
    with config_context(display="text"):
        assert not hasattr(estimator, "_repr_html_")
        assert set(estimator._repr_mimebundle_()) == {"text/plain"}


def test_an_estimator_within_a_pipeline_is_drawn_by_scikit_learn() -> None:
    shown = make_pipeline(StandardScaler(), small())._repr_html_()
    assert "VaDE" in shown
    assert "StandardScaler" in shown


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (Training(max_epochs=7), ["Training", "max_epochs", "7"]),
        (Neighbours(10), ["Neighbours", "10"]),
        (Affiliation(0.5), ["Affiliation", "0.5"]),
        (Perceptron((5, 6)), ["Perceptron", "(5, 6)"]),
        (GaussianMixture(3, 2), ["GaussianMixture", "n_clusters", "A mixture of Gaussians"]),
        (Facets(GaussianMixture(3, 2), GammaMixture(2, 1)), ["facet 1", "GammaMixture(K=2"]),
        (
            MixtureVAE(StyleMixture(3, 2, 1), Bernoulli(nn.Linear(2, 4), (4,))),
            ["prior", "StyleMixture(K=3", "z, w", "parameters"],
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_part_shows_what_it_was_made_with(part: Any, words: list[str]) -> None:
    shown = Words(part._repr_html_())
    assert shown.open == []
    for each in words:
        assert each in shown.words, each


PRIORS: dict[str, tuple[Callable[[], Prior], dict[str, set[str]]]] = {
    "Gaussian": (lambda: GaussianMixture(3, 2), {"z": {"c"}}),
    "Student": (lambda: StudentMixture(3, 2), {"z": {"c"}}),
    "Gamma": (lambda: GammaMixture(3, 2), {"z": {"c"}}),
    "style": (lambda: StyleMixture(3, 2, 1), {"z": {"c", "w"}}),
    "sphere": (lambda: VonMisesFisherMixture(3, 2), {"z": {"c"}}),
    "reversed": (lambda: ReversedVonMisesFisherMixture(3, 2), {"c": {"z"}}),
    "facets": (
        lambda: Facets(GaussianMixture(3, 1), GaussianMixture(2, 1)),
        {"z_0": {"c_0"}, "z_1": {"c_1"}, "x": {"z_0", "z_1"}},
    ),
}


@pytest.mark.parametrize("name", PRIORS)
def test_the_graph_of_a_story_is_its_story(name: str) -> None:
    """Pyro draws it where graphviz is installed; what is drawn needs no graphviz."""
    make, edges = PRIORS[name]
    model = MixtureVAE(make(), Bernoulli(nn.Linear(2, 4), (4,)))
    x = torch.rand(5, 4)
    found = get_model_relations(model, model_args=(x,))
    assert found["observed"] == ["x"]
    assert set(found["plate_sample"]) == {"data"}
    for site, parents in ({"x": {"z"}} | edges).items():
        assert set(found["sample_sample"][site]) == parents
    pytest.importorskip("graphviz", reason="pip install pyromix[graph]")
    assert "->" in pyro.render_model(model, model_args=(x,)).source


def test_where_no_bar_can_move_a_long_phase_says_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook and a log file are no terminals: they get words, and not a silence of minutes."""
    written, clock = io.StringIO(), [0.0]
    monkeypatch.setattr(progress, "monotonic", lambda: clock[0])
    monkeypatch.setattr(progress, "words_only", lambda: Console(file=written, width=80))
    with PhaseProgress("train", epochs=4, start=0, steps=1, shown=True) as bar:
        for epoch, now in enumerate([1.0, 11.0, 12.0, 30.0], 1):
            clock[0] = now
            bar.epoch({"phase": "train", "epoch": epoch, "loss": 2.5})
    said = [line for line in written.getvalue().splitlines() if "·" in line or "2/4" in line]
    assert said[0] == "train 2/4 · loss 2.5"
    assert len([line for line in said if "2/4" in line or "3/4" in line]) == 1
