"""Training on two processes, started by torchrun."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification

# Threads of torch's gloo that outlive the results abort a process now and then while the interpreter is
# taken down, so a program waits for the other one and leaves without that.
LEAVE = """
if torch.distributed.is_initialized():
    torch.distributed.barrier()
os._exit(0)
"""

PROGRAM = """
import json, os, random, sys
import datasets, torch
from skim_hf import SkimRNNConfig, SkimRNNForSequenceClassification, SkimTrainer, SkimTrainingArguments
from skim_hf.training import TextCollator, build_tokenizer, make_compute_metrics

def build(folder, **fields):
    torch.manual_seed(1)
    config = SkimRNNConfig(vocab_size=18, embedding_size=5, hidden_size=7, skim_sizes=[3], dropout=0.2)
    source = random.Random(0)
    ids = [[source.randint(2, 17) for _ in range(source.randint(1, 9))] for _ in range(21)]
    rows = datasets.Dataset.from_dict({"input_ids": ids, "labels": [text[0] % 2 for text in ids]})
    args = SkimTrainingArguments(
        output_dir=folder, use_cpu=True, per_device_train_batch_size=3, per_device_eval_batch_size=4,
        num_train_epochs=3, logging_steps=2, save_steps=6, disable_tqdm=True, dataloader_pin_memory=False,
        report_to="none", budget_weight=0.1, **fields,
    )
    tokenizer = build_tokenizer(["a b"], min_frequency=1, progress=False)
    model = SkimRNNForSequenceClassification(config)
    return rows, SkimTrainer(
        model, args, train_dataset=rows, data_collator=TextCollator(tokenizer),
        compute_metrics=make_compute_metrics(config),
    )

folder = sys.argv[1]
rows, trainer = build(folder)
trainer.train()
weights = [p.detach().clone() for p in trainer.model.parameters()]
report = trainer.predict(rows)
if trainer.is_world_process_zero():
    trainer.save_model(folder + "/final")
    logits, counts = report.predictions
    result = {
        "processes": trainer.args.world_size, "log": trainer.state.log_history,
        "logits": logits.tolist(), "counts": counts.tolist(), "metrics": report.metrics,
    }
rows, resumed = build(folder)
resumed.train(resume_from_checkpoint=folder + "/checkpoint-6")
if trainer.is_world_process_zero():
    pairs = zip(weights, resumed.model.parameters(), strict=True)
    result["resumed"] = all(torch.equal(a, b) for a, b in pairs)
    with open(folder + "/result.json", "w") as file:
        json.dump(result, file)
"""


@pytest.mark.slow
def test_two_processes_train_log_and_predict_as_one(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM + LEAVE)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    done = subprocess.run([*launcher, program, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["processes"] == 2
    # 21 rows in steps of 6: the checkpoint of step 6 lies in the middle of the second epoch.
    assert result["resumed"]
    lines = [line for line in result["log"] if "loss" in line]
    assert len(lines) == 6
    for line in lines:
        assert line["loss"] == pytest.approx(line["task_loss"] + line["budget_loss"], abs=1e-6)
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "final").eval()
    counts = np.array(result["counts"])
    assert counts.shape == (21, 1, 2)
    assert result["metrics"]["test_skim_rate_micro"] == pytest.approx(counts[..., 1].sum() / counts.sum())
    source = random.Random(0)
    for logits in result["logits"]:
        ids = torch.tensor([[source.randint(2, 17) for _ in range(source.randint(1, 9))]])
        np.testing.assert_allclose(model(input_ids=ids).logits[0].detach(), logits, atol=1e-5)


# Noise that is a function of the token stands in for noise that each process draws for itself.
EQUAL = """
import json, os, random, sys
import datasets, torch
from skim_hf import SkimRNNConfig, SkimRNNForSequenceClassification, SkimTrainer, SkimTrainingArguments
from skim_hf.modeling.reader_skim_rnn import SkimRNNReader
from skim_hf.training import TextCollator, build_tokenizer

read = SkimRNNReader.forward

def forward(self, inputs, packing, state, noise, *others):
    if noise is not None:
        noise = torch.sin(40 * inputs.detach()[:, : noise.shape[1]])
    return read(self, inputs, packing, state, noise, *others)

SkimRNNReader.forward = forward
folder, batch = sys.argv[1], int(sys.argv[2])
torch.manual_seed(1)
config = SkimRNNConfig(vocab_size=18, embedding_size=5, hidden_size=7, skim_sizes=[3, 0], budget_weight=0.1)
source = random.Random(0)
ids = [[source.randint(2, 17) for _ in range(source.randint(1, 9))] for _ in range(24)]
args = SkimTrainingArguments(
    output_dir=folder, use_cpu=True, ddp_backend="gloo" if "WORLD_SIZE" in os.environ else None,
    per_device_train_batch_size=batch, num_train_epochs=2, optim="sgd", learning_rate=0.5, logging_steps=1,
    save_strategy="no", disable_tqdm=True, report_to="none", dataloader_pin_memory=False,
)
model = SkimRNNForSequenceClassification(config).double()
trainer = SkimTrainer(
    model, args, data_collator=TextCollator(build_tokenizer(["a b"], min_frequency=1, progress=False)),
    train_dataset=datasets.Dataset.from_dict({"input_ids": ids, "labels": [text[0] % 2 for text in ids]}),
)
trainer.train()
group = torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1
if trainer.is_world_process_zero():
    result = {
        "processes": [trainer.args.world_size, group],
        "loss": [line["loss"] for line in trainer.state.log_history if "loss" in line],
        "weights": [p.tolist() for p in model.parameters()],
    }
    with open(f"{folder}/{batch}.json", "w") as file:
        json.dump(result, file)
"""


def test_two_processes_equal_one_with_the_doubled_batch(tmp_path):
    program = tmp_path / "equal.py"
    program.write_text(EQUAL + LEAVE)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    results = {}
    for command, batch in (([*launcher], 3), ([sys.executable], 6)):
        done = subprocess.run(
            [*command, program, tmp_path, str(batch)], capture_output=True, text=True, env=environment
        )
        assert done.returncode == 0, done.stderr
        results[batch] = json.loads((tmp_path / f"{batch}.json").read_text())
    assert results[3]["processes"] == [2, 2]
    assert results[6]["processes"] == [1, 1]
    # 24 rows, 6 at a step, twice.
    assert len(results[6]["loss"]) == 8
    assert results[6]["loss"][-1] != results[6]["loss"][0]
    np.testing.assert_allclose(results[3]["loss"], results[6]["loss"], rtol=0, atol=1e-6)
    for got, want in zip(results[3]["weights"], results[6]["weights"], strict=True):
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-10)
