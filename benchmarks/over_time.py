"""Accuracy over the seconds of a fit: what one has after 30, 60, 120 and 300 seconds.

Drawn from the results of ``pyromix reproduce`` and ``benchmarks/peers.py``: a line for each seed
that was watched on its way, and a point where a method ends. A table has the means over seeds.

    python benchmarks/over_time.py mnist --out benchmarks/figures/over-time-mnist.png
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from pyromix.evaluation.style import MARKERS, PALETTE, canvas, styled
from pyromix.experiments import Record, records
from pyromix.reports import save_figure, table_head, table_row

AFTER = (30, 60, 120, 300)
CLOCKS = ("wall", "cpu")


def after(record: Record, seconds: float, clock: str) -> float:
    """The accuracy that a fit had after so many seconds; NaN where there was no answer yet."""
    end = {**record.seconds, "accuracy": record.metrics["accuracy"]}
    had = [p["accuracy"] for p in (*record.curve, end) if p[clock] <= seconds]
    return had[-1] if had else float("nan")


@styled
def picture(found: Sequence[Record], clock: str) -> Figure:
    """Lines of the watched fits and points of the others, over the seconds of a clock."""
    methods = list(dict.fromkeys(record.method for record in found))
    kind = "of the wall clock" if clock == "wall" else "of the processor"
    figure = canvas(8.0, 4.6, f"Accuracy by seconds of a fit, {kind}: {found[0].data}")
    axes = figure.subplots()
    for record in found:
        number = methods.index(record.method)
        colour, marker = PALETTE[number % len(PALETTE)], MARKERS[number % len(MARKERS)]
        points = [(point[clock], point["accuracy"]) for point in record.curve]
        if points:
            points.append((record.seconds[clock], record.metrics["accuracy"]))
            axes.plot(*zip(*points, strict=True), color=colour, linewidth=1.2)
        axes.plot(
            record.seconds[clock], record.metrics["accuracy"], color=colour, marker=marker,
            linestyle="", label=record.method,
        )  # fmt: skip
    for seconds in AFTER:
        axes.axvline(seconds, color="#DDDDDD", linewidth=1, zorder=0)
    axes.set_xscale("log")
    axes.set_xticks(ticks := [0.1, 1, 10, *AFTER, 1000], [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("seconds")
    axes.set_ylabel("accuracy, one cluster to one class")
    handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    figure.legend(handles.values(), handles.keys(), loc="outside right upper", fontsize=8)
    return figure


def main() -> None:
    """Parse the command line, draw, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    found = [
        record
        for record in records(options.results)
        if record.data == options.data and "accuracy" in record.metrics
    ]
    if not found:
        parser.error(f"{options.results} has no result of {options.data}: run the fits first")
    save_figure(picture(found, options.clock), options.out)
    print(table_head("method", "seeds", *(f"after {seconds} s" for seconds in AFTER)))
    for method in dict.fromkeys(record.method for record in found):
        same = [record for record in found if record.method == method]
        means = [np.mean([after(each, s, options.clock) for each in same]) for s in AFTER]
        cells = ("" if np.isnan(mean) else f"{mean:.3f}" for mean in means)
        print(table_row(method, len(same), *cells))


if __name__ == "__main__":
    main()
