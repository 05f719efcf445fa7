from __future__ import annotations

import csv
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from skim_hf import SkimTrainer

SMALL = ["--hidden_size", "6", "--skim_sizes", "2", "--embedding_size", "5", "--min_frequency", "1"]
QUIET = ["--use_cpu", "--disable_tqdm", "true", "--report_to", "none", "--dataloader_pin_memory", "false"]


def texts(count, seed, words=("dull", "fine")):
    source = random.Random(seed)
    for number in range(count):
        label = number % 2
        filling = [
            source.choice(["the", "a", "plot", "of", "it", "was"]) for _ in range(source.randint(0, 8))
        ]
        filling.insert(source.randint(0, len(filling)), words[label])
        yield " ".join(filling), ("neg", "pos")[label]


@pytest.fixture
def files(tmp_path):
    """CSV files of reviews with column names of their own."""
    paths = {}
    for split, count, seed in (("train", 37, 0), ("validation", 8, 1), ("test", 11, 2)):
        paths[split] = tmp_path / f"{split}.csv"
        with paths[split].open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["review", "mood"])
            rows.writerows(texts(count, seed))
    return paths


@pytest.fixture
def run(script, files, tmp_path):
    """Runs the script on some of the files; returns the metrics and the output folder."""

    def run_script(*options, splits=("train",), output="out"):
        line = [option for split in splits for option in (f"--{split}_file", str(files[split]))]
        line += ["--text_column", "review", "--label_column", "mood", "--output_dir", str(tmp_path / output)]
        return script.main([*line, *QUIET, *map(str, options)]), tmp_path / output

    return run_script


def weights(folder):
    return load_file(Path(folder) / "model.safetensors")


def test_training_evaluation_and_prediction_end_to_end(run, files):
    steps = ["--do_train", "--do_eval", "--do_predict", "--num_train_epochs", "25", "--learning_rate", "2e-2"]
    metrics, folder = run(*steps, *SMALL, "--gamma", "0.05", splits=("train", "test"))
    assert metrics["predict_accuracy"] == 1.0
    reading = {f"eval_{name}" for name in ("skim_rate_macro", "skim_rate_micro", "macs_ratio")}
    assert reading | {"eval_macro_f1", "train_loss", "predict_flop_ratio_paper"} <= metrics.keys()
    assert json.loads((folder / "all_results.json").read_text())["eval_accuracy"] == metrics["eval_accuracy"]

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    assert model.config.id2label == {0: "neg", 1: "pos"}
    assert model.config.budget_weight == 0.05
    rows = [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]
    with files["test"].open() as file:
        wanted = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == [row["mood"] for row in wanted]
    for row, text in zip(rows, wanted, strict=True):
        outputs = model(**tokenizer([text["review"]], return_tensors="pt"))
        assert outputs.logits.softmax(-1).max().item() == pytest.approx(row["score"], abs=1e-5)
        assert outputs.skim_rate.item() == pytest.approx(row["skim_rate"])


def test_options_may_come_as_a_json_file(script, files, tmp_path):
    options = {
        "train_file": str(files["train"]),
        "text_column": "review",
        "label_column": "mood",
        "output_dir": str(tmp_path / "json"),
        "do_train": True,
        "max_steps": 1,
        "use_cpu": True,
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
        "hidden_size": 6,
        "skim_sizes": [2, 0],
    }
    (tmp_path / "options.json").write_text(json.dumps(options))
    script.main([str(tmp_path / "options.json")])
    saved = json.loads((tmp_path / "json" / "config.json").read_text())
    assert (saved["hidden_size"], saved["skim_sizes"]) == (6, [2, 0])


def test_a_plain_model_starts_a_skimming_one(run, tmp_path):
    plain = ["--policy", "full", "--hidden_size", "6", "--embedding_size", "5", "--min_frequency", "1"]
    run("--do_train", "--max_steps", "2", *plain, output="plain")
    still = ["--do_train", "--max_steps", "1", "--learning_rate", "0"]
    run("--warm_start_from", tmp_path / "plain", "--skim_sizes", "3", *still)
    old, new = weights(tmp_path / "plain"), weights(tmp_path / "out")
    assert old.keys() < new.keys()
    assert all(torch.equal(old[name], new[name]) for name in old)
    tokenizer = (tmp_path / "plain" / "tokenizer.json").read_bytes()
    assert (tmp_path / "out" / "tokenizer.json").read_bytes() == tokenizer
    loaded = ["--model_name_or_path", tmp_path / "out", "--do_eval"]
    metrics, _ = run(*loaded, splits=("validation",), output="eval")
    assert "eval_accuracy" in metrics


def test_an_interrupted_run_is_resumed(run):
    steps = ["--do_train", "--max_steps", "6", "--save_steps", "3", "--dropout", "0.2", *SMALL]
    _, folder = run(*steps, output="whole")
    _, other = run(*steps, output="other")
    # What an interruption after the first checkpoint leaves behind.
    shutil.rmtree(other / "checkpoint-6")
    (other / "model.safetensors").unlink()
    run(*steps, "--resume_from_checkpoint", "last", output="other")
    came, expected = weights(other), weights(folder)
    assert all(torch.equal(came[name], expected[name]) for name in expected)
    with pytest.raises(ValueError, match=r"no checkpoint in .*nothing"):
        run(*steps, "--resume_from_checkpoint", "true", output="nothing")


