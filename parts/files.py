"""Files that others wrote: only plain ones, of a believable size, are opened."""

from __future__ import annotations

import os
import stat
from pathlib import Path

RUN_FILES = {  # by name, the largest that is believed, in bytes
    "config.json": 2**23,
    "metrics.json": 2**23,
    "history.csv": 2**26,
    "labels.csv": 2**31,
    "weights.safetensors": None,
    "checkpoint.pt": None,
}


def check_plain(path: Path, largest: int | None = None) -> None:
    """Refuse what is no plain file before it is opened: a pipe would be waited for without end.

    Args:
        path: of something that exists.
        largest: the size that is too much beyond, in bytes.

    Raises:
        ValueError: a folder, pipe, socket or device, or too large a file.

    Example:
        >>> check_plain(Path(os.devnull))
        Traceback (most recent call last):
        ValueError: /dev/null is a device, and no file: give a plain file
    """
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode):
        what = {stat.S_IFDIR: "folder", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}
        kind = what.get(stat.S_IFMT(found.st_mode), "device")
        raise ValueError(f"{path} is a {kind}, and no file: give a plain file")
    if largest is not None and found.st_size > largest:
        raise ValueError(
            f"{path} has {found.st_size / 2**20:,.0f} MiB, more than the {largest / 2**20:,.0f} "
            "MiB that such a file may have: it is none, or damaged"
        )


def check_run_folder(path: Path) -> None:
    """Refuse a folder that holds no run, by what its files are and without reading them.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: it has no ``config.json``, or a file of a run's name that is no plain file, lies
            outside, or is too large.
    """
    if not path.is_dir():
        what = ": this is a file" if path.is_file() else ""
        raise FileNotFoundError(f"there is no run folder {path}{what}")
    if not os.path.lexists(path / "config.json"):
        raise ValueError(f"{path} is no run folder: it has no config.json")
    for name, largest in RUN_FILES.items():
        file = path / name
        if not os.path.lexists(file):
            continue
        try:
            whole = file.resolve()
        except RuntimeError as error:
            raise ValueError(f"{file} is a link to itself: give a plain file") from error
        if not whole.is_relative_to(path.resolve()):
            raise ValueError(
                f"{file} is a link to {os.readlink(file)}, outside the run: copy the file into it"
            )
        check_plain(file, largest)


def is_unfinished(path: Path) -> bool:
    """Whether the run in a folder was stopped in training, and can be resumed."""
    return (path / "checkpoint.pt").exists()


def check_new_folder(path: Path) -> None:
    """Refuse a run's folder that has something in it.

    Raises:
        FileExistsError: it has, or is no folder.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise FileExistsError(
            f"{path} exists and is not overwritten: give another folder with --out, "
            "or go on with an unfinished run by --resume"
        )
