"""What this machine has, so that what cannot fit is refused before it is tried."""

from __future__ import annotations

import os
from collections.abc import Sequence
from math import prod
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory() -> int:
    """Bytes of memory, or 2^63 where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 2**63


class Roomy(TorchDispatchMode):
    """A scope in which no tensor is made that this machine's memory cannot hold.

    Example:
        >>> import torch
        >>> with Roomy():
        ...     _ = torch.zeros(3, 4)
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.most = memory() // 4

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        """Look at what is asked for before it is made.

        Raises:
            ValueError: says how much, and how much there is.
        """
        size = args[0] if args else None
        if isinstance(size, list | tuple) and all(isinstance(side, int) for side in size):
            asked = prod(size)
            if asked > self.most:
                raise ValueError(
                    f"a tensor of {tuple(size)} is asked for, {asked / 2**28:,.0f} GiB, and this "
                    f"machine has {self.most / 2**28:,.0f} GiB: make the parts or draws smaller"
                )
        return func(*args, **(kwargs or {}))
