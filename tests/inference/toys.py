"""Objectives that know nothing of mixtures, and what other processes run in the tests."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.utils.data import IterableDataset, get_worker_info

from pyromix.inference.training import ArrayRows, IterableRows
from pyromix.inference.training.checkpoint import Checkpoint
from pyromix.inference.training.errors import TrainingDiverged
from pyromix.inference.training.trainer import Row, Trainer

Parts = dict[str, Tensor]


def data(n: int = 203) -> Tensor:
    return torch.randn(n, 5, generator=torch.Generator().manual_seed(0))


class Linear(nn.Module):
    """A deterministic loss that is a mean over rows, so that it is the same however shared.

    It owns a parameter that it doesn't use, as pretraining does.
    """

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(-1, 1, 25).reshape(5, 5))
        self.unused = nn.Parameter(torch.ones(2))

    def forward(self, x: Tensor) -> tuple[Tensor, Parts]:
        error = (x @ self.weight - x).square().sum(-1).mean()
        penalty = 0.01 * self.weight.square().sum()
        return error + penalty, {"error": error.detach(), "penalty": penalty.detach()}


class Regression(nn.Module):
    """A deterministic loss of data and a companion, which may also come as further columns."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(-1, 1, 10).reshape(5, 2))

    def forward(self, x: Tensor, target: Tensor | None = None) -> tuple[Tensor, Parts]:
        x, target = x.split([5, 2], -1) if target is None else (x, target)
        error = (x @ self.weight - target).square().sum(-1).mean()
        return error, {"error": error.detach()}


class Noisy(nn.Module):
    """Everything that makes a resumed run differ: noise, dropout, BatchNorm and a step counter.

    Args:
        kill_at: the step in whose middle the process kills itself.
    """

    def __init__(self, kill_at: int | None = None) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.net = nn.Sequential(
            nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 5)
        )
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
        self.step = 0
        self.kill_at = kill_at

    def get_extra_state(self) -> int:
        return self.step

    def set_extra_state(self, state: int) -> None:
        self.step = state

    def forward(self, x: Tensor) -> tuple[Tensor, Parts]:
        if self.step == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        weight = min(self.step / 20, 1.0)
        self.step += self.training
        error = (self.net(x + 0.1 * torch.randn_like(x)) - x).square().sum(-1).mean()
        loss = weight * error + (1 - weight) * self.net(x).abs().mean()
        return loss, {"error": error.detach()}


TRAINER = Trainer(
    max_epochs=5,
    batch_size=32,
    learning_rate=0.01,
    learning_rate_decay=(0.5, 2),
    gradient_clip=1.0,
)


def two_phases(folder: Path, kill: tuple[int | None, int | None]) -> tuple[Noisy, list[Row]]:
    """Pretraining and training on 7 batches an epoch, from where the checkpoint stands."""
    checkpoint = Checkpoint(folder / "checkpoint.pt", every=0)
    history: list[Row] = []
    shared: dict[str, Any] = {"seed": 3, "checkpoint": checkpoint, "history": history}
    first, second = Noisy(kill[0]), Noisy(kill[1])
    TRAINER.fit(first, data(), phase="pretrain", **shared)
    second.net[0].load_state_dict(first.net[0].state_dict())
    TRAINER.fit(second, data(), phase="train", validation=data(50), **shared)
    return second, history


State = dict[str, Tensor]


def deterministic(fabric: Fabric, objective: nn.Module, x: Tensor) -> tuple[State, list[Row]]:
    history = TRAINER.fit(objective, x, fabric=fabric, validation=x[:51])
    return objective.state_dict(), history


def noisy(fabric: Fabric, checkpoint: Path) -> State:
    """A fit with noise and BatchNorm, or what the checkpoint holds of it."""
    objective, noise = Noisy(), []
    objective.register_forward_pre_hook(lambda module, args: noise.append(torch.randn(3)))
    TRAINER.fit(objective, data(), fabric=fabric, checkpoint=Checkpoint(checkpoint, every=0))
    state = {k: v for k, v in objective.state_dict().items() if isinstance(v, Tensor)}
    return {**state, "noise": noise[0]} if noise else state


def of_all(fabric: Fabric, state: State) -> State:
    """The states of all processes along a new first dimension."""
    gathered = {name: torch.as_tensor(fabric.all_gather(value)) for name, value in state.items()}
    return {name: value.reshape(fabric.world_size, -1) for name, value in gathered.items()}


