"""Putting a method's model together from the folders of other jobs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtsuite.data.batches import Text
from mtsuite.data.chat import Chat, speaks, template_hash
from mtsuite.data.corpus import Corpus
from mtsuite.data.direction import Direction
from mtsuite.data.prompts import Templates
from mtsuite.jobs.context import JobContext
from mtsuite.jobs.roles import CONTINUES, PHASE
from mtsuite.method import Artefacts, Method, Train
from mtsuite.model.load import context_window, load_model, load_tokenizer
from mtsuite.registry import configure
from mtsuite.train.precision import held_dtype

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def open_text(spec: Mapping[str, Any], inputs: Mapping[str, Path], context: JobContext) -> Text:
    """The corpus as the base model's tokenizer reads it; kept in the worker."""
    key = f"text:{context.keys['corpus']}:{context.keys['base']}:{spec['directions']}:{spec['max_length']}"
    key += json.dumps(spec["templates"])
    if key not in context.cache:
        corpus_key = f"corpus:{context.keys['corpus']}"
        if corpus_key not in context.cache:
            context.cache[corpus_key] = Corpus.open(inputs["corpus"])
        tokenizer_key = f"tokenizer:{context.keys['base']}"
        if tokenizer_key not in context.cache:
            context.cache[tokenizer_key] = load_tokenizer(
                inputs["base"], trust_remote_code=spec["model"]["trust_remote_code"]
            )
        context.cache[key] = Text(
            corpus=context.cache[corpus_key],
            tokenizer=context.cache[tokenizer_key],
            templates=open_templates(spec["templates"]),
            directions=tuple(Direction.parse(d) for d in spec["directions"]),
            max_length=spec["max_length"],
            chat=open_chat(spec, inputs, context.cache[tokenizer_key]),
        )
    text: Text = context.cache[key]
    return text


def open_chat(spec: Mapping[str, Any], inputs: Mapping[str, Path], tokenizer: PreTrainedTokenizerBase) -> Chat | None:
    """The chat that a specification's prompts take, if any.  Raises DataError for a chat template that fails."""
    mode = spec["templates"].get("chat", {}).get("mode", "off")
    return speaks(tokenizer, [] if mode == "off" else ends_in(inputs["base"]), mode)


def ends_in(folder: Path) -> list[int]:
    """End tokens that the configuration files of a model folder declare."""
    found: set[int] = set()
    for name in ("config.json", "generation_config.json"):
        if (folder / name).is_file():
            value = json.loads((folder / name).read_text(encoding="utf-8")).get("eos_token_id")
            found |= set(value) if isinstance(value, list) else set() if value is None else {value}
    return sorted(found)


def prompts_told(spec: Mapping[str, Any], text: Text) -> dict[str, Any]:
    """For a summary: whether prompts were turns of a chat, where the tokenizer has a template for one."""
    template = text.tokenizer.chat_template
    if not template:
        return {}
    mode = spec["templates"].get("chat", {}).get("mode", "off")
    return {"chat": {"on": text.chat is not None, "mode": mode, "template": template_hash(template)}}


def open_templates(templates: Mapping[str, Any]) -> Templates:
    """The instruction templates of a specification: their texts are part of the key, so they are all there."""
    return Templates(tuple(templates["texts"]))


def open_base(spec: Mapping[str, Any], inputs: Mapping[str, Path], context: JobContext) -> PreTrainedModel:
    """A fresh copy of the base model on the accelerator, if there is one.

    Raises ModelError when ``train.max_length`` exceeds the model's window.
    """
    import torch

    model = load_model(
        inputs["base"], dtype=held_dtype(spec["model"]["dtype"]), trust_remote_code=spec["model"]["trust_remote_code"]
    )
    window = context_window(model)
    longest = spec.get("max_length", 0)
    if window is not None and longest > window:
        from mtsuite.errors import ModelError

        raise ModelError(
            f"train.max_length is {longest} tokens, the model's window is {window}: "
            f"set train.max_length to {window} or less."
        )
    if torch.cuda.is_available():
        torch.nn.Module.to(model, "cuda")
    return model


def open_method(spec: Mapping[str, Any]) -> Method:
    return configure(spec["_use"], spec["_config"] if "_config" in spec else spec["config"])


def open_adapted(
    method: Method, model: nn.Module, inputs: Mapping[str, Path], phase: str | None, seed: int = 0
) -> tuple[nn.Module, Artefacts]:
    """The method's model as it is at the start of ``phase``; after all phases when it is None.

    A phase that goes on from an earlier training of its own starts from that one's weights.
    ``seed`` decides what ``attach`` draws (new experts, say); loaded parameters replace it later.
    """
    import torch

    trains = [p.name for p in method.phases() if isinstance(p, Train)]
    artefacts = Artefacts({role.removeprefix(PHASE): path for role, path in inputs.items() if role.startswith(PHASE)})
    if method.phases():
        model.requires_grad_(False)
        torch.manual_seed(seed)
        model = method.attach(model, artefacts, phase if phase is not None else trains[-1] if trains else "")
        for name in trains:
            if name == phase:
                break
            method.load(model, artefacts.folders[name])
        if phase is not None and CONTINUES in inputs:
            method.load(model, inputs[CONTINUES])
    return model, artefacts


def open_trained(spec: Mapping[str, Any], inputs: Mapping[str, Path], context: JobContext) -> tuple[Method, Any]:
    """A method with its model after all phases, or before its first training where the specification has a ``start``.

    The worker keeps it, for what asks for it comes in a row.
    """
    key = _model_key(spec, context)
    if key not in context.cache:
        method = open_method(spec)
        base = open_base(spec, inputs, context)
        model, _ = open_adapted(method, base, inputs, spec.get("start"), seed=spec.get("seed", 0))
        model.eval().requires_grad_(False)
        context.cache[key] = (method, model.to(next(base.parameters()).device))
    method, model = context.cache[key]
    return method, model


def keep_start(spec: Mapping[str, Any], context: JobContext, method: Method, model: nn.Module) -> None:
    """Keep a row's start that is there already (in eval mode) where ``open_trained`` looks for it."""
    context.cache[_model_key(spec, context)] = (method, model)


def _model_key(spec: Mapping[str, Any], context: JobContext) -> str:
    sources = {role: key for role, key in context.keys.items() if role == "base" or role.startswith(PHASE)}
    told = [spec["identity"], spec["config"], spec.get("seed"), sources]
    return "model:" + json.dumps(told + ([spec["start"]] if "start" in spec else []))
