"""The prose at the head of ``docs/recipe.md``."""

INTRO = """\
<!-- Made by `python -m mtsuite.recipe.reference --write docs/recipe.md`; edit the schema, not this file. -->

# Recipes

A recipe is one YAML file that describes one table or figure: the data, the base model, the training budget and
the rows. The smallest one names directions and rows. Everything else has a default:

```yaml
directions: [en-de, de-en]
methods:
  zero-shot:
  lora:
```

`mtsuite validate RECIPE` checks a recipe without running it, and reports all mistakes at once:

```
recipes/mine.yaml:6:3: train.learning_rat: unknown key. Did you mean 'learning_rate'?
    6 |   learning_rat: 1e-3
      |   ^
```

**A recipe is code.** It may name programs (`metrics.comet.python`), Python files (`methods.NAME.use`), checkpoints
that bring code of their own (`model.trust_remote_code`), and COMET checkpoints, which are read with pickle. All of
these run with your rights, some of them already under `validate`. Read other people's recipes as you would read their
scripts.

## Names

A recipe is given by its path, or, when it comes with the suite, by its name (`mtsuite recipes list`). A recipe
without `name:` is named after its path below the nearest folder `recipes`, joined with hyphens:
`recipes/real/tatoeba.yaml` is `real-tatoeba`, and `mine.yaml` outside such a folder is `mine`. The name is that of
the results folder. Files that start with `_` hold parts for other recipes and are not listed.

## One recipe on top of another

`extends:` names a recipe, or a list of them, that the file is laid over. An entry is a path relative to the
file, or the name of a recipe that comes with the suite.

```yaml
extends: table1.yaml
train: {max_steps: 1000}       # mappings merge: the rest of train stays
seeds: [1, 2, 3]               # lists and single values replace
methods:
  lora: {config: {rank: 32}}   # one more setting for this row
  full:                        # nothing after it: the row with all defaults
  adapter: !remove             # without this row
```

- Of several files the later one wins, and the file itself wins over all of them. A file that is reached twice is
  read once, where it came first.
- `!remove` removes a key. Removing a key that does not exist is an error.
- `!replace` before a mapping replaces the inherited one: `methods: !replace {lora: , full: }` has these
  two rows in this order.
- A `data.text` with another `source` replaces the inherited one whole.
- `name` is not inherited, or two recipes would write to one results folder.

## Overrides

`--set KEY=VALUE`, which can be repeated, overrides the files in the same way:

```
mtsuite run table1 --set train.max_steps=50 --set directions='[en-de, de-en]'
mtsuite run table1 --set methods.mine='{use: my_idea.py:MyIdea}' --set methods.lora=!remove
```

A row whose name holds a dot is quoted: `--set 'methods."v1.5".label=new'`. A value that starts with `{`, `[`, a
quote or `!` is read as YAML, any other as one plain value, so `--set title=BLEU: a first look` needs no further
quotes.

## Paths

A relative path in a file is relative to the folder of that file, also when another recipe extends it. In an
override it is relative to the working directory. This applies to the files of `data.text`, `methods.NAME.use` of the
form `file.py:Class`, `prompts.templates`, `model.name_or_path`, `metrics.comet.checkpoint` and
`metrics.comet.python`. What may be a hub name is a path when it starts with `/`, `./`, `../` or `~`, ends in
`.ckpt`, or is there as a folder. A path that starts with an environment variable
(`$CORPORA/wmt14/train.{lang}`) is left as it is until the data are read.

## YAML

Only `true` and `false` are truth values, so `no` is Norwegian (where `true` or `false` is asked for, `yes`,
`no`, `on` and `off` are understood). `1e-3` is a number and `1e4` serves as a whole number. There are no dates
and no octal numbers. A number where text is expected is text: `revision: 4711`. `true` is never a number, and
`"10"` is text. A key that occurs twice is an error. A block with nothing after its key (`train:`) is that
block with all defaults. Anchors, aliases and `<<` work.

A recipe has at most 20,000 keys and values (what aliases repeat is counted each time), 50 levels, and numbers of 64
bits. Control characters and the marks that turn the direction of text are rejected. Labels, titles and notes are one
line. Line breaks in them become spaces.

## What `validate` checks

`validate`, `plan` and `run` make the same checks before anything runs: files and directions of the text, the model's
folder (configuration, weights, tokenizer, end token), the COMET checkpoint and its Python, packages of trackers, and
the lengths against the model's window. With `run --offline`, what would have to be downloaded counts as missing.
"""
