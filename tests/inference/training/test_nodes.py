"""Two processes, and two nodes of one, under ``torchrun``: the bound that one process finds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pyromix.inference.training.devices import _free_port

SCRIPT = Path(__file__).parents[1] / "nodes.py"
N, SAMPLE, EPOCHS = 2048, 512, 40


def run(folder: Path, *launchers: list[str]) -> tuple[dict[str, float], dict[str, list[int]]]:
    """Bounds, and rows that each process has read, of the script under each launcher at once."""
    folder.mkdir()
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    started = [
        subprocess.Popen([sys.executable, *launcher, str(SCRIPT), str(folder)], env=environment)
        for launcher in launchers
    ]
    assert [process.wait(timeout=900) for process in started] == [0] * len(started)
    read: dict[str, list[int]] = {}
    for path in sorted(folder.glob("*.read")):
        total = sum(map(int, path.read_text(encoding="utf-8").split()))
        read.setdefault(path.name.split(".")[0], []).append(total)
    return json.loads((folder / "bounds.json").read_text(encoding="utf-8")), read


@pytest.mark.long
def test_processes_and_nodes_find_the_bound_of_one_and_read_each_row_once(tmp_path: Path) -> None:
    module = ["-m", "torch.distributed.run"]
    one, read_by_one = run(tmp_path / "one", [])
    two, read_by_two = run(
        tmp_path / "two", [*module, "--nproc-per-node", "2", "--master-port", str(_free_port())]
    )
    common = ["--nnodes", "2", "--nproc-per-node", "1", "--master-addr", "127.0.0.1"]
    port = ["--master-port", str(_free_port())]
    nodes, read_by_nodes = run(
        tmp_path / "nodes",
        *([*module, *common, *port, "--node-rank", rank] for rank in ("0", "1")),
    )
    assert two == pytest.approx(nodes, abs=1e-4)  # where processes are does not matter
    for name, bound in one.items():
        # Other noise in two processes, and of what is read other batches.
        assert two[name] == pytest.approx(bound, abs=0.1), name
    # One row is read twice to know the shape; every process draws the sample, of an iterable in a
    # whole pass.
    beside = {"map-style": 2 + SAMPLE, "iterable": N}
    for name, own in beside.items():
        assert read_by_one[name] == [own + EPOCHS * N]
        for several in (read_by_two, read_by_nodes):
            assert len(several[name]) == 2
            each_probed = 2 * N if name == "iterable" else 0  # who asks is looked at once
            total = sum(several[name]) - each_probed
            assert total == 2 * own + EPOCHS * N, name
