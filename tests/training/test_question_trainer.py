"""SkimTrainer with models that answer questions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from skim_hf import SkimRNNConfig, SkimRNNForQuestionAnswering, SkimTrainer, SkimTrainingArguments
from skim_hf.tables import read_questions
from skim_hf.training import QuestionCollator, QuestionDataset, build_tokenizer

LENGTHS = (9, 4, 7, 9, 5, 6, 8, 3)


def rows(count):
    """Contexts in which the one word of the question stands once; it is the answer."""
    generator = torch.Generator().manual_seed(0)
    found = []
    for number in range(count):
        ids = torch.randperm(20, generator=generator)[: LENGTHS[number % len(LENGTHS)]] + 1
        place = int(torch.randint(len(ids), (1,), generator=generator))
        found.append({"input_ids": ids, "question_ids": ids[place : place + 1], "place": place})
    return found


def collate(batch):
    pad = torch.nn.utils.rnn.pad_sequence
    places = torch.tensor([row["place"] for row in batch])
    padded = {name: pad([row[name] for row in batch], True) for name in ("input_ids", "question_ids")}
    return {**padded, "start_positions": places, "end_positions": places}


def arguments(folder, **fields):
    return SkimTrainingArguments(
        output_dir=str(folder),
        per_device_eval_batch_size=3,
        learning_rate=0.02,
        remove_unused_columns=False,
        report_to="none",
        save_strategy="no",
        use_cpu=True,
        disable_tqdm=True,
        **{"max_steps": 20, "logging_steps": 10, "per_device_train_batch_size": 8, **fields},
    )


@pytest.mark.parametrize(
    ("reader", "policy"), [("attention", "skim"), ("bidaf", "skim"), ("attention", "selective")]
)
def test_training_and_evaluation(reader, policy, tmp_path):
    torch.manual_seed(0)
    fields = {"reader": reader, "policy": policy, "hidden_size": 8, "embedding_size": 8}
    if policy == "skim":
        fields["skim_sizes"] = [3]
    model = SkimRNNForQuestionAnswering(SkimRNNConfig(vocab_size=21, **fields))
    # So few rows that any seed learns them by heart.
    trainer = SkimTrainer(model, arguments(tmp_path), train_dataset=rows(8), data_collator=collate)
    trainer.train()
    first, second = [entry for entry in trainer.state.log_history if "task_loss" in entry]
    assert second["task_loss"] < first["task_loss"]
    assert 0 <= second["skim_rate"] <= 1
    data = rows(8)
    predicted = trainer.predict(data)
    (start, end), counts = predicted.predictions
    assert start.shape == end.shape == (8, 9)
    with torch.no_grad():
        whole = model.eval()(**collate(data))
    for row, length in enumerate(LENGTHS):
        np.testing.assert_allclose(
            start[row, :length], whole.start_logits[row, :length], rtol=1e-4, atol=1e-5
        )
    counts = counts["choices"] if isinstance(counts, dict) else counts
    assert counts.shape == (8, model.config.num_readers, 2)
    np.testing.assert_array_equal(counts.sum(2), np.array(LENGTHS)[:, None].repeat(counts.shape[1], 1))
    starts, ends = predicted.label_ids
    np.testing.assert_array_equal(starts, [row["place"] for row in data])
    np.testing.assert_array_equal(ends, starts)


@pytest.mark.parametrize("reader", ["attention", "bidaf"])
def test_questions_of_a_file_are_learnt_and_answered(reader, tmp_path):
    torch.manual_seed(0)
    questions = read_questions(Path(__file__).parents[1] / "data" / "questions.json")
    texts = [text for each in questions for text in (each.context, each.question)]
    tokenizer = build_tokenizer(texts, min_frequency=1, progress=False)
    dataset = QuestionDataset(questions, tokenizer, max_word_length=6, char_vocab_size=258)
    config = SkimRNNConfig(
        vocab_size=len(tokenizer),
        unk_token_id=tokenizer.unk_token_id,
        reader=reader,
        # Without sampled decisions and with all questions in every batch, any seed learns them in 30 steps.
        policy="full",
        hidden_size=32,
        embedding_size=32,
        char_vocab_size=258,
        char_filters=5,
    )
    model = SkimRNNForQuestionAnswering(config)
    args = arguments(tmp_path, max_steps=50, per_device_train_batch_size=len(dataset))
    trainer = SkimTrainer(
        model, args, train_dataset=dataset, data_collator=QuestionCollator(tokenizer.pad_token_id)
    )
    trainer.train()
    logits, _ = trainer.predict(dataset).predictions
    scores = dataset.scores(*logits, max_answer_length=config.max_answer_length)
    assert scores["f1"] > 80
