"""The recipe: every key that a run can be told, with its meaning, unit and default.

Unknown keys are errors.  The reference in ``docs/recipe.md`` is generated from this file.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from mtsuite.data.direction import Direction, equal_prompts
from mtsuite.errors import DataError, shortened, unprintable
from mtsuite.metrics.failures import FailureMode
from mtsuite.metrics.resampling import MOST_ROUNDS

SCHEMA_VERSION = 1
LONGEST_ROW_NAME = 200  # bytes: names of files are made of it
Seed = Annotated[int, Field(ge=0, lt=2**32)]  # what every generator of random numbers takes


def _one_line(text: str) -> str:
    if (mark := unprintable(text)) is not None:
        raise ValueError(f"U+{ord(mark):04X} has no place in a text that is shown")
    return " ".join(text.split()) if any(mark in text for mark in "\n\r\t") else text


OneLine = Annotated[str, AfterValidator(_one_line)]  # a heading or a label: line breaks and tabs become blanks


class Section(BaseModel):
    """A block of keys; a key that is not declared is an error, and so is a number that is not finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False)


# -- data ---------------------------------------------------------------------------------------

MOST_SENTENCES = 10_000_000  # of the microworld, which is made in memory


class MicroworldSource(Section):
    """The suite's own six-language world: generated, offline, deterministic."""

    source: Literal["microworld"] = Field("microworld", description="The embedded six-language world.")
    languages: list[str] = Field(
        ["en", "de", "it", "fr", "ar", "zh"], description="Languages to realise, out of ar de en fr it zh."
    )
    train_sentences: int = Field(
        20_000, ge=1, le=MOST_SENTENCES, description="Meanings in training; each is a sentence in every language."
    )
    mono_sentences: int = Field(
        20_000,
        ge=0,
        le=MOST_SENTENCES,
        description="Further meanings, realised as monolingual text: a different sentence in every language.",
    )
    valid_sentences: int = Field(
        200, ge=1, le=MOST_SENTENCES, description="Meanings held out for probing and validation."
    )
    test_sentences: int = Field(100, ge=1, le=MOST_SENTENCES, description="Meanings held out for the test set.")
    seed: Seed = Field(
        1, description="Seed of the generator; not one of the recipe's `seeds`: data stay fixed over those."
    )


class FilesSource(Section):
    """Parallel text in local files."""

    source: Literal["files"] = Field("files", description="Parallel text in local files.")
    train: list[str] = Field(
        [],
        description=(
            "Training files. Moses prefixes (`path/train.{lang}`), or TSV/JSONL/Parquet files with a "
            "column for each language (TSV without quoting). "
            "`.gz` is supported. `{pair}` in a path stands for the pair (`en-de` or `de-en`, whichever "
            "exists), `{lang}` for "
            "a language, `$NAME` for an environment variable. A path without `{pair}` is multi-parallel: "
            "every pair of its languages."
        ),
    )
    valid: list[str] = Field(
        [], description="Validation files, as `train`. Empty: the last `valid_sentences` lines of training."
    )
    test: dict[str, list[str]] = Field(
        {},
        description="Test sets: a name for the table, then files as in `train`. Empty: the lines of training "
        "before those of `valid`.",
    )
    mono: dict[str, list[str]] = Field(
        {}, description="Monolingual text: language, then plain text files. Empty: the training sides of that language."
    )
    languages: list[str] = Field([], description="Languages to read; empty: those of the recipe's directions.")
    max_train_sentences: int | None = Field(
        None, ge=1, description="Keep at most this many training pairs per language pair."
    )
    max_mono_sentences: int | None = Field(
        None, ge=1, description="Keep at most this many monolingual lines per language."
    )
    valid_sentences: int = Field(500, ge=1, description="Keep at most this many validation pairs per language pair.")
    max_test_sentences: int | None = Field(
        None, ge=1, description="Keep only this many test pairs, from the first. The table's notes say so."
    )

    @field_validator("test")
    @classmethod
    def _no_formulas(cls, value: dict[str, list[str]]) -> dict[str, list[str]]:
        for name in value:  # they stand in CSV files, which spreadsheets open
            if not name.strip() or name.lstrip()[0] in "=+-@" or any(mark in name for mark in "\n\r\t"):
                raise ValueError(
                    f"a test set's name must not begin with = + - @ and must be on one line; found {shortened(name)!r}"
                )
        return value


