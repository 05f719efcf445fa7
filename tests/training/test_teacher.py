"""Learning from the probabilities of a stronger model."""

from __future__ import annotations

import json

import pytest
import torch
from torch.nn import functional

from skim_hf import SkimRNNForTokenClassification, SkimTrainer
from skim_hf.training import LabelSchema, load_text_dataset, tokenize_dataset
from skim_hf.training.teacher import teacher_term


@pytest.fixture
def train(make_model, make_rows, make_args, collator):
    """Trains for two steps; returns weights and log."""

    def run(teacher=None, *, rows=None, weight=None, **fields):
        rows = make_rows(8) if rows is None else rows
        if teacher is not None:
            rows = rows.add_column("teacher", teacher)
        args = make_args(max_steps=2, logging_steps=1, learning_rate=0.1, teacher_weight=weight)
        model = make_model(budget_weight=0.1, **fields)
        trainer = SkimTrainer(model, args, train_dataset=rows, eval_dataset=rows, data_collator=collator)
        trainer.train()
        lines = [line for line in trainer.state.log_history if "loss" in line]
        return trainer.model.state_dict(), lines, trainer.evaluate()["eval_loss"]

    return run


def one_hot(rows):
    return [[float(label == number) for number in range(2)] for label in rows["labels"]]


def test_without_weight_the_teacher_changes_nothing(train, make_rows):
    plain, _, loss = train()
    found, lines, other = train([[0.5, 0.5]] * 8, weight=0.0)
    assert all(torch.equal(plain[name], found[name]) for name in plain)
    assert other == loss
    assert [line["teacher_loss"] for line in lines] == [0.0, 0.0]


def test_a_certain_teacher_is_the_label(train, make_rows):
    plain, lines, loss = train()
    found, taught, other = train(one_hot(make_rows(8)), weight=1.0)
    for name, expected in plain.items():
        torch.testing.assert_close(found[name], expected, atol=1e-5, rtol=1e-4)
    assert [line["loss"] for line in taught] == pytest.approx([line["loss"] for line in lines], abs=1e-5)
    assert other == pytest.approx(loss, abs=1e-5)


def test_a_doubtful_teacher_makes_another_model_and_the_same_kind_of_evaluation(train):
    plain, *_ = train()
    found, lines, loss = train([[0.9, 0.1]] * 8, weight=0.5)
    assert not torch.equal(found["classifier.bias"], plain["classifier.bias"])
    for line in lines:
        parts = ("task_loss", "budget_loss", "teacher_loss")
        assert line["loss"] == pytest.approx(sum(line[part] for part in parts), abs=1e-5)
    assert loss > 0


def test_the_gradient_is_that_of_both_cross_entropies():
    logits = torch.tensor([[0.3, -0.2, 1.0], [0.1, 0.4, -0.7]], requires_grad=True)
    labels, teacher = torch.tensor([2, 0]), torch.tensor([[0.2, 0.3, 0.5], [0.6, 0.1, 0.3]])
    loss = functional.cross_entropy(logits, labels) + teacher_term(logits, labels, teacher, 0.25)
    loss.backward()
    # d CE(q) / d logits = (softmax - q) / B, so that of the mixture has the mixed target.
    mixed = 0.75 * functional.one_hot(labels, 3) + 0.25 * teacher
    torch.testing.assert_close(logits.grad, (logits.detach().softmax(-1) - mixed) / 2)
    expected = -(mixed * logits.detach().log_softmax(-1)).sum(-1).mean()
    torch.testing.assert_close(loss.detach(), expected)


def test_batches_without_probabilities_are_refused(train):
    with pytest.raises(ValueError, match="needs a column 'teacher'"):
        train(weight=0.5)
    with pytest.raises(ValueError, match=r"got the shape \[4, 3\]"):
        train([[0.2, 0.3, 0.5]] * 8, weight=0.5)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"head": SkimRNNForTokenClassification}, "classifiers of texts; got SkimRNNForTokenClass"),
        ({"problem_type": "multi_label_classification"}, "one label each; this is a multi_label"),
        ({"estimator": "reinforce", "num_rollouts": 3}, "got num_rollouts=3"),
    ],
)
def test_other_models_have_no_teacher(make_model, make_args, fields, message):
    with pytest.raises(ValueError, match=message):
        SkimTrainer(make_model(**fields), make_args(teacher_weight=0.5))


@pytest.fixture
def load(tmp_path):
    """Loads training rows with a column `probs`."""

    def run(probabilities, **options):
        path = tmp_path / "train.jsonl"
        rows = [
            {"text": f"text {number}", "label": ("neg", "pos")[number % 2], "number": 0.5, "probs": value}
            for number, value in enumerate(probabilities)
        ]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        files = {"train": path, "validation": path}
        return load_text_dataset(files, **{"teacher_column": "probs", **options})

    return run


def test_training_rows_carry_the_probabilities(load, tokenizer, collator):
    data = load([[0.25, 0.75], [1, 0], [0.3333, 0.6668]])
    assert "teacher" not in data.splits["validation"].column_names
    rows = tokenize_dataset(data.splits["train"], tokenizer)
    assert rows["teacher"][:] == [[0.25, 0.75], [1.0, 0.0], [0.3333, 0.6668]]
    batch = collator([rows[0], rows[1]])
    assert (batch["teacher"].dtype, batch["teacher"].shape) == (torch.float32, (2, 2))


@pytest.mark.parametrize("wrong", [[0.5, 0.4], [0.2, 0.3, 0.5], [1.5, -0.5], 0.5, "[0, 1]", None])
def test_what_are_no_probabilities_is_named(load, wrong):
    with pytest.raises(
        ValueError, match=r"must hold 2 probabilities that sum to 1 in column 'probs'.*row 1,"
    ):
        load([[0.5, 0.5], wrong, wrong])


def test_a_missing_column_and_other_labels_are_refused(load):
    with pytest.raises(ValueError, match=r"has no column 'prob'.*--teacher-column probs"):
        load([[0.5, 0.5]] * 3, teacher_column="prob")
    with pytest.raises(ValueError, match="this is a regression"):
        load([[0.5, 0.5]] * 3, labels=LabelSchema("regression"), label_column="number")
