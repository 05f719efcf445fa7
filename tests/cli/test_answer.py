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


def test_trace_takes_a_question(saved, cli, tmp_path):
    asked, text = ("trace", saved, "--question", QUESTION), tmp_path / "text.txt"
    text.write_text(f"{CONTEXT}\r\n", encoding="utf-8")
    shown = cli("answer", saved, QUESTION, "--trace", input=CONTEXT).stdout
    for found in (cli(*asked, "--context", text), cli(*asked, CONTEXT), cli(*asked, input=CONTEXT)):
        assert (found.exit_code, found.stdout) == (0, shown)
    shown = cli("answer", saved, QUESTION, "--trace", "--json", input=CONTEXT).stdout
    assert cli(*asked, CONTEXT, "--json").stdout == shown
    page = tmp_path / "trace.html"
    assert cli(*asked, CONTEXT, "--html", page).stdout == ""
    trace = SkimRuntime.from_pretrained(saved).trace_answer(QUESTION, CONTEXT)
    assert page.read_text(encoding="utf-8") == trace.to_html(full_page=True)


def test_trace_refuses_what_does_not_go_together(saved, cli, tmp_path):
    for wrong, message in [
        ([CONTEXT], "--question"),
        ([CONTEXT, "--question", QUESTION, "--context", tmp_path / "text.txt"], "--context"),
    ]:
        found = cli("trace", saved, *wrong)
        assert (found.exit_code, message in found.stderr) == (2, True)
    (tmp_path / "latin.txt").write_bytes(b"good\nf\xfcr")
    found = cli("trace", saved, "--question", QUESTION, "--context", tmp_path / "latin.txt")
    assert (found.exit_code, "latin.txt, line 2, is not UTF-8" in found.stderr) == (1, True)


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
    plan = json.loads(cli("push", folder, "org/qa", "--dry-run").stdout)
    assert {"README.md", "results.json", "question_skim_rnn.py"} <= set(plan["files"])


@pytest.mark.parametrize("command", ["predict", "bench", "info"])
def test_what_is_for_labels_is_refused(saved, cli, tmp_path, command):
    (tmp_path / "texts.txt").write_text(CONTEXT, encoding="utf-8")
    found = cli(command, saved, "--input", tmp_path / "texts.txt")
    assert (found.exit_code, found.stdout) == (1, "")
    assert "answers questions, and this is for models that label texts: use skim-hf answer" in found.stderr


@pytest.mark.parametrize("command", [["answer", QUESTION], ["info"], ["evaluate", QUESTIONS_FILE]])
def test_a_budget_is_refused(saved, cli, tmp_path, command):
    name, *given = command
    (tmp_path / "texts.txt").write_text(CONTEXT, encoding="utf-8")
    budget = ["--budget", 0.5, "--calibration", tmp_path / "texts.txt"]
    found = cli(name, saved, *given, *budget, input=CONTEXT)
    assert (found.exit_code, found.stdout) == (1, "")
    assert "this model answers questions: give it a threshold instead" in found.stderr
