"""A trained method as a plain Hugging Face folder or an adapter of PEFT, for use without the suite."""

from __future__ import annotations

import contextlib
import json
import math
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import safe_open

from mtsuite.data.direction import Direction
from mtsuite.errors import MethodError, RecipeError, StoreError
from mtsuite.jobs.assemble import open_adapted, open_base, open_method, open_templates
from mtsuite.jobs.context import JobContext
from mtsuite.jobs.roles import PHASE
from mtsuite.method import Method, Train
from mtsuite.model.load import load_model, load_tokenizer
from mtsuite.plan.graph import Job
from mtsuite.plan.planned import Planned
from mtsuite.run.exported import check_equal, logits, tie_again, untie
from mtsuite.run.readme import OPEN_ADAPTER, OPEN_MODEL, readme
from mtsuite.run.store import Store
from mtsuite.run.trained import find_trained

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

ADAPTER, ADAPTER_CONFIG = "adapter_model.safetensors", "adapter_config.json"


@dataclass(frozen=True)
class Exported:
    """The folder that was written, and the number of the model's parameters."""

    folder: Path
    parameters: int


def export_model(
    planned: Planned, store: Store, method: str, folder: Path, *, seed: int | None = None, direction: str | None = None
) -> Exported:
    """Write a row's model, its tokenizer and a README that says how to prompt it.

    ``folder`` appears when it is whole and, opened anew, computes the row's own logits.  Raises RecipeError when it is
    there already or the recipe has no such row, seed or direction; MethodError when the method cannot be merged into
    one plain model or the merged one is another; StoreError when the row has not been trained yet or the folder cannot
    be written.
    """
    job, inputs, opened = _opened(planned, store, method, folder, seed, direction)
    if opened.phases() and type(opened).merge is Method.merge:
        raise _unmergeable(planned, method, opened)
    spec, tokenizer = job.spec, _tokenizer(job, inputs)
    prompts = _prompts(planned, spec)
    model = _adapted(opened, job, inputs)
    own = logits(opened, model, tokenizer, prompts)
    merged = _merged(planned, method, opened, model, spec["model"]["dtype"])
    parameters = sum(p.numel() for p in merged.parameters())
    with _written(folder) as partial:
        merged.save_pretrained(partial)
        del model, merged  # a large model is not held twice
        tokenizer.save_pretrained(partial)
        again = load_model(partial, trust_remote_code=spec["model"]["trust_remote_code"])
        page = readme(planned, method, opened, spec, inputs, tokenizer, again, OPEN_MODEL)
        (partial / "README.md").write_text(page, encoding="utf-8")
        check_equal(method, own, logits(None, again, tokenizer, prompts), spec["model"]["dtype"])
    return Exported(folder, parameters)


