"""The engine of the COMET metric: loads a checkpoint, scores segments, says nothing.

It runs in two places: imported by ``mtsuite.metrics.comet``, and as a plain script of another
Python interpreter that has unbabel-comet but not mtsuite, where it speaks JSON lines over stdin and
stdout.  Hence it imports nothing of the suite.

The protocol, one JSON object a line::

    > {"load": {"checkpoint": "/path/or/name", "device": "auto", "precision": "float32"}}
    < {"version": "2.2.7", "device": "cpu", "references": true, "revision": ""}
    > {"score": {"sources": [...], "hypotheses": [...], "references": [...], "batch_size": 64}}
    < {"scores": [0.71, ...]}

and ``{"error": "one line"}`` instead of an answer when something goes wrong.

Lightning reads a COMET checkpoint with pickle, so a checkpoint can run code: only one that a
recipe names is ever loaded.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":  # the folder of this script holds a comet.py that must not hide unbabel-comet
    _HERE = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if os.path.abspath(path or ".") != _HERE]

import contextlib
import json
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

INSTALL = (
    "install it with `pip install 'mtsuite[comet]'`, or name a Python that has it in `metrics.comet.python` "
    "(that environment needs: pip install 'unbabel-comet>=2.2.7' 'transformers<5' 'setuptools<81')"
)
_NOISY = ("pytorch_lightning", "lightning", "lightning.pytorch", "comet", "transformers", "huggingface_hub", "fsspec")


class CometError(Exception):
    """COMET cannot run here or cannot read a checkpoint; the message is one line for the user."""


def import_comet() -> Any:
    """The ``comet.models`` module of unbabel-comet.  Raises CometError when it is missing or broken."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        version("unbabel-comet")
    except PackageNotFoundError:
        raise CometError(f"COMET needs unbabel-comet, which this Python does not have; {INSTALL}.") from None
    if int(version("transformers").split(".")[0]) >= 5:
        raise CometError(
            f"unbabel-comet {version('unbabel-comet')} does not run on transformers {version('transformers')}, "
            f"it needs transformers<5; {INSTALL}."
        )
    try:
        with quiet():
            import comet.models
    except Exception as error:
        raise CometError(
            f"unbabel-comet is installed but cannot be imported ({_one_line(error)}); {INSTALL}."
        ) from error
    return comet.models


def comet_version() -> str:
    """Version of unbabel-comet in this Python.  Scores differ between versions, so it is part of the label."""
    from importlib.metadata import version

    return version("unbabel-comet")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence the adverts, warnings and progress bars of Lightning, comet and transformers."""
    loggers = [logging.getLogger(name) for name in _NOISY]
    levels = [logger.level for logger in loggers]
    bars = os.environ.get("HF_HUB_DISABLE_PROGRESS_BARS")
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if bars is None:
            os.environ.pop("HF_HUB_DISABLE_PROGRESS_BARS", None)
        else:
            os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = bars


def local_checkpoint(checkpoint: str) -> Path | None:
    """The ``.ckpt`` file behind a path: itself, or that of a folder in COMET's layout.  None for a hub name.

    Raises CometError when a path is no checkpoint.
    """
    path = Path(checkpoint).expanduser()
    if path.is_file():
        return path
    if path.is_dir():
        file = path / "checkpoints" / "model.ckpt"
        if not file.is_file():
            raise CometError(
                f"{checkpoint} is not a COMET checkpoint: it needs hparams.yaml and checkpoints/model.ckpt."
            )
        return file
    if path.suffix == ".ckpt" or path.is_absolute() or checkpoint.startswith((".", "~")):
        raise CometError(f"There is no COMET checkpoint at {checkpoint}.")
    return None


def download(models: Any, checkpoint: str) -> Path:
    """The ``.ckpt`` file of a hub name, from the cache or the network.  Raises CometError when it cannot be had."""
    try:
        with quiet(), open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stderr(nowhere):
            return Path(models.download_model(checkpoint))
    except Exception as error:
        cause: BaseException = error
        for _ in range(2):  # comet hides the hub's own error behind its search among legacy names
            cause = cause.__context__ or cause
        raise CometError(
            f"The COMET checkpoint {checkpoint!r} is neither a local path nor a model that could be fetched from the "
            f"Hugging Face hub ({_one_line(cause)}); offline, name a folder downloaded before."
        ) from error


def load_model(models: Any, file: Path) -> Any:
    """Read a checkpoint in eval mode on the CPU.

    The hyper-parameters of a checkpoint hold the path of its encoder; when that path is gone and the encoder lies
    beside the checkpoint, the path is set again.  Raises CometError when the checkpoint cannot be read.
    """
    import torch
    import yaml

    folder = file.resolve().parent.parent
    try:
        hparams = yaml.safe_load((folder / "hparams.yaml").read_text(encoding="utf-8"))
        model_class = models.str2model[hparams["class_identifier"]]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise CometError(f"{folder} is not a COMET checkpoint, its hparams.yaml is not usable: {error}.") from error
    changes: dict[str, Any] = {}
    encoder = encoder_beside(folder, str(hparams.get("pretrained_model", "")))
    if encoder is not None:
        changes |= {"pretrained_model": str(encoder), "local_files_only": True}
    if hparams.get("layer_transformation") == "sparsemax_patch":  # as comet's own load_from_checkpoint does
        changes["layer_transformation"] = "softmax"
    try:
        with quiet():
            model = model_class.load_from_checkpoint(
                checkpoint_path=file,
                load_pretrained_weights=False,
                map_location=torch.device("cpu"),
                strict=False,
                **changes,
            )
    except Exception as error:
        raise CometError(f"The COMET checkpoint {file} cannot be read: {_one_line(error)}") from error
    return model.eval()


def encoder_beside(folder: Path, pretrained: str) -> Path | None:
    """The encoder shipped inside a checkpoint's folder, or None when ``pretrained`` is a hub name or a live path."""
    for candidate in (folder / pretrained, folder / Path(pretrained).name, folder / "encoder"):
        if pretrained and (candidate / "config.json").is_file():
            return candidate.resolve()
    return None


