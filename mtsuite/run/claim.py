"""Which of several runs writes a results folder: the first one; others of the same recipe help with its jobs."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

from mtsuite.errors import RecipeError, StoreError
from mtsuite.plan.graph import canonical
from mtsuite.plan.planned import Planned
from mtsuite.run.locks import Lock, NoLocksError, holder, holder_text

_NAME = ".run.lock"  # in the results folder, while a run writes there


class Claim:
    """A results folder that this run writes, or leaves to another run of the same recipe.

    ``taken`` says which; ``other`` names the run that writes where it is not this one.
    """

    def __init__(self, folder: Path, planned: Planned) -> None:
        self.folder = folder
        self.taken = False
        self.other = ""
        recipe = planned.recipe.model_dump(mode="json")
        text = canonical([recipe, sorted(planned.plan.jobs)])
        self._lock = Lock(folder / _NAME, {"recipe": hashlib.sha256(text.encode()).hexdigest()[:20]})
        self._made: list[Path] = []

    def take(self) -> bool:
        """Take the folder, or find that another run of the same recipe has it.

        Raises RecipeError when the run that has it makes other results, StoreError when the folder cannot be made.
        A file system without locks gives the folder to everyone: each file is written whole all the same.
        """
        if self.taken:
            return True
        try:
            self._make()
            while not self.taken:
                if not self._lock.acquire():
                    return self._left_to_another()
                self.taken = self._lock.there()
                if not self.taken:  # the run that held it has just ended and removed the file
                    self._lock.release()
        except NoLocksError:
            self.taken = True
        except OSError as error:
            raise StoreError(
                f"{self.folder}: the results cannot be written: {error.strerror or error}; "
                "choose another folder with --output-dir"
            ) from error
        return self.taken

    def release(self) -> None:
        """Let go of the folder, and remove it where nothing was written."""
        with contextlib.suppress(OSError):
            self._lock.release(remove=True)
        self.taken = False
        for folder in self._made:
            with contextlib.suppress(OSError):  # there is something in it
                os.rmdir(folder)

    def _make(self) -> None:
        missing = [place for place in (self.folder, *self.folder.parents) if not place.exists()]
        self.folder.mkdir(parents=True, exist_ok=True)
        self._made += missing

    def _left_to_another(self) -> bool:
        self.other = holder_text(self._lock.path)
        if holder(self._lock.path).get("recipe", self._lock.about["recipe"]) != self._lock.about["recipe"]:
            raise RecipeError(
                f"{self.folder}: {self.other} is writing results of another recipe, or with other options, into this "
                "folder. Choose another folder with --output-dir, wait until that run has ended, or make the jobs "
                "alone with --no-report."
            )
        return False
