"""A trained method as a plain Hugging Face folder, for use without the suite."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mtsuite
from mtsuite.data.direction import Direction
from mtsuite.data.languages import language
from mtsuite.errors import MethodError, RecipeError, StoreError
from mtsuite.jobs.assemble import open_adapted, open_base, open_method, open_templates
from mtsuite.jobs.context import JobContext
from mtsuite.method import Method
from mtsuite.model.load import load_tokenizer
from mtsuite.plan.build import Planned
from mtsuite.run.store import Store
from mtsuite.run.trained import find_trained

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Exported:
    """The folder that was written, and the number of the model's parameters."""

    folder: Path
    parameters: int


def export_model(
    planned: Planned, store: Store, method: str, folder: Path, *, seed: int | None = None, direction: str | None = None
) -> Exported:
    """Write a row's model, its tokenizer and a README that says how to prompt it.

    ``folder`` appears when it is whole.  Raises RecipeError when it is there already or the recipe has no such
    row, seed or direction; MethodError when the method cannot be merged into one plain model; StoreError when the
    row has not been trained yet or the folder cannot be written.
    """
    if folder.exists():
        raise RecipeError(f"--output-dir: {folder} exists already; choose another place.")
    job, inputs = find_trained(planned, store, method, seed, direction)
    opened = open_method(job.spec)
    if opened.phases() and type(opened).merge is Method.merge:
        raise _unmergeable(planned, method, opened)
    model = _merged(planned, method, opened, job.spec, inputs, JobContext(keys=job.inputs))
    tokenizer = load_tokenizer(inputs["base"], trust_remote_code=job.spec["model"]["trust_remote_code"])
    partial = folder.with_name(f".{folder.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        model.save_pretrained(partial)
        # A causal model refuses token types, and with these names `model.generate(**inputs)` just works.
        tokenizer.model_input_names = tokenizer.init_kwargs["model_input_names"] = ["input_ids", "attention_mask"]
        tokenizer.save_pretrained(partial)
        (partial / "README.md").write_text(_readme(planned, method, opened, job.spec), encoding="utf-8")
        partial.rename(folder)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise StoreError(f"--output-dir: {folder} cannot be written: {error.strerror or error}.") from error
    return Exported(folder, sum(p.numel() for p in model.parameters()))


def _merged(
    planned: Planned,
    name: str,
    method: Method,
    spec: dict[str, Any],
    inputs: Mapping[str, Path],
    context: JobContext,
) -> PreTrainedModel:
    from transformers import PreTrainedModel

    base = open_base(spec, inputs, context)
    if not method.phases():
        return base
    model, _ = open_adapted(method, base, inputs, None, seed=spec.get("seed", 0))
    merged = method.merge(model.eval().requires_grad_(False).to("cpu"))
    if merged is None:
        raise _unmergeable(planned, name, method)
    if not isinstance(merged, PreTrainedModel):
        raise MethodError(
            f"{name}: merge() gave a {type(merged).__name__}; expected a model of transformers, or None for a method "
            "that cannot be merged."
        )
    return merged


def _unmergeable(planned: Planned, name: str, method: Method) -> MethodError:
    direction = planned.recipe.directions[0]
    return MethodError(
        f"{name} cannot be exported: a model with {type(method).__name__} is no plain Hugging Face model (the method's "
        "merge() gives none), since what it adds takes part in the forward pass. `mtsuite translate` uses it as it is: "
        f"mtsuite translate RECIPE --method {name} --direction {direction} --input TEXT"
    )


_README = """# {title}

{about}

Exported by mtsuite {version} from the recipe `{recipe}`: row `{row}`, seed {seed}. Trained directions: {directions}.

The model was trained on instructions like the one below. A translation ends with the end of the line or of the text.

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

folder = "."  # this folder
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder)

prompt = {prompt!r}
inputs = tokenizer(prompt.replace("SOURCE", input("{source}: ")), return_tensors="pt")
output = model.generate(**inputs, max_new_tokens={new_tokens}, num_beams={beams}, do_sample=False)
print(tokenizer.decode(output[0, inputs.input_ids.shape[1] :], skip_special_tokens=True).strip().split("\\n")[0])
```

The method's configuration:

```json
{config}
```
"""


def _readme(planned: Planned, name: str, method: Method, spec: dict[str, Any]) -> str:
    recipe = planned.recipe
    direction = Direction.parse(spec["direction"])
    template = open_templates(spec["templates"]).prompt(direction, "SOURCE", spec["evaluation_template"])
    label = recipe.methods[name].label or name
    own = recipe.methods[name].one_model_per_direction
    return _README.format(
        title=f"{recipe.heading}: {label}",
        about=(type(method).__doc__ or "").strip().split("\n")[0],
        version=mtsuite.__version__,
        recipe=recipe.name,
        row=name,
        seed=spec.get("seed", "none, nothing was trained"),
        directions=str(direction) if own else ", ".join(recipe.directions) if method.phases() else "none",
        prompt=template,
        source=language(direction.source).name,
        new_tokens=spec["translate"]["max_new_tokens"],
        beams=spec["translate"]["num_beams"],
        config=json.dumps(method.config.model_dump(mode="json"), indent=2),
    )
