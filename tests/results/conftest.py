"""Tiny saved models of every kind, and a result file that holds every block."""

import pytest

from skim_hf import SkimRuntime
from skim_hf.results import describe_machine
from skim_hf.training import LabelSchema

TEXTS = ["a good film", "a bad film, a bad one!", "good", "", "unknown words only", "bad, bad"]
SINGLE = LabelSchema("single_label_classification", ("negative", "positive", "neutral"))


@pytest.fixture(scope="session")
def texts():
    """Texts of odd lengths, one of them without words."""
    return TEXTS


@pytest.fixture(scope="session")
def make_folder(save_varied, tmp_path_factory):
    """Saves a tiny model whose decisions vary."""

    def make(labels=SINGLE, **options):
        return save_varied(tmp_path_factory.mktemp("model"), TEXTS, labels, **options)

    return make


@pytest.fixture(scope="session")
def folder(make_folder):
    """A Skim-LSTM with three labels."""
    return make_folder()


@pytest.fixture(scope="session")
def clf(folder):
    return SkimRuntime.from_pretrained(folder)


@pytest.fixture
def blocks():
    """Every block, complete, of a result file; made anew for every test."""
    origin = {"machine": describe_machine(), "command": "python train.py"}
    times = {"median_us": 40.5, "p99_us": 90.0, "min_us": 20.0, "turns": 15}
    score = {"accuracy": 0.75}
    point = {"threshold": 0.5, "metrics": score, "read": 0.25, "macs_ratio": 3.0, "median_us": 41.0}
    engine = {"backend": "native", "dtype": "float32"}
    return {
        "model": {"architecture": "SkimRNNForSequenceClassification", "parameters": 7, "bytes": {"a": 9}},
        "training": {
            "data": {"name": "reviews", "language": "en"},
            "splits": {"train": 90, "test": 12},
            "recipe": {"learning_rate": 0.001, "skim_sizes": [10, 0], "glove": None, "fp16": False},
            "seed": 42,
            "seconds": 3.5,
            **origin,
        },
        "evaluation": {
            "data": {"name": "reviews"},
            "split": "test",
            "texts": 12,
            "tokens": 345,
            "threshold": 0.5,
            "metrics": score,
            "skim_rate_macro": 0.7,
            "skim_rate_micro": 0.75,
            "flop_ratio_paper": 4.0,
            "macs_ratio": 3.0,
            "answers": {
                "max_length": 400,
                "doc_stride": 128,
                "max_answer_length": 15,
                "null_threshold": -0.5,
            },
            "layer_skim_rates": {"encoder layer 1": 0.4, "layer 1": 0.6},
            "dense": {"what": "plain LSTM", "metrics": score},
            "curve": {
                "split": "validation",
                "texts": 9,
                "timed_texts": 5,
                "points": [point],
                **engine,
                **origin,
            },
            **engine,
            **origin,
        },
        "latency": {
            "what": "string to label",
            "threads": 1,
            "texts": 5,
            "rounds": 3,
            "words_per_text": 23.5,
            "tokens_per_text": 28.5,
            "contestants": {"adaptive": {**times, "times_faster_than": {"dense": 4.0}}, "dense": times},
            **engine,
            **origin,
        },
        "answer": {
            "question": "Who wrote it?",
            "context": "Ada wrote it.",
            "answer": "Ada",
            "score": 0.75,
            "start": 0,
            "end": 3,
            "read": [{"token": "ada", "start": 0, "end": 3}],
        },
        "example": {
            "text": "a good film",
            "label": "positive",
            "score": 0.9,
            "read": [{"token": "good", "start": 2, "end": 6}],
            "widget": ["a bad film"],
        },
        "predictions": {
            "threshold": 0.5,
            "texts": [{"text": "a film", "label": "positive", "score": 0.9, "read": 1, "tokens": 2}],
            "questions": [
                {"question": "Who?", "context": "Ada.", "answer": "Ada", "score": 0.75, "start": 0, "end": 3}
            ],
            "options": {"max_length": 100},
            **engine,
        },
    }