class HubSource(Section):
    """Parallel text from the Hugging Face hub, in its Parquet form."""

    source: Literal["hub"] = Field("hub", description="Parallel text from the Hugging Face hub.")
    name: str = Field(description="Data set, such as `Helsinki-NLP/opus-100` or `wmt/wmt16`.")
    config: str = Field("{pair}", description="Configuration of the data set; `{pair}` as in `files`.")
    revision: str | None = Field(None, description="Commit or tag of the data set.")
    train_split: str = Field("train", description="Name of the training split.")
    valid_split: str = Field("validation", description="Name of the validation split.")
    test_split: str = Field("test", description="Name of the test split.")
    max_train_sentences: int | None = Field(
        None, ge=1, description="Keep at most this many training pairs per language pair."
    )
    valid_sentences: int = Field(500, ge=1, description="Keep at most this many validation pairs.")
    max_test_sentences: int | None = Field(None, ge=1, description="Keep only this many test pairs, from the first.")


class PluginSource(Section):
    """Parallel text that a class of another package or of a file reads."""

    source: Literal["plugin"] = Field("plugin", description="Text from a source of one's own.")
    use: str = Field(
        description="Registered name (entry-point group `mtsuite.sources`) or `path/to/file.py:ClassName` of a class "
        "that derives from `mtsuite.data.sources.Source`."
    )
    options: dict[str, Any] = Field({}, description="What the class reads as `self.settings['options']`.")
    max_train_sentences: int | None = Field(
        None, ge=1, description="Keep at most this many training pairs a pair of languages."
    )
    max_mono_sentences: int | None = Field(
        None, ge=1, description="Keep at most this many monolingual lines a language."
    )
    valid_sentences: int = Field(500, ge=1, description="Keep at most this many validation pairs a pair of languages.")
    max_test_sentences: int | None = Field(None, ge=1, description="Keep the first so many test pairs.")


class SacrebleuTests(Section):
    """Test sets that sacrebleu knows by name; they replace the source's own test sets for the directions named."""

    sets: dict[str, list[str]] = Field(
        {}, description="sacrebleu test set (`wmt14/full`, `wmt16`, …), then the directions to take from it."
    )


class BenchmarkSet(Section):
    """A test set by name (`mtsuite data list`), from the hub or from a local copy of the same layout."""

    directions: list[str] = Field(
        [], description="Directions to take from it; empty: all of the recipe's that the set has."
    )
    path: str | None = Field(
        None, description="A folder with a copy of the set as it is published; empty: the set's home, through a cache."
    )
    split: str | None = Field(
        None, description="`dev` or `devtest` of FLORES, `dev` or `test` of TICO-19; empty: the test split."
    )
    revision: str | None = Field(None, description="Commit or tag of a set on the hub; empty: the newest.")
    max_sentences: int | None = Field(
        None, ge=1, description="Keep the first so many segments; marked in the table's notes."
    )


class Cleaning(Section):
    """Filters over training pairs; what they drop is counted by reason. Test sets are never filtered."""

    enabled: bool = Field(True, description="Apply the filters.")
    min_tokens: int = Field(
        1, ge=0, description="Shortest side, in whitespace words (characters for languages written without blanks)."
    )
    max_tokens: int = Field(200, ge=1, description="Longest side, same unit.")
    max_length_ratio: float = Field(4.0, gt=1, description="Largest ratio of the sides' lengths in UTF-8 bytes.")
    drop_duplicates: bool = Field(True, description="Drop a pair that occurred before.")
    drop_copies: bool = Field(True, description="Drop a pair whose two sides are equal.")
    check_script: bool = Field(True, description="Drop a side that is mostly in another script than its language's.")
    drop_test_overlap: bool = Field(
        True,
        description="Drop training pairs a side of which occurs in a test or validation set; when false they are "
        "reported only.",
    )


class Data(Section):
    """What is trained and tested on."""

    text: Annotated[MicroworldSource | FilesSource | HubSource | PluginSource, Field(discriminator="source")] = Field(
        MicroworldSource(), description="Where the text comes from."
    )
    sacrebleu: SacrebleuTests = Field(
        SacrebleuTests(),
        description="Test sets by sacrebleu's names, with their first reference; `benchmarks` reads all references.",
    )
    benchmarks: dict[str, BenchmarkSet] = Field(
        {},
        description="Test sets by name (`flores+`, `wmt24++`, every set of sacrebleu, …), several at once, with all "
        "their references: a list of names, or names with settings. They replace the source's own test sets for the "
        "directions that they serve.",
    )
    cleaning: Cleaning = Field(Cleaning(), description="Filters over the training pairs.")
    evaluate_on: Literal["test", "validation"] = Field(
        "test",
        description="Text that is translated and scored; `validation` is for choosing settings without looking at a "
        "test set.",
    )

    @field_validator("benchmarks", mode="before")
    @classmethod
    def _names_alone(cls, value: Any) -> Any:
        if isinstance(value, list) and all(isinstance(name, str) for name in value):
            if twice := next((name for name in value if value.count(name) > 1), None):
                raise ValueError(f"{twice!r} is there twice")
            return {name: {} for name in value}
        if isinstance(value, dict):
            return {name: {} if settings is None else settings for name, settings in value.items()}
        return value


