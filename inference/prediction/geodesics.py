"""The shortest ways between codes in the space that they live in, and the data along them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ...guides import Guide
from ...models import MixtureVAE
from ...parts import Count, checked, choose
from ..training import Rows
from .answers import BATCH_SIZE, asked, decode, encode


def geodesic(space: str, start: Tensor, end: Tensor, t: Tensor) -> Tensor:
    r"""Points on the shortest way from one code to another, at even speed.

    - ``"real"``: the straight line, :math:`(1-t)\,a + t\,b`;
    - ``"sphere"``: the great circle; codes are brought to unit length first, and opposite ones are
      joined by one of the half circles there are;
    - ``"positive"``: straight in log z, the geodesic of the scale of a Gamma law;
    - ``"unit_interval"``: straight in the log-odds;
    - ``"simplex"``: a great circle of the square roots, the geodesic of Fisher's metric.

    Args:
        space: where the codes live, as :meth:`pyromix.models.MixturePrior.lives_on` says.
        start: ``(..., D)``.
        end: ``(..., D)``.
        t: where on the way, 0 to 1, ``(S,)``.

    Returns:
        ``(S, ..., D)``.

    Raises:
        ValueError: a space of another name.

    Example:
        >>> quarter = geodesic("sphere", torch.eye(2)[0], torch.eye(2)[1], torch.tensor([0.5]))
        >>> quarter
        tensor([[0.7071, 0.7071]])

    References:
        Shoemake (1985). Animating rotation with quaternion curves. SIGGRAPH.
        Kass & Vos (1997). Geometrical Foundations of Asymptotic Inference, ch. 2 (the simplex).
    """
    way = choose("space", space, WAYS)
    return way(start, end, t.to(start).reshape(-1, *[1] * start.dim()))


def _straight(start: Tensor, end: Tensor, t: Tensor) -> Tensor:
    return (1 - t) * start + t * end


def _great_circle(start: Tensor, end: Tensor, t: Tensor) -> Tensor:
    a, b = normalize(start.double(), dim=-1), normalize(end.double(), dim=-1)
    # Of two arcs of tangents, since an arccosine loses half its digits at both ends.
    angle = 2 * torch.atan2((a - b).norm(dim=-1), (a + b).norm(dim=-1)).unsqueeze(-1)
    across = b - (a * b).sum(-1, keepdim=True) * a
    nowhere = across.norm(dim=-1, keepdim=True) < 1e-9  # equal, or opposite: any direction does
    aside = torch.zeros_like(a).scatter_(-1, a.abs().argmin(-1, keepdim=True), 1.0)
    aside = aside - (a * aside).sum(-1, keepdim=True) * a
    tangent = normalize(torch.where(nowhere, aside, across), dim=-1)
    return ((t * angle).cos() * a + (t * angle).sin() * tangent).to(start.dtype)


def _in_logarithm(start: Tensor, end: Tensor, t: Tensor) -> Tensor:
    return _straight(start.log(), end.log(), t).exp()


def _in_log_odds(start: Tensor, end: Tensor, t: Tensor) -> Tensor:
    return _straight(start.logit(), end.logit(), t).sigmoid()


def _in_square_root(start: Tensor, end: Tensor, t: Tensor) -> Tensor:
    return _great_circle(start.sqrt(), end.sqrt(), t).square()


WAYS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "real": _straight,
    "sphere": _great_circle,
    "positive": _in_logarithm,
    "unit_interval": _in_log_odds,
    "simplex": _in_square_root,
}


@checked
def interpolate(
    model: MixtureVAE,
    guide: Guide,
    x: Tensor | Rows,
    other: Tensor | Rows,
    *,
    steps: Count = 9,
    batch_size: Count = BATCH_SIZE,
) -> Tensor:
    """The data between data: E[x | z] along the geodesic from each code to its partner's.

    Every latent moves at once, each in its own space; a style moves straight.

    Args:
        model: the story.
        guide: its guide.
        x: where the ways begin, ``(N, *event)``, or :class:`Rows` with companions, which what
            lies between is decoded with.
        other: where they end, ``(N, *event)``.
        steps: points on each way, both ends among them.
        batch_size: codes decoded at a time.

    Returns:
        ``(steps, N, *event)``.

    Raises:
        ValueError: data of two shapes.

    Example:
        >>> from torch import nn
        >>> from pyromix.guides import AmortisedGuide, GaussianHead
        >>> from pyromix.models import GaussianMixture, Normal
        >>> model = MixtureVAE(GaussianMixture(3, 2), Normal(nn.Linear(2, 4), (4,)))
        >>> guide = AmortisedGuide(nn.Linear(4, 8), z=GaussianHead(8, 2))
        >>> interpolate(model, guide, torch.zeros(5, 4), torch.ones(5, 4), steps=7).shape
        torch.Size([7, 5, 4])
    """
    begin, end = asked(x), asked(other)
    if begin.x.shape != end.x.shape:
        raise ValueError(
            f"x has shape {tuple(begin.x.shape)} and other {tuple(end.x.shape)}: give pairs of data"
        )
    ends = [encode(model, guide, rows, batch_size=batch_size) for rows in (begin, end)]
    t = torch.linspace(0.0, 1.0, steps)
    spaces = dict.fromkeys(ends[0], "real")
    like = guide.posterior_like()
    spaces |= {m.site("z"): m.lives_on(like or None) for m in model.prior.mixtures}
    ways = {
        site: geodesic(spaces[site], ends[0][site], ends[1][site], t).flatten(0, 1)
        for site in ends[0]
    }
    companions = {name: torch.cat([each] * steps) for name, each in begin.companions.items()}
    return decode(model, ways, companions=companions, batch_size=batch_size).reshape(
        steps, len(begin), *model.likelihood.event_shape
    )
