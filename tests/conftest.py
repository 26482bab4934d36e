"""What every test starts from: one seed, an empty parameter store, one thread's worth of noise."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyro
import pytest
import torch

from pyromix.parts.registry import _classes


@pytest.fixture(autouse=True)
def _isolated() -> Iterator[None]:
    """Seed the global generators; put them, Pyro's store and the registry back afterwards."""
    numpy_state = np.random.get_state()  # noqa: NPY002, the global generator is meant
    known = dict(_classes)
    with torch.random.fork_rng(devices=[]), pyro.get_param_store().scope():
        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002
        yield
    np.random.set_state(numpy_state)  # noqa: NPY002
    for name in [name for name, part in _classes.items() if part is not known.get(name)]:
        if not _stands_in_its_module(_classes[name]):
            del _classes[name]
            _classes.update({name: known[name]} if name in known else {})


def _stands_in_its_module(part: type) -> bool:
    """Unlike a part that a test or an example in a docstring defines for itself."""
    return getattr(sys.modules.get(part.__module__), part.__qualname__, None) is part


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What became of all odd inputs that were tried."""
    reports = [each for kind in ("passed", "failed") for each in terminalreporter.getreports(kind)]
    counts: Counter[str] = Counter()
    for report in reports:
        for name, value in report.user_properties:
            if name == "fuzz" and report.when == "call":
                counts.update(value)
    if counts:
        faults = ("traceback", "silent change", "executed code", "hang", "lost file")
        names = dict.fromkeys(("cases", "accepted", "refused", *faults))
        terminalreporter.section("odd inputs")
        terminalreporter.line(", ".join(f"{name}: {counts[name]}" for name in names))
