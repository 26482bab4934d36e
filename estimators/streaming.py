"""Data that are not in memory: what of them a fit looks at, and what it reads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data import by_protocol
from ..inference import Beside, Rows, Source, seeded, source_of
from ..inference.training.chunks import bytes_of_row, joined
from ..inference.training.sources import Sample
from .beside_rows import some_of, told_of
from .ready import Ready
from .supervision import Constraints, pair_numbers, paired, some_known
from .weighting import repeated

BLOCK, BLOCK_BYTES = 4096, 2**25  # rows that are answered at a time, and their bytes


@dataclass(frozen=True)
class Given:
    """Data as a fit takes them, and what it is told of their rows.

    Args:
        x: all rows, or a sample of those that are not in memory.
        told: of all rows, by the argument's name.
        source: all rows, where x is a sample.
        sample: the sample.
    """

    x: Any
    told: Mapping[str, Any] = field(default_factory=dict)
    source: Source | None = None
    sample: Sample | None = None

    def count(self, x: Tensor) -> int:
        """How many rows there are, of which x is all or a sample."""
        return len(x) if self.source is None else len(self.source)

    def some(self, told: Any) -> Any:
        """What is told of all rows, of those in x."""
        return told if self.sample is None else some_of(told, self.sample.rows)

    def part(self, name: str) -> Any:
        """An argument's part on the rows in x."""
        return self.some(self.told.get(name))

    def ready(self, make: Callable[[], Ready]) -> Ready | None:
        """What makes chunks ready to be trained on; nothing of data in memory."""
        return None if self.source is None else make()

    def pairs(
        self, constraints: Constraints | None, data: Rows, ready: Ready | None
    ) -> Rows | None:
        """The pairs that are constrained, which are read to memory.

        Args:
            constraints: pairs of rows by their numbers among all.
            data: the rows in x.
            ready: makes other rows like those.
        """
        if self.source is None or ready is None:
            found = pair_numbers(constraints, data.x)
            return None if found is None else paired(data, *found)
        told_of(self.source, None, constraints=constraints)
        found = pair_numbers(constraints, data.x, len(self.source))
        if found is None:
            return None
        first, second, linked = found
        rows = np.unique(torch.cat([first, second]).numpy())
        own = replace(ready, groups=None).rows(self.source.pick(rows), rows)
        one, other = (np.searchsorted(rows, each.numpy()) for each in (first, second))
        return paired(own, torch.as_tensor(one), torch.as_tensor(other), linked)

    def taken(self, weights: NDArray[np.float64] | None, seed: int) -> Tensor | None:
        """The rows in x as often as they count; ``None`` without weights.

        Raises:
            ValueError: none of a sample counts.
        """
        if weights is None:
            return None
        own: NDArray[np.float64] = self.some(weights)
        if not own.any():
            raise ValueError(
                f"sample_weight is zero in all {len(own):,} rows of the sample that starts see: "
                "give fewer rows of weight zero, or more rows to the sample by a source's sample="
            )
        return repeated(own, seed)

    def read(
        self,
        ready: Ready | None,
        left: Tensor | None,
        weights: NDArray[np.float64] | None,
        seed: int,
    ) -> Source | None:
        """What the joint training reads: as often as it counts, without what is held out.

        Args:
            ready: makes chunks ready.
            left: which rows of the sample are left to train on; ``None`` for all.
            weights: of all rows.
            seed: of what weights repeat.
        """
        if self.source is None or self.sample is None or ready is None:
            return None
        rows = self.sample.rows
        held_out = rows[:0] if left is None else np.setdiff1d(rows, rows[left.numpy()])
        source = self.source.map(ready)
        if weights is None:
            return source.without(held_out)
        times = np.bincount(repeated(weights, seed).numpy(), minlength=len(self.source))
        times[held_out] = 0
        return source.repeated(times)


def along(source: Source | None, train: Rows) -> Source | None:
    """A source whose batches bring what those of the sample bring."""
    if source is None or not isinstance(train, Beside):
        return source
    return source.along(**train.others)


