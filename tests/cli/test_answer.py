"""Questions on the command line."""

import json
import shutil
from pathlib import Path

import pytest

from skim_hf import SkimRuntime
from skim_hf.results import ModelResults

from ..hub.tiny import make_folder

HEAD = "SkimRNNForQuestionAnswering"
QUESTIONS_FILE = Path(__file__).parents[1] / "data" / "questions.json"
QUESTION, CONTEXT = "What was good?", "The film was good 😀, it was fine."


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("reader") / "model"
    return make_folder(path, HEAD, reader="attention", char_vocab_size=300, char_filters=4)


@pytest.fixture
def folder(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "model")


def test_answers_on_the_command_line(saved, cli, tmp_path):
    (tmp_path / "text.txt").write_text(CONTEXT, encoding="utf-8")
    qa = SkimRuntime.from_pretrained(saved)
    found = cli("answer", saved, QUESTION, "--context", tmp_path / "text.txt", "--top-k", 2)
    assert [json.loads(line) for line in found.stdout.splitlines()] == qa.answer(QUESTION, CONTEXT, top_k=2)
    found = cli("answer", saved, QUESTION, "--threshold", 1, input=CONTEXT + "\n")
    assert json.loads(found.stdout) == SkimRuntime.from_pretrained(saved, threshold=1.0).answer(
        QUESTION, CONTEXT
    )
    assert json.loads(cli("answer", saved, QUESTION, input="").stdout)["answer"] == ""
    assert cli("answer", saved, QUESTION, "--context", tmp_path / "absent").exit_code == 1


def test_traces_on_the_command_line(saved, cli, tmp_path):
    trace = SkimRuntime.from_pretrained(saved).trace_answer(QUESTION, CONTEXT)
    found = cli("answer", saved, QUESTION, "--trace", input=CONTEXT)
    assert found.stdout.rstrip("\n") == trace.to_text().rstrip("\n")
    page = tmp_path / "trace.html"
    assert cli("answer", saved, QUESTION, "--html", page, input=CONTEXT).stdout == ""
    assert page.read_text(encoding="utf-8") == trace.to_html(full_page=True)
    values = json.loads(cli("answer", saved, QUESTION, "--trace", "--json", input=CONTEXT).stdout)
    assert values["answers"][0]["answer"] == trace.answer.text
    assert [tuple(token["decisions"]) for token in values["tokens"]] == [t.decisions for t in trace.tokens]
    assert [*values["layer_skim_rates"]] == [*trace.layers]


def test_evaluate_and_info_on_the_command_line(folder, cli):
    found = cli("evaluate", folder, QUESTIONS_FILE, "--results", folder / "results.json")
    block = json.loads(found.stdout)
    assert ModelResults.load(folder).evaluation == block
    assert cli("evaluate", folder, QUESTIONS_FILE, "--format", "table").exit_code == 0
    report = json.loads(cli("info", folder).stdout)
    assert (report["architecture"], report["max_answer_length"]) == (HEAD, 15)
    assert "labels" not in report
    table = cli("info", folder, "--format", "table").stdout
    assert "reader" in table
    refused = cli("predict", folder, "a text")
    assert refused.exit_code == 1
    assert "answer" in refused.stderr
