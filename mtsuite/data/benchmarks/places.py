"""Where a test set's files lie: a folder, the Hugging Face hub, or a web server."""

from __future__ import annotations

import os
import shutil
import tempfile
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path

from mtsuite.errors import DataError

WAIT = 60  # seconds without an answer


class Place(ABC):
    """Files by their relative names.  ``key`` is the set's dotted key in the recipe, for errors."""

    def __init__(self, key: str) -> None:
        self.key = key

    @abstractmethod
    def names(self) -> list[str] | None:
        """All names of files, sorted; None where they are not known without a network."""

    @abstractmethod
    def open(self, name: str) -> Path:
        """A file, fetched where it is not here.  Raises DataError."""

    @abstractmethod
    def ready(self, name: str) -> None:
        """Raises DataError where it can be known that `open` would fail.  Nothing is fetched."""

    @abstractmethod
    def told(self) -> str:
        """The place, for messages."""


class Local(Place):
    """A copy in a folder."""

    def __init__(self, key: str, folder: Path) -> None:
        super().__init__(key)
        self.folder = folder
        if not folder.is_dir():
            raise DataError(f"{key}.path: no such folder: {folder}.")

    @cached_property
    def _names(self) -> list[str]:
        return sorted(p.relative_to(self.folder).as_posix() for p in self.folder.rglob("*") if p.is_file())

    def names(self) -> list[str]:
        return self._names

    def open(self, name: str) -> Path:
        return self.folder / name

    def ready(self, name: str) -> None:
        """Raises DataError when the folder lacks the file."""
        if not (self.folder / name).is_file():
            raise DataError(f"{self.key}.path: {self.folder} has no file {name}.")

    def told(self) -> str:
        return str(self.folder)


class Hub(Place):
    """A data set of the Hugging Face hub, file by file through its cache."""

    def __init__(self, key: str, repository: str, revision: str | None, gated: bool, offline: bool) -> None:
        super().__init__(key)
        self.repository, self.revision, self.gated, self.offline = repository, revision, gated, offline

    def names(self) -> list[str] | None:
        return None

    def open(self, name: str) -> Path:
        """The file in the hub's cache.  Raises DataError when it is gated, out of reach or not there."""
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import (
            EntryNotFoundError,
            GatedRepoError,
            LocalEntryNotFoundError,
            RepositoryNotFoundError,
        )

        try:
            found = hf_hub_download(
                self.repository, name, repo_type="dataset", revision=self.revision, local_files_only=self.offline
            )
        except GatedRepoError:
            raise self._closed("this login has not accepted its conditions, or there is no login") from None
        except LocalEntryNotFoundError as error:
            raise self._away(name, str(error).splitlines()[0]) from None
        except (EntryNotFoundError, RepositoryNotFoundError) as error:
            raise DataError(
                f"{self.key}: {self.repository} has no file {name} on the hub ({str(error).splitlines()[0]}). "
                f"Set {self.key}.revision, or give a copy as {self.key}.path."
            ) from None
        except OSError as error:
            raise self._away(name, f"{type(error).__name__}: {error}") from None
        return Path(found)

    def ready(self, name: str) -> None:
        if self._cached(name):
            return
        if self.offline or os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
            raise self._away(name, "the run is offline and the file is not in the cache")
        if self.gated:
            from huggingface_hub import get_token

            if get_token() is None:
                raise self._closed("there is no login on this machine")

    def _cached(self, name: str) -> bool:
        from huggingface_hub import try_to_load_from_cache

        return isinstance(
            try_to_load_from_cache(self.repository, name, repo_type="dataset", revision=self.revision), str
        )

    def _closed(self, why: str) -> DataError:
        return DataError(
            f"{self.key}: {self.repository} is gated and {why}. Accept its conditions on "
            f"https://huggingface.co/datasets/{self.repository}, then run `hf auth login` (or set HF_TOKEN), or give a "
            f"copy of the repository as {self.key}.path."
        )

    def _away(self, name: str, why: str) -> DataError:
        return DataError(
            f"{self.key}: cannot load {name} of {self.repository}: {why}. Run once with a network (it is cached then), "
            f"or give a copy of the repository as {self.key}.path."
        )

    def told(self) -> str:
        return self.repository + (f" at {self.revision}" if self.revision else "")


class Web(Place):
    """Plain files below an address, kept in ``$MTSUITE_CACHE/benchmarks`` (else below ``~/.cache/mtsuite``)."""

    def __init__(self, key: str, name: str, address: str, offline: bool) -> None:
        super().__init__(key)
        self.address, self.offline = address.rstrip("/"), offline
        home = Path(os.environ.get("MTSUITE_CACHE") or Path.home() / ".cache" / "mtsuite")
        self.folder = home / "benchmarks" / name

    def names(self) -> list[str] | None:
        return None

    def open(self, name: str) -> Path:
        path = self.folder / name
        if path.is_file():
            return path
        self.ready(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with (
                urllib.request.urlopen(f"{self.address}/{name}", timeout=WAIT) as stream,
                tempfile.NamedTemporaryFile(dir=path.parent, prefix=".part-", delete=False) as part,
            ):
                shutil.copyfileobj(stream, part)
            os.replace(part.name, path)  # so that a killed download leaves no half file under the name
        except (urllib.error.URLError, OSError) as error:
            raise self._away(name, f"{type(error).__name__}: {error}") from None
        return path

    def ready(self, name: str) -> None:
        if self.offline and not (self.folder / name).is_file():
            raise self._away(name, f"the run is offline and {self.folder} has it not")

    def _away(self, name: str, why: str) -> DataError:
        return DataError(
            f"{self.key}: cannot load {self.address}/{name}: {why}. Run once with a network (it is kept then), or "
            f"give a copy of the files as {self.key}.path."
        )

    def told(self) -> str:
        return self.address
