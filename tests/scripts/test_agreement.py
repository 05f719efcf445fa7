"""The quickstart's comparison of three ways to load a folder, on a tiny model."""

import pytest
import torch

from skim_hf.training import LabelSchema, build_tokenizer, new_classifier

TEXTS = ["a good film", "a bad film, a bad one!", "good", "", "unknown words only"] * 3


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    tokenizer = build_tokenizer(TEXTS, min_frequency=1, progress=False)
    labels = LabelSchema("single_label_classification", ("negative", "positive"))
    model = new_classifier(labels, tokenizer, embedding_size=5, hidden_size=7, skim_sizes=[3])
    # Decisions of both kinds, which an untrained model hardly makes.
    torch.nn.init.normal_(model.skim_rnn.layers[0].readers[0].policy.decision.weight, std=3.0)
    model.eval().save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    return tmp_path


def test_three_ways_agree(folder, script):
    agreement = script("_agreement").compare_three_ways(folder, TEXTS)
    assert agreement["texts"] == agreement["pipeline_texts"] == len(TEXTS)
    assert agreement["labels_differing"] == agreement["decisions_differing"] == 0
    assert agreement["pipeline_labels_differing"] == 0
    assert 0 < agreement["largest_probability_difference"] < 1e-5


def test_a_difference_is_counted(folder, script, monkeypatch):
    module = script("_agreement")
    true_reading = module.read_with_torch

    def mirrored(*arguments):
        probabilities, decisions = true_reading(*arguments)
        return probabilities[:, ::-1], [1 - d for d in decisions]

    monkeypatch.setattr(module, "read_with_torch", mirrored)
    agreement = module.compare_three_ways(folder, TEXTS)
    # Of a text without words a fresh classifier says the same in the mirror.
    assert agreement["labels_differing"] == len(TEXTS) - TEXTS.count("")
    assert agreement["decisions_differing"] == agreement["decisions"] > 0
