"""Folders of models with random weights, whose skim rate on given tokens is chosen by the threshold."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit

from skim_hf.runtime import RuntimeConfig
from skim_hf.runtime.weights import expected_shapes

Ids = NDArray[np.int64]


def draw_tokens(count: int, vocab_size: int, seed: int) -> Ids:
    """[count] random words, of which some are as frequent as in a language.

    The n-th word has a share of 1 / n (Zipf's law), so that tables are in the processor's caches as
    much as they are when text is read. The padding and the unknown word do not occur.
    """
    shares = 1 / np.arange(1, vocab_size - 1)
    return 2 + np.random.default_rng(seed).choice(len(shares), count, p=shares / shares.sum())


def write_models(
    folder: Path, hidden_size: int, skim_size: int, tokens: Ids, vocab_size: int, seed: int
) -> None:
    """Writes `folder/skim` and, with the weights of its big cell, `folder/plain`.

    Read by the skimming model, p(skim) of a token is the share of `tokens` that are rarer words, or the same
    word: a threshold of 1 - s skims the share s of them and reads the rarest. The decision depends on
    the word alone, through the first unit of its vector, which the cells do not see; its product with h is
    computed all the same.

    Args:
        folder: Where to.
        hidden_size: d, also the width of the word vectors.
        skim_size: d'.
        tokens: What will be read.
        vocab_size: V.
        seed: Of the weights.
    """
    skim = _config(hidden_size, skim_size, vocab_size)
    generator = np.random.default_rng(seed)
    tensors = {
        name: (generator.standard_normal(shape) / hidden_size**0.5).astype(np.float32)
        for name, shape in expected_shapes(skim)
    }
    # No label is more likely than another.
    tensors["classifier.bias"][:] = 0
    for name, tensor in tensors.items():
        if name.endswith("weight_ih"):
            tensor[:, 0] = 0
        elif ".decision." in name:
            tensor[:] = 0
    tensors["embed_tokens.weight"][:, 0] = skim_logits(tokens, vocab_size)
    tensors["layers.0.readers.0.policy.decision.weight"][1, 0] = 1
    plain = replace(skim, policy="full", skim_sizes=())
    for name, config in (("skim", skim), ("plain", plain)):
        _write(folder / name, config, {key: tensors[key] for key, _ in expected_shapes(config)})


def skim_logits(tokens: Ids, vocab_size: int) -> NDArray[np.float32]:
    """[V] log-odds of skimming, so that p(skim) is the share of tokens that are at least as rare."""
    counts = np.bincount(tokens, minlength=vocab_size)
    rarest_first = np.argsort(counts, kind="stable")
    up_to = np.cumsum(counts[rarest_first])
    # Half of the word's own share, which keeps every word off the thresholds that divide the tokens.
    shares = np.empty(vocab_size)
    shares[rarest_first] = (up_to - counts[rarest_first] / 2 + 0.25) / (len(tokens) + 0.5)
    return np.log(shares / (1 - shares)).astype(np.float32)


def _config(hidden_size: int, skim_size: int, vocab_size: int) -> RuntimeConfig:
    """A Skim-LSTM of one layer and direction."""
    return RuntimeConfig(
        vocab_size=vocab_size,
        embedding_size=hidden_size,
        input_size=None,
        hidden_size=hidden_size,
        num_hidden_layers=1,
        bidirectional=False,
        cell_type="lstm",
        policy="skim",
        skim_sizes=(skim_size,),
        small_input="own_slice",
        skim_threshold=0.5,
        pooling="last",
        labels=("negative", "positive"),
    )


def _write(folder: Path, config: RuntimeConfig, tensors: dict[str, NDArray[np.float32]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    values = {key: value for key, value in asdict(config).items() if key != "labels"}
    values |= {
        "model_type": "skim_rnn",
        "architectures": ["SkimRNNForSequenceClassification"],
        "id2label": dict(enumerate(config.labels)),
        "problem_type": "single_label_classification",
    }
    (folder / "config.json").write_text(json.dumps(values), encoding="utf-8")
    save_file(tensors, folder / "model.safetensors")
    words = {"[PAD]": 0, "[UNK]": 1} | {f"w{number}": number for number in range(2, config.vocab_size or 0)}
    tokenizer = Tokenizer(WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.save(str(folder / "tokenizer.json"))
