"""Where the time of ``pyromix fit`` goes: imports, data, fit, answers, pictures, comparison.

The command runs in a process of its own, whose parts are timed by the wall's clock and the
processor's; what no part accounts for is the rest. Other work on the machine leaves the latter be.

    OMP_NUM_THREADS=1 python benchmarks/command_time.py vade digits
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from time import process_time, time
from typing import Any

Clock = tuple[float, float]
spent: dict[str, Clock] = {}


def now() -> Clock:
    """Seconds of the wall's clock and of the processor's."""
    return time(), process_time()


def note(name: str, started: Clock) -> None:
    """Count what has been spent since then as a part's."""
    before = spent.get(name, (0.0, 0.0))
    wall, cpu = (b + n - s for b, n, s in zip(before, now(), started, strict=True))
    spent[name] = wall, cpu


def timed(owner: Any, name: str, part: str) -> None:
    """Time a function of a module, or a method."""
    function: Callable[..., Any] = getattr(owner, name)

    def watched(*args: Any, **kwargs: Any) -> Any:
        started = now()
        try:
            return function(*args, **kwargs)
        finally:
            note(part, started)

    setattr(owner, name, watched)


def at_once(owner: Any, name: str) -> None:
    """Make a function that yields make all its items at once, so that it can be timed."""
    function: Callable[..., Any] = getattr(owner, name)
    setattr(owner, name, lambda *args: iter(list(function(*args))))


def run(method: str, data: str, out: Path, began: float) -> None:
    """The command, in this process, which began at that time."""
    started = began, 0.0
    from pyromix.cli import fitting, inputs
    from pyromix.cli.main import app
    from pyromix.reports import table_head, table_row

    report: Any = import_module("pyromix.reports.report")

    note("imports", started)
    timed(inputs.Source, "load", "data")
    timed(fitting, "_fit", "fit")
    timed(fitting, "write_fitted", "saving")
    for name, part in (
        ("responsibilities", "answers"),
        ("scored", "answers"),
        ("mean_bound", "answers"),
        ("save_figure", "pictures"),
    ):
        timed(report, name, part)
    for name, part in (("draw_pictures", "pictures"), ("fit_baselines", "comparison")):
        at_once(report, name)
        timed(report, name, part)
    app(["fit", method, data, "--out", str(out), "--seed", "0"], standalone_mode=False)
    note("whole", started)
    rest = [spent["whole"][i] - sum(v[i] for k, v in spent.items() if k != "whole") for i in (0, 1)]
    print(table_head("part", "wall, s", "CPU s", "share of CPU"))
    outside = spent["whole"][1] - spent["fit"][1]
    for name, (wall, cpu) in [*spent.items(), ("rest", (rest[0], rest[1]))]:
        print(table_row(name, wall, cpu, f"{cpu / spent['whole'][1]:.0%}"))
    print(f"outside the fit: {outside:.1f} CPU s, {outside / spent['whole'][1]:.0%}")


def main() -> None:
    """Parse the command line, and run the command in a fresh process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("method", nargs="?", default="vade")
    parser.add_argument("data", nargs="?", default="digits")
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--began", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.out is not None:
        run(options.method, options.data, options.out, options.began)
        return
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, options.method, options.data]
        hidden = ["--out", str(Path(folder) / "run"), "--began", str(time())]
        subprocess.run([*command, *hidden], check=True)


if __name__ == "__main__":
    main()
