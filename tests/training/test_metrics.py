from __future__ import annotations

import importlib
import socket
import sys

import evaluate
import numpy as np
import pytest

from skim_hf import SkimRNNConfig
from skim_hf.results.answers import answer_scores
from skim_hf.results.effort import reading_scores
from skim_hf.training.metrics import MODULES, metric_path
from skim_hf.training.metrics.answers.answers import Answers
from skim_hf.training.metrics.classification.classification import Classification
from skim_hf.training.metrics.reading.reading import Reading


def small_config(**fields):
    return SkimRNNConfig(**{"vocab_size": 10, "embedding_size": 100, "hidden_size": 100, **fields})


def answer_rows(given, wanted):
    predictions = [{"id": name, "prediction_text": text} for name, text in given.items()]
    answers = {name: {"text": texts, "answer_start": [0] * len(texts)} for name, texts in wanted.items()}
    return predictions, [{"id": name, "answers": answers[name]} for name in wanted]


def test_an_unknown_module_is_refused():
    with pytest.raises(ValueError, match="classification, reading"):
        metric_path("rouge")


def test_modules_can_be_instantiated(tmp_path):
    metric = Classification(cache_dir=str(tmp_path))
    for predicted, wanted in (([0, 1], [0, 0]), ([1], [1])):
        metric.add_batch(predictions=predicted, references=wanted)
    assert metric.compute() == {"accuracy": pytest.approx(2 / 3), "macro_f1": pytest.approx(2 / 3)}
    reading = Reading(cache_dir=str(tmp_path))
    reading.add_batch(skim_rate=[0.25], lengths=[4])
    reading.add_batch(skim_rate=np.array([1.0], dtype=np.float32), lengths=np.array([10]))
    scores = reading.compute(config=small_config())
    assert scores == pytest.approx(reading_scores([[[3, 1]], [[0, 10]]], small_config()))


def test_modules_load_without_a_network(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    # `evaluate` copies a module to its cache and imports it from there.
    monkeypatch.setattr(evaluate.config, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    # In front, because the user's own cache may be on the path already and hold other modules.
    monkeypatch.setattr(sys, "path", [str(tmp_path / "modules"), *sys.path])
    for name in [name for name in sys.modules if name.startswith("evaluate_modules")]:
        monkeypatch.delitem(sys.modules, name)

    assert {"answers", "classification", "reading"} == set(MODULES)
    task = evaluate.load(metric_path("classification"), cache_dir=str(tmp_path))
    assert type(task).__module__.startswith("evaluate_modules")
    assert task.compute(predictions=[0, 1, 1], references=[0, 1, -100]) == {"accuracy": 1.0, "macro_f1": 1.0}
    # Python may have listed the cache's folder before `evaluate` added the second module to it.
    importlib.invalidate_caches()
    reading = evaluate.load(metric_path("reading"), cache_dir=str(tmp_path))
    rates = {"skim_rate_macro": 0.75, "skim_rate_micro": 0.9}
    assert reading.compute(skim_rate=[0.5, 1.0], lengths=[2, 8]) == rates
    counts = [[[1, 1, 0]], [[0, 4, 4]]]
    assert reading.compute(skim_rate=[0.5, 1.0], lengths=[2, 8], choice_counts=counts) == rates
    importlib.invalidate_caches()
    answers = evaluate.load(metric_path("answers"), cache_dir=str(tmp_path))
    given, wanted = answer_rows({"q": "the end"}, {"q": ["End.", "beginning"]})
    assert answers.compute(predictions=given, references=wanted) == {"exact_match": 100.0, "f1": 100.0}


def test_jumps_are_counted_by_the_module(tmp_path):
    config = small_config(policy="full", jump_every=2, jump_size=3, jump_limit=4)
    counts = {"choices": [[[4]], [[3]]], "lengths": [8, 3], "jumps": [[2], [1]]}
    scores = Reading(cache_dir=str(tmp_path)).compute(
        skim_rate=[0.5, 0.0], lengths=[8, 3], config=config, choice_counts=counts
    )
    assert scores == reading_scores(counts, config)
    assert scores["visited_rate"] == pytest.approx(7 / 11)
    with pytest.raises(ValueError, match="Pass choice_counts"):
        Reading(cache_dir=str(tmp_path)).compute(skim_rate=[0.5], lengths=[8], config=config)


def test_answers_in_batches_and_without_an_answer(tmp_path):
    metric = Answers(cache_dir=str(tmp_path))
    given = {"a": "blue whale", "b": "", "c": "so"}
    wanted = {"a": ["whale"], "b": [], "c": []}
    for name in given:
        predictions, references = answer_rows({name: given[name]}, {name: wanted[name]})
        metric.add_batch(predictions=predictions, references=references)
    scores = metric.compute(null_answers=True)
    assert scores == answer_scores(given, wanted, null_answers=True)
    assert scores["no_answer_f1"] == 50.0


def test_ids_of_answers_that_come_twice_are_refused(tmp_path):
    given, wanted = answer_rows({"a": "x"}, {"a": ["x"]})
    with pytest.raises(ValueError, match="1 different ids in 2 predictions"):
        Answers(cache_dir=str(tmp_path)).compute(predictions=given * 2, references=wanted * 2)