# -- model --------------------------------------------------------------------------------------


class Pretrain(Section):
    """A base model that the suite pretrains itself on the recipe's text."""

    family: Literal["bloom", "llama"] = Field(
        "bloom", description="Architecture: BLOOM (plain feed-forward blocks) or LLaMA (gated ones, of 8/3 d neurons)."
    )
    hidden_size: int = Field(
        128, ge=8, le=65_536, description="Width d of the model; BLOOM's feed-forward width is 4 d."
    )
    layers: int = Field(4, ge=1, le=1000, description="Number of transformer blocks.")
    heads: int = Field(4, ge=1, description="Attention heads; divides hidden_size.")
    vocabulary: int = Field(
        4000, ge=300, le=10_000_000, description="Entries of the byte-level BPE vocabulary, trained on the same text."
    )
    row_tokens: int = Field(128, ge=16, description="Tokens of a packed row.")
    rows_per_batch: int = Field(16, ge=1, description="Rows per step.")
    steps: int = Field(3200, ge=1, description="Training steps.")
    bilingual_share: float = Field(
        0.6,
        ge=0,
        le=1,
        description="Share of documents that hold sentences followed by their translations, without an instruction.",
    )
    labelled_share: float = Field(
        0.25,
        ge=0,
        le=1,
        description="Of those, the share in which each line is headed by its language's name, as in a phrase book.",
    )
    muon_learning_rate: float = Field(0.02, gt=0, description="Learning rate of Muon, for the matrices of the blocks.")
    adamw_learning_rate: float = Field(3e-3, gt=0, description="Learning rate of AdamW, for everything else.")
    warmup_steps: int = Field(50, ge=0, description="Steps of linear warm-up, followed by cosine decay to a tenth.")
    seed: Seed = Field(1, description="Seed of the weights and of the order of documents.")
    directions: list[str] = Field(
        [],
        description="Directions of the bilingual documents, and so the languages of the model; empty: the "
        "recipe's directions, or all ten of the microworld where the bundled base serves them.",
    )
    use_shipped: bool = Field(
        True, description="Use the bundled weights if they were made from exactly these settings."
    )


class Model(Section):
    """The base model that every method adapts."""

    name_or_path: str = Field(
        "pretrain",
        description="`pretrain` (the suite pretrains one), a folder, or a Hugging Face hub name. `${NAME:-other}`: the "
        "folder or name in the environment variable, or `other` where it is not set.",
    )
    revision: str | None = Field(None, description="Commit or tag of a hub model.")
    dtype: Literal["float32", "bfloat16", "float16", "auto"] = Field(
        "float32",
        description="Type that frozen weights are held in; what is trained is held in float32. `auto`: bfloat16 where "
        "the hardware gains by it, else float32. Where `train.mixed_precision` asks for no autocast, products are "
        "computed in the frozen weights' type. Gradients of `float16` are not scaled: prefer `bfloat16` for training.",
    )
    trust_remote_code: bool = Field(False, description="Run code that comes with the checkpoint (Baichuan2 needs it).")
    pretrain: Pretrain = Field(Pretrain(), description="Settings of `name_or_path: pretrain`.")
    architecture: dict[str, Any] = Field(
        {},
        description="The checkpoint's configuration (`model_type` and what its config.json says), so that "
        "`mtsuite plan` can count parameters without the checkpoint.",
    )


# -- prompts, training, translation -------------------------------------------------------------


class Prompts(Section):
    """Instructions around a sentence pair."""

    templates: str = Field(
        "builtin", description="`builtin` (ten instructions) or a YAML file with a list under `templates:`."
    )
    evaluation_template: int = Field(0, ge=0, description="Index of the template used in translation.")
    chat: Literal["auto", "on", "off"] = Field(
        "auto",
        description="(row) The instruction as a turn of the tokenizer's chat template, in training and decoding: `on`, "
        "`off`, or `auto`: on where the template's end of turn is among the end tokens that the checkpoint's "
        "configuration declares, as instruct models do and their base models do not.",
    )
    shots: int = Field(
        5, ge=1, le=1000, description="Examples in context, for methods that use them (LANDeRMT §4.2: 5)."
    )


