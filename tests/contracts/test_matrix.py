"""The page of what goes with what says of every combination what becomes of it when tried."""

from __future__ import annotations

from pathlib import Path

from pyromix.models import VampPriorMixture

from .matrix import HEADS, PRIORS, matrix, zoo

TOLD = {VampPriorMixture}
PAGE = Path(__file__).parents[2] / "docs" / "compatibility.md"


def test_the_page_prints_the_matrix() -> None:
    text = PAGE.read_text(encoding="utf-8")
    printed = text.partition("<!-- matrix -->")[2].partition("<!-- /matrix -->")[0].strip()
    assert printed == matrix(), "print it anew: python tests/contracts/matrix.py"


def test_the_matrix_has_every_prior_and_head_of_the_zoo() -> None:
    """But for the one that is told of its guide, which the matrix makes no prior for."""
    for kind, made in (("prior", PRIORS), ("head", HEADS)):
        assert {type(build()) for build in made.values()} == set(zoo(kind).values()) - TOLD
