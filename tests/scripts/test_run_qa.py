"""scripts/run_qa.py on a few questions."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

from skim_hf.tables import read_questions

QUESTIONS = Path(__file__).parents[1] / "data" / "questions.json"
PLAIN = ["--policy", "full", "--hidden_size", "5", "--embedding_size", "6"]
QUIET = ["--use_cpu", "--disable_tqdm", "true", "--report_to", "none", "--dataloader_pin_memory", "false"]


@pytest.fixture
def run(script, tmp_path):
    """Runs the script on files by split; returns the metrics and the output folder."""
    module = script("run_qa")

    def run_script(*options, output="out", **files):
        line = ["--output_dir", str(tmp_path / output), *QUIET]
        for split, paths in files.items():
            line += [f"--{split}_file", *map(str, paths if isinstance(paths, list) else [paths])]
        return module.main([*line, *map(str, options)]), tmp_path / output

    return run_script


def weights(folder):
    return load_file(Path(folder) / "model.safetensors")


def write(path, *rows):
    path.write_text(json.dumps({"data": list(rows)}))
    return path


def row(name, context="Ada saw a heron.", answer="a heron", start=8, **fields):
    answers = {"text": [answer], "answer_start": [start]}
    return {"id": name, "context": context, "question": "What did Ada see?", "answers": answers, **fields}


def test_training_evaluation_and_prediction_end_to_end(run):
    options = ["--do_train", "--do_eval", "--do_predict", "--max_steps", "3", "--ema_decay", "0.9"]
    options += ["--max_length", "30", "--doc_stride", "20", "--per_device_eval_batch_size", "5"]
    files = {"train": QUESTIONS, "validation": QUESTIONS, "test": QUESTIONS}
    metrics, folder = run(*options, "--reader", "bidaf", "--skim_sizes", "2", *PLAIN[2:], **files)
    questions = read_questions(QUESTIONS)
    assert metrics["train_questions"] == metrics["eval_questions"] == len(questions)
    assert metrics["eval_windows"] > len(questions)
    assert metrics["train_examples_per_second"] > 0
    # Longest first in one, and in the order of the file in the other.
    for name in ("f1", "exact_match", "skim_rate_micro", *(f"layer_skim_rate_{n}" for n in range(6))):
        assert metrics[f"predict_{name}"] == pytest.approx(metrics[f"eval_{name}"]), name
    stored = json.loads((folder / "train_results.json").read_text())
    assert stored["train_examples_per_second"] == metrics["train_examples_per_second"]
    answers = json.loads((folder / "predictions.json").read_text())
    assert list(answers) == [question.id for question in questions]
    assert all(answers[question.id] in question.context for question in questions)

    model = AutoModelForQuestionAnswering.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert (model.config.reader, model.config.unk_token_id) == ("bidaf", tokenizer.unk_token_id)
    ids = [tokenizer([text], return_tensors="pt").input_ids for text in ("Ada saw it.", "What did Ada see?")]
    assert model(input_ids=ids[0], question_ids=ids[1]).start_logits.shape == ids[0].shape


def test_an_interrupted_run_is_resumed(run):
    steps = ["--do_train", "--max_steps", "4", "--save_steps", "2", "--dropout", "0.2", "--ema_decay", "0.5"]
    steps += ["--per_device_train_batch_size", "4"]
    _, folder = run(*steps, *PLAIN, train=QUESTIONS)
    expected = weights(folder)
    shutil.rmtree(folder / "checkpoint-4")
    run(*steps, *PLAIN, "--resume_from_checkpoint", "last", train=QUESTIONS)
    assert all(torch.equal(value, expected[name]) for name, value in weights(folder).items())


def test_a_plain_model_starts_a_skimming_one(run):
    _, plain = run("--do_train", "--max_steps", "1", *PLAIN, train=QUESTIONS, output="plain")
    still = ["--do_train", "--max_steps", "1", "--learning_rate", "0", "--skim_sizes", "2"]
    _, folder = run("--warm_start_from", plain, *still, train=QUESTIONS)
    old, new = weights(plain), weights(folder)
    assert old.keys() < new.keys()
    assert all(torch.equal(old[name], new[name]) for name in old)
    assert (folder / "tokenizer.json").read_bytes() == (plain / "tokenizer.json").read_bytes()


def test_training_ends_early_with_the_best_model(run):
    options = ["--do_train", "--num_train_epochs", "9", "--learning_rate", "0"]
    metrics, folder = run(
        *options, "--early_stopping_patience", "2", *PLAIN, train=QUESTIONS, validation=QUESTIONS
    )
    assert metrics["epoch"] == 3
    state = json.loads((folder / "trainer_state.json").read_text())
    assert state["best_metric"] == max(e["eval_f1"] for e in state["log_history"] if "eval_f1" in e)


def test_several_files_and_characters_and_word_vectors(run, tmp_path):
    more = write(
        tmp_path / "more.json", row("q1"), row("q2", context="A heron was there.", start=0, answer="A")
    )
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("heron 1 2 3\nada 4 5 6\nkestrel 7 8 9\nowl 1 1 1\n")
    options = [
        "--do_train",
        "--do_eval",
        "--max_steps",
        "1",
        "--char_vocab_size",
        "258",
        "--char_filters",
        "4",
    ]
    options += ["--policy", "full", "--hidden_size", "5", "--freeze_embeddings", "true"]
    metrics, folder = run(*options, "--glove", vectors, "--glove_words", "3", train=[QUESTIONS, more])
    assert metrics["train_questions"] + metrics["eval_questions"] == len(read_questions(QUESTIONS)) + 2
    tokenizer = AutoTokenizer.from_pretrained(folder)
    table = weights(folder)["embed_tokens.weight"]
    assert table[tokenizer.convert_tokens_to_ids("kestrel")].tolist() == [7.0, 8.0, 9.0]
    assert tokenizer.convert_tokens_to_ids("owl") == tokenizer.unk_token_id


def test_answers_that_are_not_in_their_context(run, tmp_path):
    files = {"train": write(tmp_path / "train.json", row("q1"), row("q2", start=3), row("q3", answer="x"))}
    metrics, _ = run("--do_train", "--max_steps", "1", *PLAIN, **files)
    wanted = {"train_questions": 3, "train_questions_left_out": 2, "train_misplaced_answers": 2}
    assert metrics | wanted == metrics
    with pytest.raises(ValueError, match=r"2 answer\(s\) that do not stand where they are said to"):
        run("--do_train", "--unanswerable", "refuse", *PLAIN, **files)


def test_questions_without_an_answer(run):
    file = QUESTIONS.with_name("questions_v2.json")
    options = ["--do_train", "--do_eval", "--do_predict", "--max_steps", "1", "--null_answers", *PLAIN]
    metrics, folder = run(*options, "--null_threshold=-1000000", train=file, validation=file, test=file)
    assert metrics["eval_no_answer_f1"] == 100.0
    assert set(json.loads((folder / "predictions.json").read_text()).values()) == {""}


def test_predictions_need_no_right_answers(run, tmp_path):
    nobody = write(tmp_path / "test.json", row("q1") | {"answers": {"text": [], "answer_start": []}})
    metrics, folder = run(
        "--do_train", "--do_predict", "--max_steps", "1", *PLAIN, train=QUESTIONS, test=nobody
    )
    assert "predict_f1" not in metrics
    assert list(json.loads((folder / "predictions.json").read_text())) == ["q1"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"id": "q1", "context": "a"}], "has no 'question'"),
        ([row("q1"), row("q1")], "the id 'q1' is taken"),
        ([row("q1", answer="x")], "has an answer to learn from"),
        ([], "holds no questions"),
    ],
)
def test_files_that_cannot_be_trained_on_are_refused(run, tmp_path, rows, message):
    with pytest.raises(ValueError, match=message):
        run("--do_train", *PLAIN, train=write(tmp_path / "train.json", *rows))


@pytest.mark.parametrize(
    ("options", "splits", "message"),
    [
        ([], ("train",), "nothing to do"),
        (["--do_train", "--do_predict"], ("train",), "no test split.*--test_file"),
        (["--do_train"], (), "--dataset_name, or files"),
        (["--do_train", "--dataset_name", "squad"], ("train",), "--dataset_name, or files"),
        (["--do_predict"], ("test",), "Without training questions"),
        (["--do_train", "--glove", "a", "--warm_start_from", "b"], ("train",), "Give one of"),
        (["--do_train", "--small_cells", "slice"], ("train",), "needs --warm_start_from"),
        (["--do_eval", "--model_name_or_path", "a", "--reader", "bidaf"], ("train",), "leave out reader"),
        (["--do_train", "--unanswerable", "keep"], ("train",), "skip or refuse; got 'keep'"),
        (["--do_train", "--early_stopping_patience", "0"], ("train",), "at least 1; got 0"),
        (["--do_train", "--ema_decay", "1"], ("train",), "above 0 and below 1"),
        (["--do_train", "--reader", "transformer"], ("train",), "reader must be one of"),
        (["--do_train", "--doc_stride", "400"], ("train",), "share fewer tokens than a window"),
    ],
)
def test_contradictions_are_refused(run, options, splits, message):
    with pytest.raises(ValueError, match=message):
        run(*options, **dict.fromkeys(splits, QUESTIONS))
