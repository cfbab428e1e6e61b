"""Parallel text from the Hugging Face hub (or a local folder in the same form), as Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mtsuite.data.direction import Direction
from mtsuite.data.sources.base import Pair, Source
from mtsuite.data.text import checked
from mtsuite.errors import DataError, did_you_mean


class HubSource(Source):
    """Translation records: ``{"translation": {"en": …, "de": …}}``, or columns named by language.

    The name may be a local folder (relative to the recipe's) laid out like a hub repository; there a
    configuration may also simply be a sub-folder with Parquet files.
    """

    @property
    def name(self) -> str:
        return str(self.settings["name"])

    def _local(self) -> Path | None:
        folder = self.folder / Path(self.name).expanduser()
        return folder if folder.is_dir() else None

    def check(self, tested: Sequence[Direction]) -> None:
        """Check what needs no network.  Raises DataError when a local name does not exist."""
        if self.name.startswith((".", "/", "~")) and self._local() is None:
            raise DataError(f"data.text.name: no such folder: {self.folder / Path(self.name).expanduser()}.")

    def fingerprint(self) -> dict[str, Any]:
        names = ("name", "config", "revision", "train_split", "valid_split", "test_split")
        found: dict[str, Any] = {"source": "hub", **{name: self.settings.get(name) for name in names}}
        local = self._local()
        if local is not None:
            from mtsuite.data.fingerprints import file_hash

            del found["name"]
            files = sorted(p for p in local.rglob("*") if p.suffix in (".parquet", ".md") and p.is_file())
            found["files"] = {p.relative_to(local).as_posix(): file_hash(p) for p in files}
        return found

    def _configs(self, pair: Sequence[str]) -> list[str]:
        config = str(self.settings.get("config", "{pair}"))
        first = next((d for d in self.directions if d.pair == tuple(sorted(pair))), Direction(*pair))
        orders = (str(first), str(first.reversed)) if "{pair}" in config else ("",)
        return [config.replace("{pair}", order) for order in orders]

    def _load(self, split: str, pair: Sequence[str]) -> tuple[Any, str]:
        """The data set of a split and the configuration that was found.  Raises DataError."""
        try:
            import datasets
        except ImportError as error:
            raise DataError(f"{self.name}: the package datasets is needed and cannot be imported: {error}") from None
        local = self._local()
        tried: list[str] = []
        for config in self._configs(pair):
            place, name = str(local or self.name), config or None
            if local is not None and config and (local / config).is_dir():
                place, name = str(local / config), None
            what = f"{self.name}, configuration {config!r}, split {split!r}"
            try:
                with _quiet(), _hub_offline(self.offline and local is None):
                    revision = self.settings.get("revision") if local is None else None
                    return datasets.load_dataset(place, name, split=split, revision=revision), config
            except ConnectionError as error:
                raise self._unreachable(what, error) from None
            except RuntimeError as error:
                if "scripts are no longer supported" in str(error):
                    raise DataError(
                        f"{self.name} comes with a loading script, which datasets {datasets.__version__} does not run. "
                        f"Use a copy in Parquet: look for a `refs/convert/parquet` revision on the hub and set "
                        f"data.text.revision to it, or download the text and use `source: files`."
                    ) from None
                raise DataError(f"Cannot load {what}: {error}") from None
            except ValueError as error:
                if "Unknown split" in str(error):
                    keys = "data.text.train_split, valid_split or test_split"
                    raise DataError(f"Cannot load {what}: {error} Set {keys}.") from None
                if self.offline and local is None:
                    raise self._unreachable(what, error) from None
                tried.append(f"{config!r}: {error}")
            except FileNotFoundError as error:
                if self.offline and local is None:
                    raise self._unreachable(what, error) from None
                raise DataError(
                    f"Cannot load {what}: {error} Check data.text.name"
                    f"{' and data.text.revision' if self.settings.get('revision') else ''}; "
                    f"for a gated data set run `hf auth login`."
                ) from None
        raise DataError(
            f"{self.name} has no configuration for {'-'.join(pair)}. Tried {'; '.join(tried)}. Set data.text.config."
        )

    def _unreachable(self, what: str, error: Exception) -> DataError:
        state = "the run is offline and it is not in the cache" if self.offline else "the hub cannot be reached"
        return DataError(
            f"Cannot load {what}: {state} ({type(error).__name__}: {error}). Run once with a network (it is cached "
            f"then), copy the repository to a folder and give its path as data.text.name, or use `source: files` "
            f"or `microworld`."
        )

    def _pairs(self, split: str, pair: Sequence[str]) -> Iterator[tuple[str, str]]:
        table, config = self._load(split, pair)
        columns = list(table.column_names)
        nested = "translation" in columns
        languages = _keys(table.features["translation"]) if nested else columns
        for code in pair:
            if code not in languages:
                raise DataError(
                    f"{self.name}, configuration {config!r}, split {split!r}: no column {code!r}; found "
                    f"{', '.join(languages)}. {did_you_mean(code, languages)}"
                )
        number = 0
        for batch in table.iter(batch_size=1000):
            if nested:
                first_side, second_side = ([row.get(code) for row in batch["translation"]] for code in pair)
            else:
                first_side, second_side = batch[pair[0]], batch[pair[1]]
            for first, second in zip(first_side, second_side, strict=True):
                number += 1
                where = f"{self.name}, split {split!r}, row {number}"
                yield checked(first or "", where), checked(second or "", where)

    def train(self, pair: Pair) -> Iterator[tuple[str, str]]:
        return self._pairs(self.settings["train_split"], pair)

    def valid(self, pair: Pair) -> Iterator[tuple[str, str]]:
        return self._pairs(self.settings["valid_split"], pair)

    def tests(self, direction: Direction) -> dict[str, list[tuple[str, str]]]:
        """The test set by name.  Raises DataError at a blank segment."""
        split = self.settings["test_split"]
        segments = []
        for row, (source, target) in enumerate(self._pairs(split, direction)):
            if not source or not target:
                code = direction.target if source else direction.source
                where = f"{self.name}, split {split!r}, row {row}"
                raise DataError(f"{where}: blank {code!r} segment. Test sets are not filtered.")
            segments.append((source, target))
        return {self.test_names(direction)[0]: segments}

    def test_names(self, direction: Direction) -> list[str]:
        return [self.name.rstrip("/").split("/")[-1]]


def _keys(feature: Any) -> list[str]:
    """Languages of a ``Translation`` feature or of a plain struct."""
    return list(getattr(feature, "languages", None) or feature)


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars of the library: the suite draws its own."""
    import datasets

    shown = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()


@contextmanager
def _hub_offline(on: bool) -> Iterator[None]:
    """Tell the libraries to use their caches only."""
    if not on:
        yield
        return
    import datasets.config
    import huggingface_hub.constants

    modules: list[Any] = [datasets.config, huggingface_hub.constants]
    before = [module.HF_HUB_OFFLINE for module in modules]
    try:
        for module in modules:
            module.HF_HUB_OFFLINE = True
        yield
    finally:
        for module, value in zip(modules, before, strict=True):
            module.HF_HUB_OFFLINE = value
