"""The bound of a foreign story by hand: every state in a table, z drawn once or on a grid."""

from __future__ import annotations

import torch
from torch import Tensor

from .foreign import ALL, ROWS, SCALE, Story, X


class ByHand:
    """The bound of a story, its parts, and what terms look at.

    Args:
        story: the story.
        node: z lies this many standard deviations from the mean of its posterior; ``None``
            integrates it over a grid that does not move with the parameters.
        points: of the grid, over ±9 standard deviations.
    """

    def __init__(self, story: Story, node: float | None = None, points: int = 601) -> None:
        self.story = story
        steps = torch.linspace(-9, 9, points, dtype=X.dtype)
        if node is None:
            z = (story.loc() + SCALE * steps).detach()
            cell = SCALE * (steps[1] - steps[0])
        else:
            z, cell = story.loc() + SCALE * node, torch.tensor(1.0, dtype=X.dtype)
        p, q = story.tables(z)
        on_grid = q["z"].exp() * cell if node is None else 1.0
        guided = sum((q[site] for site in story.guided), torch.zeros(1, 1, 1, 1).to(z))
        joint = sum(p.values(), torch.zeros(1, 1, 1, 1).to(z))
        evidence = joint.logsumexp(story.inner, keepdim=True) if story.inner else joint
        weight = guided.exp() * on_grid
        self.rows = (ROWS if story.masked == "rows" else ALL).reshape(-1, 1, 1, 1)
        self.loss = self._mean(weight * (q["z"] + guided - evidence))
        self.posterior = torch.exp(joint - evidence)
        self.law = weight * self.posterior
        self.parts = {
            "reconstruction": -self._mean(self.law * (p["x"] + p.get("y", torch.tensor(0.0)))),
            "kl_z": self._mean(self.law * (q["z"] - p["z"])),
            "kl_c": self._mean(self.law * (self._log_q("c", q) - p["c"])),
        }
        if story.d:
            self.parts["kl_d"] = self._mean(self.law * (self._log_q("d", q) - p["d"]))
        self.p = p

    def _mean(self, table: Tensor) -> Tensor:
        """Summed over all states, per datum; a masked row counts as a datum with no nats."""
        size = torch.broadcast_shapes(table.shape, self.rows.shape)
        return (table.expand(size) * self.rows).sum() / len(X)

    def _log_q(self, site: str, q: dict[str, Tensor]) -> Tensor:
        """The guide's own, or Bayes' rule; of d given c if both are enumerated in the model."""
        if site in q:
            return q[site]
        if site == "d" or "d" in self.story.guided or not self.story.d:
            rest = self.posterior.sum(2, keepdim=True) if 1 in self.story.inner else 1.0
            return (self.posterior / rest if site == "d" else self.posterior).log()
        return self.posterior.sum(2, keepdim=True).log()

    def responsibilities(self, site: str) -> tuple[Tensor, Tensor]:
        """q(c | x) and p(c) of the rows that are not masked, ``(B', K)``, each by itself."""
        kept = self.rows.flatten()
        size = torch.broadcast_shapes(self.law.shape, self.rows.shape)
        law = self.law.expand(size).sum(-1)
        prior = sum((self.p[s] for s in ("c", "d") if s in self.p), torch.zeros(1).double()).exp()
        prior = prior.expand(size).mean(-1)
        other = 2 if site == "c" else 1
        return law.sum(other)[kept], prior.sum(other)[kept]
