from __future__ import annotations

import numpy as np
import pytest
import torch

from skim_hf import SkimRNNConfig, SkimRNNForQuestionAnswering
from skim_hf.results.scores import REGRESSION, SINGLE
from skim_hf.training.labels import LabelSchema
from skim_hf.training.starting import (
    new_classifier,
    warm_started_classifier,
    warm_started_question_reader,
)

LABELS = LabelSchema(SINGLE, ("neg", "pos"))


def test_a_new_classifier_fits_tokenizer_and_labels(tokenizer):
    model = new_classifier(LABELS, tokenizer, hidden_size=6, skim_sizes=[2], embedding_size=4)
    assert model.training
    assert model.config.vocab_size == len(tokenizer)
    assert model.config.id2label == {0: "neg", 1: "pos"}
    assert model.config.problem_type == SINGLE
    assert new_classifier(LabelSchema(REGRESSION), tokenizer).classifier.out_features == 1


def test_word_vectors_start_the_embeddings(tokenizer, tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("good 1 2 3\nbad 4 5 6\nother 7 8 9\n")
    model = new_classifier(LABELS, tokenizer, glove=path, seed=5, hidden_size=6, skim_sizes=[2])
    table = model.get_input_embeddings().weight.detach().numpy()
    assert model.config.embedding_size == 3
    np.testing.assert_array_equal(table[tokenizer.get_vocab()["bad"]], [4, 5, 6])
    np.testing.assert_array_equal(table[tokenizer.pad_token_id], 0)
    assert model.get_input_embeddings().weight.requires_grad
    with pytest.raises(ValueError, match="3 wide; got embedding_size=4"):
        new_classifier(LABELS, tokenizer, glove=path, embedding_size=4)


def test_a_warm_start_takes_over_the_plain_weights(tokenizer, tmp_path, collator):
    plain = new_classifier(LABELS, tokenizer, policy="full", hidden_size=7, embedding_size=5, dropout=0.25)
    plain.save_pretrained(tmp_path)
    skim = warm_started_classifier(tmp_path, LABELS, skim_sizes=[3, 0], skim_threshold=1.0)
    assert skim.training
    assert (skim.config.policy, skim.config.skim_sizes, skim.config.dropout) == ("skim", [3, 0], 0.25)
    old, new = plain.state_dict(), skim.state_dict()
    assert old.keys() < new.keys()
    assert all(torch.equal(old[name], new[name]) for name in old)
    # Reading everything, the two are the same network.
    batch = collator([{"input_ids": [4, 5, 6]}, {"input_ids": [7]}])
    torch.testing.assert_close(plain.eval()(**batch).logits, skim.eval()(**batch).logits)


@pytest.mark.parametrize("cell_type", ["lstm", "gru", "tanh"])
@pytest.mark.parametrize("small_input", ["own_slice", "full_h"])
def test_small_cells_start_as_slices_of_the_big_one(cell_type, small_input, tokenizer, tmp_path):
    sizes = {"hidden_size": 7, "embedding_size": 5, "cell_type": cell_type, "bidirectional": True}
    new_classifier(LABELS, tokenizer, policy="full", **sizes).save_pretrained(tmp_path)
    fields = {"skim_sizes": [3, 2, 0], "small_input": small_input}
    skim = warm_started_classifier(tmp_path, LABELS, small_cells="slice", **fields)
    assert skim.training
    generator = torch.Generator().manual_seed(3)
    inputs = torch.randn(4, 5, generator=generator)
    for reader in skim.skim_rnn.layers[0].readers:
        big, *small = reader.cells
        assert [cell.size for cell in small] == [3, 2]
        for cell in small:
            state = [torch.randn(4, 7, generator=generator) for _ in range(big.parts)]
            if small_input == "own_slice":
                # What the other units would have said is nothing where they are zero.
                state = [
                    torch.cat((part[:, : cell.size], torch.zeros(4, 7 - cell.size)), 1) for part in state
                ]
            wanted = big(big.project(inputs), state[0], tuple(state))
            own = tuple(part[:, : cell.size] for part in state)
            found = cell(cell.project(inputs), state[0][:, : cell.context_size], own)
            for part, other in zip(found, wanted, strict=True):
                torch.testing.assert_close(part, other[:, : cell.size])


def test_small_cells_are_fresh_unless_asked_otherwise(tokenizer, tmp_path):
    new_classifier(LABELS, tokenizer, policy="full", hidden_size=7).save_pretrained(tmp_path)
    skim = warm_started_classifier(tmp_path, LABELS, skim_sizes=[3])
    big, small = skim.skim_rnn.layers[0].readers[0].cells
    assert not torch.equal(small.weight_ih[:3], big.weight_ih[:3])
    with pytest.raises(ValueError, match=r"small_cells must be fresh or slice; got 'copy'"):
        warm_started_classifier(tmp_path, LABELS, small_cells="copy")


def test_only_a_plain_model_with_the_same_labels_can_be_warm(tokenizer, tmp_path):
    new_classifier(LABELS, tokenizer, hidden_size=6, skim_sizes=[2]).save_pretrained(tmp_path / "skim")
    with pytest.raises(ValueError, match=r"policy='full'.*policy='skim'"):
        warm_started_classifier(tmp_path / "skim", LABELS)
    new_classifier(LABELS, tokenizer, policy="full", hidden_size=6).save_pretrained(tmp_path / "plain")
    with pytest.raises(ValueError, match=r"\('neg', 'pos'\), the data has \('a', 'b'\)"):
        warm_started_classifier(tmp_path / "plain", LabelSchema(SINGLE, ("a", "b")))


def test_jumps_are_added_to_a_model_of_the_same_policy(tokenizer, tmp_path):
    fields = {"hidden_size": 6, "embedding_size": 5, "skim_sizes": [3, 0], "budget_type": "expected_cost"}
    skim = new_classifier(LABELS, tokenizer, **fields)
    skim.save_pretrained(tmp_path)
    jumps = {"jump_every": 2, "jump_size": 3, "jump_limit": 4}
    model = warm_started_classifier(tmp_path, LABELS, **jumps)
    assert (model.config.skim_sizes, model.config.budget_type) == ([3, 0], "expected_cost")
    old, new = skim.state_dict(), model.state_dict()
    assert all(torch.equal(old[name], new[name]) for name in old)
    assert all(".jump." in name for name in new.keys() - old.keys())
    for other in ({"policy": "skip", **jumps}, {"policy": "skim"}):
        with pytest.raises(ValueError, match="adds jumps to a model of the same policy"):
            warm_started_classifier(tmp_path, LABELS, **other)
    model.save_pretrained(tmp_path / "jumps")
    with pytest.raises(ValueError, match="adds jumps to a model of the same policy"):
        warm_started_classifier(tmp_path / "jumps", LABELS, **jumps)


@pytest.mark.parametrize("policy", ["skip", "selective", "random", "periodic"])
def test_a_warm_start_of_every_policy(policy, tokenizer, tmp_path, collator):
    plain = new_classifier(LABELS, tokenizer, policy="full", hidden_size=7, embedding_size=5)
    # As plain models used to be saved.
    plain.config.budget_type = "neg_log_skim"
    plain.save_pretrained(tmp_path)
    model = warm_started_classifier(tmp_path, LABELS, policy=policy, skim_threshold=1.0)
    assert model.config.learned_initial_state == (policy == "skip")
    assert model.config.budget_type == {"skip": "updates", "selective": "gates"}.get(policy)
    old, new = plain.state_dict(), model.state_dict()
    assert all(torch.equal(old[name], new[name]) for name in old)
    fresh = {name.split("readers.0.")[1] for name in new.keys() - old.keys()}
    assert fresh == {
        "skip": {"policy.gate.weight", "policy.gate.bias", "initial_state"},
        "selective": {"policy.coordinator.weight", "policy.coordinator.bias", "policy.own"},
    }.get(policy, set())
    assert all(bool(tensor.isfinite().all()) for tensor in new.values())
    if policy == "skip":
        assert new["skim_rnn.layers.0.readers.0.policy.gate.bias"].tolist() == [1.0]
        assert float(new["skim_rnn.layers.0.readers.0.initial_state"].abs().sum()) > 0
    if policy == "selective":
        batch = collator([{"input_ids": [4, 5, 6]}, {"input_ids": [7]}])
        torch.testing.assert_close(plain.eval()(**batch).logits, model.eval()(**batch).logits)


@pytest.mark.parametrize("policy", ["skim", "skip", "selective", "random", "periodic"])
@pytest.mark.parametrize("reader", ["attention", "bidaf"])
def test_a_warm_start_of_a_question_reader(reader, policy, tmp_path):
    config = SkimRNNConfig(
        vocab_size=23, embedding_size=5, hidden_size=7, policy="full", reader=reader, num_hidden_layers=2
    )
    plain = SkimRNNForQuestionAnswering(config)
    plain.save_pretrained(tmp_path)
    sizes = {"skim_sizes": [3]} if policy == "skim" else {}
    model = warm_started_question_reader(tmp_path, policy=policy, learned_initial_state=False, **sizes)
    assert model.training
    assert (model.config.policy, model.config.reader, model.config.num_hidden_layers) == (policy, reader, 2)
    old, new = plain.state_dict(), model.state_dict()
    assert all(torch.equal(old[name], new[name]) for name in old)
    assert all(bool(tensor.isfinite().all()) for tensor in new.values())
    if policy not in ("random", "periodic"):
        ids, question = torch.tensor([[1, 2, 3, 4], [5, 6, 0, 0]]), torch.tensor([[3, 1], [7, 0]])
        expected, found = (m.eval()(ids, question, skim_threshold=1.0) for m in (plain, model))
        torch.testing.assert_close(found.start_logits, expected.start_logits, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(found.end_logits, expected.end_logits, rtol=1e-4, atol=1e-5)


def test_only_a_plain_question_reader_can_be_warm(tokenizer, tmp_path):
    new_classifier(LABELS, tokenizer, policy="full", hidden_size=6).save_pretrained(tmp_path / "labels")
    with pytest.raises(ValueError, match="answers no questions"):
        warm_started_question_reader(tmp_path / "labels")
    config = SkimRNNConfig(vocab_size=23, hidden_size=7, skim_sizes=[3], reader="attention")
    SkimRNNForQuestionAnswering(config).save_pretrained(tmp_path / "skim")
    with pytest.raises(ValueError, match=r"policy='full'.*policy='skim'"):
        warm_started_question_reader(tmp_path / "skim")