class Flow(IterableDataset[Tensor]):
    """Rows that are shared as torch's workers do it, and counted."""

    def __init__(self, x: Tensor) -> None:
        self.x = x
        self.read = 0

    def __iter__(self) -> Iterator[Tensor]:
        info = get_worker_info()
        for row in self.x if info is None else self.x[info.id :: info.num_workers]:
            self.read += 1
            yield row


class Stored(ArrayRows):
    """Rows of an array, counted."""

    read_rows = 0

    def rows(self, numbers: Any) -> Tensor:
        self.read_rows += len(numbers)
        return super().rows(numbers)


def from_sources(fabric: Fabric, x: Tensor) -> dict[str, Any]:
    """Weights of fits to rows that are read, all in one batch, and how many rows an epoch reads."""
    found: dict[str, Any] = {}
    flow, stored = Flow(x), Stored(x.numpy())
    for name, source in (("iterable", IterableRows(flow)), ("map-style", stored)):
        source.processes = fabric.world_size
        source.draw(0)
        flow.read = stored.read_rows = 0
        objective = Linear()
        row = Trainer(max_epochs=4, batch_size=len(x)).fit(objective, source, fabric=fabric)[-1]
        read = {"read": torch.tensor(float(flow.read + stored.read_rows))}
        found[name] = objective.state_dict()["weight"], row["loss"], of_all(fabric, read)["read"]
    return found


def several(fabric: Fabric, x: Tensor, folder: Path) -> dict[str, Any]:
    """Everything the tests ask of two processes, since starting them is slow."""
    argument = Linear()
    deterministic_state, history = deterministic(fabric, argument, x)
    trained = of_all(fabric, noisy(fabric, folder / "checkpoint.pt"))
    fabric.barrier()
    resumed = of_all(fabric, noisy(fabric, folder / "checkpoint.pt"))
    x = data()
    x[0] = torch.inf
    try:
        Trainer(max_epochs=2).fit(Linear(), x, fabric=fabric)
    except TrainingDiverged:
        diverged = 1.0
    return {
        "state": deterministic_state,
        "history": history,
        "trained": trained,
        "resumed": resumed,
        "diverged": of_all(fabric, {"diverged": torch.tensor(diverged)}),
        "sources": from_sources(fabric, data(256).double()),
    }


def refuse(fabric: Fabric) -> None:
    if fabric.global_rank == 1:
        raise FileNotFoundError("no such thing")
    fabric.barrier()


def die(fabric: Fabric) -> None:
    os._exit(3 + fabric.global_rank)


if __name__ == "__main__":
    steps = [None if word == "-" else int(word) for word in sys.argv[2:]]
    two_phases(Path(sys.argv[1]), (steps[0], steps[1]))


class Buffered(nn.Module):
    """A regression beside a buffer far larger than its gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(5, 40)
        self.norm = nn.BatchNorm1d(40)
        self.register_buffer("ballast", torch.zeros(100_000))

    def forward(self, x: Tensor) -> tuple[Tensor, Parts]:
        loss = self.norm(self.layer(x)).square().mean()
        return loss, {"error": loss.detach()}


def traffic(fabric: Fabric, x: Tensor) -> dict[str, int]:
    """Bytes that a process hands to the others in the steps of an epoch, and those of its weights.

    Buckets of gradients are seen by a hook of DDP, and buffers where DDP broadcasts them.
    """
    from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook

    parallel: Any = torch.nn.parallel.DistributedDataParallel
    distributed: Any = torch.distributed
    original, broadcast = parallel.__init__, distributed._broadcast_coalesced
    sent = {"gradients": 0, "steps": 0, "buffers": 0}

    def count(state: Any, bucket: Any) -> Any:
        sent["gradients"] += bucket.buffer().nbytes
        sent["steps"] += bucket.is_last()
        return allreduce_hook(state, bucket)

    # DDP wants the types themselves.
    count.__annotations__ = {
        "bucket": distributed.GradBucket,
        "return": torch.futures.Future[Tensor],
    }

    def counted(group: Any, tensors: list[Tensor], *rest: Any) -> Any:
        sent["buffers"] += sum(tensor.nbytes for tensor in tensors)
        return broadcast(group, tensors, *rest)

    def initialise(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self.register_comm_hook(None, count)
        sent["buffers"] = 0  # the weights are made alike once

    parallel.__init__ = initialise
    distributed._broadcast_coalesced = counted
    try:
        module = Buffered()
        Trainer(max_epochs=1, batch_size=20).fit(module, x, fabric=fabric)
    finally:
        parallel.__init__ = original
        distributed._broadcast_coalesced = broadcast
    own = sum(parameter.nbytes for parameter in module.parameters())
    return {**sent, "own": own}
