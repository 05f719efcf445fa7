from __future__ import annotations

import json
import random
import subprocess
import sys

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification

PROGRAM = """
import json, random, sys
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
trainer.end()
"""


@pytest.mark.slow
def test_two_processes_train_log_and_predict_as_one(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
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