def at_hand(
    X: Any, seed: int, *, by_column: bool, devices: int = 1, y: object = None, **told: object
) -> Given:
    """Data as a fit takes them: as they are, or a sample and what reads the whole.

    A source that has no more rows than a sample may have is taken to memory. A sample of rows of
    which few are labelled has labelled ones besides, a quarter more at most.

    Args:
        X: data, or what they are read from.
        seed: of the sample.
        by_column: rows of a table are wanted in the types that it has.
        devices: processes that are to be started.
        y: what is known of all rows.
        **told: what else is told of them, by the argument's name.

    Raises:
        TypeError, ValueError: what is told is of more or fewer rows, or of rows without numbers.
    """
    X = by_protocol(X)
    source = source_of(X)
    if source is None:
        return Given(X, {"y": y, **told})
    source = copy(source.by_column() if by_column else source)
    source.processes = max(devices, int(os.environ.get("WORLD_SIZE", "1")))
    sample = source.draw(seed)
    if sample.whole:
        return Given(named(source, sample.x), {"y": y, **told})
    ready = told_of(source, len(source), y=y, **told)
    if (known := some_known(ready["y"])) is not None:
        sample = _with_known(source, sample, known, seed)
    return Given(named(source, sample.x), ready, source, sample)


def _with_known(source: Source, sample: Sample, known: NDArray[np.bool_], seed: int) -> Sample:
    """A sample with rows of which something is known."""
    more = np.setdiff1d(np.flatnonzero(known), sample.rows)
    most = max(1, len(sample.rows) // 4)
    if len(more) > most:
        more = np.sort(np.random.default_rng(seed).choice(more, most, replace=False))
    rows = np.union1d(sample.rows, more)
    return replace(sample, x=source.pick(rows), rows=rows) if len(more) else sample


def named(source: Source, x: Any) -> Any:
    """Rows of a source, with the names of their features where they have names."""
    if isinstance(x, pd.DataFrame):
        return x
    return pd.DataFrame(x.numpy(), columns=list(source.columns)) if source.columns else x.numpy()


def blocks_of(source: Source) -> Iterator[tuple[int, Any]]:
    """All rows in order, some thousand at a time, with the number of the first."""
    held: list[Any] = []
    first = rows = 0
    for chunk in source.chunks():
        held.append(chunk)
        rows += len(chunk)
        if rows >= BLOCK or rows * bytes_of_row(chunk) >= BLOCK_BYTES:
            yield first, named(source, joined(held))
            held, first, rows = [], first + rows, 0
    if rows:
        yield first, named(source, joined(held))


def checker(story: Callable[[], Any], seed: int) -> Callable[[Tensor], None]:
    """What refuses data outside the support of a story's likelihood."""
    with seeded(seed, "rehearsal"):
        check: Callable[[Tensor], None] = story()[0].likelihood.check
    return check


def ready_for(
    estimator: Any,
    held: Given,
    story: Callable[[], Any],
    scaling: Callable[[Tensor], Tensor] | None,
    like: Tensor,
    numbers: NDArray[Any] | None,
    own: bool,
) -> Ready:
    """What makes chunks ready as the fit of an estimator made its sample.

    Args:
        estimator: whose fit it is.
        held: data, and what is told of them.
        story: makes the story.
        scaling: of the features, if any.
        like: the sample before scaling, ``(n, *event)``.
        numbers: what is known of all rows' clusters.
        own: covariates are columns of X.
    """
    schema = vars(estimator).get("columns_")
    told = estimator.missing == "allow" or (schema is not None and estimator.unseen == "missing")
    return Ready(
        checker(story, estimator.seed_),
        scaling,
        tuple(like.shape[1:]),
        like.dtype,
        gaps=told or bool(like.isnan().any()),
        columns=() if held.source is None else held.source.columns,
        conditions=estimator.how_read(),
        covariates=None if own else held.told["covariates"],
        size_factors=held.told["size_factors"],
        groups=numbers,
        clusterings=estimator.clusterings(),
        lone=estimator._lone,
        schema=schema,
        unseen=estimator.unseen,
    )
