"""What a run was asked for: enough to do it again."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any


def library_versions() -> dict[str, str]:
    """Versions of Python and of the libraries that decide what a run computes."""
    names = {"pyromix": "pyromix", "torch": "torch", "pyro": "pyro-ppl"}
    versions = {name: version(package) for name, package in names.items()}
    return {"python": platform.python_version(), **versions}


@dataclass(frozen=True)
class RunConfig:
    """What a run was asked for, enough to do it again.

    Args:
        estimator: name of the estimator.
        arguments: its constructor's arguments.
        seed: the seed of everything random.
        data: name, shape and fingerprint of the data, and how it was read.
        command: the command line, empty if there was none.
        versions: of Python and the libraries.
    """

    estimator: str
    arguments: dict[str, Any]
    seed: int | None = None
    data: dict[str, Any] = field(default_factory=dict)
    command: str = ""
    versions: dict[str, str] = field(default_factory=library_versions)