class Train(Section):
    """One budget for every method; a method's row may override what is marked (row)."""

    max_steps: int = Field(250, ge=1, description="Training steps on parallel text.")
    tokens_per_batch: int = Field(
        2048,
        ge=16,
        description="Largest size of a micro-batch in tokens, padding included; a micro-batch holds one direction.",
    )
    sentences_per_batch: int | None = Field(
        None, ge=1, description="Largest size of a micro-batch in sentence pairs; both limits hold."
    )
    gradient_accumulation_steps: int = Field(1, ge=1, description="Micro-batches per step. Directions alternate.")
    max_length: int = Field(
        256,
        ge=8,
        description="Longest example in tokens (prompt and translation); longer ones are skipped and counted.",
    )
    learning_rate: float | None = Field(
        None,
        gt=0,
        description="(row) Peak learning rate of the phase on parallel text (the last such); empty: the method's own. "
        "Other phases have their rates in the method's config.",
    )
    optimizer: Literal["adamw", "muon"] = Field(
        "adamw", description="(row) AdamW, or Muon for matrices with AdamW for the rest."
    )
    weight_decay: float = Field(0.0, ge=0, description="(row) Decoupled weight decay.")
    beta2: float = Field(0.999, gt=0, lt=1, description="Second-moment decay of AdamW.")
    schedule: Literal["constant", "linear", "cosine"] = Field(
        "cosine", description="Learning-rate schedule after warm-up."
    )
    warmup_steps: int = Field(10, ge=0, description="Steps of linear warm-up.")
    max_grad_norm: float | None = Field(1.0, gt=0, description="Clip the gradient's norm; empty: no clipping.")
    monolingual_replay: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="(row) Share of monolingual tokens mixed into training on parallel text, over all languages; they "
        "come on top of the parallel budget.",
    )
    mono_steps: int | None = Field(
        None,
        ge=1,
        description="Training steps on monolingual text, for methods with such a stage; empty: half of max_steps.",
    )
    mixed_precision: Literal["auto", "no", "bf16"] = Field(
        "auto", description="`auto` uses bf16 autocast where the hardware gains by it."
    )
    checkpoint_seconds: float = Field(
        60.0, ge=0, description="Seconds between checkpoints of a running job; 0: after every step."
    )
    evaluate_every: int | None = Field(
        None,
        ge=1,
        description="Steps between measurements of the loss on validation text, per direction and as their mean; after "
        "the last step too. Of trainings on parallel text. Empty: none.",
    )
    evaluate_pairs: int = Field(
        200, ge=1, description="Validation pairs per direction that `evaluate_every` measures on, from the first."
    )
    keep: Literal["last", "best"] = Field(
        "last",
        description="Which weights a training on parallel text leaves, in all rows alike: those after the last step, "
        "or those of the measurement with the lowest mean validation loss (of equal ones the earliest).",
    )

    @model_validator(mode="after")
    def _best_of_measured(self) -> Train:
        if self.keep == "best" and self.evaluate_every is None:
            raise ValueError(
                "train.keep: `best` needs the loss on validation text, which is not measured: set "
                "train.evaluate_every to a number of steps, or keep to `last`"
            )
        return self


class TrainOverride(Section):
    """What one row may set for itself; its notes in the table say so."""

    learning_rate: float | None = Field(None, gt=0, description="Peak learning rate.")
    optimizer: Literal["adamw", "muon"] | None = Field(None, description="Optimizer.")
    weight_decay: float | None = Field(None, ge=0, description="Decoupled weight decay.")
    monolingual_replay: float | None = Field(None, ge=0, lt=1, description="Share of monolingual tokens mixed in.")


class Search(Section):
    """Learning rates among which the score on validation text chooses, under the first seed."""

    learning_rate: list[Annotated[float, Field(gt=0)]] = Field(
        min_length=2,
        description="Peak learning rates to try, each in a training of the whole budget. Chosen is the best average "
        "over the directions by the first metric that is not COMET.",
    )

    @field_validator("learning_rate")
    @classmethod
    def _different(cls, value: list[float]) -> list[float]:
        if len(set(value)) < len(value):
            raise ValueError("a rate is named twice")
        return value


