"""A run is a folder: what was asked for, the weights, the history and the metrics.

``config.json``, ``weights.safetensors``, ``labels.csv``, ``history.csv`` and ``metrics.json``, and
a ``checkpoint.pt`` while training. Reading a run executes no code from it.
"""

from __future__ import annotations

import csv
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ...parts import check_new_folder, check_run_folder, is_unfinished
from .checkpoint import Checkpoint
from .config import RunConfig
from .files import replacing
from .trainer import Row
from .weights import read_weights, write_weights

_FORMAT = "pyromix-run"
_VERSION = 1


class Run:
    """A run's folder. Every file is replaced whole, so that a kill leaves no half of one.

    Make one with :meth:`create` or :meth:`open`.

    Args:
        path: the folder.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     run = Run.create(Path(folder) / "vade", RunConfig("VaDE", {"n_clusters": 10}))
        ...     run.write_metrics({"accuracy": 0.8})
        ...     again = Run.open(run.path)
        ...     again.read_config().arguments, again.read_metrics()
        ({'n_clusters': 10}, {'accuracy': 0.8})
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @classmethod
    def create(cls, path: str | Path, config: RunConfig) -> Run:
        """Makes the folder, which must be new or empty, and writes its ``config.json``.

        Raises:
            FileExistsError: if there is something already.
        """
        run = cls(path)
        check_new_folder(run.path)
        run.path.mkdir(parents=True, exist_ok=True)
        run.write_config(config)
        return run

    @classmethod
    def open(cls, path: str | Path) -> Run:
        """The run in an existing folder.

        Raises:
            FileNotFoundError: if there is no such folder.
            ValueError: if the folder holds no run, or one that cannot be read.
        """
        run = cls(path)
        check_run_folder(run.path)
        run.read_config()
        return run

    @property
    def unfinished(self) -> bool:
        """Whether the run was stopped in training and can be resumed."""
        return is_unfinished(self.path)

    def check_finished(self) -> None:
        """Refuse a run whose fit has not come to its end, and so has no weights.

        Raises:
            FileNotFoundError: says how to go on.
        """
        if not (self.path / "weights.safetensors").exists():
            raise FileNotFoundError(
                f"{self.path} has no weights.safetensors, since its fit has not finished: resume "
                f"it with: pyromix fit --resume {shlex.quote(str(self.path))}"
            )

    def checkpoint(self, *, every: float = 5.0) -> Checkpoint:
        """The run's checkpoint, with what is in it if the run is unfinished."""
        return Checkpoint(self.path / "checkpoint.pt", every=every)

    def write_config(self, config: RunConfig) -> None:
        """Writes ``config.json``.

        Raises:
            TypeError: if an argument is no number, string, list or dict of such.
        """
        self._write_json("config.json", {"format": _FORMAT, "version": _VERSION, **asdict(config)})

    def read_config(self) -> RunConfig:
        """Reads ``config.json``.

        Raises:
            ValueError: if it is missing, damaged, foreign, or written by a newer pyromix.
        """
        path = self.path / "config.json"
        content = self._read_json("config.json")
        if content.pop("format", None) != _FORMAT:
            raise ValueError(f"{path} was not written by pyromix: give the folder of a run")
        found = content.pop("version", None)
        if not isinstance(found, int) or found > _VERSION:
            raise ValueError(
                f"{path} has format version {found}, and this pyromix reads up to {_VERSION}: "
                "upgrade pyromix"
            )
        try:
            return RunConfig(**content)
        except TypeError as error:
            raise ValueError(f"{path} is damaged: {error}") from error

    def write_weights(self, state: Mapping[str, Tensor]) -> None:
        """Writes the tensors of a module's state to ``weights.safetensors``."""
        write_weights(self.path / "weights.safetensors", state)

    def read_weights(self, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Reads ``weights.safetensors``, on the CPU; see :func:`.weights.read_weights`.

        Raises:
            FileNotFoundError: if the run has no weights yet.
            ValueError: if the file is damaged, or belongs to another module than expected.
        """
        self.check_finished()
        return read_weights(self.path / "weights.safetensors", expected)

    def write_history(self, rows: Sequence[Row]) -> None:
        """Writes ``history.csv``: a column for every name that occurs, empty where it doesn't."""
        names = dict.fromkeys(name for row in rows for name in row)
        with (
            replacing(self.path / "history.csv") as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, list(names))
            writer.writeheader()
            writer.writerows(rows)

    def read_history(self) -> list[Row]:
        """Reads ``history.csv``; empty if there is none.

        Raises:
            ValueError: if it is damaged.
        """
        path = self.path / "history.csv"
        if not path.exists():
            return []
        try:
            with path.open(newline="", encoding="utf-8") as file:
                return [
                    {name: _parse(name, value) for name, value in row.items() if value}
                    for row in csv.DictReader(file, strict=True)
                ]
        except (ValueError, csv.Error, TypeError) as error:
            raise ValueError(f"{path} is damaged: {error}") from error

    def write_labels(self, labels: NDArray[np.int64]) -> None:
        """Writes ``labels.csv``: the cluster of each datum of the fit, a column for each facet."""
        columns = labels.reshape(len(labels), -1)
        several = columns.shape[1] > 1
        names = [f"cluster_{j}" if several else "cluster" for j in range(columns.shape[1])]
        with replacing(self.path / "labels.csv") as temporary:
            np.savetxt(temporary, columns, "%d", ",", header=",".join(names), comments="")

    def read_labels(self) -> NDArray[np.int64] | None:
        """Reads ``labels.csv``, ``(N,)`` or ``(N, J)``; nothing if there is none.

        Raises:
            ValueError: if it is damaged.
        """
        path = self.path / "labels.csv"
        if not path.exists():
            return None
        try:
            with path.open(encoding="utf-8") as file:
                several = "," in next(file)
                labels = np.loadtxt(file, np.int64, delimiter=",", ndmin=2)
        except (ValueError, StopIteration) as error:
            raise ValueError(f"{path} is damaged: {error}") from error
        return labels if several else labels[:, 0]

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Writes ``metrics.json``."""
        self._write_json("metrics.json", metrics)

    def read_metrics(self) -> dict[str, Any]:
        """Reads ``metrics.json``; empty if there is none.

        Raises:
            ValueError: if it is damaged.
        """
        return self._read_json("metrics.json") if (self.path / "metrics.json").exists() else {}

    def _write_json(self, name: str, content: Mapping[str, Any]) -> None:
        text = json.dumps(content, indent=2, ensure_ascii=False, default=_to_json)
        with replacing(self.path / name) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")

    def _read_json(self, name: str) -> dict[str, Any]:
        path = self.path / name
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path} is damaged: {error}") from error
        if not isinstance(content, dict):
            raise ValueError(f"{path} is damaged: it holds no JSON object")
        return content


def _parse(name: str, value: str) -> str | int | float:
    if name == "phase":
        return value
    return int(value) if name == "epoch" else float(value)


def _to_json(value: Any) -> Any:
    """NumPy's numbers and arrays, and paths; anything else can't be written."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"a run's config can't hold a {type(value).__name__}: {value!r}")
