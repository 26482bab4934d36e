"""Data with gaps: NaN is "not observed", and what a fit and its answers make of that.

The likelihood leaves gaps out, the encoder is told where they are, and nothing is filled in but for
the starts, which look for neighbours among whole rows (:mod:`pyromix.inference.phases.filling`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..guides import Guide
from ..networks import Masked
from .fitting import Story, continues

Missing = Literal["auto", "allow", "error"]
HIDDEN = 0.5  # of a datum's features at most are hidden from an encoder that is to allow gaps
REFUSED = "impute or drop such rows first"

log = logging.getLogger("pyromix")


def check_gaps(estimator: Any, x: NDArray[Any], *, fitting: bool) -> None:
    """Refuse gaps where they are not allowed or leave nothing.

    Args:
        estimator: whose ``missing`` is asked.
        x: data, ``(N, *event)``.
        fitting: a fit is to see them; else they are asked about.

    Raises:
        ValueError: names the first place, and what would do.
    """
    gaps = np.isnan(x)
    if not gaps.any():
        return
    names: Sequence[str] | None = vars(estimator).get("feature_names_in_")
    named = "" if names is None else f" (column {names[np.argwhere(gaps)[0][1]]!r})"
    found = f"X holds NaN at [{_first(gaps)}]{named}, {gaps.sum()} of {gaps.size} values in all"
    if estimator.missing == "error":
        raise ValueError(
            f"{found}, and missing is 'error': {REFUSED}, or use missing='auto', which takes NaN "
            "for not observed"
        )
    if not fitting and not has_gaps(estimator.guide_):
        raise ValueError(
            f"{found}, and {type(estimator).__name__} was fitted to data without: {REFUSED}, or "
            "fit with missing='allow', which prepares for gaps to come"
        )
    empty = np.flatnonzero(gaps.reshape(len(gaps), -1).all(1))
    if len(empty):
        others = f", nor have {len(empty) - 1} others" if len(empty) > 1 else ""
        raise ValueError(f"row {empty[0]} of X has no observed value{others}: drop such rows first")
    unseen = np.argwhere(gaps.all(0))
    if fitting and len(unseen):
        place = tuple(int(index) for index in unseen[0])
        name = repr(names[place[0]]) if names is not None else ", ".join(map(str, place))
        others = f", nor have {len(unseen) - 1} others" if len(unseen) > 1 else ""
        raise ValueError(
            f"column {name} of X has no observed value{others}: drop such columns first"
        )


def _first(where: NDArray[np.bool_]) -> str:
    return ", ".join(str(index) for index in np.argwhere(where)[0])


def has_gaps(guide: Guide) -> bool:
    """Whether a guide, and the story that it is of, take data with gaps."""
    return any(isinstance(layer, Masked) for layer in guide.amortised.encoder.modules())


def gapped(
    estimator: Any, story: Callable[..., Any], x: Tensor, spared: Tensor | None = None
) -> Story:
    """The story and guide of data with gaps, if there are any or may be.

    A fit that goes on from another has gaps if that one had.

    Args:
        estimator: whose ``missing`` is asked.
        story: makes those of whole data; takes ``fill`` and ``hide``.
        x: what the fit sees, ``(N, *event)``.
        spared: values of the data that it is not to see besides those that are missing.

    Raises:
        ValueError: a fit to data without gaps is to go on with some, or no row that counts has a
            column's value.
    """
    missing = x.isnan()
    gaps = bool(missing.any())
    before = continues(estimator)
    if gaps and before and not has_gaps(estimator.guide_):
        raise ValueError(
            "warm_start is True, X has gaps, and the model that is fitted was not made for any: "
            "use warm_start=False, or fit it with missing='allow' first"
        )
    if gaps:
        kept_back = 0 if spared is None else int(spared.sum())
        values = missing.numel() if spared is None else spared.numel()
        log.info(
            "%s of %s values of X are not observed (NaN), and are left out of the fit; %s others "
            "are spared, to measure how far gaps spread",
            estimator.n_missing_,
            values,
            kept_back,
        )
    unseen = estimator.unseen == "missing" and "columns_" in vars(estimator)
    allow = estimator.missing == "allow" or unseen
    if not gaps and not allow and not (before and has_gaps(estimator.guide_)):
        return story
    hide = HIDDEN if allow else 0.0
    fill = x.nanmean(0)
    if bool(fill.isnan().any()):
        raise ValueError(
            "a column of X has observed values in rows of sample_weight 0 alone: drop it first"
        )
    return partial(story, fill=fill, hide=hide)


def gaps_of(data: Mapping[str, Any], event_shape: tuple[int, ...]) -> dict[str, Tensor]:
    """What a run's config says of gaps, for ``build``: what fills them is among its weights.

    Raises:
        ValueError: a damaged config.
    """
    return {"fill": torch.zeros(event_shape)} if data.get("gaps") else {}
