"""Tiny data, models and arguments for the tests of training."""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path

import datasets
import pytest
import torch

from skim_hf import SkimRNNConfig, SkimRNNForSequenceClassification, SkimTrainingArguments
from skim_hf.training.collator import TextCollator
from skim_hf.training.tokenizer import build_tokenizer

WORDS = "the a film was it and of plot scene actor good great fine bad awful poor"


@pytest.fixture
def tokenizer():
    return build_tokenizer([WORDS], min_frequency=1, progress=False)


@pytest.fixture
def collator(tokenizer):
    return TextCollator(tokenizer)


@pytest.fixture
def make_rows():
    """Builds tokenized rows of uneven lengths; label 1 where the first token is even."""

    def make(count=23, seed=0, longest=9):
        source = random.Random(seed)
        ids = [[source.randint(2, 17) for _ in range(source.randint(1, longest))] for _ in range(count)]
        return datasets.Dataset.from_dict({"input_ids": ids, "labels": [text[0] % 2 for text in ids]})

    return make


@pytest.fixture
def make_model():
    """Builds a tiny classifier; the same arguments give the same weights."""

    def make(seed=1, head=SkimRNNForSequenceClassification, **fields):
        torch.manual_seed(seed)
        defaults = {"vocab_size": 18, "embedding_size": 5, "hidden_size": 7}
        if fields.get("policy", "skim") == "skim":
            defaults["skim_sizes"] = [3]
        return head(SkimRNNConfig(**{**defaults, **fields}))

    return make


@pytest.fixture
def make_args(tmp_path):
    """Builds training arguments for a quick, silent run on the CPU."""

    def make(cls=SkimTrainingArguments, **fields):
        defaults = {
            "output_dir": str(tmp_path / "run"),
            "use_cpu": True,
            "per_device_train_batch_size": 4,
            "per_device_eval_batch_size": 5,
            "learning_rate": 1e-2,
            "save_strategy": "no",
            "report_to": "none",
            "disable_tqdm": True,
            "dataloader_pin_memory": False,
        }
        return cls(**{**defaults, **fields})

    return make


def load_script(name):
    path = Path(__file__).parents[2] / "scripts" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    # The argument parser looks the annotations of its dataclasses up in the module.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def script():
    """The module `scripts/run_classification.py`."""
    return load_script("run_classification")


@pytest.fixture(scope="session")
def sequence_script():
    """The module `scripts/run_sequence.py`."""
    return load_script("run_sequence")
