"""Labels of texts, on the command line."""

import json
import os
import signal
import sys

import pytest
from rich.cells import cell_len

from skim_hf.runtime import SkimRuntime

TEXTS = ["a good film", "", "very bad, not fine", "a dull film"]


@pytest.fixture(scope="module")
def expected(folder):
    """What the runtime gives for the texts."""
    found = SkimRuntime.from_pretrained(folder)(TEXTS)
    return [{"text": text, **prediction} for text, prediction in zip(TEXTS, found, strict=True)]


@pytest.fixture(scope="module")
def tagger(shared_models):
    """A model that labels tokens."""
    return shared_models.folder(
        architectures=["SkimRNNForTokenClassification"], id2label={"0": "O", "1": "B-X", "2": "I-X"}
    )


def test_arguments_are_labelled_in_their_order(records, folder, expected):
    assert records("predict", folder, *TEXTS) == expected


def test_the_model_may_be_named_by_an_option(records, cli, folder, expected):
    assert records("predict", "--model", folder, *TEXTS) == expected
    assert records("predict", "--threads", "2", *TEXTS, f"--model={folder}") == expected
    # After -- everything is a text.
    [found] = records("predict", folder, "--", "--model")
    assert found["text"] == "--model"
    refused = cli("predict", *TEXTS, "--model")
    assert refused.exit_code == 2
    assert "--model needs a value" in refused.stderr


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_every_line_of_the_standard_input_is_a_text(records, folder, expected, end):
    content = b"\xef\xbb\xbf" + b"\r\n".join(text.encode() for text in TEXTS) + end
    assert records("predict", folder, input=content) == expected
    assert records("predict", folder, "--input", "-", input=content) == expected


def test_no_line_is_no_text(records, folder):
    assert records("predict", folder, input=b"") == []


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.tsv", "a.json", "a.jsonl", "a.parquet"])
def test_files_of_every_kind_give_the_same_results(records, write, folder, expected, name):
    path = write(name, text=TEXTS)
    assert records("predict", folder, "--input", path, "--threads", "2") == expected


def test_lines_of_json_come_through_a_pipe_too(records, folder, expected):
    lines = "\n\n".join(json.dumps({"message": text}) for text in TEXTS)
    assert records("predict", folder, "--text-column", "message", input=lines) == expected


def test_all_scores(records, folder):
    clf = SkimRuntime.from_pretrained(folder)
    for record, row in zip(
        records("predict", folder, *TEXTS, "--scores"), clf.predict_proba(TEXTS).tolist(), strict=True
    ):
        assert record["scores"] == dict(zip(clf.labels, row, strict=True))
        assert record["score"] == max(row)


def test_labels_alone(cli, folder, expected):
    found = cli("predict", folder, *TEXTS, "--format", "label")
    assert found.stdout.splitlines() == [record["label"] for record in expected]


def test_a_table_has_one_row_per_text_whatever_the_text_holds(cli, folder):
    texts = ["a good\n\tfilm", "\x1b[2J\x9b2J", "漢" * 90, "a " * 90]
    header, *rows = cli("predict", folder, *texts, "--format", "table", "--scores").stdout.splitlines()
    assert header.split() == ["label", "negative", "positive", "text"]
    assert rows[0].endswith("  a good film")
    assert "\x1b" not in rows[1]
    assert "\x9b" not in rows[1]
    places = {
        row.index(ending) for row, ending in zip(rows, ("a good", "\N{REPLACEMENT CHARACTER}"), strict=False)
    }
    assert places == {header.index("text")}
    # Wide characters take two columns each.
    assert [cell_len(row) for row in rows[2:]] == [100, 100]
    assert all(row.endswith("…") for row in rows[2:])


def test_tokens_with_labels(records, cli, tagger):
    clf = SkimRuntime.from_pretrained(tagger)
    found = records("predict", tagger, *TEXTS, "--scores")
    assert [record["entities"] for record in found] == clf(TEXTS)
    assert any(record["entities"] for record in found)
    assert [len(record["scores"]) for record in found] == [len(labels) for labels in clf.predict(TEXTS)]
    assert found[0]["scores"][0].keys() == set(clf.labels)
    labels = cli("predict", tagger, *TEXTS, "--format", "label").stdout.splitlines()
    assert [line.split() for line in labels] == clf.predict(TEXTS)
    header, *rows = cli("predict", tagger, *TEXTS, "--format", "table").stdout.splitlines()
    assert header.split() == ["entities", "text"]
    assert len(rows) == len(TEXTS)


