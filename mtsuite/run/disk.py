"""Writing to disk so that what is there is whole, and errors of the disk in words a user can act on."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mtsuite.errors import StoreError
from mtsuite.units import size_text

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class NoSpaceError(StoreError):
    """The disk under the store is full; a run stops on it, since every other job would fail as well."""


def mount_point(path: Path) -> Path:
    """The folder on which the file system that holds ``path`` is mounted."""
    path = existing_parent(path.absolute())
    while not path.is_mount() and path != path.parent:
        path = path.parent
    return path


def existing_parent(path: Path) -> Path:
    """``path`` itself, or the nearest folder above it that exists."""
    while not os.path.lexists(path) and path != path.parent:
        path = path.parent
    return path


def no_space(path: Path, needed: int | None = None) -> NoSpaceError:
    """The error for a full disk; ``needed`` in bytes where it is known."""
    try:
        free = size_text(shutil.disk_usage(existing_parent(path)).free)
    except OSError:
        free = "unknown"
    size = f"needed more than the {free} free" if needed is None else f"needed {size_text(needed)}, free {free}"
    return NoSpaceError(
        f"no space left on {mount_point(path)} (writing {path}): {size}; "
        "free some or set MTSUITE_HOME to a folder on another disk; what is finished is kept"
    )


def store_error(error: OSError, path: Path, needed: int | None = None) -> StoreError:
    """Say what an error of the operating system means for the store at ``path``."""
    if error.errno in FULL:
        return no_space(path, needed)
    if error.errno in FORBIDDEN:
        return StoreError(
            f"cannot write to {path}: {error.strerror}; "
            "allow writing there or set MTSUITE_HOME to a folder that can be written"
        )
    return StoreError(f"cannot use {path}: {error.strerror or error}; MTSUITE_HOME chooses another folder")


@contextlib.contextmanager
def disk_errors(path: Path, needed: int | None = None) -> Iterator[None]:
    """Turn every ``OSError`` inside into a ``StoreError`` about ``path``."""
    try:
        yield
    except OSError as error:
        raise store_error(error, path, needed) from error


def is_full(error: BaseException) -> bool:
    """Whether an exception says that a disk is full, also where a library wrapped the number in text."""
    if isinstance(error, NoSpaceError):
        return True
    if isinstance(error, OSError) and error.errno in FULL:
        return True
    text = str(error)
    return "No space left on device" in text or "Disk quota exceeded" in text


def plain(value: Any) -> Any:
    """A value as strict JSON can hold it: arrays of one number become numbers, NaN and infinities ``None``."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if hasattr(value, "item") and getattr(value, "size", 1) != 0:
        with contextlib.suppress(Exception):
            return plain(value.item())
    return str(value)


def write_json(path: Path, value: Any, *, durable: bool = True) -> None:
    """Write JSON so that a reader sees the old file or the whole new one; when ``durable`` also after a power cut.

    Waiting for the disk takes milliseconds.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(plain(value), file, indent=1, ensure_ascii=True, allow_nan=False)
            file.write("\n")
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    if durable:
        sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable; file systems that cannot are left in peace."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