class PromptOverride(Section):
    """What one row may set for itself about its prompts; its notes in the table say so."""

    chat: Literal["auto", "on", "off"] | None = Field(None, description="Prompts as turns of a chat.")


class Translate(Section):
    """From prompts to translations; the same for every method."""

    batch_size: int = Field(50, ge=1, le=65_536, description="Segments decoded at once, sorted by length.")
    num_beams: int = Field(1, ge=1, le=1000, description="Beams; 1 is greedy.")
    max_new_tokens: int = Field(64, ge=1, le=1_000_000, description="Longest translation in tokens.")


# -- metrics ------------------------------------------------------------------------------------


class Comet(Section):
    """COMET through unbabel-comet."""

    checkpoint: str = Field(
        "embedded",
        description="`embedded` (the suite's own, tiny), a folder, a `.ckpt` file, or a hub name such as "
        "`Unbabel/wmt22-comet-da`.",
    )
    python: str | None = Field(
        None, description="Another Python interpreter that has unbabel-comet, when this one cannot (transformers 5)."
    )
    batch_size: int = Field(64, ge=1, le=65_536, description="Segments scored at once.")
    precision: Literal["float32", "float16"] = Field(
        "float32", description="Numbers to compute with; the `comet-score` command computes in `float16`."
    )
    scores: str | None = Field(
        None,
        description="Segment scores that were computed elsewhere, one file per text, instead of scoring here: a path "
        "with any of `{method}`, `{seed}`, `{trained_on}`, `{direction}`, `{source}`, `{target}`, `{testset}` "
        "(docs/comet.md says what may be in a file).",
    )


class Metrics(Section):
    names: list[str] = Field(
        ["BLEU", "chrF", "COMET"],
        min_length=1,
        description="Metrics in the order of the report; the first is the headline.",
    )
    profile: Literal["auto", "paper"] = Field(
        "auto",
        description="BLEU's tokenizer: `auto` by target language, `paper` = 13a without smoothing everywhere "
        "(LANDeRMT, footnote 3). `BLEU-paper` in `names` prints both.",
    )
    comet: Comet = Field(Comet(), description="Settings of COMET.")
    more_comet: dict[str, Comet] = Field(
        {},
        description="Further checkpoints, reference-free ones too: a name for `names` (such as `COMET-kiwi`), then "
        "settings as under `comet`.",
    )

    @field_validator("names")
    @classmethod
    def _named_once(cls, value: list[str]) -> list[str]:
        seen = [name.casefold() for name in value]
        for place, name in enumerate(seen):
            if name in seen[:place]:
                raise ValueError(f"metrics.names: {value[place]!r} is there twice")
        return value

    @field_validator("more_comet")
    @classmethod
    def _names_of_more(cls, value: dict[str, Comet]) -> dict[str, Comet]:
        from mtsuite.metrics.registry import metric_names

        for name in value:
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.+-]*", name):
                raise ValueError(
                    f"a metric's name is letters, digits, '-', '_', '+' and '.'; found {shortened(name)!r}"
                )
            _check_length(name)
            if name.lower() in {known.lower() for known in metric_names()}:
                raise ValueError(f"there is a metric called {name!r} already; choose another name")
        return value


class Significance(Section):
    test: Literal["approximate_randomization", "bootstrap"] = Field(
        "approximate_randomization", description="Paired test."
    )
    rounds: int = Field(1000, ge=1, le=MOST_ROUNDS, description="Rounds of the test.")
    alpha: float = Field(
        0.05, gt=0, lt=1, description="Level of the † in tables, after Holm's correction over directions."
    )
    seed: int = Field(12345, ge=1, lt=2**32, description="Seed of the test.")
    pairs: Literal["all"] | list[list[str]] = Field(
        [],
        description="Further rows to test against one another, besides the baseline: a list of pairs such as "
        "`[[landermt, lora]]`, or `all`. They are in `significance.csv`, and a table shows them method by method.",
    )

    @field_validator("pairs")
    @classmethod
    def _two_rows(cls, value: str | list[list[str]]) -> str | list[list[str]]:
        for pair in value if isinstance(value, list) else []:
            if len(pair) != 2 or pair[0] == pair[1]:
                raise ValueError(f"a pair is two different rows, such as [landermt, lora]; found [{', '.join(pair)}]")
        return value


# -- rows ---------------------------------------------------------------------------------------


class Swept(Section):
    """Where a row stands in a sweep's chart."""

    row: str = Field(description="The row that held the sweep.")
    label: str = Field(description="Its label.")
    key: str = Field(description="The key that is swept.")
    value: bool | int | float | str | None = Field(description="This row's value of it.")


