"""Where training runs: one device in this process, or several processes under Fabric's DDP."""

from __future__ import annotations

import logging
import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from pickle import DEFAULT_PROTOCOL
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeVar, get_args

import torch
from torch.multiprocessing.spawn import (
    ProcessExitedException,
    ProcessRaisedException,
    start_processes,
)

from .machine import cores
from .seeds import ALONE

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Precision = Literal["32-true", "bf16-mixed", "64-true"]
P = ParamSpec("P")
T = TypeVar("T")


def is_main_process() -> bool:
    """Whether this process is the one that writes files: the only one, or number 0 of several."""
    return os.environ.get("RANK", "0") == "0"


def make_fabric(device: str = "auto", precision: Precision = "32-true") -> Fabric:
    """A Fabric for one device in this process.

    Args:
        device: ``"auto"`` (CUDA where there is one, else the CPU), ``"cpu"``, ``"cuda"`` or one of
            several, ``"cuda:1"``.
        precision: ``"32-true"``, ``"bf16-mixed"`` (weights in float32) or ``"64-true"``.

    Raises:
        ValueError: if the device or the precision is unknown, or the device is not there.

    Example:
        >>> make_fabric("cpu").device
        device(type='cpu')
    """
    kind, index = _device(device)
    with _quiet_fabric() as fabric:
        return fabric(
            accelerator=kind, devices=1 if index is None else [index], precision=_known(precision)
        )


def launch(
    function: Callable[Concatenate[Fabric, P], T],
    device: str = "auto",
    devices: int = 1,
    precision: Precision = "32-true",
) -> Callable[P, T]:
    """Prepares ``function(fabric, ...)`` to run on one device, or in a process for each of several.

    With one device it runs here, on the objects it is given. With several, each process gets a
    copy of the arguments, and the caller gets what the first process returns, so the function
    has to return what it trained (a state dict, say); function and arguments must be picklable, and
    a script must start its work under ``if __name__ == "__main__":``. Under ``torchrun`` the
    processes are there already and each gets its own result.

    Args:
        function: takes the Fabric first.
        device: see :func:`make_fabric`.
        devices: number of processes.
        precision: see :func:`make_fabric`.

    Raises:
        ValueError: if there are fewer such devices or cores, or more than one CUDA device and an
            index.
        RuntimeError: if a process dies. An exception that one raises is raised here.

    Example:
        >>> launch(lambda fabric, x: (fabric.world_size, x.sum()), device="cpu")(torch.ones(3))
        (1, tensor(3.))
    """
    kind, index = _device(device)
    _known(precision)
    if devices < 1:
        raise ValueError(f"devices must be 1 or more, got {devices}")
    if kind == "cpu" and devices > cores():
        raise ValueError(
            f"devices is {devices}, and there are {cores()} cores: use at most {cores()}, since "
            "more processes than cores wait for one another"
        )

    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        if torch.distributed.is_available() and torch.distributed.is_torchelastic_launched():
            return function(_joined(kind, precision), *args, **kwargs)
        if devices == 1:
            return function(make_fabric(device, precision), *args, **kwargs)
        if index is not None:
            raise ValueError(
                f"device={device!r} names one device, but devices={devices}: use 'cuda'"
            )
        if kind == "cuda" and devices > torch.cuda.device_count():
            raise ValueError(f"devices={devices}, but there are {torch.cuda.device_count()} GPUs")
        result: T = _spawn(kind, precision, devices, (function, args, kwargs))
        return result

    return run


def _device(name: str) -> tuple[str, int | None]:
    """The kind of device and, where named, its index."""
    if name == "auto":
        return ("cuda" if torch.cuda.is_available() else "cpu"), None
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda") or (index and (kind == "cpu" or not index.isdigit())):
        raise ValueError(f"device must be 'auto', 'cpu', 'cuda' or 'cuda:<index>', got {name!r}")
    if kind == "cuda" and torch.cuda.device_count() <= int(index or 0):
        raise ValueError(f"device {name!r} is not there: use 'cpu' or 'auto'")
    return kind, int(index) if index else None


def _known(precision: Precision) -> Precision:
    if precision not in get_args(Precision):
        raise ValueError(f"precision must be one of {get_args(Precision)}, got {precision!r}")
    return precision


