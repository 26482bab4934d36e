"""Learning from a stream: each batch is passed over once, and the estimator can be used between."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from numpy.typing import ArrayLike
from torch import nn

from ..inference import Classification, ObjectiveModule, Recipe, Rows, make_fabric
from ..inference.phases.phase import Fit
from ..inference.training.loop import fused_adam
from ..inference.training.seeds import derive_seed
from .learning import Learns
from .supervision import groups_given
from .weighting import read_weights, repeated


@dataclass
class Passing:
    """What goes on from one batch of a stream to the next.

    Args:
        objective: with the story and guide that are trained, and its clock.
        optimizer: of all their parameters.
        passes: batches so far.
    """

    objective: ObjectiveModule
    optimizer: torch.optim.Optimizer
    passes: int = 0


class LearnsOn(Learns):
    """Learns from batches that come one after the other."""

    def partial_fit(
        self,
        X: Any,
        y: object = None,
        *,
        sample_weight: ArrayLike | None = None,
        covariates: object = None,
        size_factors: object = None,
    ) -> Self:
        """Pass over a batch of a stream once, with the steps of the joint training.

        The first batch decides the units, the likelihood, K where that is to be found, and where
        the clusters start: it is pretrained and started on as in :meth:`fit`, so give some thousand
        rows. What a fit or a run has left is gone on from. The learning rate stays as it is, Adam
        keeps its moments from the second call on, and ``labels_`` are those of the batch. A copy
        from a file or a pickle goes on with a new Adam.

        Args:
            X: a batch, ``(N, *event)``, in memory.
            y: what is known of its rows, as in :meth:`fit`.
            sample_weight: how much each row counts, as in :meth:`fit`.
            covariates: of the rows, as in :meth:`fit`; the first batch has all categories.
            size_factors: of the rows of counts; ``None``: their totals.

        Raises:
            ValueError, TypeError: names the argument, what came and what would do.
            TrainingDiverged: the loss became infinite or NaN; the weights are those before.
        """
        self.check_arguments()
        recipe = one_pass(self.recipe())
        if not hasattr(self, "model_"):
            return self._learn(
                X,
                y,
                recipe,
                sample_weight=sample_weight,
                covariates=covariates,
                size_factors=size_factors,
            )
        rows = self._rows(X, covariates, size_factors)
        weights = read_weights(sample_weight, len(rows))
        known = groups_given(self, y, len(rows))
        groups = {name: each.to(rows.x) for name, each in known.items()}
        seen = rows.with_companions(**groups)
        passing = self._passing(recipe, rows)
        passing.passes += 1
        if weights is not None:
            seen = seen.at(repeated(weights, derive_seed(self.seed_, "weights", passing.passes)))
        row = recipe.training.trainer(1).fit(
            passing.objective,
            seen,
            fabric=make_fabric(str(self.device), self.precision),
            phase="partial",
            seed=derive_seed(self.seed_, "partial", passing.passes),
            optimizer=passing.optimizer,
        )[-1]
        self.history_ = [*self.history_, {**row, "epoch": passing.passes}]
        self.adopt(self.model_, self.guide_, self.likelihood_)
        self.labels_ = self._labels(rows)
        return self

    def __sklearn_tags__(self) -> Any:
        """Sparse matrices are taken, too."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """All but what goes on from batch to batch, which another process begins anew."""
        state: dict[str, Any] = dict(super().__getstate__())
        state.pop("_passes", None)
        return state

    def _passing(self, recipe: Recipe, data: Rows) -> Passing:
        """What the batches before have left, or a new beginning on the weights there are."""
        found: Passing | None = vars(self).get("_passes")
        modules: tuple[nn.Module, nn.Module] = self.model_, self.guide_
        if found is None or (found.objective.model, found.objective.guide) != modules:
            # Without labels in a batch the term is zero.
            terms = [Classification(self.label_weight)] if self.label_weight else []
            recipe = recipe.with_terms(terms)
            fit = Fit(self.model_, self.guide_, data, self.seed_, recipe.training)
            objective = recipe.training.objective(fit, copy.deepcopy(recipe.elbo))
            training = recipe.training
            optimizer = fused_adam(objective, training.learning_rate, training.epsilon)
            self._passes = found = Passing(objective, optimizer)
        return found


def one_pass(recipe: Recipe) -> Recipe:
    """A recipe whose joint training is a single pass over the data.

    Raises:
        ValueError: it has what needs several.
    """
    training = recipe.training
    more = {
        "n_init": recipe.n_init > 1,
        "training's patience": training.patience is not None,
        "training's during": bool(training.during),
    }
    for name in (name for name, asked in more.items() if asked):
        raise ValueError(f"{name} is set, which a stream's single pass cannot have: use fit")
    return replace(recipe, training=training.with_params(max_epochs=1, learning_rate_decay=None))
