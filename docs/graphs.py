"""Draw the graphs of the stories for the pages of the models: `python docs/graphs.py`.

It needs `pip install pyromix[graph]` and Graphviz's program dot; the pictures are committed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyro
import torch

from pyromix import DHVC, GMVAE, MFCVAE, GamMMVAE, VaDE

GRAPHS = Path(__file__).parent / "_static" / "graphs"
STORIES: dict[str, Any] = {
    "vade": VaDE(n_clusters=3),
    "gmvae": GMVAE(n_clusters=3),
    "mfcvae": MFCVAE(n_clusters=(3, 2)),
    "gammm-vae": GamMMVAE(n_clusters=3),
    "dhvc": DHVC(n_clusters=3),
}


def story_of(name: str) -> tuple[Any, torch.Tensor]:
    """The story of a page, and data for it."""
    return STORIES[name].build((8,))[0], torch.zeros(5, 8)


if __name__ == "__main__":
    for name in STORIES:
        story, x = story_of(name)
        graph = pyro.render_model(story, model_args=(x,))
        graph.attr(rankdir="LR", bgcolor="white")
        (GRAPHS / f"{name}.svg").write_bytes(graph.pipe(format="svg"))
