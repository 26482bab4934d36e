"""``pyromix fit``: a new run, or the rest of one that was stopped."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import typer

from ..data import Dataset, fingerprint
from ..estimators import ESTIMATORS, DeepMixture, configured, run_config, write_fitted
from ..inference import Run, locked
from ..parts import choose, find
from ..reports import write_report
from .errors import INTERRUPTED, tell
from .inputs import Source
from .settings import arguments, as_typed

__all__ = ["Source", "resume", "start"]


def start(
    method: str,
    source: Source,
    options: Mapping[str, Any],
    settings: Sequence[str],
    out: Path | None,
    command: str,
) -> None:
    """Fit a method to data, into a new run folder.

    Args:
        method: a key of ``estimators.ESTIMATORS``.
        source: where the data are.
        options: the estimator's arguments that have options; ``None`` where not given.
        settings: its other arguments, ``name=value``.
        out: the run folder; by default ``runs/METHOD-DATA``.
        command: the command line, for the record.

    Raises:
        ValueError, TypeError: an unknown method or argument, or data that cannot be used.
        FileNotFoundError: data that are not there.
        FileExistsError: the run folder exists.
    """
    kind = choose("METHOD", method, ESTIMATORS)
    seed = options["random_state"] or 0
    if not 0 <= seed < 2**32:
        raise ValueError(f"--seed is {seed}: use 0 to {2**32 - 1}")
    given = arguments(kind, {**options, "random_state": seed}, settings)
    estimator = kind(verbose=True).set_params(**given)
    path = Path("runs") / f"{method}-{source.name}" if out is None else out
    train = source.load()
    if told := train.told():
        typer.echo(told)
    held_out = source.held_out(train)
    config = run_config(estimator, source.record(train), command)
    fresh = [each for each in (path, *path.parents) if not each.exists()]
    run = Run.create(path, replace(config, seed=seed))
    with _stoppable(run):
        try:
            seconds = _fit(run, estimator, train)
        except (TypeError, ValueError):
            _discard(run, fresh)
            raise
        except Exception:
            if not run.unfinished:
                _discard(run, fresh)
            raise
        _conclude(run, estimator, seconds, train, *held_out)


def resume(
    path: Path,
    method: str | None,
    data: str | None,
    root: str | None,
    options: Mapping[str, Any],
) -> None:
    """Go on with a run that was stopped, and end where it would have ended.

    Args:
        path: the run folder.
        method: if given, the run's method.
        data: if given, where the run's data are now.
        root: if given, where the image sets are now.
        options: what else was given; only another ``device`` will do, since all else decides where
            the run ends.

    Raises:
        ValueError: no run, a finished one, or one of another method, other data or settings.
        FileNotFoundError: the folder or the data are not there.
        BlockingIOError: the run is being fitted.
    """
    run = Run.open(path)
    config = run.read_config()
    if (path / "weights.safetensors").exists() and not run.unfinished:
        raise ValueError(
            f"{path} is finished: use it with pyromix evaluate or sample, or fit anew with a "
            "higher --max-epochs and another --out"
        )
    if method is not None and find("estimator", method, "METHOD").alias != config.estimator:
        raise ValueError(f"{path} is a run of {config.estimator!r}, not {method!r}: leave METHOD")
    changed = {name: value for name, value in options.items() if value not in (None, [])}
    fixed = ", ".join(as_typed(name) for name in changed if name != "device")
    if fixed:
        raise ValueError(
            f"--resume takes {fixed} from {path}/config.json: give no other value, or fit anew "
            "with another --out"
        )
    source = Source.recorded(config.data).moved(data, root)
    train = source.load()
    if fingerprint(train.x) != config.data.get("fingerprint"):
        raise ValueError(
            f"the data of {source.data} are not those that {path} was begun with: "
            "give those as DATA, or fit anew"
        )
    now = replace(
        config,
        arguments={**config.arguments, **changed},
        data={**config.data, **source.record(train)},
    )
    estimator = configured(now)
    held_out = source.held_out(train)
    with _stoppable(run):
        _tidy(run)
        run.write_config(now)
        try:
            seconds = _fit(run, estimator, train)
        except (TypeError, ValueError):
            run.write_config(config)
            raise
        _conclude(run, estimator, seconds, train, *held_out)


def _fit(run: Run, estimator: DeepMixture, train: Dataset) -> float:
    """Fit, and tell the seconds of it all: the history's are of epochs alone.

    Of a run that was stopped, the epochs kept count too.
    """
    before = run.checkpoint() if run.unfinished else None
    started = perf_counter()
    estimator.fit(train.named, checkpoint=_checkpoint(run))
    seconds = perf_counter() - started
    if before is not None:
        phases = {str(row["phase"]) for row in estimator.history_}
        seconds += sum(_seconds_in(before.state(phase)) for phase in phases)
    return seconds


def _seconds_in(state: Any) -> float:
    """The seconds of all rows of history in what a checkpoint keeps of a phase."""
    if isinstance(state, Mapping):
        own = float(state.get("seconds", 0.0))
        return own + sum(map(_seconds_in, state.values()))
    return sum(map(_seconds_in, state)) if isinstance(state, list | tuple) else 0.0


def _conclude(
    run: Run,
    estimator: DeepMixture,
    seconds: float,
    train: Dataset,
    held_out: Dataset,
    split: str,
) -> None:
    """Write what the fit found; the checkpoint goes last, so that a kill leaves a run to resume."""
    write_fitted(run, estimator)
    write_report(run, estimator, seconds, train, held_out, split)
    _checkpoint(run).unlink(missing_ok=True)


@contextmanager
def _stoppable(run: Run) -> Iterator[None]:
    """One command at a time fits the run; Ctrl-C ends it with the way to go on."""
    try:
        with locked(_checkpoint(run)):
            yield
    except KeyboardInterrupt as error:
        tell(f"stopped; resume with: pyromix fit --resume {shlex.quote(str(run.path))}")
        raise typer.Exit(INTERRUPTED) from error


def _checkpoint(run: Run) -> Path:
    return run.path / "checkpoint.pt"


def _tidy(run: Run) -> None:
    """Remove halves of files, which a kill can leave beside the whole ones."""
    for name in ("config.json", "checkpoint.pt", "weights.safetensors", "history.csv"):
        for half in run.path.glob(f".{name}.*"):
            half.unlink()


def _discard(run: Run, fresh: list[Path]) -> None:
    """Take back a run that could not be fitted, so that its folder is free for the next try."""
    for name in ("config.json", "checkpoint.pt", "checkpoint.pt.lock"):
        (run.path / name).unlink(missing_ok=True)
    for folder in fresh:
        with suppress(OSError):  # another run may have come to stand beside it
            folder.rmdir()
