"""All of a fit's criticism at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..evaluation import evaluate_clustering
from ..guides import Guide
from ..inference.prediction import (
    bound,
    evaluating,
    posterior_draws,
    posterior_predictive,
    prior_predictive,
    responsibilities,
)
from ..inference.prediction.answers import asked
from ..inference.training import Rows, derive_seed
from ..models import MixturePrior, MixtureVAE
from ..parts import Count, checked
from .calibration import calibration, parts_of
from .checks import predictive_checks
from .collapse import collapse
from .coverage import predictive_calibration
from .densities import density_check
from .examples import examples
from .findings import Criticism
from .importance import guide_check
from .marks import cluster_marks
from .zeros import zero_fraction

NUMBERS = 2**25  # in all replicates together, 128 MiB of float32
DRAWS = 16  # of each latent
WEIGHTS = 100  # importance weights of each datum


@checked
def evaluate(
    story: Any,
    x: Any,
    guide: Guide | None = None,
    *,
    labels: npt.ArrayLike | None = None,
    names: Sequence[str] = (),
    image_shape: Sequence[int] | None = None,
    max_rows: Count = 1000,
    n_replicates: Count = 50,
    seed: int = 0,
    progress: bool = False,
    covariates: object = None,
    size_factors: object = None,
) -> Criticism:
    """Criticise a fit on data, held-out ones best.

    Args:
        story: a fitted estimator, or a story with its ``guide``.
        x: data, ``(N, *event)``, as the estimator takes them; a tensor or ``Rows`` for a story.
        guide: the guide, if a story is given.
        labels: ``(N,)`` whole numbers, for scores and the reliability of the probabilities.
        names: of the features; by default those that an estimator's fit saw.
        image_shape: (H, W) or (C, H, W) where a datum is a picture.
        max_rows: data looked at, drawn at random of more.
        n_replicates: replicates of each datum, fewer where data are large.
        seed: same seed, same answer.
        progress: show bars.
        covariates: of the rows, where an estimator's fit had some.
        size_factors: of the rows of counts; ``None``: their totals.

    Raises:
        TypeError: a story without a guide, or an estimator that is not fitted.
        ValueError: labels of other data.

    Example:
        >>> from torch import nn
        >>> from pyromix.guides import AmortisedGuide, GaussianHead
        >>> from pyromix.models import GaussianMixture, Normal
        >>> model = MixtureVAE(GaussianMixture(3, 2), Normal(nn.Linear(2, 4), (4,)))
        >>> guide = AmortisedGuide(nn.Linear(4, 8), z=GaussianHead(8, 2))
        >>> found = evaluate(model, torch.randn(60, 4), guide)
        >>> [section.title for section in found.sections][:2]
        ['In short', 'Do replicates look like the data?']
    """
    model, guide = parts_of(story, guide)
    fitted = hasattr(story, "_given")
    whole = story._given(x, covariates, size_factors)[2] if fitted else x
    rows = whole if isinstance(whole, Rows) else Rows(torch.as_tensor(whole))
    if labels is not None and len(np.asarray(labels)) != len(rows):
        raise ValueError(f"{len(rows)} data came with {len(np.asarray(labels))} labels")
    some = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))[:max_rows]
    some = some.sort().values
    rows = asked(rows.at(some))
    y = None if labels is None else np.asarray(labels)[some.numpy()]
    data = rows.x.cpu().numpy()
    known = tuple(getattr(story, "feature_names_in_", ()))
    names = names or (known if data.shape[1:] == (len(known),) else ())
    n = max(10, min(n_replicates, NUMBERS // max(1, data.size)))
    replicated = posterior_predictive(model, guide, rows, n, seed=seed).numpy()
    gammas = {
        site: gamma.double().numpy()
        for site, gamma in responsibilities(model, guide, rows, seed=seed).items()
    }
    first = next(iter(gammas.values()))
    drawn = _drawn(model, rows, n, derive_seed(seed, "evaluate") % 2**32, progress)
    fresh = drawn["x"].numpy()
    sets = fresh.reshape(n, *data.shape)
    latents = posterior_draws(model, guide, rows, DRAWS, seed=seed, progress=progress)
    mixtures = {mixture.site("c"): mixture for mixture in model.prior.mixtures}
    several = {site: m for site, m in mixtures.items() if m.n_clusters > 1}
    metrics = evaluate_clustering(y, first) if len(mixtures) == 1 else {}
    metrics["bound"] = float(bound(model, guide, rows, seed=seed).mean())
    return Criticism(
        metrics,
        predictive_checks(data, replicated, clusters=first.argmax(1)),
        density_check(data, sets, names=names, seed=seed),
        predictive_calibration(data, fresh, names=names, seed=seed),
        zero_fraction(data, sets, names=names) if (data == 0).any() else None,
        guide_check(model, guide, rows, num_samples=WEIGHTS, seed=seed, progress=progress),
        calibration(model, guide, like=rows, n=max_rows, seed=seed),
        {
            site: collapse(gammas[site], _coordinates(m, latents[m.site("z")]))
            for site, m in mixtures.items()
        },
        {
            site: cluster_marks(fresh, drawn[site], names=names)
            for site in several
            if len(drawn[site].unique()) > 1
        },
        {
            site: examples(gammas[site], _typicality(model, m, latents))
            for site, m in several.items()
        },
        data,
        some.numpy(),
        y,
        gammas,
        image_shape,
        model.likelihood.is_density,
    )


def _drawn(model: MixtureVAE, rows: Rows, n: int, seed: int, progress: bool) -> dict[str, Tensor]:
    """As many draws of the story as n data sets hold, with the companions of each row."""
    companions = {name: torch.cat([value] * n) for name, value in rows.companions.items()}
    return prior_predictive(
        model, n * len(rows), companions=companions, seed=seed, progress=progress
    )


def _coordinates(mixture: MixturePrior, z: Tensor) -> npt.NDArray[np.float32]:
    with torch.no_grad():
        found: npt.NDArray[np.float32] = mixture.coordinates(z).cpu().numpy()
    return found


def _typicality(
    model: MixtureVAE, mixture: MixturePrior, latents: Mapping[str, Tensor]
) -> npt.NDArray[np.float64]:
    """E_q log p(z, c) of each datum, ``(N, K)``, by draws."""
    like = next(model.parameters())
    own = {name: value.to(like) for name, value in mixture.own(latents).items()}

    def parts() -> Iterator[Tensor]:
        for rows in zip(*(value.split(256, 1) for value in own.values()), strict=True):
            yield mixture.log_joint(**dict(zip(own, rows, strict=True))).mean(0).cpu()

    with evaluating(model):
        return torch.cat(list(parts())).double().numpy()
