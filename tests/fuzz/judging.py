"""What becomes of a case: it is refused in a line, or done, and nothing else has changed by it."""

from __future__ import annotations

import os
import pickle
import random
import signal
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyro
import torch
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from scipy.sparse import issparse

from pyromix.cli.errors import is_deliberate
from pyromix.inference import TrainingDiverged

FAULTS = ("traceback", "silent change", "executed code", "hang", "lost file")
SECONDS = 10.0  # of this process; a wait for something else may take sixty times as long
CASE = Callable[["World", Any], None]


class SilentChange(Exception):  # noqa: N818
    """Something is other than it was, or than what was asked for."""


class Hung(BaseException):
    """A case takes too long."""


@dataclass
class World:
    """Where cases are played.

    Args:
        folder: a place for files; each case has a new folder in it.
        canary: the file that wicked inputs would write.
        case: the folder of the case.
        kept: files that no case may change, which a case may add to.
    """

    folder: Path
    canary: Path
    case: Path = field(default_factory=Path)
    kept: list[Path] = field(default_factory=list)
    number: int = 0

    def begin(self) -> None:
        """A fresh folder."""
        self.number += 1
        self.case = self.folder / str(self.number)
        self.case.mkdir()
        self.kept = []

    def wicked(self) -> Any:
        """An object that writes the canary where it is unpickled, called, shown or compared."""
        return Wicked(str(self.canary))


class Wicked:
    """Executes something wherever it is unpickled."""

    def __init__(self, canary: str) -> None:
        self.canary = canary

    def __reduce__(self) -> Any:
        return (os.system, (f"touch {self.canary}",))


def wicked_pickle(world: World) -> bytes:
    """What writes the canary where it is unpickled."""
    return pickle.dumps(world.wicked())


@contextmanager
def limited(seconds: float = SECONDS) -> Iterator[None]:
    """A scope that a case must leave in time."""

    def stop(*_: Any) -> None:
        raise Hung

    timers = (signal.ITIMER_PROF, signal.SIGPROF, seconds), (signal.ITIMER_REAL, signal.SIGALRM, 0)
    before = [signal.signal(name, stop) for _, name, _ in timers]
    try:
        for timer, _, limit in timers:
            signal.setitimer(timer, limit or 60 * seconds)
        yield
    finally:
        for (timer, name, _), handler in zip(timers, before, strict=True):
            signal.setitimer(timer, 0)
            signal.signal(name, handler)


def state_of_the_process() -> dict[str, Any]:
    """What a fit or an answer may not move."""
    numpy_state = np.random.get_state()  # noqa: NPY002
    assert isinstance(numpy_state, tuple)
    return {
        "numpy's generator": (numpy_state[1].tobytes(), numpy_state[2]),
        "torch's generator": torch.get_rng_state().numpy().tobytes(),
        "Python's generator": random.getstate(),
        "torch's default type": torch.get_default_dtype(),
        "torch's threads": torch.get_num_threads(),
        "torch's gradients": torch.is_grad_enabled(),
        "NumPy's errors": np.geterr(),
        "Pyro's store": sorted(pyro.get_param_store().keys()),
        "the folder": os.getcwd(),
        "the environment": {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"},
        "the signals": signal.getsignal(signal.SIGINT),
    }


def rows_in(X: Any) -> int:
    """How many rows data have, sparse ones too, which have no length."""
    sparse: Any = X
    return int(sparse.shape[0]) if bool(issparse(X)) else len(X)


@dataclass
class Judge:
    """Plays cases and counts what becomes of them."""

    counts: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)

    def judge(self, case: CASE, world: World, data: Any) -> None:
        """Play a case."""
        world.begin()
        before = state_of_the_process()
        found, words = "accepted", ""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                with limited():
                    case(world, data)
            except Hung as hung:
                trace = hung.__traceback__
                while trace is not None and trace.tb_next is not None:
                    trace = trace.tb_next
                where = "" if trace is None else trace.tb_frame.f_code.co_filename
                found, words = "hang", where
            except SilentChange as error:
                found, words = "silent change", str(error)
            except Exception as error:  # whatever it is, it is judged
                found, words = refusal(error)
        self.counts["cases"] += 1
        self.counts[found] += 1
        if found in FAULTS:
            self.told.append(f"{found}: {words} | {world.case.name}")
        after = state_of_the_process()
        for name in [name for name in before if before[name] != after[name]]:
            self.fault("silent change", f"{name} is another after {found} {words}")
            _put_back(name, before[name])
        if world.canary.exists():
            self.fault("executed code", "the canary is there")
            world.canary.unlink()
        for path, content in [(path, path.with_suffix(".copy")) for path in world.kept]:
            if not path.exists() or path.read_bytes() != content.read_bytes():
                self.fault("lost file", f"{path} is gone or another")

    def fault(self, kind: str, words: str) -> None:
        self.counts[kind] += 1
        self.told.append(f"{kind}: {words}")


def refusal(error: Exception) -> tuple[str, str]:
    """Whether an error is one line that one of our rooms raised on purpose."""
    words = f"{type(error).__name__}: {error}"
    deliberate = isinstance(error, TrainingDiverged | OSError) or is_deliberate(error)
    if deliberate and str(error).strip() and "\n" not in str(error).strip():
        return "refused", words
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    where = " < ".join(f"{Path(each.filename).name}:{each.lineno}" for each in reversed(frames))
    return "traceback", " ".join(f"{words} in {where}".split())


def _put_back(name: str, value: Any) -> None:
    if name == "torch's threads":
        torch.set_num_threads(value)
    elif name == "torch's gradients":
        torch.set_grad_enabled(value)
    elif name == "Pyro's store":
        pyro.clear_param_store()


def play(case: CASE, world: World, cases: int, number: int) -> Judge:
    """So many cases, which the number of the shard decides."""
    judge = Judge()

    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    @seed(number)
    @given(st.data())
    def each(data: st.DataObject) -> None:
        judge.judge(case, world, data.draw)

    each()
    return judge
