"""A default fit of many rows in memory: the seconds of each phase, and what they grow with.

VaDE with its defaults on N rows of ten features, a mixture of 20 Gaussians, K = 20, on one thread.
Where N doubles, a phase of cost N log N takes 2.1 to 2.2 times as long. One JSON for each N; what
is there is not measured again.

    OMP_NUM_THREADS=1 python benchmarks/many_rows.py --rows 100000 200000 400000 1000000
"""

from __future__ import annotations

import argparse
import json
import resource
import time
import warnings
from pathlib import Path

import numpy as np
import torch

from pyromix import VaDE
from pyromix.evaluation import hungarian_accuracy

RESULTS = Path(__file__).parent / "results" / "many-rows"
FEATURES, GROUPS = 10, 20
PHASES = {"initialise": "start", "labels": "groups taught", "train": "training"}


def measure(n: int) -> dict[str, float]:
    """Seconds of the phases of a fit and of the whole, peak memory, and accuracy."""
    random = np.random.default_rng(0)
    labels = random.integers(GROUPS, size=n)
    x = 3 * random.standard_normal((GROUPS, FEATURES), np.float32)[labels]
    x += random.standard_normal((n, FEATURES), np.float32)
    started, spent = time.perf_counter(), time.process_time()
    vade = VaDE(n_clusters=GROUPS, random_state=0, verbose=True).fit(x)
    whole = time.perf_counter() - started
    found = dict.fromkeys(PHASES.values(), 0.0)
    for row in vade.history_:
        found[PHASES[row["phase"]]] += row["seconds"]
    return {
        "rows": n,
        **found,
        "whole": whole,
        "cpu": time.process_time() - spent,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "accuracy": hungarian_accuracy(labels, vade.labels_),
    }


def table(results: Path = RESULTS) -> str:
    """Seconds by phase, and how the whole grows against N log N."""
    paths = results.glob("*.json")
    rows = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    rows.sort(key=lambda row: row["rows"])
    names = [*PHASES.values(), "whole", "cpu"]
    lines = [f"| rows | {' | '.join(f'{name}, s' for name in names)} | "]
    lines[0] += "CPU µs for a row, by log2 N | peak, MB | accuracy |"
    lines.append("|" + "---|" * (len(names) + 4))
    for row in rows:
        share = 1e6 * row["cpu"] / (row["rows"] * np.log2(row["rows"]))
        cells = [f"{row['rows']:,}", *(f"{row[name]:.0f}" for name in names), f"{share:.1f}"]
        lines.append(f"| {' | '.join(cells)} | {row['peak_mb']:.0f} | {row['accuracy']:.3f} |")
    return "\n".join(lines)


def main() -> None:
    """Measure what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", nargs="+", type=int, default=[10**5, 2 * 10**5, 4 * 10**5])
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    RESULTS.mkdir(parents=True, exist_ok=True)
    for n in options.rows:
        path = RESULTS / f"{n}.json"
        if not path.exists():
            path.write_text(json.dumps(measure(n), indent=2) + "\n", encoding="utf-8")
    print(table())


if __name__ == "__main__":
    main()
