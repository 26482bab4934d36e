"""How much codes and clusters say of what they should not know, such as a batch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.metrics import adjusted_mutual_info_score
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

NEIGHBOURS = 15


def told_from(
    codes: npt.ArrayLike, classes: npt.ArrayLike, *, folds: int = 5, seed: int = 0
) -> float:
    """How well classes are told from codes: cross-validated balanced accuracy of 15 neighbours.

    Guessing has one over the number of classes.

    Args:
        codes: ``(N, D)``.
        classes: ``(N,)``, of anything.
        folds: of the cross-validation.
        seed: of the folds.

    Raises:
        ValueError: another number of classes than of codes, one class alone, or fewer of one than
            there are folds.

    Example:
        >>> told_from(np.arange(60.0)[:, None], np.arange(60) // 30) > 0.95
        True
    """
    x, y = np.asarray(codes, np.float64), np.asarray(classes)
    if x.ndim != 2 or y.shape != (len(x),):
        raise ValueError(f"codes have shape {x.shape} and classes {y.shape}: use (N, D) and (N,)")
    found, counts = np.unique(y, return_counts=True)
    if len(found) < 2 or counts.min() < folds:
        raise ValueError(
            f"classes hold {len(found)} kind(s), the rarest {counts.min()} times: use two or more, "
            f"each at least {folds} times"
        )
    neighbours = KNeighborsClassifier(min(NEIGHBOURS, len(x) * (folds - 1) // folds))
    split = StratifiedKFold(folds, shuffle=True, random_state=seed)
    scores = cross_val_score(
        make_pipeline(StandardScaler(), neighbours), x, y, cv=split, scoring="balanced_accuracy"
    )
    return float(scores.mean())


def independence(
    codes: npt.ArrayLike,
    clusters: npt.ArrayLike,
    batch: npt.ArrayLike,
    labels: npt.ArrayLike | None = None,
    *,
    seed: int = 0,
) -> dict[str, float]:
    """How much codes and clusters say of a batch, beside how much they say of labels.

    Args:
        codes: ``(N, D)``, such as ``transform(X, covariates=…)``.
        clusters: ``(N,)``.
        batch: what they should not know, ``(N,)``.
        labels: what they should, ``(N,)``.
        seed: of the folds.

    Returns:
        ``batch_told`` (see :func:`told_from`), ``batch_guessed`` (one over their number),
        ``batch_ami`` (adjusted mutual information of clusters and batch, 0 where independent), and
        of labels ``labels_told`` and ``labels_ami``.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> group, batch = np.arange(200) % 2, np.arange(200) // 100
        >>> found = independence(group[:, None] + rng.normal(0, 0.1, (200, 1)), group, batch, group)
        >>> found["labels_told"] > 0.99, found["batch_told"] < 0.65, abs(found["batch_ami"]) < 0.05
        (True, True, True)
    """
    found = {
        "batch_told": told_from(codes, batch, seed=seed),
        "batch_guessed": 1.0 / len(np.unique(np.asarray(batch))),
        "batch_ami": float(adjusted_mutual_info_score(batch, clusters)),
    }
    if labels is not None:
        found["labels_told"] = told_from(codes, labels, seed=seed)
        found["labels_ami"] = float(adjusted_mutual_info_score(labels, clusters))
    return found
