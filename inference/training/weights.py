"""The tensors of a module's state in a file that executes nothing, checked when they are read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from .files import replacing


def write_weights(path: Path, state: Mapping[str, Tensor]) -> None:
    """Writes tensors by name, those that share memory apart.

    Args:
        path: the file, replaced whole.
        state: the tensors.
    """
    tensors = {name: value.detach().cpu().clone().contiguous() for name, value in state.items()}
    with replacing(path) as temporary:
        temporary.write_bytes(save(tensors))


def read_weights(path: Path, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Reads tensors by name, on the CPU.

    Args:
        path: the file.
        expected: the state of the module they are for; names, shapes and types must be the same.

    Raises:
        ValueError: if the file is damaged or belongs to another module, or holds numbers that no
            fit ends with.

    Example:
        >>> import torch
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     write_weights(Path(folder) / "w", {"a": torch.ones(2)})
        ...     read_weights(Path(folder) / "w", {"a": torch.zeros(2)})
        {'a': tensor([1., 1.])}
    """
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged ({error}): train again") from error
    for name in [*expected, *tensors]:
        want, have = _form(expected.get(name)), _form(tensors.get(name))
        if want != have:
            raise ValueError(
                f"{path} does not fit the model of its config.json: {name} is {have}, expected "
                f"{want}"
            )
        if not bool(tensors[name].isfinite().all()):
            raise ValueError(f"{path} is damaged: {name} holds NaN or infinity; train again")
    return tensors


def _form(tensor: Tensor | None) -> str:
    """Type and shape of a tensor, as a message says them."""
    if tensor is None:
        return "not there"
    return f"{str(tensor.dtype).removeprefix('torch.')} of shape {tuple(tensor.shape)}"