class Row(Section):
    """One row of the table."""

    use: str | None = Field(
        None, description="Registered name of a method, or `path/to/file.py:ClassName`; empty: the row's own name."
    )
    label: OneLine | None = Field(None, description="Name shown in tables; empty: the row's name.")
    config: dict[str, Any] = Field({}, description="The method's own configuration (`mtsuite methods show NAME`).")
    train: TrainOverride = Field(TrainOverride(), description="Training settings of this row alone.")
    prompts: PromptOverride = Field(PromptOverride(), description="Settings of the prompts of this row alone.")
    search: Search | None = Field(
        None,
        description="Choose the row's learning rate on validation text before it is trained.",
    )
    one_model_per_direction: bool = Field(
        False,
        description="Train a model for every direction alone, each on its share of the steps: the reference without "
        "interference.",
    )
    sweep: dict[str, list[bool | int | float | str]] | None = Field(
        None,
        description="One key of `config` (or `train.learning_rate`) and a list of values: the row becomes one row per "
        "value, named `row-key-value`, and a chart shows the average over the values.",
    )
    swept: Swept | None = Field(
        None,
        description="Written by the suite into rows that a sweep made. Another row may set it, to appear in that "
        "sweep's chart too: zero-shot as k = 0.",
    )


class External(Section):
    """A row that another system fills with its translations of the test sets."""

    label: OneLine | None = Field(None, description="Name shown in tables; empty: the row's name.")
    translations: str = Field(
        description="Its files, one line per segment of the test set: a path with any of `{direction}`, `{source}`, "
        "`{target}`, `{testset}`. A direction without a file is a missing value of the row."
    )
    note: OneLine | None = Field(None, description="What the tables' notes say about it: version, date, prompt.")


class Transfer(Section):
    """Train on one direction, test on all (LANDeRMT, Figure 3)."""

    methods: list[str] = Field([], description="Rows to make a matrix for.")
    directions: list[str] = Field([], description="Directions to train on, one model each; empty: all of the recipe's.")
    max_steps: int | None = Field(
        None, ge=1, description="Steps of each single-direction training; empty: those of `train`."
    )
    base: str = Field(
        "zero-shot",
        description="Untrained row whose scores are subtracted, in addition to those of each method's own start. It "
        "must be one of `methods:`.",
    )


class Forgetting(Section):
    """What training makes a model forget: language modelling, and directions that it was not trained on."""

    perplexity: bool = Field(
        False,
        description="Measure perplexity on held-out monolingual text, of the base model and of every model that is "
        "trained on all directions or in a `sequence`.",
    )
    languages: list[str] = Field(
        [], description="Languages of that text, out of those of the directions; empty: all of them."
    )
    sentences: int = Field(200, ge=1, description="Sentences per language, from the start of its held-out text.")
    focus: Literal["direction", "none"] = Field(
        "direction",
        description="Which sub-network reads text of a language, in methods that have one per direction: that of the "
        "first direction into the language (out of it, where there is none), or `none`, what the method does without a "
        "direction.",
    )
    zero_shot_directions: list[str] = Field(
        [],
        description="Directions between the recipe's languages that are translated and scored but not trained on, such "
        "as fr-de with en-fr and en-de. They have a table of their own.",
    )
    base: str = Field(
        "zero-shot",
        description="Untrained row whose scores in the `zero_shot_directions` are subtracted, in addition to those of "
        "each row's own start. With such directions it must be one of `methods:`.",
    )


class Sequence(Section):
    """Train on directions one after another; after each, test on all of them."""

    methods: list[str] = Field(min_length=1, description="Rows to train so; each must train on parallel text.")
    directions: list[str] = Field(description="Directions in the order of training; at least two of the recipe's.")
    max_steps: int | None = Field(
        None, ge=1, description="Steps of each stage; empty: those of a `transfer` training, else those of `train`."
    )
    base: str = Field(
        "zero-shot",
        description="Untrained row that forward transfer is counted from, in addition to each method's own start. One "
        "of `methods:`.",
    )


class Leakage(Section):
    """Test segments that training text nearly holds; the same segments are dropped by `data.cleaning` already."""

    near_duplicates: bool = Field(
        False,
        description="Search the training text of every pair, on both sides, for near-duplicates of test segments "
        "(changed or reordered words, other numbers): counts in the notes and `near_duplicates.csv`, scores without "
        "those segments in `far_scores.csv`.",
    )
    similarity: float = Field(
        0.4,
        gt=0,
        le=1,
        description="Similarity from which on a training line counts as near: weighted Jaccard of character n-grams.",
    )
    translation_memory: bool = Field(
        False,
        description="Print a translation-memory row: what the other side of the nearest training pair would score. "
        "Where no line shares enough, its answer is empty.",
    )


