"""Files that are whole and one's own: replaced at once or not at all, and locked while in use."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place when the scope ends well.

    The bytes reach the disk before the name changes, so that neither a kill nor a power cut
    leaves a damaged file; after an error the old file stands and the temporary one is gone.

    Args:
        path: the file to write or replace.

    Raises:
        OSError: what the system says; of a full disk, that nothing was overwritten.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     with replacing(Path(folder) / "a.txt") as temporary:
        ...         _ = temporary.write_text("whole")
        ...     (Path(folder) / "a.txt").read_text()
        'whole'
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield temporary
        with temporary.open("rb+") as handle:
            os.fsync(handle.fileno())
        temporary.replace(path)
    except Exception as error:
        number = _full(error)
        if number is None:
            raise
        message = f"no space left on {path.parent} for {path.name}, nothing was overwritten"
        full = OSError(f"{message}: make room, and try again")
        full.errno = number
        raise full from error
    finally:
        temporary.unlink(missing_ok=True)


def _full(error: BaseException | None) -> int | None:
    """The number of the error of a full disk that is at the root of another error, if one is."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, OSError) and error.errno in FULL:
            return error.errno
        error = error.__cause__ or error.__context__
    return None


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """A scope that no other process and no other thread can be in for the same file.

    The system holds the lock, on a file beside ``path``, so that a killed process leaves none. One
    thread may enter it again.

    Args:
        path: the file, which need not exist.

    Raises:
        BlockingIOError: another is in it.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder, locked(Path(folder) / "a.txt"):
        ...     os.listdir(folder)
        ['a.txt.lock']
    """
    beside = path.with_name(f"{path.name}.lock")
    lock = FileLock(beside, timeout=0, is_singleton=True)
    try:
        lock.acquire()
    except Timeout:
        raise BlockingIOError(
            f"{path} is in use by another fit: wait for its end or stop it, or use another file"
        ) from None
    try:
        yield
    finally:
        if lock.lock_counter == 1:
            beside.unlink(missing_ok=True)
        lock.release()
