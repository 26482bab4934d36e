"""What can be refused at once: before torch is imported, which takes seconds."""

from __future__ import annotations

import difflib
import os
import shlex
from pathlib import Path

from ..parts import check_plain, check_run_folder, choose, is_unfinished

METHODS = ("vade", "gmvae", "gammm-vae", "mfcvae", "dhvc", "augmented-vade", "deep-mixture")
DATA = (
    *("digits", "mnist", "fashion-mnist", "kmnist", "usps", "svhn", "stl10", "pinwheel", "arcs"),
    *("shapes3d-1", "shapes3d-2", "coloured-mnist"),
)


def check_method(method: str) -> None:
    """Refuse a method that there is none of.

    Raises:
        ValueError: the nearest is named.
    """
    choose("METHOD", method, dict.fromkeys(METHODS))


def check_data(data: str) -> None:
    """Refuse a file that is not there, and a name that is none.

    Raises:
        FileNotFoundError, ValueError: says which.

    Example:
        >>> check_data("digit")
        Traceback (most recent call last):
        ValueError: unknown data set 'digit': did you mean 'digits'? Give one of digits, mnist, \
fashion-mnist, kmnist, usps, svhn, stl10, pinwheel, arcs, shapes3d-1, shapes3d-2, coloured-mnist, \
or the path of a file
    """
    name, path = data.lower().replace("_", "-"), Path(data).expanduser()
    if name in DATA:
        return
    if path.exists():
        check_plain(path)
        return
    if path.suffix or len(path.parts) > 1:
        raise FileNotFoundError(f"data file {path} does not exist: check the path")
    near = difflib.get_close_matches(name, DATA, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ValueError(
        f"unknown data set {data!r}: {hint}Give one of {', '.join(DATA)}, or the path of a file"
    )


def check_finished(run: Path) -> None:
    """Refuse a folder that holds no finished run.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: there is no run in it, or an unfinished one.
    """
    check_run_folder(run)
    if is_unfinished(run):
        raise ValueError(
            f"{run} is unfinished: resume it with pyromix fit --resume {shlex.quote(str(run))}"
        )


def check_new_file(path: Path, suffixes: tuple[str, ...], *, overwrite: bool = False) -> None:
    """Refuse a file that exists, that has another ending, or whose folder is not there.

    Raises:
        FileExistsError, FileNotFoundError, ValueError: says which.
    """
    if not path.name.lower().endswith(suffixes):
        raise ValueError(f"--out {path} must end in {' or '.join(suffixes)}")
    if os.path.lexists(path) and not (overwrite and path.is_file()):
        raise FileExistsError(f"{path} exists and is not overwritten: give another file with --out")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"--out {path} is in no folder that there is: make {path.parent}")
