"""Tiny models that answer questions: made by torch, saved, and asked the way torch is asked."""

from __future__ import annotations

import numpy as np
import torch

from skim_hf import SkimRNNConfig, SkimRNNForQuestionAnswering
from skim_hf.runtime.characters import character_ids

from .conftest import WORDS, word_tokenizer

CHARACTERS = {"char_vocab_size": 130, "char_embedding_size": 3, "char_filters": 4, "char_width": 4}
CONTEXT = "The film was very good, not dull. A bad Film was not fine; the good was éè very very Fine!"
QUESTION = "Was the film good?"


def make_question(folder, *, seed=0, reader="attention", **fields):
    """Saves a model with random weights, biases too, and decisions that differ from token to token."""
    base = {"embedding_size": 5, "hidden_size": 7, "num_hidden_layers": 2, "vocab_size": len(WORDS)}
    if fields.get("policy", "skim") == "skim":
        base["skim_sizes"] = [3]
    config = SkimRNNConfig(reader=reader, **{**base, "unk_token_id": 1, "max_word_length": 4, **fields})
    model = SkimRNNForQuestionAnswering(config).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            scale = 1.5 if "decision" in name else 0.4
            parameter.copy_(scale * torch.randn(parameter.shape, generator=generator))
    folder.mkdir(exist_ok=True)
    model.save_pretrained(folder)
    word_tokenizer().save(str(folder / "tokenizer.json"))
    return model


@torch.no_grad()
def ask_torch(model, question, context, *, null=False, part=slice(None), **options):
    """What torch says of one question and a part of its context: the output, and the places of its tokens."""
    config, tokenizer = model.config, word_tokenizer()
    given = {}
    for name, text, cut in (("", context, part), ("question_", question, slice(None))):
        encoding = tokenizer.encode(text, add_special_tokens=False)
        ids, offsets = encoding.ids[cut], encoding.offsets[cut]
        if null and not name:
            ids, offsets = [1, *ids], [(0, 0), *offsets]
        places = np.array(offsets, np.int64).reshape(-1, 2)
        given[f"{name}ids"] = torch.tensor([ids], dtype=torch.long)
        given[f"{name}mask"] = torch.ones(1, len(ids), dtype=torch.long)
        if config.char_vocab_size is not None:
            shape = {"width": config.max_word_length, "rows": config.char_vocab_size}
            given[f"{name}char_ids"] = torch.from_numpy(character_ids(text, places, **shape))[None]
        given[f"{name}offsets"] = places
    offsets = given.pop("offsets")
    given.pop("question_offsets")
    given["input_ids"], given["attention_mask"] = given.pop("ids"), given.pop("mask")
    return model(**given, **options), offsets