def test_word_vectors_give_the_embedding_size(run, tmp_path):
    (tmp_path / "vectors.txt").write_text("dull 1 2 3\nfine 4 5 6\nplot 7 8 9\n")
    still = ["--do_train", "--max_steps", "1", "--learning_rate", "0"]
    _, folder = run(*still, "--glove", tmp_path / "vectors.txt", "--skim_sizes", "3")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    table = weights(folder)["skim_rnn.embed_tokens.weight"]
    assert table[tokenizer.convert_tokens_to_ids("fine")].tolist() == [4.0, 5.0, 6.0]


def test_other_tasks_follow_from_the_labels(script, tmp_path):
    for name, labels in (("several", [["a"], ["a", "b"], []]), ("numbers", [0.5, 1.5, 2.0])):
        path = tmp_path / f"{name}.jsonl"
        rows = [{"text": f"word{n}", "label": label} for n, label in enumerate(labels * 3)]
        path.write_text("\n".join(map(json.dumps, rows)))
        line = ["--train_file", str(path), "--test_file", str(path), "--output_dir", str(tmp_path / name)]
        steps = ["--do_train", "--do_predict", "--max_steps", "2"]
        metrics = script.main([*line, *steps, *SMALL, *QUIET])
        key = {"several": "predict_macro_f1", "numbers": "predict_mae"}[name]
        assert key in metrics
        first = json.loads((tmp_path / name / "predictions.jsonl").read_text().splitlines()[0])
        assert ("scores" in first) == (name == "several")
        assert ("value" in first) == (name == "numbers")


def test_pushing_goes_through_the_trainer(run, monkeypatch):
    pushed = []
    monkeypatch.setattr(SkimTrainer, "init_hf_repo", lambda self, token=None: None)
    monkeypatch.setattr(SkimTrainer, "_push_from_checkpoint", lambda self, folder: None)
    monkeypatch.setattr(SkimTrainer, "push_to_hub", lambda self, **options: pushed.append(options))
    run("--do_train", "--max_steps", "1", "--push_to_hub", "--save_strategy", "no", *SMALL)
    assert pushed == [{"commit_message": "Model save", "revision": None}, {}]


@pytest.mark.parametrize(
    ("options", "splits", "message"),
    [
        ([], ("train",), "nothing to do"),
        (["--do_eval"], ("test",), "Without a training split"),
        (["--do_train", "--do_predict"], ("train",), "no test split.*--test_file"),
        (["--do_train"], (), "--dataset_name, or files"),
        (["--do_train", "--dataset_name", "x/y"], ("train",), "--dataset_name, or files"),
        (["--do_train", "--glove", "a", "--warm_start_from", "b"], ("train",), "Give one of"),
        (["--do_train", "--small_cells", "slice"], ("train",), "needs --warm_start_from"),
        (["--do_eval", "--model_name_or_path", "a", "--dropout", "0"], ("train",), "leave out dropout"),
        (["--do_train", "--policy", "skimm"], ("train",), "policy must be one of full, skim"),
        (["--do_train", "--text_column", "body"], ("train",), "no column 'body'"),
    ],
)
def test_contradictions_are_refused(run, options, splits, message):
    with pytest.raises(ValueError, match=message):
        run(*options, splits=splits)


def test_the_test_split_never_serves_as_validation(run, tmp_path):
    run("--do_train", "--max_steps", "1", *SMALL, output="model")
    with pytest.raises(ValueError, match="no validation split"):
        run("--model_name_or_path", tmp_path / "model", "--do_eval", splits=("test",))


@pytest.mark.slow
def test_the_script_runs_from_a_shell(files, tmp_path):
    script = Path(__file__).parents[2] / "scripts" / "run_classification.py"
    shown = subprocess.run([sys.executable, script, "--help"], capture_output=True, text=True, check=True)
    assert all(option in shown.stdout for option in ("--warm_start_from", "--gamma", "--temperature_rate"))
    line = ["--train_file", files["train"], "--text_column", "review", "--label_column", "mood", "--do_train"]
    line += ["--do_eval", "--max_steps", "2", "--output_dir", tmp_path / "out", *SMALL, *QUIET]
    done = subprocess.run([sys.executable, script, *line], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "eval_accuracy = " in done.stderr


def test_a_teacher_and_early_stopping_from_the_command_line(script, tmp_path):
    path, folder = tmp_path / "train.jsonl", tmp_path / "out"
    rows = [
        {"text": text, "label": label, "soft": [0.9, 0.1] if label == "neg" else [0.1, 0.9]}
        for text, label in texts(12, 0)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    steps = ["--do_train", "--do_eval", "--num_train_epochs", "9", "--learning_rate", "0"]
    line = ["--train_file", str(path), "--output_dir", str(folder), *steps, *SMALL, *QUIET]
    taught = ["--teacher_column", "soft", "--teacher_weight", "0.5"]
    script.main([*line, *taught, "--early_stopping_patience", "1", "--word_dropout", "0.1"])
    state = json.loads((folder / "trainer_state.json").read_text())
    # The second epoch is no better than the first.
    assert (state["epoch"], state["best_global_step"]) == (2.0, state["global_step"] // 2)
    accuracies = [line["eval_accuracy"] for line in state["log_history"] if "eval_accuracy" in line]
    assert state["best_metric"] == max(accuracies)
    recipe = json.loads((folder / "results.json").read_text())["training"]["recipe"]
    assert (recipe["teacher_weight"], recipe["early_stopping_patience"]) == (0.5, 1)
    with pytest.raises(ValueError, match="go together"):
        script.main([*line, "--teacher_weight", "0.5"])
