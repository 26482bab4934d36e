"""The state of an unfinished run in one file, replaced whole, so that a kill costs an epoch.

A checkpoint holds one state per phase. A finished phase keeps its end state; the interrupted one
keeps weights, optimiser and history of its last epoch. Noise and order of an epoch are functions
of the seed (:mod:`.seeds`), so there is no generator state to keep.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any
from zipfile import BadZipFile, ZipFile

import torch
from torch import Tensor, nn

from .devices import is_main_process
from .files import replacing

_FORMAT = "pyromix-checkpoint"
_VERSION = 2
AFRESH = "use another file, or delete this one, to train from the start"
_LEAVES = (bool, int, float, str, type(None))


class Checkpoint:
    """Phases of a run, stored in ``path``; what is already there is read at once.

    States are trees of dicts, lists and tuples with tensors, numbers, strings and None as leaves:
    they are read with ``weights_only=True``, so no code from the file runs. With several processes
    only the first one writes.

    Args:
        path: the file, usually ``checkpoint.pt`` in a run's folder.
        every: seconds that must pass between two writes within a phase. A kill loses at most that
            and an epoch, and the writes cost next to nothing.

    Raises:
        ValueError: if the file is damaged or of another kind.
        IsADirectoryError: if it is a folder.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     checkpoint = Checkpoint(Path(folder) / "checkpoint.pt")
        ...     checkpoint.phase_done("initialise", {"loc": torch.zeros(3)})
        ...     again = Checkpoint(Path(folder) / "checkpoint.pt")
        ...     again.completed("initialise"), again.state("initialise")
        (True, {'loc': tensor([0., 0., 0.])})
    """

    def __init__(self, path: str | Path, *, every: float = 5.0) -> None:
        self.path = Path(path)
        self.every = every
        self._written = monotonic()
        self._phases: dict[str, dict[str, Any]] = {}
        self._owner: dict[str, Any] | None = None
        if self.path.is_dir():
            raise IsADirectoryError(f"checkpoint is {self.path}, a folder: give a file in it")
        if self.path.exists():
            self._phases, self._owner = _read(self.path)

    def claim(self, owner: dict[str, Any]) -> None:
        """Binds the file to what is fitted, and refuses one that something else has begun.

        Args:
            owner: what data and settings are, by name; states as in :meth:`phase_done`.

        Raises:
            ValueError: names what differs.
        """
        before = self._owner
        if before is None and self._phases:
            raise ValueError(f"{self.path} does not say what it was begun with: {AFRESH}")
        for name in {} if before is None else {**before, **owner}:
            began, now = (each.get(name) for each in (before or {}, owner))
            if began != now:
                raise ValueError(
                    f"{self.path} was begun with {name}={began}, not {now}: give the same data and "
                    f"settings to go on, or {AFRESH}"
                )
        self._owner = dict(owner)

    @property
    def phases(self) -> tuple[str, ...]:
        """The names of the phases that were begun."""
        return tuple(self._phases)

    def completed(self, phase: str) -> bool:
        """Whether ``phase`` has come to its end."""
        return bool(self._phases.get(phase, {}).get("done"))

    def state(self, phase: str) -> Any:
        """The last state stored for ``phase``, or None."""
        return self._phases.get(phase, {}).get("state")

    def progress(self, phase: str, state: Callable[[], Any]) -> None:
        """Stores the state of an unfinished phase, if the last write is ``every`` seconds ago.

        Args:
            phase: the phase's name.
            state: gives the state; called only when it is written.
        """
        if is_main_process() and monotonic() - self._written >= self.every:
            current = state()
            _check(current, phase)
            self._write({**self._phases, phase: {"done": False, "state": current}})

    def phase_done(self, phase: str, state: Any = None) -> None:
        """Stores the end state of a phase, at once.

        Args:
            phase: the phase's name.
            state: what a resumed run needs of it.

        Raises:
            TypeError: if the state holds what cannot be read back.
        """
        _check(state, phase)
        self._phases[phase] = {"done": True, "state": _copy(state)}
        if is_main_process():
            self._write(self._phases)

    def restore(
        self,
        phase: str,
        settings: dict[str, Any],
        objective: nn.Module,
        optimizer: torch.optim.Optimizer,
    ) -> list[dict[str, Any]]:
        """Loads what is stored of a phase of training, and returns the rows of its epochs.

        Args:
            phase: the phase's name.
            settings: what the resumed training must share with the stored one.
            objective: takes the stored weights.
            optimizer: takes the stored state, if the phase is unfinished.

        Raises:
            ValueError: if settings or model differ.
        """
        saved = self.state(phase)
        remedy = "resume with the same settings, or delete the file to train from the start"
        for name, value in settings.items():
            before = saved["settings"].get(name)
            if before != value:
                raise ValueError(
                    f"{self.path}: {phase!r} was begun with {name}={before}, not {value}: {remedy}"
                )
        try:
            objective.load_state_dict(saved["objective"])
        except RuntimeError as error:
            raise ValueError(
                f"{self.path}: {phase!r} was begun with another model: {remedy}"
            ) from error
        if not self.completed(phase):
            optimizer.load_state_dict(saved["optimizer"])
        rows: list[dict[str, Any]] = saved["rows"]
        return rows

    def delete(self) -> None:
        """Removes the file: the run is finished."""
        if is_main_process():
            self.path.unlink(missing_ok=True)

    def _write(self, phases: dict[str, dict[str, Any]]) -> None:
        with replacing(self.path) as temporary, temporary.open("wb") as file:
            content = {"phases": phases, "owner": self._owner}
            torch.save({"format": _FORMAT, "version": _VERSION, **content}, file)
        self._written = monotonic()


def _read(path: Path) -> tuple[dict[str, dict[str, Any]], dict[str, Any] | None]:
    remedy = "delete it to train from the start"
    try:
        with ZipFile(path) as archive:  # torch itself doesn't compare the checksums
            if archive.testzip() is not None:
                raise BadZipFile
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:
        raise ValueError(f"{path} is damaged or no checkpoint of pyromix: {remedy}") from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise ValueError(f"{path} is no checkpoint of pyromix: {remedy}")
    if content["version"] > _VERSION:
        raise ValueError(f"{path} was written by a newer pyromix: upgrade, or {remedy}")
    return content["phases"], content.get("owner")


def _check(state: Any, phase: str) -> None:
    """Refuses what could be written and not be read again."""
    if isinstance(state, dict):
        state = [*state.keys(), *state.values()]
    if isinstance(state, list | tuple):
        for entry in state:
            _check(entry, phase)
    elif not isinstance(state, Tensor) and type(state) not in _LEAVES:
        raise TypeError(
            f"the state of {phase!r} holds a {type(state).__name__}: a checkpoint takes tensors, "
            "numbers, strings and None, in dicts, lists and tuples"
        )


def _copy(state: Any) -> Any:
    """The same tree with tensors of its own on the CPU, so that later training can't change it."""
    if isinstance(state, Tensor):
        return state.detach().to("cpu", copy=True)
    if isinstance(state, dict):
        return {key: _copy(value) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(_copy(value) for value in state)
    return state
