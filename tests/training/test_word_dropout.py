"""Words that are hidden from a model while it learns."""

from __future__ import annotations

import pytest
import torch

from skim_hf import SkimTrainer
from skim_hf.training.word_dropout import drop_words


def test_real_words_alone_become_unknown():
    torch.manual_seed(0)
    ids = torch.randint(2, 18, (50, 40))
    mask = (torch.arange(40) < 30).long().expand(50, -1)
    batch = {"input_ids": ids, "attention_mask": mask, "labels": torch.ones(50)}
    found = drop_words(batch, 0.2, 1)
    dropped = found["input_ids"] != ids
    assert (found["input_ids"][dropped] == 1).all()
    assert not dropped[mask == 0].any()
    # Five standard deviations of 1,500 draws.
    assert dropped[mask == 1].float().mean().item() == pytest.approx(0.2, abs=0.052)
    assert found["labels"] is batch["labels"]
    padded = ids * mask
    found = drop_words({"input_ids": padded}, 0.9, 1, padding=0)["input_ids"]
    assert torch.equal(found == 0, mask == 0)
    assert torch.equal(batch["input_ids"], ids)


def test_a_model_sees_hidden_words_in_training_alone(make_model, make_rows, make_args, collator, tokenizer):
    model, seen = make_model(), []
    model.skim_rnn.embed_tokens.register_forward_hook(
        lambda module, inputs, output: seen.append((model.training, (inputs[0] == 1).any().item()))
    )
    trainer = SkimTrainer(
        model,
        make_args(max_steps=2, word_dropout=0.6),
        train_dataset=make_rows(8),
        data_collator=collator,
        processing_class=tokenizer,
    )
    trainer.train()
    trainer.evaluate(make_rows(4))
    assert seen == [(True, True), (True, True), (False, False)]


def test_without_an_unknown_word_nothing_can_be_hidden(make_model, make_args):
    with pytest.raises(ValueError, match="needs a tokenizer that has such a word"):
        SkimTrainer(make_model(), make_args(word_dropout=0.1))