def test_how_the_model_is_run_is_up_to_the_options(records, write, folder):
    options = ["--backend", "numpy", "--max-tokens", "2"]
    clf = SkimRuntime.from_pretrained(folder, backend="numpy", max_tokens=2, threshold=1.0)
    assert (
        records("predict", folder, TEXTS[2], *options, "--threshold", "1")[0]["score"]
        == clf(TEXTS[2])["score"]
    )
    clf = SkimRuntime.from_pretrained(folder, budget=0.3, calibration_texts=TEXTS)
    calibrated = records(
        "predict", folder, *TEXTS, "--budget", "0.3", "--calibration", write("c.csv", text=TEXTS)
    )
    assert [record["score"] for record in calibrated] == [result["score"] for result in clf(TEXTS)]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["text", "--input", "a.txt"], "not both"),
        (["text", "--threshold", "1.5"], "threshold"),
        (["text", "--threads", "0"], "threads"),
        (["text", "--backend", "torch"], "backend"),
        (["text", "--budget", "0.5"], "go together"),
        (["text", "--calibration", "a.txt"], "go together"),
        (["text", "--budget", "0.5", "--threshold", "0.5", "--calibration", "a.txt"], "or --budget"),
        (["text", "--no-such-option"], "no-such-option"),
    ],
)
def test_wrong_usage_ends_with_2(cli, folder, options, said):
    found = cli("predict", folder, *options)
    assert found.exit_code == 2
    assert said in found.stderr
    assert found.stdout == ""


def test_wrong_input_ends_with_1_and_what_was_wrong(cli, write, folder, tmp_path):
    for arguments, said in [
        ((tmp_path / "gone", "text"), "gone"),
        ((folder, "--input", tmp_path / "gone.csv"), "There is no file"),
        ((folder, "--input", tmp_path / "gone.txt"), "gone.txt"),
        ((folder, "--input", tmp_path), str(tmp_path)),
        ((folder, "--input", write("a.csv", body=["x"])), "--text-column body"),
        ((folder, "--input", write("b.jsonl", text=[7])), "must hold strings"),
    ]:
        found = cli("predict", *arguments)
        assert found.exit_code == 1
        assert found.stderr.startswith("Error: ")
        assert said in found.stderr
        assert found.stdout == ""


@pytest.mark.parametrize(
    ("content", "options"),
    [
        (b"a good film\n\xff\nfine\n", []),
        (b'{"text": "a good film"}\n{"text": 1}\n', ["--text-column", "text"]),
        (b'{"text": "a good film"}\n[]\n', ["--text-column", "text"]),
    ],
)
def test_what_came_before_a_wrong_line_is_labelled(cli, folder, expected, content, options):
    found = cli("predict", folder, *options, input=content)
    assert found.exit_code == 1
    assert found.stderr.startswith("Error: The standard input")
    assert json.loads(found.stdout) == expected[0]


def test_a_line_is_answered_before_the_next_one_comes(start, ask, folder, expected):
    child = start("predict", folder, "--threads", "2", bufsize=0)
    for record in expected:
        assert json.loads(ask(child, record["text"].encode() + b"\n")) == record
    # A line that has begun is no line yet.
    child.stdin.write(b"a good ")
    assert json.loads(ask(child, b"film\n")) == expected[0]
    child.stdin.close()
    assert child.wait(60) == 0
    assert child.stderr.read() == b""


def test_nobody_reading_any_more_is_no_error(start, write, folder):
    # More than a pipe holds.
    child = start("predict", folder, "--input", write("many.txt", text=["a good film"] * 20_000))
    child.stdout.readline()
    child.stdout.close()
    assert child.wait(60) == 0
    assert child.stderr.read() == b""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_an_interruption_ends_with_130(start, ask, folder):
    child = start("predict", folder, bufsize=0)
    ask(child, b"a good film\n")
    child.send_signal(signal.SIGINT)
    assert child.wait(60) == 130
    assert child.stderr.read() == b""


def test_the_output_is_utf_8_whatever_comes_in_and_wherever(start, folder):
    child = start(
        "predict", folder, os.fsdecode(b"caf\xc3\xa9 \xff"), environment={"PYTHONIOENCODING": "latin-1"}
    )
    assert json.loads(child.stdout.read().decode("utf-8"))["text"] == "café \N{REPLACEMENT CHARACTER}"
    child = start("predict", folder, "--text-column", "text", environment={"LC_ALL": "C", "PYTHONUTF8": "0"})
    child.stdin.write(b'{"text": "\\ud800\\u00e9 \\ud83d\\ude00"}')
    child.stdin.close()
    assert json.loads(child.stdout.read().decode("utf-8"))["text"] == "\N{REPLACEMENT CHARACTER}é 😀"


def test_a_terminal_gets_a_table(on_terminal, folder):
    code, shown = on_terminal("predict", folder, "a good film")
    assert code == 0
    assert shown.splitlines()[0].split() == ["label", "score", "text"]
    assert shown.splitlines()[1].endswith("a good film")


def test_a_traceback_is_for_those_who_ask(start, tmp_path):
    child = start("predict", tmp_path, "text")
    assert child.wait(60) == 1
    assert b"Traceback" not in child.stderr.read()
    child = start("--debug", "predict", tmp_path, "text")
    assert child.wait(60) == 1
    assert b"Traceback" in child.stderr.read()
