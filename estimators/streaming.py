"""Data that are not in memory: what of them a fit looks at, and what it reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ..inference import Source, seeded, source_of
from ..inference.training.sources import Sample

BLOCK, BLOCK_BYTES = 4096, 2**25  # rows that are answered at a time, and their bytes


@dataclass(frozen=True)
class Given:
    """Data as a fit takes them.

    Args:
        x: all rows, or a sample of those that are not in memory.
        source: all rows, where x is a sample.
        sample: the sample.
    """

    x: Any
    source: Source | None = None
    sample: Sample | None = None

    def refuse(self, **known: object) -> None:
        """Refuse, of data that are not in memory, what is for such as are.

        Raises:
            ValueError: there is such.
        """
        for name, value in known.items():
            if self.source is not None and value is not None:
                raise ValueError(
                    f"{name} goes with data in memory, and X has {len(self.source):,} rows that "
                    f"are not: give what fits in memory, or leave {name} out"
                )

    def read(
        self,
        checker: Callable[[], Callable[[Tensor], None]],
        scaling: Callable[[Tensor], Tensor] | None,
        like: Tensor,
        left: Tensor | None,
    ) -> Source | None:
        """What the joint training reads: checked, scaled, without what is held out.

        Args:
            checker: makes what refuses rows outside the likelihood's support.
            scaling: of the features, if any.
            like: a tensor of the type and shape of data, ``(n, *event)``.
            left: which rows of the sample are left to train on; ``None`` for all.
        """
        if self.source is None or self.sample is None:
            return None
        gaps = bool(like.isnan().any())
        ready = Ready(checker(), scaling, tuple(like.shape[1:]), like.dtype, gaps)
        rows = self.sample.rows
        held_out = rows[:0] if left is None else np.delete(rows, left.numpy())
        return self.source.map(ready).without(held_out)


@dataclass(frozen=True)
class Ready:
    """Makes chunks of a source ready to be trained on, and refuses those that cannot be.

    Args:
        check: refuses rows outside the likelihood's support.
        scaling: of the features, if any.
        event_shape: of a datum.
        dtype: of the fit.
        gaps: whether NaN is what was not observed, since there are such in the sample.
    """

    check: Callable[[Tensor], None]
    scaling: Callable[[Tensor], Tensor] | None
    event_shape: tuple[int, ...]
    dtype: torch.dtype
    gaps: bool = False

    def __call__(self, chunk: Tensor, first: int) -> Tensor:
        """The chunk as the phases of a fit see it.

        Raises:
            ValueError, TypeError: names the row.
        """
        x = chunk.to(self.dtype)
        finite(x.nan_to_num(0.0, torch.inf, -torch.inf) if self.gaps else x, first)
        if x.shape[1:] != self.event_shape:
            raise ValueError(
                f"rows from {first} on of X have shape {tuple(x.shape[1:])}, and others have "
                f"{self.event_shape}"
            )
        with torch.no_grad():
            seen = x if self.scaling is None else self.scaling(x)
            try:
                self.check(seen)
            except (ValueError, TypeError) as error:
                last = first + len(x) - 1
                raise type(error)(f"of rows {first} to {last} of X: {error}") from error
        return seen


def finite(chunk: Tensor, first: int) -> Tensor:
    """The chunk, if it holds numbers.

    Args:
        chunk: ``(B, *event)``.
        first: the number of its first row.

    Raises:
        ValueError: names the row and the place in it.
    """
    good = chunk.isfinite()
    if not bool(good.all()):
        row, *rest = (~good).nonzero()[0].tolist()
        value = "NaN" if bool(chunk[(row, *rest)].isnan()) else "inf"
        place = ", ".join(map(str, (first + row, *rest)))
        raise ValueError(f"X holds {value} at [{place}]: impute or drop such rows first")
    return chunk


def at_hand(X: Any, seed: int) -> Given:
    """Data as a fit takes them: as they are, or a sample and what reads the whole.

    A source that has no more rows than a sample may have is taken to memory.

    Args:
        X: data, or what they are read from.
        seed: of the sample.
    """
    source = source_of(X)
    if source is None:
        return Given(X)
    sample = source.draw(seed)
    x = named(source, sample.x)
    return Given(x) if sample.whole else Given(x, source, sample)


def named(source: Source, x: Tensor) -> Any:
    """Rows of a source, with the names of their features where they have names."""
    return pd.DataFrame(x.numpy(), columns=list(source.columns)) if source.columns else x.numpy()


def blocks_of(source: Source) -> Iterator[tuple[int, Any]]:
    """All rows in order, some thousand at a time, with the number of the first."""
    held: list[Tensor] = []
    first = rows = 0
    for chunk in source.chunks():
        held.append(chunk)
        rows += len(chunk)
        if rows >= BLOCK or rows * chunk[:1].nbytes >= BLOCK_BYTES:
            yield first, named(source, torch.cat(held))
            held, first, rows = [], first + rows, 0
    if rows:
        yield first, named(source, torch.cat(held))


def checker(story: Callable[[], Any], seed: int) -> Callable[[Tensor], None]:
    """What refuses data outside the support of a story's likelihood."""
    with seeded(seed, "rehearsal"):
        check: Callable[[Tensor], None] = story()[0].likelihood.check
    return check