@contextmanager
def _quiet_fabric() -> Iterator[type[Fabric]]:
    """Fabric's class, imported here because it loads torch's compiler, a third of all imports.

    Its notices of what it found and started are silenced; warnings pass.
    """
    from lightning_fabric import Fabric

    # The import sets this for processes that fork after asking for a GPU; none of ours does. With
    # it, each optimiser step on a machine without a GPU opens NVIDIA's library anew: 0.15 ms.
    os.environ.pop("PYTORCH_NVML_BASED_CUDA_CHECK", None)
    logger = logging.getLogger("lightning_fabric")
    with ALONE:
        level = logger.level
        logger.setLevel(logging.WARNING)
        try:
            yield Fabric
        finally:
            logger.setLevel(level)


def _joined(kind: str, precision: Precision) -> Fabric:
    """The Fabric of a process that ``torchrun``, or :func:`_spawn` in its manner, has started."""
    per_node = int(os.environ["LOCAL_WORLD_SIZE"])
    with _quiet_fabric() as fabric:
        from lightning_fabric.strategies.ddp import DDPStrategy

        # A phase may leave parameters alone: pretraining doesn't touch the prior. Buffers are
        # shared at an epoch's end, and not sent at every step.
        options: dict[str, Any] = {"find_unused_parameters": True, _sync_buffers(): False}
        joined = fabric(
            accelerator=kind,
            strategy=DDPStrategy(**options),
            devices=per_node,
            num_nodes=int(os.environ["WORLD_SIZE"]) // per_node,
            precision=precision,
        )
        joined.launch()
    return joined


def _sync_buffers() -> str:
    """What torch's DDP calls the wish to send all buffers at every step, by version."""
    taken = signature(torch.nn.parallel.DistributedDataParallel.__init__).parameters
    new = "forward_sync_buffers"
    return new if new in taken else "broadcast_buffers"


def _spawn(kind: str, precision: Precision, devices: int, call: tuple[Any, ...]) -> Any:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Saved and mapped, not sent: tensors sent to a process are shared memory, in which all
        # processes would train the same weights at once.
        _save(call, folder / "call")
        threads = max(1, torch.get_num_threads() // devices)
        with _terse():
            context = start_processes(
                _work,
                args=(devices, _free_port(), threads, kind, precision, folder),
                nprocs=devices,
                join=False,
                start_method="spawn",
            )
        try:
            while not context.join():
                pass
        except (ProcessRaisedException, ProcessExitedException) as error:
            raised = sorted(folder.glob("error.*"), key=lambda path: path.stat().st_mtime_ns)
            if raised:  # by the first to fail; the others then fail for want of it
                raise torch.load(raised[0], weights_only=False) from error
            raise RuntimeError(
                f"a training process died: {str(error).strip().splitlines()[-1]}; "
                'a script must start its work under `if __name__ == "__main__":`'
            ) from error
        finally:
            for process in context.processes:
                process.terminate()
                process.join()
        return torch.load(folder / "result", map_location="cpu", weights_only=False)


@contextmanager
def _terse() -> Iterator[None]:
    """Starts processes whose DDP doesn't remark that a phase happens to use all its parameters.

    torch reads the level as it is imported, so only the parent's environment can set it.
    """
    name = "TORCH_CPP_LOG_LEVEL"
    if name in os.environ:
        yield
        return
    os.environ[name] = "ERROR"
    try:
        yield
    finally:
        del os.environ[name]


def _work(
    rank: int, world: int, port: int, threads: int, kind: str, precision: Precision, folder: Path
) -> None:
    """One process of several: announces itself as ``torchrun`` would, and runs the call."""
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE=str(world),
        LOCAL_WORLD_SIZE=str(world),
        GROUP_RANK="0",
        MASTER_ADDR="127.0.0.1",
        MASTER_PORT=str(port),
        TORCHELASTIC_RUN_ID="pyromix",
    )
    torch.set_num_threads(threads)
    try:
        function, args, kwargs = torch.load(folder / "call", weights_only=False, mmap=True)
        result = function(_joined(kind, precision), *args, **kwargs)
        if rank == 0:
            _save(result, folder / "result")
    except Exception as error:
        _save(error, folder / f"error.{rank}")
        raise
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


def _save(content: Any, path: Path) -> None:
    # torch's default, protocol 2, turns a FileNotFoundError into Python 2's OSError.
    torch.save(content, path, pickle_protocol=DEFAULT_PROTOCOL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
