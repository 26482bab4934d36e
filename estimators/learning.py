"""The fit of an estimator: rows, a recipe and a story are made of what it is given, and trained."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from ..guides import Guide
from ..inference import Recipe, Row, Rows, calibrate_gaps, launch, spare
from ..models import MixtureVAE
from ..parts import NonNegative, Seed, Unbuilt
from .answers import Answers
from .conditions import apart
from .fitted import Labels
from .fitting import Story, claimed, continues, kept_if_stopped, likelihood_of, split, warm
from .gaps import gapped, has_gaps
from .scaling import in_units, scaling_of, standardised
from .streaming import along, at_hand, ready_for
from .supervision import Constraints, beside, groups_of, numbers_given, terms_of
from .weighting import in_own_order, read_weights


class Learns(Answers):
    """Fits the parts of an estimator to data."""

    label_weight: NonNegative
    random_state: Seed | np.random.RandomState | None
    device: str | torch.device
    devices: int
    check_arguments: Callable[[], None]
    recipe: Callable[[], Recipe]
    build: Callable[..., tuple[MixtureVAE, Guide]]

    def fit(
        self,
        X: Any,
        y: object = None,
        *,
        sample_weight: ArrayLike | None = None,
        covariates: object = None,
        size_factors: object = None,
        constraints: Constraints | None = None,
        checkpoint: str | Path | None = None,
    ) -> Self:
        """Fit all phases, without labels or with what is known of some data.

        Labels make the bound of their data that of log p(x, c), number the clusters, and have a
        log-loss of their own. :meth:`score` stays the bound on log p(x).

        Args:
            X: data, ``(N, X)`` or images ``(N, C, H, W)``, NaN where not observed (then a twentieth
                of the others, of few a tenth, is spared to measure how far gaps spread); or a
                table of any columns; or rows that are read batch by batch
                (:func:`pyromix.inference.source_of`): a sparse matrix, ``np.memmap``, a ``Dataset``
                or ``DataLoader``, Parquet files, or :class:`pyromix.inference.Shards`. Of more than
                20,000 such rows a sample is what pretraining and start see, and what is held out is
                of it; the joint training reads all, and leaves no ``labels_``. What is told of
                rows below is then of all of them, in their order.
            y: labels ``(N,)``, −1 or NaN where unknown; or soft groups ``(N, K)``, rows of zeros or
                NaN where unknown; of J facets labels ``(N, J)``. Labels from 0 to K - 1 are
                clusters' numbers, others are numbered in their order; more than K are left out.
            sample_weight: how much each row counts, ``(N,)``: whole numbers repeat rows; others do
                so in expectation, by a draw of N rows that ``random_state`` decides.
            covariates: what is known of each row and is not to be found again: batches of an
                experiment, doses. A frame or an array ``(N, …)`` of categories (text, booleans,
                pandas categories: one-hot) and reals (standardised), or the names of columns of X
                that are such. Encoder and decoder see them beside x and z, and every later answer
                asks for the same columns.
            size_factors: for a likelihood of counts that has them, ``(N,)``; ``None``: the totals
                of the rows.
            constraints: pairs of rows that belong together or apart, ``(P, 2)`` each, as
                ``{"must_link": …, "cannot_link": …}``.
            checkpoint: a file to keep the state of training in; if it exists, training goes on from
                there and ends with the weights of an uninterrupted fit. One that was begun with
                other data or arguments is refused.

        Raises:
            ValueError, TypeError: names the argument, what came and what would do.
            TrainingDiverged: the loss became infinite or NaN.
            TrainingInterrupted: on Ctrl-C, a ``KeyboardInterrupt``. After the first epoch of the
                joint training, and without a checkpoint to go on from, the estimator is fitted with
                the weights of the last whole epoch.
            BlockingIOError: another fit uses the checkpoint.
        """
        self.check_arguments()
        return self._learn(
            X,
            y,
            self.recipe(),
            covariates=covariates,
            size_factors=size_factors,
            constraints=constraints,
            sample_weight=sample_weight,
            checkpoint=checkpoint,
        )

    def _learn(
        self,
        X: Any,
        y: object,
        recipe: Recipe,
        *,
        covariates: object = None,
        size_factors: object = None,
        constraints: Constraints | None = None,
        sample_weight: ArrayLike | None = None,
        checkpoint: str | Path | None = None,
    ) -> Self:
        """All phases of a recipe on data, or on a sample of those that are not in memory."""
        self.seed_ = int(check_random_state(self.random_state).randint(2**31 - 1))
        held = at_hand(
            X,
            self.seed_,
            by_column=self.columns != "auto",
            devices=self.devices,
            y=y,
            covariates=covariates,
            size_factors=size_factors,
            sample_weight=sample_weight,
        )
        known_before = self.covariates_ if continues(self) else None
        X, covariates, own = apart(held.x, held.part("covariates"), known_before)
        size_factors = held.part("size_factors")
        x = self._check(X, reset=True)
        n = held.count(x)
        weights = read_weights(held.told["sample_weight"], n)
        self._begin_counting()
        if not all(1 <= n_clusters <= len(x) for n_clusters in self.clusterings()):
            raise ValueError(
                f"n_clusters is {self.n_clusters} and X has {len(x)} samples: "
                "use between 1 and the number of samples"
            )
        likelihood = likelihood_of(self, x)
        if continues(self):
            beside_x = self._companions(x, covariates, size_factors)
        else:
            beside_x = self._learn_conditions(
                x,
                covariates,
                size_factors,
                likelihood=likelihood,
                own=own,
                among=(held.told["covariates"], n),
            )
        numbers = numbers_given(self, held.told["y"], n)
        known = groups_of(held.some(numbers), numbers, self.clusterings(), self._lone)
        given = {name: each.to(x) for name, each in (beside_x | known).items()}
        taken = held.taken(weights, self.seed_)
        if held.source is None:
            taken = in_own_order(Rows(x, **given), taken, recipe.training.batch_size)
        counting = slice(None) if taken is None else taken
        scaling = scaling_of(self, x[counting], likelihood)
        self.n_missing_ = int(x.isnan().sum())
        spared = None
        if held.source is None and bool(x.isnan().any()):
            spared = torch.zeros_like(x, dtype=torch.bool)
            spared[counting] = spare(x[counting], self.seed_)
        shown = x if spared is None else x.masked_fill(spared, torch.nan)
        seen = shown if scaling is None else scaling(shown)
        data = Rows(seen, **given)
        build = partial(self.build, n_covariates=self.n_covariates)
        build = partial(build, tuple(seen.shape[1:]), likelihood)
        story: Story = gapped(self, build, seen[counting], spared)
        if continues(self):
            recipe, story = warm(self, recipe, story)
        ready = held.ready(partial(ready_for, self, held, story, scaling, x, numbers, own))
        pairs = held.pairs(constraints, Rows(seen, **beside_x), ready)
        recipe = recipe.with_terms(terms_of(known, pairs, self.label_weight))
        recipe.rehearse(story, data, self.seed_)
        if taken is not None:
            data, recipe = data.at(taken), recipe.of_rows(taken)
        train, validation, rows = split(self, data, recipe.training)
        recipe = recipe.of_rows(rows)
        left = rows if taken is None or rows is None else taken[rows]
        source = held.read(ready, left, weights, self.seed_)
        counted: list[Row] = []

        def take(model: MixtureVAE, guide: Guide, history: list[Row]) -> None:
            held_out = None if validation is None else validation.x
            self.history_ = [*counted, *in_units(history, scaling, train.x, held_out)]
            self.adopt(*standardised(model, guide, scaling), likelihood)
            everyone = Rows(x, **beside_x)
            if has_gaps(self.guide_):
                hidden = None if spared is None else spared[counting]
                calibrate_gaps(
                    self.model_,
                    self.guide_,
                    everyone.at(counting),
                    spared=hidden,
                    seed=self.seed_,
                )
            if source is None:
                self.labels_ = self._labels(everyone)
            else:
                self.__dict__.pop("labels_", None)

        with (
            claimed(checkpoint, self, recipe, data, len(train), source) as kept,
            kept_if_stopped(take if kept is None else None),
        ):
            counted += self._count(story, data, kept)
            fit = launch(recipe.fit, str(self.device), self.devices, self.precision)
            train = beside(train, pairs)
            found = fit(
                story,
                train,
                seed=self.seed_,
                validation=validation,
                checkpoint=kept,
                source=along(source, train),
            )
        take(*found)
        return self

    def fit_predict(self, X: Any, y: object = None, **given: Any) -> Labels:
        """:meth:`fit`, and the clusters of the same data, with whatever ``fit`` takes."""
        self.fit(X, y, **given)
        labels: Labels = self.labels_ if hasattr(self, "labels_") else self.predict(X)
        return labels

    def fit_transform(self, X: ArrayLike, y: object = None, **given: Any) -> Any:
        """:meth:`fit`, and :meth:`transform` of the same data, with whatever ``fit`` takes."""
        of_rows = {name: given[name] for name in ("covariates", "size_factors") if name in given}
        return self.fit(X, y, **given).transform(X, **of_rows)

    def adopt(self, model: MixtureVAE, guide: Guide, likelihood: Unbuilt) -> None:
        """Take a trained story and guide as this estimator's own.

        Args:
            model: the story.
            guide: its guide.
            likelihood: the part that the story's likelihood was made of.
        """
        self.model_, self.guide_, self.likelihood_ = model.eval(), guide.eval(), likelihood
        self.n_features_in_ = model.likelihood.event_shape[0]
