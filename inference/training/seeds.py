"""Random streams that are functions of a seed and a name, in scopes that leave no trace.

An epoch draws its noise from the stream (seed, phase, epoch, rank). It needs no saved generator
state to be repeated, so a resumed run and an uninterrupted one see the same noise.

Torch's generators, and Pyro's stack of handlers, parameter store and validation flag belong to the
whole process, so one thread at a time draws or runs a program (:data:`ALONE`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from threading import RLock

import torch

ALONE = RLock()  # held by a thread that draws, or runs a program of Pyro's


def derive_seed(seed: int, *names: str | int) -> int:
    """A 63-bit seed for the stream called ``names``, independent of its neighbours.

    Args:
        seed: the run's seed.
        names: what the stream is for, such as a phase and an epoch.

    Example:
        >>> derive_seed(0, "train", 1) == derive_seed(0, "train", 1) != derive_seed(0, "train", 2)
        True
    """
    digest = sha256(repr((int(seed), *names)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


@contextmanager
def seeded(seed: int, *names: str | int, device: torch.device | str = "cpu") -> Iterator[None]:
    """A scope whose global torch generators are seeded, and left as found at its end.

    The CPU's generator and, for a CUDA device, that device's are set. Other libraries' generators
    are not touched. Other threads wait at their own scopes: fits and predictions in several threads
    take turns, a fit after each epoch, and find what they would alone. A thread that draws
    from torch's global generator outside such a scope meanwhile changes what is drawn here.

    Args:
        seed: the run's seed.
        names: what the stream is for; see :func:`derive_seed`.
        device: the device that draws.

    Example:
        >>> with seeded(0, "weights"):
        ...     first = torch.randn(3)
        >>> with seeded(0, "weights"):
        ...     again = torch.randn(3)
        >>> torch.equal(first, again)
        True
    """
    generators = [torch.default_generator]
    device = torch.device(device)
    if device.type == "cuda":
        torch.cuda.init()
        index = torch.cuda.current_device() if device.index is None else device.index
        generators.append(torch.cuda.default_generators[index])
    with ALONE:
        states = [generator.get_state() for generator in generators]
        try:
            for generator in generators:
                generator.manual_seed(derive_seed(seed, *names))
            yield
        finally:
            for generator, state in zip(generators, states, strict=True):
                generator.set_state(state)
