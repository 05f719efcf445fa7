from __future__ import annotations

import numpy as np
import pytest
from transformers import EvalPrediction

from skim_hf import SkimRNNConfig
from skim_hf.training.evaluation import make_compute_metrics

READING = {"skim_rate_macro", "skim_rate_micro", "flop_ratio_paper", "macs_ratio"}


def metrics(predictions, labels, **fields):
    config = SkimRNNConfig(vocab_size=9, **fields)
    return make_compute_metrics(config)(EvalPrediction(predictions=predictions, label_ids=np.array(labels)))


def test_one_label_per_text():
    logits = np.array([[0.1, 0.9], [0.8, 0.2], [0.4, 0.6]])
    assert metrics(logits, [1, 0, 0]) == {"accuracy": pytest.approx(2 / 3), "macro_f1": pytest.approx(2 / 3)}
    both = metrics((logits, np.array([[[1, 1]], [[2, 0]], [[0, 5]]])), [1, 0, 0])
    assert both.keys() == {"accuracy", "macro_f1"} | READING
    assert both["skim_rate_micro"] == pytest.approx(6 / 9)


def test_several_labels_per_text():
    logits = np.array([[1.0, -1.0], [1.0, 1.0]])
    scores = metrics(logits, [[1, 0], [0, 1]], problem_type="multi_label_classification")
    assert scores == {"accuracy": 0.5, "macro_f1": pytest.approx((2 / 3 + 1) / 2)}


def test_numbers():
    assert metrics(np.array([[1.0], [3.0]]), [1.0, 1.0], num_labels=1) == {"mse": 2.0, "mae": 1.0}


def test_labels_of_tokens():
    logits = np.full((2, 3, 2), -100.0)
    logits[0, :, 1], logits[1, 0, 0] = 1.0, 1.0
    scores = metrics(logits, [[1, 1, 0], [0, -100, -100]])
    assert scores["accuracy"] == 0.75
