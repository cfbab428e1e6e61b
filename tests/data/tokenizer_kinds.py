"""One tokenizer of every kind, made in a moment from a few sentences, as a checkpoint's folder holds it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

SENTENCES = [
    "the cat sees a dog",
    "die Katze sieht einen Hund",
    "le chat voit un chien !",
    "Translate from English to German.",
    "English: the old house\nGerman: das alte Haus",
    "12 km, 3.5 kg (ja) « oui » ?",
]


def _config(folder: Path, **values: object) -> None:
    (folder / "config.json").write_text(json.dumps({"model_type": "llama"}))
    (folder / "tokenizer_config.json").write_text(json.dumps(values))


def byte_bpe(prefix: bool, bos: bool = False, end: bool = False) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
        from transformers import PreTrainedTokenizerFast

        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
        tokenizer.decoder = decoders.ByteLevel()
        special = ["<pad>", "</s>", "<bos>"]
        trainer = trainers.BpeTrainer(
            vocab_size=400,
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator(SENTENCES * 10, trainer)
        if bos or end:
            around = f"{'<bos> ' if bos else ''}$A{' </s>' if end else ''}"
            tokenizer.post_processor = processors.TemplateProcessing(
                single=around, special_tokens=[("<bos>", 2), ("</s>", 1)]
            )
        made = PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, eos_token="</s>", pad_token="<pad>", bos_token="<bos>" if bos else None
        )
        made.save_pretrained(folder)

    return make


def sentencepiece(kind: str, prefix: bool, clazz: str, **settings: object) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        from sentencepiece import SentencePieceTrainer

        text = folder / "text.txt"
        text.write_text("\n".join(SENTENCES * 10))
        SentencePieceTrainer.train(
            input=str(text),
            model_prefix=str(folder / "tokenizer"),
            vocab_size=340,
            model_type=kind,
            byte_fallback=True,
            hard_vocab_limit=False,
            pad_id=3,
            add_dummy_prefix=prefix,
            normalization_rule_name="identity",
            remove_extra_whitespaces=False,
            minloglevel=2,
        )
        text.unlink()
        (folder / "tokenizer.vocab").unlink()
        if clazz == "T5Tokenizer":
            (folder / "tokenizer.model").rename(folder / "spiece.model")
        (folder / "config.json").write_text(json.dumps({"model_type": "llama"}))
        if settings or clazz != "LlamaTokenizer":
            _config(folder, tokenizer_class=clazz, pad_token="<pad>", **settings)

    return make


def wordpiece(folder: Path) -> None:
    words = sorted({w for s in SENTENCES for w in s.replace("\n", " ").split()})
    letters = sorted({c for w in words for c in w})
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words, *letters, *(f"##{c}" for c in letters)]
    (folder / "vocab.txt").write_text("\n".join(dict.fromkeys(vocabulary)))
    _config(
        folder,
        tokenizer_class="BertTokenizer",
        do_lower_case=False,
        clean_up_tokenization_spaces=True,
        bos_token="[CLS]",
        eos_token="[SEP]",
    )


KINDS: dict[str, Callable[[Path], None]] = {
    "byte-bpe": byte_bpe(False),
    "byte-bpe-prefix": byte_bpe(True),
    "byte-bpe-bos": byte_bpe(False, bos=True),
    "byte-bpe-bos-end": byte_bpe(False, bos=True, end=True),
    "byte-bpe-prefix-end": byte_bpe(True, end=True),
    "llama-alone": sentencepiece("bpe", True, "LlamaTokenizer"),  # a tokenizer.model and nothing else
    "llama-legacy": sentencepiece("bpe", True, "LlamaTokenizer", legacy=True),
    "llama": sentencepiece("bpe", True, "LlamaTokenizer", legacy=False),
    "llama-end": sentencepiece("bpe", True, "LlamaTokenizer", legacy=False, add_eos_token=True),
    "llama-no-bos": sentencepiece("bpe", True, "LlamaTokenizer", legacy=False, add_bos_token=False),
    "llama-no-prefix": sentencepiece("bpe", False, "LlamaTokenizer", legacy=False, add_prefix_space=False),
    "gemma": sentencepiece("bpe", False, "GemmaTokenizer", bos_token="<s>", eos_token="</s>"),
    "unigram": sentencepiece("unigram", True, "T5Tokenizer", extra_ids=0),
    "unigram-no-prefix": sentencepiece("unigram", False, "T5Tokenizer", extra_ids=0, add_prefix_space=False),
    "wordpiece": wordpiece,
}
