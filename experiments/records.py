"""Results on disk: one JSON for each seed, with what was measured and on what machine."""

from __future__ import annotations

import json
import os
import platform
import resource
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from ..inference.training.files import replacing
from .experiment import Budget

FORMAT = "pyromix-result"
VERSION = 1
PACKAGES = ("pyromix", "torch", "pyro-ppl", "numpy", "scikit-learn", "umap-learn", "clustpy")
LABELLED = 10_000


@dataclass(frozen=True)
class Record:
    """What one seed of one method gave.

    Args:
        name: of the experiment, or of a peer on its data.
        method: what tables call it.
        data: a name of the catalogue.
        split: ``"test"``, of a fit to the other rows, or ``"all"``.
        seed: of the fit.
        budget: ``"cpu"`` or ``"full"``.
        n_clusters: K, or several of facets.
        metrics: all of them.
        seconds: ``wall`` and ``cpu`` of the fit; ``label_10000`` and ``label_10000_cpu`` of
            labelling so many new rows.
        peak_memory_mib: of the process that did it all.
        curve: scores by seconds of the fit.
        settings: the estimator's arguments, or a peer's.
        note: what else a reader must know.
        environment: versions, processor and threads.
    """

    name: str
    method: str
    data: str
    split: str
    seed: int
    budget: str
    n_clusters: int | list[int] | None
    metrics: dict[str, float]
    seconds: dict[str, float]
    peak_memory_mib: float
    curve: list[dict[str, float]] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    note: str = ""
    environment: dict[str, Any] = field(default_factory=lambda: environment())

    def write(self, folder: Path) -> Path:
        """Write the JSON, whole or not at all, and give its path."""
        path = place(folder, self.name, self.budget, self.seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {"format": FORMAT, "version": VERSION, **asdict(self)}
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(_rounded(content), indent=1) + "\n", encoding="utf-8")
        return path


def place(folder: Path, name: str, budget: str, seed: int) -> Path:
    """Where the result of a seed stands: ``FOLDER/NAME/BUDGET-SEED.json``."""
    return folder / name / f"{budget}-{seed}.json"


def read(path: Path) -> Record:
    """The result in a file.

    Raises:
        ValueError: it is none, damaged, or of a newer pyromix.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("format", None) != FORMAT:
            raise ValueError("it says no such format")
        found = content.pop("version")
        if found > VERSION:
            raise ValueError(f"its version is {found}, and this pyromix reads up to {VERSION}")
        return Record(**content)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path} is no result of pyromix: {error}") from error


def records(folder: Path) -> Iterator[Record]:
    """All results of a folder, by name, budget and seed, without other benchmarks' files."""
    paths = (path for budget in get_args(Budget) for path in folder.glob(f"*/{budget}-*.json"))
    found = map(read, paths)
    return iter(sorted(found, key=lambda each: (each.name, each.budget, each.seed)))


def environment() -> dict[str, Any]:
    """What numbers and seconds depend on.

    Example:
        >>> sorted(environment())
        ['cores', 'device', 'packages', 'processor', 'python', 'threads']
    """
    return {
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    """The processor's name, where the system tells it."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text(encoding="utf-8").splitlines() if about.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def peak_memory() -> float:
    """The most memory that this process has held, in MiB.

    Linux's own count begins with the program; ``getrusage``'s is inherited from the process that
    started it.
    """
    status = Path("/proc/self/status")
    for line in status.read_text(encoding="utf-8").splitlines() if status.exists() else ():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    unit = 2**20 if platform.system() == "Darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def labelling(predict: Callable[[NDArray[Any]], object], x: NDArray[Any]) -> dict[str, float]:
    """Seconds to label 10,000 rows, once the first few have been, as results have them.

    Args:
        predict: gives the clusters of rows.
        x: new rows, which are repeated where they are fewer.
    """
    rows = x[np.arange(LABELLED) % len(x)]
    predict(rows[:16])
    wall, cpu = perf_counter(), process_time()
    predict(rows)
    return {"label_10000": perf_counter() - wall, "label_10000_cpu": process_time() - cpu}


def _rounded(value: Any) -> Any:
    """Numbers by six digits: a result is read by people too."""
    if isinstance(value, float | np.floating):
        return float(f"{value:.6g}")
    if isinstance(value, Mapping):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_rounded(each) for each in value]
    return value
