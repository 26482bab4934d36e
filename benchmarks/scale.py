"""How time and memory grow: with rows that are read from a file, with clusters and with dimensions.

Each case runs in a process of its own, which fits rows of a file that is mapped, 32 features of a
mixture of 20 clusters, and then asks for their labels. The training is cut at a number of steps, so
a row's time is that of a step over its rows; the sample, the start and the labels are whole (labels
of at most a million rows). Peak memory is the process's largest resident set above the one it had
when all was imported; pages of the mapped file, which the system keeps as long as nobody else needs
them, are counted apart.

    OMP_NUM_THREADS=1 nice -n 19 python benchmarks/scale.py --out benchmarks/results/scale
    python benchmarks/scale.py --table --figure benchmarks/figures/scale.png
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from pyromix.reports import save_figure, table_head, table_row

RESULTS = Path(__file__).parent / "results" / "scale"
FEATURES, GROUPS = 32, 20
STEPS, BATCH, ANSWERED = 200, 1024, 10**6
LIMIT = 300  # MB, drawn as a line
USUAL = {"n": 100_000, "k": 20, "d": 10}
CASES = [
    *({**USUAL, "n": n} for n in (10**4, 10**5, 10**6, 10**7)),
    *({**USUAL, "k": k} for k in (10, 30, 100, 300, 1000)),
    *({**USUAL, "d": d} for d in (5, 20, 50, 100)),
]


def rows(path: Path, n: int) -> None:
    """Write a mixture of Gaussians to a file, a part at a time."""
    random = np.random.default_rng(0)
    centres = 4 * random.normal(size=(GROUPS, FEATURES))
    x = np.lib.format.open_memmap(path, "w+", np.float32, (n, FEATURES))
    for start in range(0, n, 100_000):
        size = min(100_000, n - start)
        x[start : start + size] = centres[random.integers(GROUPS, size=size)]
        x[start : start + size] += random.normal(size=(size, FEATURES))
    x.flush()


def resident() -> tuple[float, float]:
    """The memory of this process that is its own, and that of files that are mapped, in MB."""
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    kept = dict(line.split(":", 1) for line in status)
    own, mapped = (int(kept[name].split()[0]) / 1024 for name in ("RssAnon", "RssFile"))
    return own, mapped


class Watch(threading.Thread):
    """Looks at the memory of this process, a hundred times a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.before = resident()
        self.peak = [0.0, 0.0]
        self.over = threading.Event()

    def run(self) -> None:
        """Look, until told to end."""
        while not self.over.wait(0.01):
            now = resident()
            self.peak = [max(a, b - c) for a, b, c in zip(self.peak, now, self.before, strict=True)]


@contextmanager
def timed(found: dict[str, Any], name: str) -> Iterator[None]:
    """A scope whose seconds of the processor are kept."""
    began = time.process_time()
    yield
    found[name] = time.process_time() - began


