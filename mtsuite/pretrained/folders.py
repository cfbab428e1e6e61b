"""Writing a model folder so that it appears only when it is whole."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from mtsuite.errors import RecipeError, StoreError

LICENCES = ("LICENSE*", "LICENCE*", "NOTICE*", "USE_POLICY*", "*TERMS*")


@contextlib.contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A folder to write into; it gets its name ``target`` at the end, or goes when something fails.

    Raises RecipeError when ``target`` exists, StoreError when it cannot be written.
    """
    if target.exists():
        raise RecipeError(f"{target} exists already; choose another place.")
    partial = target.with_name(f".{target.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        yield partial
        partial.rename(target)
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def licence_files(folder: Path) -> list[Path]:
    """Files in a model folder that hold its licence or terms."""
    return sorted({path for pattern in LICENCES for path in folder.glob(pattern) if path.is_file()})


def copy_licences(source: Path, target: Path) -> None:
    """A model's licence goes where the model goes."""
    for path in licence_files(source):
        shutil.copyfile(path, target / path.name)