class Report(Section):
    baseline: str | None = Field(None, description="Row that the others are tested against (†); empty: no test.")
    floor: bool = Field(True, description="Print the copy baseline (row source-copy): the score of copying the source.")
    page: bool = Field(
        True,
        description="Write report.html and draw figures; false: numbers, tables and matrices alone, in a fraction "
        "of the time and space. `mtsuite report` makes the rest from them whenever it is wanted.",
    )
    columns: list[FailureMode] = Field(
        [],
        description="Failure modes to show in the score tables too, as columns after the average: their averages over "
        "the directions. The report has all of them in a table of their own.",
    )


_NUMBERS = [
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
]


class Recipe(Section):
    """A table or a figure, from data to report."""

    name: str = Field("", description="Names the results folder; empty: the file's name.")
    title: OneLine = Field(
        "",
        description="Heading of the tables; empty: the name. `{directions}` is replaced by their number, as in `ten "
        "directions`, so that it is also right in recipes that extend this one.",
    )
    seeds: list[Seed] = Field([1], min_length=1, description="Every row is trained once per seed.")
    directions: list[str] = Field(min_length=1, description="Directions to train and test, such as en-de.")
    data: Data = Field(Data(), description="What is trained and tested on.")
    model: Model = Field(Model(), description="The base model.")
    prompts: Prompts = Field(Prompts(), description="Instructions.")
    train: Train = Field(Train(), description="Training budget.")
    search: Search | None = Field(
        None,
        description="Choose each row's learning rate on validation text, for all rows that are trained and set none.",
    )
    translate: Translate = Field(Translate(), description="Decoding.")
    metrics: Metrics = Field(Metrics(), description="Scores.")
    significance: Significance = Field(Significance(), description="Paired tests against the baseline.")
    methods: dict[str, Row] = Field(min_length=1, description="Rows of the table, in order: name, then settings.")
    external: dict[str, External] = Field(
        {}, description="Rows of other systems' translations, scored and tested with the methods: name, then files."
    )
    transfer: Transfer | None = Field(None, description="Cross-lingual transfer matrices.")
    forgetting: Forgetting = Field(Forgetting(), description="What training makes the models forget.")
    sequence: Sequence | None = Field(None, description="Training on directions one after another.")
    leakage: Leakage = Field(Leakage(), description="Near-duplicates of test segments in training text.")
    report: Report = Field(Report(), description="Tables and figures.")
    tracking: list[Literal["tensorboard", "wandb", "mlflow", "trackio"]] = Field(
        [],
        description="Trackers that receive every training's loss, learning rate, gradient norm and speed, in addition "
        "to `metrics.jsonl`, which is always written. Tracking does not change the training.",
    )

    @field_validator("methods", mode="before")
    @classmethod
    def _empty_rows(cls, value: Any) -> Any:
        # `full:` with nothing behind it is how a row with all defaults is naturally written.
        if isinstance(value, dict):
            return {name: {} if row is None else row for name, row in value.items()}
        return value

    @field_validator("methods", "external")
    @classmethod
    def _row_names(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in value:
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
                raise ValueError(f"a row's name is letters, digits, '-', '_' and '.'; found {shortened(name)!r}")
            _check_length(name)
            if name == "source-copy":
                raise ValueError(
                    "'source-copy' is the name of the floor row; choose another or set report.floor: false"
                )
            if name == "translation-memory":
                raise ValueError("'translation-memory' is the name of a row of the suite's own; choose another")
        return value

    @field_validator("directions")
    @classmethod
    def _directions(cls, value: list[str]) -> list[str]:
        for text in value:
            try:
                Direction.parse(text)
            except DataError as error:
                raise ValueError(str(error)) from None
        if len(set(value)) != len(value):
            raise ValueError("a direction is named twice")
        if problem := equal_prompts(map(Direction.parse, value)):
            raise ValueError(problem)
        return value

    @field_validator("seeds")
    @classmethod
    def _seeds(cls, value: list[int]) -> list[int]:
        if len(set(value)) != len(value):
            raise ValueError("a seed is named twice")
        return value

    @model_validator(mode="after")
    def _references(self) -> Recipe:
        rows = [*self.methods, *self.external]
        for name in self.external:
            if name in self.methods:
                raise ValueError(f"external.{name}: there is a row of methods with that name; choose another")
        if self.report.baseline is not None and self.report.baseline not in rows:
            raise ValueError(
                f"report.baseline names a row that is not there: {self.report.baseline!r}; rows: {', '.join(rows)}"
            )
        if self.data.evaluate_on == "validation" and (self.leakage.near_duplicates or self.leakage.translation_memory):
            raise ValueError(
                "leakage: near-duplicates are sought for test sets, and data.evaluate_on is validation; set "
                "leakage.near_duplicates and leakage.translation_memory to false"
            )
        pairs = self.significance.pairs
        for row in [row for pair in pairs for row in pair] if isinstance(pairs, list) else []:
            if row not in self.methods:
                raise ValueError(
                    f"significance.pairs names a row that is not there: {row!r}; rows: {', '.join(self.methods)}"
                )
        if self.transfer is not None:
            for row in [*self.transfer.methods, self.transfer.base]:
                if row not in self.methods:
                    raise ValueError(
                        f"transfer names a row that is not there: {row!r}; rows: {', '.join(self.methods)}"
                    )
            for text in self.transfer.directions:
                if text not in self.directions:
                    raise ValueError(f"transfer.directions names {text!r}, which is not among directions")
        self._forgetting_references()
        return self

    def _forgetting_references(self) -> None:
        wanted = [(f"forgetting.base names {self.forgetting.base!r}", self.forgetting.base)]
        named = wanted if self.forgetting.zero_shot_directions else []
        if self.sequence is not None:
            named += [(f"sequence names {row!r}", row) for row in [*self.sequence.methods, self.sequence.base]]
            _once("sequence.methods", self.sequence.methods)
            _once("sequence.directions", self.sequence.directions)
            if len(self.sequence.directions) < 2:
                raise ValueError("sequence.directions: a sequence has two directions or more, one after another")
            for text in self.sequence.directions:
                if text not in self.directions:
                    raise ValueError(f"sequence.directions names {text!r}, which is not among directions")
        for what, row in named:
            if row not in self.methods:
                raise ValueError(f"{what}, which is not among the rows: {', '.join(self.methods)}")
        _once("forgetting.languages", self.forgetting.languages)
        _once("forgetting.zero_shot_directions", self.forgetting.zero_shot_directions)
        for code in self.forgetting.languages:
            if code not in self.languages():
                raise ValueError(f"forgetting.languages names {code!r}, which no direction has")
        for text in self.forgetting.zero_shot_directions:
            try:
                unknown = [code for code in Direction.parse(text) if code not in self.languages()]
            except DataError as error:
                raise ValueError(f"forgetting.zero_shot_directions: {error}") from None
            if unknown:
                raise ValueError(
                    f"forgetting.zero_shot_directions: {text}: no direction has the language {unknown[0]!r}"
                )
            if text in self.directions:
                raise ValueError(
                    f"forgetting.zero_shot_directions names {text!r}, which is trained on: it is among directions"
                )
        every = [*self.directions, *self.forgetting.zero_shot_directions]
        if problem := equal_prompts(map(Direction.parse, every)):
            raise ValueError(f"forgetting.zero_shot_directions: {problem}")

    @property
    def heading(self) -> str:
        """The title with the number of directions filled in; the name where there is none."""
        count = len(self.directions)
        number = _NUMBERS[count] if count < len(_NUMBERS) else f"{count:,}"
        filled = self.title.replace("{directions}", f"{number} direction{'s' * (count != 1)}")
        return filled or self.name

    def parsed_directions(self) -> list[Direction]:
        return [Direction.parse(text) for text in self.directions]

    def languages(self) -> list[str]:
        """The languages of the directions, in order of first appearance."""
        return list(dict.fromkeys(code for d in self.parsed_directions() for code in d))


def _check_length(name: str) -> None:
    if len(name.encode()) > LONGEST_ROW_NAME:
        raise ValueError(
            f"a name of rows and metrics has at most {LONGEST_ROW_NAME} bytes; found {len(name.encode()):,} in "
            f"{shortened(name)!r}"
        )


def _once(key: str, names: list[str]) -> None:
    if len(set(names)) != len(names):
        raise ValueError(f"{key}: {next(name for name in names if names.count(name) > 1)!r} is there twice")


class ReadRecipe(BaseModel):
    """A recipe together with where it was read from; relative paths in it are relative to that folder."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    recipe: Recipe
    path: Path
    folder: Path
