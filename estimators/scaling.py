"""Units: which likelihood data have by default, and whether their features are standardised.

A fit sees standardised data, whatever its phases do with them. Then the story's likelihood and the
guide's encoder take the scaling into themselves, so that all that is asked of them later is in the
units of the data.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from pyro.distributions import constraints
from torch import Tensor

from ..guides import Guide
from ..inference import Row
from ..models import Coded, Likelihood, MixtureVAE, Observed, Standardised
from ..networks import Encoding, Scaling
from ..parts import Unbuilt, resolve, spelt
from ..parts.warning import warn
from .columns import encoding_of

FAR, FAINT, APART = 10.0, 0.1, 1000.0


class UnscaledWarning(UserWarning):
    """Columns in units from which networks do not start well."""


def usual_likelihood(x: Tensor, standardise: bool | str) -> str:
    """The likelihood that suits data: those in [0, 1] are grey values, others real numbers.

    So are those in [0, 1] that come nowhere near 1, or that are to be standardised.
    """
    if bool((missing := x.isnan()).any()):
        x = x[~missing]
    top = float(x.max())
    grey = float(x.min()) >= 0 and (FAINT < top <= 1 or top == 0)
    return "bernoulli" if grey and standardise is not True else "normal"


def scaling_of(estimator: Any, x: Tensor, likelihood: Unbuilt) -> Scaling | Encoding | None:
    """From data to what the phases of a fit see, if it is not the same.

    ``"auto"`` standardises tables of real numbers that have columns with a mean or a spread above
    10, with less than a thousandth of the widest one's spread, or none with a spread of 0.1.

    A table by column is encoded, its reals standardised. A fit that goes on from another keeps that
    one's scaling.

    Args:
        estimator: whose ``standardise`` is asked, and whose feature names are told.
        x: data, ``(N, *event)``.
        likelihood: the part that is to be built.

    Raises:
        ValueError: data are to be standardised whose likelihood is not one of all numbers.

    Warns:
        UnscaledWarning: ``"auto"`` standardises, or nothing does though columns have such units.
    """
    if (encoding := encoding_of(likelihood)) is not None:
        return encoding.double() if estimator.precision == "64-true" else encoding.float()
    if estimator.warm_start and hasattr(estimator, "model_"):
        return scaling_in(estimator.model_)
    standardise, names = estimator.standardise, vars(estimator).get("feature_names_in_")
    made = resolve("likelihood", likelihood, Likelihood)
    made = getattr(made, "func", made)
    real = getattr(made, "support", constraints.real) is constraints.real
    if standardise is True and not real:
        words = getattr(made, "support_words", "some numbers")
        raise ValueError(
            f"standardise is True, and {spelt(made)} is a likelihood of {words}, which "
            "standardised data are not: use standardise=False, or likelihood='normal'"
        )
    if not real:
        return None
    axes = (0, *range(2, x.dim()))
    loc, spread, same = _moments(x.double(), axes)
    scale = torch.where(same | (spread == 0), torch.ones_like(spread), spread)
    if standardise is not True and x.dim() == 2:
        odd = _odd(loc, spread.masked_fill(same, 0.0), same)
        if bool(odd.any()):
            _warn(odd, loc, spread, standardise, names)
        if standardise is False or not bool(odd.any()):
            return None
    elif standardise is not True:
        return None
    return Scaling(loc.to(x), scale.to(x))


def standardised(
    model: MixtureVAE, guide: Guide, scaling: Scaling | Encoding | None
) -> tuple[MixtureVAE, Guide]:
    """A story and its guide of scaled data as such of data in their own units, weights shared."""
    if scaling is None:
        return model, guide
    own = [copy.deepcopy(scaling) for _ in range(2)]
    whole = model.likelihood
    around: Any = Coded if isinstance(scaling, Encoding) else Standardised
    if isinstance(whole, Observed):  # what is not observed has no units
        model.likelihood = Observed(around(whole.inner, own[0]))
    else:
        model.likelihood = around(whole, own[0])
    guide.amortised.scaling = own[1]
    return model, guide


def in_units(
    history: Sequence[Row], scaling: object, train: Tensor, held_out: Tensor | None
) -> list[Row]:
    r"""The history of a fit of standardised data in nats of the data's own units.

    A density of x is that of y less :math:`\sum_i \log \mathrm{scale}_i`, of what is observed.

    Args:
        history: rows of losses of y.
        scaling: from x to y; what is no :class:`Scaling` changes nothing.
        train: y of the data trained on, ``(N, *event)``.
        held_out: y of the others, or ``None``.
    """
    if not isinstance(scaling, Scaling):
        return list(history)
    log_scale = scaling.scale.log()
    both = [
        None if y is None else float((log_scale * ~y.isnan()).flatten(1).sum(1).mean())
        for y in (train, held_out)
    ]
    own, others = both[0] or 0.0, both[1] or 0.0
    moved = {"loss": own, "reconstruction": own, "validation": others, "held_out_bound": -others}
    rows = []
    for row in history:
        # A pretraining by two views has it for each feature.
        each = train[0].numel() if "overclustering" in row else 1
        losses = "loss" in row
        rows.append(
            {n: v + moved[n] / each if losses and n in moved else v for n, v in row.items()}
        )
    return rows


def unscaled_states(model: MixtureVAE, guide: Guide) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The weights of a fitted story and guide as those of the ones that the phases of a fit see."""
    scaled = scaling_in(model) is not None
    measured = "likelihood.stretch" if isinstance(model.likelihood, Coded) else ""  # after a fit
    states = [
        {
            name.replace("likelihood.inner.", "likelihood.", int(scaled)): tensor
            for name, tensor in module.state_dict().items()
            if "scaling" not in name.split(".") and name != measured
        }
        for module in (model, guide)
    ]
    return states[0], states[1]


