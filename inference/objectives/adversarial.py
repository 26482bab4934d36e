"""Views that look for the smallest change which moves the clusters: for data without augmentations.

Where nothing is known of what leaves a datum's kind alone, its neighbourhood does: clusters should
not change within a small ball, least of all in the direction in which they change most.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...parts import Positive
from .views import Assign, Views

TINY = 1e-12


@dataclass(frozen=True, repr=False)
class AdversarialViews(Views, alias="adversarial"):
    r"""Virtual adversarial perturbations: each datum moved to where its clusters change most.

    .. math:: x' = x + \varepsilon(x) \frac{g}{\lVert g \rVert}, \qquad
        g = \nabla_r \operatorname{KL}\bigl(\gamma(x) \,\Vert\, \gamma(x + r)\bigr)
        \text{ at } r = \xi d, \quad d \text{ random on the sphere}

    The radius ε is a share of the distance to the nearest other datum of the batch, which differs
    from datum to datum as density does. One step of the power method finds the direction, as
    published. Without assignments to look at, the direction is the random one.

    Args:
        radius: ε, as a share of the distance to the nearest other datum of the batch.
        step: ξ, as a share of ε, at which the gradient is taken.

    Raises:
        ValueError: a setting out of range.

    Example:
        >>> def assign(x: Tensor) -> list[Tensor]:  # two clusters, left and right
        ...     return [torch.stack([x[:, 0], -x[:, 0]], -1).softmax(-1)]
        >>> batch = torch.tensor([[0.3, 0.0], [-0.3, 0.0]])
        >>> (AdversarialViews(0.5).of(batch, assign) - batch).norm(dim=1)  # half of 0.6
        tensor([0.3000, 0.3000])

    References:
        Miyato, Maeda, Koyama & Ishii (2018). Virtual adversarial training. arXiv 1704.03976,
        algorithm 1. Hu, Miyato, Tokui, Matsumoto & Sugiyama (2017). IMSAT. arXiv 1702.08720,
        where ε is a quarter of the distance to the tenth neighbour in all data.
    """

    radius: Positive = 0.25
    step: Positive = 0.1

    def __call__(self, batch: Tensor) -> Tensor:
        """Data ``(B, *event)``, each moved by its radius in a random direction."""
        return batch + self._radii(batch) * unit(torch.randn_like(batch))

    def of(self, batch: Tensor, assign: Assign) -> Tensor:
        """Data ``(B, *event)``, each moved by its radius to where its clusters change most."""
        radii = self._radii(batch)
        with torch.enable_grad():
            before = [gamma.detach() for gamma in assign(batch)]
            shift = (self.step * radii * unit(torch.randn_like(batch))).requires_grad_()
            change = sum(
                (old * (old.clamp(min=TINY).log() - new.clamp(min=TINY).log())).sum()
                for old, new in zip(before, assign(batch + shift), strict=True)
            )
            (gradient,) = torch.autograd.grad(torch.as_tensor(change), shift)
        return (batch + radii * unit(gradient)).detach()

    def _radii(self, batch: Tensor) -> Tensor:
        """ε of each datum, ``(B, 1, ...)``; of a lone one by its own length."""
        rows = batch.detach().flatten(1)
        if len(rows) == 1:
            nearest = rows.norm(dim=1)
        else:
            apart = torch.cdist(rows, rows)
            apart.fill_diagonal_(float("inf"))
            nearest = apart.amin(1)
        radii: Tensor = self.radius * nearest.view(-1, *(1 for _ in batch.shape[1:]))
        return radii


def unit(direction: Tensor) -> Tensor:
    """``(B, *event)`` at length 1 for each datum; zeros stay."""
    length = direction.flatten(1).norm(dim=1).clamp(min=TINY)
    scaled: Tensor = direction / length.view(-1, *(1 for _ in direction.shape[1:]))
    return scaled
