"""Thousands of odd inputs: each is refused in one line or done, and nothing else happens."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .arguments import X, odd_arguments, small
from .arrays import fitted, odd_arrays
from .judging import CASE, FAULTS, World, play
from .runs import KINDS, finished, odd_runs
from .tables import odd_tables

FAMILIES: dict[str, CASE] = {
    "arguments": odd_arguments,
    "arrays": odd_arrays,
    "tables": odd_tables,
    "runs": odd_runs,
}
QUICK = {"arguments": 20, "arrays": 60, "tables": 60, "runs": 40}
CASES = int(os.environ.get("PYROMIX_FUZZ_CASES", "10000"))
SHARDS = 10  # of each family; a shard that is logged is not played again
LOG = os.environ.get("PYROMIX_FUZZ_LOG")

Record = Callable[[str, object], None]


def played(family: str, folder: Path, cases: int, shard: int, record: Record) -> None:
    """Play a shard and hand its counts to the summary of the session."""
    fitted()
    small("dhvc").fit(X).predict(X)
    for name in KINDS:
        finished(name)
    world = World(folder, folder / "canary")
    judge = play(FAMILIES[family], world, cases, shard)
    record("fuzz", dict(judge.counts))
    line = {"family": family, "shard": shard, "cases": cases, "counts": dict(judge.counts)}
    if LOG is not None:
        with Path(LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps({**line, "told": judge.told}) + "\n")
    found = {kind: judge.counts[kind] for kind in FAULTS if judge.counts[kind]}
    assert not found, "\n".join([str(found), *judge.told[:40]])


@pytest.mark.parametrize("family", FAMILIES)
def test_a_few_cases(family: str, tmp_path: Path, record_property: Record) -> None:
    played(family, tmp_path, QUICK[family], 0, record_property)


def logged(family: str, shard: int, cases: int) -> bool:
    """Whether a shard of as many cases stands in the log, without faults."""
    if LOG is None or not Path(LOG).exists():
        return False
    lines: list[dict[str, Any]] = [json.loads(line) for line in Path(LOG).read_text().splitlines()]
    return any(
        (line["family"], line["shard"], line["cases"]) == (family, shard, cases)
        and not any(line["counts"].get(kind) for kind in FAULTS)
        for line in lines
    )


@pytest.mark.long
@pytest.mark.parametrize("shard", range(1, SHARDS + 1))
@pytest.mark.parametrize("family", FAMILIES)
def test_many_cases(family: str, shard: int, tmp_path: Path, record_property: Record) -> None:
    cases = CASES // (SHARDS * len(FAMILIES))
    if logged(family, shard, cases):
        pytest.skip("played")
    played(family, tmp_path, cases, shard, record_property)