def scaling_in(model: MixtureVAE) -> Scaling | Encoding | None:
    """The scaling, or the encoding, that a story has taken into itself, if any."""
    whole = model.likelihood
    inner = whole.inner if isinstance(whole, Observed) else whole
    return inner.scaling if isinstance(inner, Standardised | Coded) else None


def unit(event_shape: Sequence[int]) -> Scaling:
    """The scaling that changes nothing, to read a run's into."""
    ones = torch.ones(event_shape[0], *(1 for _ in event_shape[1:]))
    return Scaling(torch.zeros_like(ones), ones)


def _moments(x: Tensor, axes: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and spread of what is observed of each feature, and whether it is all the same."""
    missing = x.isnan()
    if not bool(missing.any()):
        loc = x.mean(axes, keepdim=True)[0]
        spread = (x - loc).square().mean(axes, keepdim=True)[0].sqrt()
    else:
        loc = x.nanmean(axes, keepdim=True)[0]
        spread = (x - loc).square().nanmean(axes, keepdim=True)[0].sqrt()
    highest = x.masked_fill(missing, -torch.inf).amax(axes, keepdim=True)[0]
    lowest = x.masked_fill(missing, torch.inf).amin(axes, keepdim=True)[0]
    return loc, spread, highest == lowest


def _odd(loc: Tensor, spread: Tensor, same: Tensor) -> Tensor:
    """Which columns are in units that networks do not start well from, ``(X,)``.

    They are far from 1 themselves, or faint beside those that are not, or all are faint.
    """
    far = (loc.abs() > FAR) | (spread > FAR)
    widest = spread.masked_fill(far, 0.0).max()
    return (far | (spread < widest / APART) | (widest < FAINT)) & ~same


def _warn(
    odd: Tensor,
    loc: Tensor,
    spread: Tensor,
    standardise: bool | str,
    names: Sequence[str] | None,
) -> None:
    found = odd.nonzero().flatten().tolist()
    shown = ", ".join(
        f"{names[i] if names is not None else i!r} ({loc[i]:.3g} ± {spread[i]:.3g})"
        for i in found[:5]
    )
    more = f" and {len(found) - 5} others" if len(found) > 5 else ""
    if standardise is False:
        done = "and stay so: fits of such columns collapse; use standardise=True"
    else:
        done = "and are standardised: standardise=True says that it is meant, False leaves them"
    warn(
        f"columns of X are far from mean 0 and spread 1, {done}: {shown}{more}",
        UnscaledWarning,
    )
