from __future__ import annotations

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

from skim_hf import SkimRNNForSequenceClassification
from skim_hf.training import LogMelExtractor

QUIET = ["--use_cpu", "--disable_tqdm", "true", "--report_to", "none", "--dataloader_pin_memory", "false"]
SMALL = ["--hidden_size", "6", "--skim_sizes", "2"]
ADDING = ["--task", "adding", "--length", "8", "--eval_rows", "40", *SMALL, "--max_steps", "6"]


def tone(source, high):
    """A recording at 8000 samples a second that is high or low."""
    hertz = source.uniform(1500, 2500) if high else source.uniform(200, 600)
    return (6000 * np.sin(2 * np.pi * hertz * np.arange(source.integers(400, 900)) / 8000)).astype(np.int16)


@pytest.fixture
def recordings(tmp_path):
    """Parquet files of tones by several speakers."""
    source, paths = np.random.default_rng(0), {}
    for split, count in (("train", 40), ("test", 11)):
        audio = pa.array([tone(source, row % 2).tolist() for row in range(count)], pa.list_(pa.int16()))
        columns = {"audio": audio, "label": [row % 2 for row in range(count)]}
        paths[split] = tmp_path / f"{split}.parquet"
        pq.write_table(
            pa.table({**columns, "speaker": [f"s{row % 5}" for row in range(count)]}), paths[split]
        )
    return paths


@pytest.fixture
def run(sequence_script, tmp_path):
    """Runs the script; returns the metrics and the output folder."""

    def run_script(*options, output="out"):
        line = ["--output_dir", str(tmp_path / output), *QUIET, *map(str, options)]
        return sequence_script.main(line), tmp_path / output

    return run_script


def weights(folder):
    return load_file(folder / "model.safetensors")


def test_the_adding_task_is_scored_by_its_variance(run):
    metrics, folder = run(*ADDING, "--do_train", "--do_eval", "--do_predict")
    assert metrics["eval_mse_over_variance"] == pytest.approx(6 * metrics["eval_mse"])
    assert metrics["predict_solved"] == 0.0
    assert metrics["predict_used"] == pytest.approx(1 - metrics["predict_skim_rate_micro"])
    assert metrics["eval_mse"] != metrics["predict_mse"]
    assert json.loads((folder / "all_results.json").read_text())["eval_used"] == metrics["eval_used"]
    config = json.loads((folder / "config.json").read_text())
    assert (config["vocab_size"], config["input_size"], config["problem_type"]) == (None, 2, "regression")
    assert len((folder / "predictions.jsonl").read_text().splitlines()) == 40
    again, _ = run(*ADDING[:6], "--do_eval", "--model_name_or_path", folder, output="again")
    assert again["eval_mse"] == pytest.approx(metrics["eval_mse"])


def test_an_interrupted_adding_run_is_resumed(run):
    steps = ["--do_train", "--save_steps", "3", "--per_device_train_batch_size", "5", *ADDING]
    _, whole = run(*steps, output="whole")
    _, other = run(*steps, output="other")
    # What an interruption after the first checkpoint leaves behind.
    shutil.rmtree(other / "checkpoint-6")
    (other / "model.safetensors").unlink()
    run(*steps, "--resume_from_checkpoint", "last", output="other")
    came, expected = weights(other), weights(whole)
    assert all(torch.equal(came[name], expected[name]) for name in expected)


def test_recordings_from_samples_to_predictions(run, recordings):
    files = ["--train_file", recordings["train"], "--test_file", recordings["test"]]
    heard = ["--audio_column", "audio", "--sampling_rate", "8000", "--num_mels", "9"]
    steps = ["--do_train", "--do_eval", "--do_predict", "--num_train_epochs", "8", "--learning_rate", "3e-2"]
    metrics, folder = run(*files, *heard, *steps, *SMALL, "--group_column", "speaker", "--pooling", "mean")
    assert metrics["predict_accuracy"] == 1.0
    extractor = LogMelExtractor.from_pretrained(folder)
    assert len(extractor.mean) == 9
    # What the script predicts, a user can predict with the saved folder.
    model = SkimRNNForSequenceClassification.from_pretrained(folder).eval()
    lines = [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]
    samples = np.array(pq.read_table(recordings["test"])["audio"][3].as_py(), np.int16)
    outputs = model(inputs_embeds=torch.from_numpy(extractor(samples))[None])
    assert outputs.logits.softmax(-1).max().item() == pytest.approx(lines[3]["score"], abs=1e-5)
    loaded = ["--test_file", recordings["test"], "--do_predict", "--model_name_or_path", folder]
    again, _ = run(*loaded, *heard[:2], output="again")
    assert again["predict_accuracy"] == 1.0


def test_feature_sequences_with_numbers(run, tmp_path):
    source = np.random.default_rng(1)
    frames = [source.normal(size=(source.integers(1, 6), 3)).tolist() for _ in range(20)]
    path = tmp_path / "series.parquet"
    pq.write_table(pa.table({"frames": frames, "price": [sum(row[0]) for row in frames]}), path)
    columns = ["--train_file", path, "--feature_column", "frames", "--label_column", "price"]
    metrics, folder = run(*columns, *SMALL, "--do_train", "--do_eval", "--max_steps", "2")
    assert {"eval_mse", "eval_used"} <= metrics.keys()
    assert "eval_solved" not in metrics
    assert not (folder / "preprocessor_config.json").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--do_train"], "--task adding, or files"),
        (["--do_train", "--task", "adding", "--train_file", "x"], "not both"),
        (["--do_train", "--task", "copying"], "must be adding"),
        (["--do_train", "--task", "adding"], "--max_steps"),
        (["--task", "adding"], "nothing to do"),
        (
            ["--do_eval", "--task", "adding", "--model_name_or_path", "a", "--dropout", "0"],
            "leave out dropout",
        ),
    ],
)
def test_contradictions_are_refused(run, options, message):
    with pytest.raises(ValueError, match=message):
        run(*options)


def test_steps_without_their_data_are_refused(run, recordings):
    heard = ["--audio_column", "audio", "--sampling_rate", "8000"]
    with pytest.raises(ValueError, match=r"no test split.*--test_file"):
        run("--train_file", recordings["train"], *heard, "--do_train", "--do_predict")
    with pytest.raises(ValueError, match="give --model_name_or_path"):
        run("--test_file", recordings["test"], *heard, "--do_predict")
