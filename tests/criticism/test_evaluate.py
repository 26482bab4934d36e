"""All of it at once: what is found is said, of one clustering or several, and the page is whole."""

from __future__ import annotations

import base64
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pyromix.criticism import Section, cluster_marks, evaluate, guide_check, page
from pyromix.guides import AmortisedGuide, GaussianHead
from pyromix.inference import prior_predictive
from pyromix.models import Bernoulli, Facets, GaussianMixture, MixtureVAE, Normal

SEEN = "pyromix.criticism.html_page._png"


class Page(HTMLParser):
    """Counts what is opened and not closed, and keeps where links and pictures lead."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.leads: list[str] = []
        self.ids: list[str] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.leads += [str(found[name]) for name in ("src", "href") if name in found]
        self.ids += [str(found["id"])] if "id" in found else []
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)
        assert tag not in ("script", "link", "iframe")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def read(text: str) -> Page:
    found = Page()
    found.feed(text)
    found.close()
    assert found.open == []
    for lead in found.leads:
        if lead.startswith("#"):
            assert lead[1:] in found.ids
        else:
            kind, _, content = lead.partition("base64,")
            assert kind == "data:image/png;"
            assert base64.b64decode(content)[1:4] == b"PNG"
    return found


def near(n_clusters: int = 3) -> tuple[MixtureVAE, AmortisedGuide]:
    torch.manual_seed(1)
    prior, head = GaussianMixture(n_clusters, 2), GaussianHead(4, 2)
    model = MixtureVAE(prior, Normal(nn.Linear(2, 4), (4,)))
    with torch.no_grad():
        prior.loc.mul_(3)
    return model, AmortisedGuide(nn.Identity(), z=head)


def test_what_is_found_is_what_each_check_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SEEN, lambda figure: b"\x89PNG")
    model, guide = near()
    drawn = prior_predictive(model, 300, seed=3)
    x, labels = drawn["x"], drawn["c"].numpy()
    found = evaluate(model, x, guide, labels=labels, names=list("abcd"), max_rows=120)
    assert found.data.shape == (120, 4)
    np.testing.assert_array_equal(found.data, x[found.rows].numpy())
    alone = guide_check(model, guide, x[found.rows], num_samples=100)
    np.testing.assert_allclose(found.guide.pareto_k, alone.pareto_k, atol=1e-5)
    assert {"accuracy", "bound", "occupied_clusters"} <= found.metrics.keys()
    assert set(found.marks["c"].table["feature"]) == set("abcd")
    assert found.simulated is not None
    assert found.zeros is None
    assert found.collapse["c"].occupied == found.metrics["occupied_clusters"]
    assert "clusters are occupied" in repr(found)
    path = tmp_path / "page.html"
    found.save(path, "A <page> & more")
    seen = read(path.read_text("utf-8"))
    assert seen.words.count("A <page> & more") == 2
    assert len(seen.ids) == len(found.sections) == 8
    assert "Reliability against the labels" in seen.words
    assert str(found.rows[found.examples["c"].borderline[0]]) in seen.words
    with pytest.raises(ValueError, match="300 data came with 2 labels"):
        evaluate(model, x, guide, labels=[0, 1])
    with pytest.raises(TypeError, match="give a fitted estimator"):
        evaluate(model, x)


def test_several_clusterings_and_a_single_cluster_are_criticised_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(SEEN, lambda figure: b"\x89PNG")
    prior = Facets(GaussianMixture(3, 1), GaussianMixture(1, 2))
    model = MixtureVAE(prior, Bernoulli(nn.Linear(3, 4), (4,)))
    guide = AmortisedGuide(nn.Linear(4, 5), z_0=GaussianHead(5, 1), z_1=GaussianHead(5, 2))
    found = evaluate(model, torch.rand(60, 4), guide, max_rows=50)
    assert set(found.collapse) == {"c_0", "c_1"}
    assert set(found.examples) == {"c_0"}
    assert set(found.metrics) == {"bound"}
    seen = read(found._repr_html_())
    assert "a Bernoulli's pixels are 0 or 1 and not grey" in seen.words
    assert "c_1: 1 of 1 clusters hold data" in seen.words


def test_a_long_table_is_cut_and_says_so() -> None:
    marks = cluster_marks(np.random.default_rng(0).random((40, 30)), np.arange(40) % 2)
    seen = read(page("Long", [Section("Marks", ["<b>"], {"Shifts": marks.table})]))
    assert "Shifts, the first 40 of 60 rows" in seen.words
    assert "<b>" in seen.words
