"""The README of an exported folder: what the model is, and a program that translates with it as the suite did."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mtsuite
from mtsuite.data.direction import Direction
from mtsuite.data.encode import Encoder
from mtsuite.data.languages import language
from mtsuite.jobs.assemble import open_chat, open_templates
from mtsuite.method import Method
from mtsuite.plan.build import Planned
from mtsuite.translate.settings import end_tokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

OPEN_MODEL = """from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

folder = "."  # this folder
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder)"""
OPEN_ADAPTER = """from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

folder = "."  # this folder
tokenizer = AutoTokenizer.from_pretrained(folder)
model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained({base!r}), folder)"""

_README = """# {title}

{about}

Exported by mtsuite {version} from the recipe `{recipe}`: row `{row}`, seed {seed}. Trained directions: {directions}.

The model was trained on instructions like the one below. A translation ends with the end of the line or of the text.

```python
import torch
{opening}

# The instruction: texts, in which SOURCE stands for the sentence, and the ids of special tokens around them.
prompt = {prompt!r}
ends = {ends}
model.generation_config = GenerationConfig(
    max_new_tokens={new_tokens}, num_beams={beams}, do_sample=False, eos_token_id=ends, pad_token_id={pad}
)


def translate(source):
    ids = []
    for piece in prompt:
        if isinstance(piece, int):
            ids.append(piece)
        else:  # without what the tokenizer puts around a text: the instruction is to be continued
            text = piece.replace("SOURCE", source)
            ids += tokenizer(text, add_special_tokens=False, split_special_tokens=True).input_ids
    output = model.generate(input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long))
    made = [token for token in output[0, len(ids) :].tolist() if token not in ends]
    text = tokenizer.decode(made, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return " ".join(text.split("\\n")[0].split())


print(translate(input("{source}: ")))
```

The method's configuration:

```json
{config}
```
"""


def readme(
    planned: Planned,
    name: str,
    method: Method,
    spec: Mapping[str, Any],
    inputs: Mapping[str, Path],
    tokenizer: PreTrainedTokenizerBase,
    model: Any,
    opening: str,
) -> str:
    """The page of row ``name``; ``spec`` and ``inputs`` are of one of its translate jobs, ``model`` it or its base.

    Raises DataError for a chat template that fails.
    """
    recipe = planned.recipe
    direction = Direction.parse(spec["direction"])
    own = recipe.methods[name].one_model_per_direction
    pieces, ends = _prompt(spec, inputs, tokenizer)
    return _README.format(
        title=f"{recipe.heading}: {recipe.methods[name].label or name}",
        about=(type(method).__doc__ or "").strip().split("\n")[0],
        version=mtsuite.__version__,
        recipe=recipe.name,
        row=name,
        seed=spec.get("seed", "none, nothing was trained"),
        directions=str(direction) if own else ", ".join(recipe.directions) if method.phases() else "none",
        opening=opening,
        prompt=pieces,
        ends=sorted({*end_tokens(model, tokenizer), *ends}),
        pad=tokenizer.pad_token_id,
        source=language(direction.source).name,
        new_tokens=spec["translate"]["max_new_tokens"],
        beams=spec["translate"]["num_beams"],
        config=json.dumps(method.config.model_dump(mode="json"), indent=2),
    )


def _prompt(
    spec: Mapping[str, Any], inputs: Mapping[str, Path], tokenizer: PreTrainedTokenizerBase
) -> tuple[list[str | int], list[int]]:
    """Texts and ids of a prompt as decoding begins with it, and the end of the turn where it is one of a chat."""
    templates = open_templates(spec["templates"])
    parts = templates.parts(Direction.parse(spec["direction"]), "SOURCE", spec["evaluation_template"])
    chat = open_chat(spec, inputs, tokenizer)
    if chat is not None:
        parts = chat.prompt(parts)
    encoder = Encoder(tokenizer)
    runs = list(encoder.runs(parts))
    own = sum(1 if isinstance(run, int) else len(encoder.plain([run])[0]) for run in runs)
    begun = len(encoder.prompts([parts])[0]) > own
    return [*(encoder.before if begun else []), *runs], [] if chat is None else [chat.end]