def export_adapter(
    planned: Planned, store: Store, method: str, folder: Path, *, seed: int | None = None, direction: str | None = None
) -> Exported:
    """Write what a row trained as an adapter of PEFT for the recipe's model, which lies beside it if the suite made it.

    Raises what ``export_model`` raises; MethodError when what the row trained is nothing that PEFT can open.
    """
    from peft import PeftModel
    from torch import nn

    job, inputs, opened = _opened(planned, store, method, folder, seed, direction)
    source = _peft_folder(method, opened, inputs)
    spec, tokenizer = job.spec, _tokenizer(job, inputs)
    prompts = _prompts(planned, spec)
    own = logits(opened, _adapted(opened, job, inputs), tokenizer, prompts)
    model = planned.recipe.model
    with _written(folder) as partial:
        base: Any = nn.Module.to(open_base(spec, inputs, JobContext(keys=job.inputs)), "cpu")
        name = model.name_or_path
        if name == "pretrain":
            base.save_pretrained(partial / "base")
            tokenizer.save_pretrained(partial / "base")
            name = str(folder.absolute() / "base")
        elif (planned.folder / name).is_dir():
            name = str((planned.folder / name).absolute())
        tokenizer.save_pretrained(partial)
        shutil.copyfile(source / ADAPTER, partial / ADAPTER)
        config = json.loads((source / ADAPTER_CONFIG).read_text(encoding="utf-8"))
        config |= {"base_model_name_or_path": name, "revision": model.revision}
        (partial / ADAPTER_CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        page = readme(planned, method, opened, spec, inputs, tokenizer, base, OPEN_ADAPTER.format(base=name))
        (partial / "README.md").write_text(page, encoding="utf-8")
        again: Any = PeftModel.from_pretrained(base, str(partial)).eval().float()
        check_equal(method, own, logits(None, again, tokenizer, prompts), spec["model"]["dtype"])
    with safe_open(folder / ADAPTER, "pt") as file:
        return Exported(folder, sum(math.prod(file.get_slice(key).get_shape()) for key in file.keys()))  # noqa: SIM118


def _opened(
    planned: Planned, store: Store, method: str, folder: Path, seed: int | None, direction: str | None
) -> tuple[Job, Mapping[str, Path], Method]:
    if folder.exists():
        raise RecipeError(f"--output-dir: {folder} exists already; choose another place.")
    job, inputs = find_trained(planned, store, method, seed, direction)
    return job, inputs, open_method(job.spec)


def _tokenizer(job: Job, inputs: Mapping[str, Path]) -> PreTrainedTokenizerBase:
    tokenizer = load_tokenizer(inputs["base"], trust_remote_code=job.spec["model"]["trust_remote_code"])
    # A causal model refuses token types, and with these names `model.generate(**inputs)` just works.
    tokenizer.model_input_names = tokenizer.init_kwargs["model_input_names"] = ["input_ids", "attention_mask"]
    return tokenizer


def _prompts(planned: Planned, spec: dict[str, Any]) -> list[tuple[Direction, str]]:
    """A prompt of each of the row's first directions."""
    names = dict.fromkeys([spec["direction"], *planned.recipe.directions[:3]])
    templates = open_templates(spec["templates"])
    return [(d, templates.prompt(d, str(d), spec["evaluation_template"])) for d in map(Direction.parse, names)]


def _adapted(method: Method, job: Job, inputs: Mapping[str, Path]) -> nn.Module:
    """The row's own model in float32 on the CPU: where updates are merged, they are rounded once, at the end."""
    base: nn.Module = open_base(job.spec, inputs, JobContext(keys=job.inputs))
    if not method.phases():
        return base.to("cpu").float()
    model, _ = open_adapted(method, base, inputs, None, seed=job.spec.get("seed", 0))
    return model.eval().requires_grad_(False).to("cpu").float()


def _merged(planned: Planned, name: str, method: Method, model: Any, dtype: str) -> PreTrainedModel:
    import torch
    from transformers import PreTrainedModel

    if method.phases():
        untied = untie(model)
        model = method.merge(model)
        if model is None:
            raise _unmergeable(planned, name, method)
        if not isinstance(model, PreTrainedModel):
            raise MethodError(
                f"{name}: merge() gave a {type(model).__name__}; expected a model of transformers, or None for a "
                "method that cannot be merged."
            )
        if untied:
            tie_again(model)
    merged: PreTrainedModel = model.to(getattr(torch, dtype))
    return merged


def _peft_folder(name: str, method: Method, inputs: Mapping[str, Path]) -> Path:
    """The folder of the one phase that trained, when it holds an adapter of PEFT and nothing else that was trained."""
    trained = [inputs[PHASE + phase.name] for phase in method.phases() if isinstance(phase, Train)]
    reason = ""
    if not trained:
        reason = "it trains nothing"
    elif len(trained) > 1:
        reason = f"it trains in {len(trained)} phases, and PEFT's adapters are of the unchanged base"
    elif not all((trained[0] / file).is_file() for file in (ADAPTER, ADAPTER_CONFIG)):
        reason = f"{type(method).__name__} does not save what it trains in PEFT's format"
    elif others := sorted(p.name for p in trained[0].rglob("*.safetensors") if p.name != ADAPTER):
        reason = f"beside PEFT's adapter it trains what is in {others[0]}"
    if reason:
        raise MethodError(
            f"{name} has no form that PEFT opens: {reason}. Without --adapter, `mtsuite export` writes a merged model "
            "where there is one."
        )
    return trained[0]


@contextlib.contextmanager
def _written(folder: Path) -> Iterator[Path]:
    """A folder to write into that becomes ``folder`` when all went well, and goes when not."""
    partial = folder.with_name(f".{folder.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        yield partial
        partial.rename(folder)
    except OSError as error:
        raise StoreError(f"--output-dir: {folder} cannot be written: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _unmergeable(planned: Planned, name: str, method: Method) -> MethodError:
    direction = planned.recipe.directions[0]
    return MethodError(
        f"{name} cannot be exported: a model with {type(method).__name__} is no plain Hugging Face model (the method's "
        "merge() gives none), since what it adds takes part in the forward pass. `mtsuite translate` uses it as it is: "
        f"mtsuite translate RECIPE --method {name} --direction {direction} --input TEXT"
    )
