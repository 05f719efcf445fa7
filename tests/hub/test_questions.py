"""Folders of question readers: results, card and push."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from skim_hf import SkimRuntime
from skim_hf.hub.card import render_card
from skim_hf.hub.plan import plan_push
from skim_hf.results import (
    ADAPTIVE,
    ModelResults,
    describe_answer,
    evaluate_answers,
    from_training,
    measure_answer_latency,
)
from skim_hf.runtime import RuntimeConfig
from skim_hf.tables import read_questions

QUESTIONS_FILE = Path(__file__).parents[1] / "data" / "questions.json"
HEAD = "SkimRNNForQuestionAnswering"
QUESTION, CONTEXT = "What was good?", "The film was good 😀, it was fine."


@pytest.fixture(scope="module", params=["attention", "bidaf"])
def saved(request, make_folder, tmp_path_factory):
    fields = {"reader": request.param, "char_filters": 4}
    # One of both reads characters, and one selects units.
    more = (
        {"char_vocab_size": 300}
        if request.param == "attention"
        else {"policy": "selective", "skim_sizes": []}
    )
    return make_folder(tmp_path_factory.mktemp("reader") / "model", HEAD, **fields, **more)


@pytest.fixture
def folder(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "model")


@pytest.fixture(scope="module")
def measured(saved):
    qa = SkimRuntime.from_pretrained(saved)
    about = {"data": {"name": "tiny questions", "hub_id": "org/tiny"}, "split": "validation"}
    evaluation = evaluate_answers(qa, read_questions(QUESTIONS_FILE), max_length=20, **about)
    answer = describe_answer(qa, QUESTION, CONTEXT)
    latency = measure_answer_latency({ADAPTIVE: qa}, [(QUESTION, CONTEXT)] * 3, rounds=2, max_length=20)
    return replace(ModelResults.load(saved), evaluation=evaluation, answer=answer, latency=latency)


def test_an_evaluation_is_what_the_runtime_finds(saved, measured):
    questions, block = read_questions(QUESTIONS_FILE), measured.evaluation
    qa = SkimRuntime.from_pretrained(saved)
    found = [qa.read_question(each.question, each.context, max_length=20) for each in questions]
    tokens = sum(reading.tokens_read for reading in found)
    assert (block["texts"], block["tokens"]) == (len(questions), tokens)
    exact = [
        reading.answers[0].text in [gold.text for gold in each.answers]
        for each, reading in zip(questions, found, strict=True)
    ]
    assert block["metrics"]["exact_match"] >= 100 * sum(exact) / len(exact)
    rates = block["layer_skim_rates"]
    weighted = sum(reading.skim_rate * reading.tokens_read for reading in found) / tokens
    assert sum(rates.values()) / len(rates) == pytest.approx(weighted)
    assert block["skim_rate_micro"] == pytest.approx(weighted)
    assert block["answers"]["doc_stride"] == 10


def test_results_are_kept_beside_the_weights(folder, measured):
    measured.save(folder)
    assert ModelResults.load(folder) == measured
    answer = measured.answer
    assert CONTEXT[answer["start"] : answer["end"]] == answer["answer"]
    broken = {**measured.evaluation, "answers": {"max_length": 3}}
    with pytest.raises(ValueError, match=r"evaluation\.answers lacks"):
        replace(measured, evaluation=broken)


def test_a_latency_is_that_of_questions(saved, measured):
    block = measured.latency
    assert (block["texts"], block["words_per_text"], block["contestants"][ADAPTIVE]["turns"]) == (3, 8, 6)
    qa = SkimRuntime.from_pretrained(saved)
    assert block["tokens_per_text"] == len(qa.encode(CONTEXT))
    with pytest.raises(ValueError, match="at least one runtime, one text"):
        measure_answer_latency({ADAPTIVE: qa}, [])
    with pytest.raises(TypeError, match="position 0 of context"):
        measure_answer_latency({ADAPTIVE: qa}, [(QUESTION, 3)])


def test_the_card_is_that_of_a_question_reader(folder, measured):
    measured.save(folder)
    card = render_card(folder, repo_id="org/qa")
    data, text = card.data.to_dict(), card.text
    assert data["pipeline_tag"] == "question-answering"
    assert data["metrics"] == ["exact_match", "f1"]
    entry = yaml.safe_load(str(card).split("---")[1])["model-index"][0]["results"][0]
    assert entry["task"]["type"] == "question-answering"
    figures = {metric["type"]: metric["value"] for metric in entry["metrics"]}
    assert figures["f1"] == pytest.approx(measured.evaluation["metrics"]["f1"], abs=1e-3)
    assert data["widget"] == [{"text": QUESTION, "context": CONTEXT}]
    assert "Finds the answer to a question in a text" in text
    assert 'pipeline("skim-question-answering", model="org/qa"' in text
    assert "qa.answer(question, context)" in text
    for layer in measured.evaluation["layer_skim_rates"]:
        assert f", {layer} |" in text
    assert "string to answer, median (p50)" in text
    assert "label" not in text.lower().replace("labelled_only", "")
    for block in text.split("```python")[1:]:
        compile(block.split("```")[0], "card", "exec")


def test_a_card_needs_no_evaluation(folder):
    text = render_card(folder).text
    assert "qa.answer(" in text
    assert "3 train questions" in text


def test_a_push_sends_code_card_and_pipeline(folder, measured):
    measured.save(folder)
    plan = plan_push(folder, repo_id="org/qa")
    names = {file.path for file in plan.files}
    assert {"README.md", "results.json", "question_skim_rnn.py", "pipeline_question_skim_rnn.py"} <= names
    assert (plan.left_out, plan.notes) == ({}, ())
    config = json.loads((folder / "config.json").read_text())
    assert config["auto_map"]["AutoModelForQuestionAnswering"] == f"question_skim_rnn.{HEAD}"
    assert [*config["custom_pipelines"]] == ["skim-question-answering"]


def test_weights_of_another_reader_are_refused(folder):
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**values, "num_encoder_layers": 2}))
    with pytest.raises(ValueError, match="encoder"):
        plan_push(folder)


def test_the_metrics_of_a_training_fill_the_same_block(saved):
    readers = RuntimeConfig.load(saved / "config.json").num_readers
    rates = {f"eval_layer_skim_rate_{reader}": reader / 10 for reader in range(readers)}
    found = from_training(
        saved,
        data={"name": "tiny questions"},
        splits={"train": 3, "validation": 2},
        recipe={},
        seed=0,
        metrics={
            "eval_exact_match": 50.0,
            "eval_f1": 60.0,
            "eval_loss": 1.0,
            "eval_skim_rate_micro": 0.2,
            **rates,
        },
    )
    assert found.evaluation["metrics"] == {"exact_match": 50.0, "f1": 60.0}
    by_layer = found.evaluation["layer_skim_rates"]
    assert [*by_layer.values()] == pytest.approx([0.05 + layer / 5 for layer in range(readers // 2)])
    assert [*by_layer][:2] == ["encoder layer 1", "layer 1"]
