r"""Groups given for rows: labels or soft groups, a companion of the data for each clustering.

A row of groups :math:`P(x)` sums to one: a one-hot row is a label, and zeros are an unknown one.
Given groups stand in for the guide's law of the cluster, so that the bound of a labelled datum is
exactly that of log p(x, c) (Kingma, Rezende, Mohamed & Welling 2014, arXiv 1406.5298, equation 6).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .sites import facet_of, site_name

if TYPE_CHECKING:  # the command waits for no torch to tell of a typo
    from torch import Tensor

GROUPS = "groups"


def is_groups(name: str) -> bool:
    """Whether a companion is the groups of a clustering: ``groups``, ``groups_0``, …

    Example:
        >>> is_groups("groups"), is_groups("groups_1"), is_groups("batch")
        (True, True, False)
    """
    return name == site_name(GROUPS, facet_of(name))


def without_groups(companions: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The companions that a law of the latents may look at: all but groups."""
    return {name: each for name, each in companions.items() if not is_groups(name)}


def known_rows(groups: Tensor) -> Tensor:
    """Which rows are given: ``(..., K)`` to ``(...)``."""
    return groups.sum(-1) > 0


def given_law(log_law: Tensor, groups: Tensor | None) -> Tensor:
    """The logarithms of a law of the cluster, with those of the groups where they are given.

    Args:
        log_law: normalised, ``(..., B, K)``.
        groups: ``(B, K)``, or ``None``.

    Example:
        >>> import torch
        >>> given_law(torch.tensor([[0.2, 0.8], [0.5, 0.5]]).log(), torch.eye(2)[:1]).exp()
        tensor([[1., 0.],
                [1., 0.]])
    """
    if groups is None:
        return log_law
    return groups.to(log_law).log().where(known_rows(groups).unsqueeze(-1), log_law)
