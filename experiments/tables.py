"""Results as Markdown: published numbers beside ours, and methods beside each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import numpy as np

from ..reports import table_head, table_row
from .experiment import WORDS, Budget, Experiment, Target, best_of
from .records import Record

SEEDS = 3
PUBLISHED_COLUMNS = (
    "row",
    "objective",
    "K",
    "protocol",
    "published",
    "here, mean ± sd",
    "best",
    "seeds",
    "above published",
    "accuracy",
    "purity",
    "NMI",
    "calibration error",
    "minutes",
)
METHOD_COLUMNS = (
    "method",
    "budget",
    "K",
    "seeds",
    "accuracy",
    "NMI",
    "calibration error",
    "fit, s",
    "fit, CPU s",
    "label 10,000, CPU s",
    "peak MiB",
)


def published_table(
    experiments: Sequence[Experiment], results: Sequence[Record], budget: Budget
) -> str:
    """A row for each published number and objective; rows without results say how to have them.

    Accuracy is Hungarian. Purity rises with K.

    Args:
        experiments: whose rows.
        results: of any experiments.
        budget: which results count.
    """
    lines = [table_head(*PUBLISHED_COLUMNS)]
    for each in experiments:
        found = [r for r in results if (r.name, r.budget) == (each.name, budget)]
        for target in each.targets:
            lines.append(table_row(*_published_cells(each, target, found, budget)))
    notes = dict.fromkeys(each.note for each in experiments if each.note)
    return "\n".join([*lines, "", *(f"- {note}" for note in notes)])


def _published_cells(
    experiment: Experiment, target: Target, results: Sequence[Record], budget: Budget
) -> Iterator[str]:
    label = f", {target.label}" if target.label and len(experiment.targets) > 1 else ""
    yield experiment.row + label
    yield experiment.variant
    made = experiment.estimator(budget, 0)
    yield ", ".join(map(str, made.clusterings()))
    yield WORDS[target.measure]
    yield told(target)
    if not results:
        missing = f"missing: `pyromix reproduce {experiment.name} --budget {budget}`"
        yield from (missing, *[""] * (len(PUBLISHED_COLUMNS) - 6))
        return
    reached = [target.reached(result.metrics) for result in results]
    yield spread(reached)
    yield f"{max(reached):.4f}"
    yield f"{len(results)}" + (f" of {SEEDS}" if len(results) < SEEDS else "")
    yield "" if target.value is None else f"{np.mean(reached) - target.value:+.4f}"
    for measure in ("accuracy", "purity", "nmi", "calibration_error"):
        yield spread([_of(result, measure, target.label) for result in results], 3)
    yield f"{np.mean([result.seconds['wall'] for result in results]) / 60:.1f}"


def _of(result: Record, measure: str, label: str) -> float:
    try:
        return best_of(result.metrics, measure, label)
    except KeyError:  # facets have no calibration of a label
        return float("nan")


def told(target: Target) -> str:
    """What was published, in a cell.

    Example:
        >>> told(Target(value=0.7778, spread=0.0575, best=0.8731))
        '0.7778 ± 0.0575, best 0.8731'
        >>> told(Target(value=0.9446, of="best run"))
        '0.9446 (best run)'
        >>> told(Target())
        'none'
    """
    if target.value is None:
        return "none"
    plain = f"{target.value:.4f}"
    plain += "" if target.spread is None else f" ± {target.spread:.4f}"
    plain += "" if target.best is None else f", best {target.best:.4f}"
    return plain if target.of == "mean" else f"{plain} ({target.of})"


def spread(values: Sequence[float], digits: int = 4) -> str:
    """Mean and standard deviation over the seeds, in a cell; of one seed the value alone.

    Example:
        >>> spread([0.5, 0.7]), spread([0.5]), spread([float("nan")])
        ('0.6000 ± 0.1000', '0.5000', '')
    """
    if np.isnan(values).any():
        return ""
    mean = f"{np.mean(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ± {np.std(values):.{digits}f}"


def methods_tables(results: Iterable[Record]) -> Iterator[tuple[str, str]]:
    """For each data set and split a table of all methods, the most accurate first.

    Yields:
        What the table is of, and the table.
    """

    def about(record: Record) -> tuple[str, str]:
        return record.data, record.split

    for (data, split), group in groupby(sorted(results, key=about), about):
        rows = []
        ordered = sorted(group, key=_contender)
        for (method, budget, _), same in groupby(ordered, _contender):
            rows.append(_method_row(method, budget, list(same)))
        rows.sort(reverse=True)
        named = f"{data}, scored on {'all rows' if split == 'all' else 'the test split'}"
        yield named, "\n".join([table_head(*METHOD_COLUMNS), *(line for _, line in rows)])


def _contender(record: Record) -> tuple[str, str, str]:
    return record.method, record.budget, str(record.n_clusters)


def _method_row(method: str, budget: str, same: Sequence[Record]) -> tuple[float, str]:
    columns = {
        measure: [_of(result, measure, "") for result in same]
        for measure in ("accuracy", "nmi", "calibration_error")
    }
    sizes = same[0].n_clusters
    cells = [
        method,
        budget,
        ", ".join(map(str, sizes)) if isinstance(sizes, list) else str(sizes or "found"),
        str(len(same)),
        *(spread(values, 3) for values in columns.values()),
        *(
            f"{np.mean([result.seconds[name] for result in same]):.{digits}f}"
            for name, digits in (("wall", 1), ("cpu", 1), ("label_10000_cpu", 2))
        ),
        f"{np.mean([result.peak_memory_mib for result in same]):.0f}",
    ]
    return float(np.nan_to_num(np.mean(columns["accuracy"]), nan=-1.0)), table_row(*cells)