class CometEngine:
    """One loaded checkpoint.  ``score`` gives COMET's own values (about 0–1), in the order of the lines."""

    def __init__(self, checkpoint: str, device: str = "auto", precision: str = "float32") -> None:
        file = local_checkpoint(checkpoint)
        models = import_comet()
        import torch

        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        file = file or download(models, checkpoint)
        model = load_model(models, file)
        if precision == "float16":
            model = model.half()
        elif precision != "float32":
            raise CometError(f"COMET's precision is float32 or float16; found {precision!r}.")
        try:
            self.device = torch.device(device)
            self.model = model.to(self.device)
        except (RuntimeError, AssertionError) as error:
            raise CometError(f"COMET cannot use the device {device!r}: {_one_line(error)}") from error
        parts = file.parts
        self.revision = parts[parts.index("snapshots") + 1][:8] if "snapshots" in parts[:-1] else ""
        self.references = bool(model.requires_references())

    def describe(self) -> dict[str, Any]:
        """What the other side of the pipe needs to know."""
        return {
            "version": comet_version(),
            "device": str(self.device),
            "references": self.references,
            "revision": self.revision,
        }

    def score(
        self, sources: list[str], hypotheses: list[str], references: list[str], batch_size: int = 64
    ) -> list[float]:
        """One score a segment.  Equal segments are scored once; batches hold segments of like length.

        The same steps as comet's ``predict``, without a Lightning trainer (which costs more than
        the scoring when there are many small test sets).  Lines are stripped, as ``comet-score`` does.
        """
        import torch

        lines = [
            (source.strip(), hypothesis.strip(), reference.strip())
            for source, hypothesis, reference in zip(sources, hypotheses, references, strict=True)
        ]
        distinct = sorted(set(lines), key=lambda line: (sum(map(len, line)), line))
        keys = ("src", "mt", "ref") if self.references else ("src", "mt")
        values: list[float] = []
        with quiet(), torch.inference_mode():
            for start in range(0, len(distinct), batch_size):
                samples = [dict(zip(keys, line, strict=False)) for line in distinct[start : start + batch_size]]
                batch = self.model.prepare_for_inference(samples)
                batch = self.model.transfer_batch_to_device(batch, self.device, 0)
                values += self.model.predict_step(batch)["scores"].float().cpu().tolist()
        known = dict(zip(distinct, values, strict=True))
        return [known[line] for line in lines]


def _one_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def serve() -> None:
    """Answer JSON lines until stdin ends.  Whatever libraries print goes to stderr."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    engine: CometEngine | None = None
    for line in sys.stdin.buffer:
        answer: dict[str, Any]
        try:
            request = json.loads(line)
            if "load" in request:
                engine = CometEngine(**request["load"])
                answer = engine.describe()
            elif "score" in request and engine is not None:
                answer = {"scores": engine.score(**request["score"])}
            else:
                answer = {"error": f"expected load, then score; found {sorted(request)}"}
        except CometError as error:
            answer = {"error": str(error)}
        except Exception as error:
            answer = {"error": _one_line(error)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve()
