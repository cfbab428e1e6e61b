"""What can be known of names on the hub before the first job: whether they are there, and for this user.

A plan needs no network.  So this is asked by ``validate`` and ahead of a run alone, and only of what is not on this
machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mtsuite.plan.comet import comet_settings
from mtsuite.plan.graph import Job
from mtsuite.plan.place import errors_of
from mtsuite.plan.planned import Planned
from mtsuite.plan.ready import is_cached
from mtsuite.recipe.schema import ReadRecipe, Recipe

PATIENCE = 5.0  # seconds for the hub to answer
HUB = "https://huggingface.co"


@dataclass(frozen=True)
class _Wanted:
    """A name on the hub: where the recipe has it, and the key of the job that downloads it."""

    keys: tuple[str, ...]
    name: str
    revision: str | None
    kind: Literal["model", "dataset"]
    job: str
    needed: bool  # without it nothing can run; else a column stays empty


def check_hub(read: ReadRecipe, planned: Planned, done: Callable[[Job], bool] = lambda _: False) -> list[str]:
    """What is to be said of names on the hub that a run will ask for; ``done`` says of a job that it ran before.

    Raises RecipeError for a model or text that the hub has not, or does not give to this user, and for a model where
    the libraries were told to use no network.
    """
    told = []
    for wanted in _wanted(planned.recipe, read.folder, planned):
        if done(planned.plan.jobs[wanted.job]):
            continue
        problem, sure = _problem(wanted)
        if problem and sure and wanted.needed:
            raise errors_of(read)(wanted.keys, problem)
        if problem:
            told.append(f"{'.'.join(wanted.keys)}: {problem}")
    return told


def _wanted(recipe: Recipe, folder: Path, planned: Planned) -> list[_Wanted]:
    found = []
    name, revision = recipe.model.name_or_path, recipe.model.revision
    if name != "pretrain" and not (folder / name).exists() and not is_cached(name, revision, "config.json"):
        found.append(_Wanted(("model", "name_or_path"), name, revision, "model", planned.base, needed=True))
    text: Any = recipe.data.text
    if text.source == "hub" and not (folder / text.name).exists():
        found.append(
            _Wanted(("data", "text", "name"), text.name, text.revision, "dataset", planned.corpus, needed=True)
        )
    for column, settings in comet_settings(recipe).items():
        name = settings.checkpoint
        local = name == "embedded" or name.endswith(".ckpt") or (folder / name).exists()
        if not local and settings.scores is None and not is_cached(name, None, "hparams.yaml"):
            keys = ("metrics", "comet") if column == "COMET" else ("metrics", "more_comet", column)
            job = planned.comet[column]
            found.append(_Wanted((*keys, "checkpoint"), name, None, "model", job, needed=False))
    return found


def _problem(wanted: _Wanted) -> tuple[str, bool]:
    """What is wrong with a name, or nothing; and whether that is certain rather than a network that is not there."""
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    name, what = wanted.name, "model" if wanted.kind == "model" else "data set"
    page = f"{HUB}/{name}" if wanted.kind == "model" else f"{HUB}/datasets/{name}"
    if constants.HF_HUB_OFFLINE:
        # A data set that was downloaded is not told from one that was not: its cache has other names.
        return (
            (
                f"{name} is on the hub and was not downloaded yet, and HF_HUB_OFFLINE forbids it: unset it, or name a "
                "folder that has it.",
                True,
            )
            if wanted.kind == "model"
            else ("", False)
        )
    api, info = HfApi(), None
    try:
        ask = api.model_info if wanted.kind == "model" else api.dataset_info
        info = ask(name, revision=wanted.revision, timeout=PATIENCE)
        if info.gated:
            api.auth_check(name, repo_type=wanted.kind)
    except GatedRepoError:
        return (
            f"{name} is a gated {what}{_licence(info)}: its publisher gives it to those who accepted its licence. "
            f"Accept it on {page}, log in (`hf auth login`, or the variable HF_TOKEN), and run this again; or name a "
            "folder that has it.",
            True,
        )
    except RevisionNotFoundError:
        return f"the hub's {what} {name} has no revision {wanted.revision!r}; {page} lists those that it has.", True
    except RepositoryNotFoundError:
        return (
            f"the hub has no {what} {name}, or it is a private one: check the name; for a private one log in "
            "(`hf auth login`, or the variable HF_TOKEN).",
            True,
        )
    except Exception as error:  # no network, a proxy, a hub that is down: what its libraries raise differs by version
        return (
            f"{name} is on the hub and was not downloaded yet, and the hub does not answer "
            f"({type(error).__name__}). A run needs a network for it, or a folder that has it.",
            False,
        )
    return "", False


def _licence(info: Any) -> str:
    """Under which licence a repository stands, where its card says so."""
    card = getattr(info, "card_data", None)
    named = [getattr(card, key, None) for key in ("license_name", "license")]
    link = getattr(card, "license_link", None)
    found = next((str(one) for one in named if one and one != "other"), None)
    if found is None:
        return ""
    return f" (licence {found}{f', {link}' if isinstance(link, str) and link.startswith('http') else ''})"