def measured(path: Path, n: int, k: int, d: int) -> dict[str, Any]:
    """Fit, with a training that ends after some steps, and ask for labels."""
    import torch

    from pyromix import VaDE
    from pyromix.inference import ArrayRows, GaussianMixtureStart, Training, seeded
    from pyromix.inference.training import streams
    from pyromix.networks import Perceptron

    torch.set_num_threads(1)
    seconds: list[float] = []
    shuffled = streams.SourceBatches.shuffled

    def cut(self: Any, seed: int) -> Iterator[Any]:
        for number, batch in enumerate(shuffled(self, seed)):
            if number == STEPS:
                return
            seconds.append(time.process_time())
            yield batch

    streams.SourceBatches.shuffled = cut  # type: ignore[method-assign]
    mixture = VaDE(
        n_clusters=k,
        latent_dim=d,
        networks=Perceptron((128, 128)),
        pretraining=None,
        start=GaussianMixtureStart("diag"),
        training=Training(max_epochs=1, batch_size=BATCH),
        random_state=0,
        device="cpu",
    )
    array = np.load(path, mmap_mode="r")
    with seeded(0):
        mixture.set_params(n_clusters=3).fit(np.array(array[:300]))  # all is imported and warm
        mixture.set_params(n_clusters=k)
    watch = Watch()
    watch.start()
    found: dict[str, Any] = {"n": n, "k": k, "d": d, "steps": min(STEPS, n // BATCH)}
    source = ArrayRows(array, sample=5000)
    with timed(found, "fit"):
        mixture.fit(source)
    some = ArrayRows(array[:ANSWERED])
    with timed(found, "answers"), tempfile.TemporaryDirectory() as folder:
        mixture.predict(some, out=Path(folder) / "labels.npy")
    watch.over.set()
    watch.join()
    found["step"] = float(np.median(np.diff(seconds)))
    found["row"] = found["step"] / BATCH
    found["answer of a row"] = found["answers"] / min(n, ANSWERED)
    found["peak MB"], found["mapped MB"] = watch.peak
    return found


def name_of(case: dict[str, int]) -> str:
    """What the file of a case is called."""
    return "-".join(f"{name}{value}" for name, value in case.items())


def tick(n: int) -> str:
    """A power of ten as one."""
    return f"$10^{{{len(str(n)) - 1}}}$"


def picture(found: list[dict[str, Any]]) -> Any:
    """Time of a row and peak memory over N, K and D."""
    from pyromix.evaluation.style import PALETTE, canvas

    figure = canvas(9.0, 5.2, "What grows with rows, clusters and dimensions")
    axes = figure.subplots(2, 3, sharey="row")
    titles = {"n": "rows, N", "k": "clusters, K", "d": "latent dimensions, D"}
    for column, (name, title) in enumerate(titles.items()):
        others = {key: value for key, value in USUAL.items() if key != name}
        own = [each for each in found if all(each[key] == others[key] for key in others)]
        own.sort(key=lambda each: each[name])
        places = [each[name] for each in own]
        above, below = axes[0, column], axes[1, column]
        above.plot(places, [1e6 * each["row"] for each in own], marker="o", color=PALETTE[0])
        below.plot(places, [each["peak MB"] for each in own], marker="o", color=PALETTE[1])
        below.axhline(LIMIT, color="#BBBBBB", linewidth=1, linestyle="--")
        above.set_yscale("log")
        for each in (above, below):
            each.set_xscale("log")
            each.minorticks_off()
            each.set_xticks(places, [tick(at) if name == "n" else f"{at}" for at in places])
            each.tick_params(axis="x", labelsize=7)
        below.set_xlabel(title)
    axes[1, 0].text(min(each["n"] for each in found), LIMIT, f"{LIMIT} MB", va="bottom", fontsize=7)
    axes[0, 0].set_ylabel("µs a row trained on")
    axes[1, 0].set_ylabel("peak memory, MB")
    return figure


def results(folder: Path = RESULTS) -> list[dict[str, Any]]:
    """What has been measured, in the order of the cases."""
    paths = [folder / f"{name_of(case)}.json" for case in CASES]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]


def table(folder: Path = RESULTS) -> str:
    """A row for each case."""
    times = ("ms a step", "µs a row", "µs a label", "s of the fit")
    lines = [table_head("N", "K", "D", *times, "peak MB", "mapped MB")]
    for each in results(folder):
        numbers = (1e3 * each["step"], 1e6 * each["row"], 1e6 * each["answer of a row"])
        cells = [f"{number:.3g}" for number in numbers]
        rest = [f"{each[name]:.0f}" for name in ("fit", "peak MB", "mapped MB")]
        sizes = f"{each['n']:,}", f"{each['k']}", f"{each['d']}"
        lines.append(table_row(*sizes, *cells, *rest))
    return "\n".join(lines)


def main() -> None:
    """Parse the command line, run what has no result yet, print the table and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--one", nargs=4, metavar=("FILE", "N", "K", "D"))
    options = parser.parse_args()
    if options.one:
        path, *sizes = options.one
        print(json.dumps(measured(Path(path), *map(int, sizes))))
        return
    options.out.mkdir(parents=True, exist_ok=True)
    left = [case for case in CASES if not (options.out / f"{name_of(case)}.json").exists()]
    for n in sorted({case["n"] for case in left}) if not options.table else ():
        with tempfile.TemporaryDirectory() as folder:
            rows(path := Path(folder) / "x.npy", n)
            for case in (each for each in left if each["n"] == n):
                command = [sys.executable, __file__, "--one", str(path), *map(str, case.values())]
                ran = subprocess.run(command, check=True, capture_output=True, text=True)
                result = json.loads(ran.stdout.splitlines()[-1])
                (options.out / f"{name_of(case)}.json").write_text(json.dumps(result, indent=1))
                print(result, flush=True)
    found = results(options.out)
    print(table(options.out))
    if options.figure is not None:
        save_figure(picture(found), options.figure)


if __name__ == "__main__":
    main()
