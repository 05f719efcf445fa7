"""Which words were read, on the command line."""

import pytest

from skim_hf.runtime import SkimRuntime

TEXT = "a good film, very dull\nnot fine"


@pytest.fixture(scope="module")
def expected(folder):
    """How the runtime reads the text."""
    trace = SkimRuntime.from_pretrained(folder).trace(TEXT)
    # Some of it, or nothing below could fail.
    assert 0 < trace.skim_rate < 1
    return trace


def test_pipes_get_marks(cli, folder, expected):
    for found in (cli("trace", folder, TEXT), cli("trace", folder, input=f"{TEXT}\n")):
        assert found.exit_code == 0
        marked, _, summary = found.stdout.rpartition("\n\n")
        assert marked == expected.to_text()
        read = sum(token.is_read for token in expected.tokens)
        assert (
            summary
            == f"{expected.label} ({expected.score:.3f}), {read} of {len(expected.tokens)} tokens read\n"
        )


def test_terminals_get_colours_unless_they_say_no(on_terminal, folder, expected):
    for environment, marked in [
        ({}, expected.to_ansi()),
        ({"NO_COLOR": "1"}, expected.to_text()),
        ({"NO_COLOR": ""}, expected.to_ansi()),
        ({"TERM": "dumb"}, expected.to_text()),
    ]:
        code, shown = on_terminal("trace", folder, TEXT, **environment)
        assert code == 0
        assert shown.startswith(marked)


def test_json_has_every_token(records, folder, expected):
    (found,) = records("trace", folder, TEXT, "--json")
    assert found["text"] == TEXT
    assert found["skim_rate"] == expected.skim_rate
    assert [TEXT[token["start"] : token["end"]] for token in found["tokens"]] == TEXT.replace(
        ",", " ,"
    ).split()
    assert [token["read"] for token in found["tokens"]] == [token.is_read for token in expected.tokens]


def test_a_page_is_written_whole(cli, folder, expected, tmp_path):
    page = tmp_path / "new" / "page.html"
    found = cli("trace", folder, TEXT, "--html", page)
    assert (found.exit_code, found.stdout) == (0, "")
    assert page.read_text(encoding="utf-8") == expected.to_html(full_page=True)
    found = cli("trace", folder, TEXT, "--html", tmp_path)
    assert found.exit_code == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new"]


def test_labels_of_tokens(cli, shared_models):
    tagger = shared_models.folder(
        architectures=["SkimRNNForTokenClassification"], id2label={"0": "O", "1": "X"}
    )
    found = cli("trace", tagger, "a good film")
    labels = SkimRuntime.from_pretrained(tagger).predict("a good film")
    pairs = " ".join(f"{word}/{label}" for word, label in zip(["a", "good", "film"], labels, strict=True))
    assert pairs in found.stdout.splitlines()


def test_a_text_cannot_command_the_terminal(cli, folder):
    shown = cli("trace", folder, "a \x1b[2J film \x07").stdout
    assert "\x1b" not in shown
    assert "\x07" not in shown


def test_a_question_is_for_models_that_answer(cli, folder):
    found = cli("trace", folder, TEXT, "--question", "What?")
    assert (found.exit_code, found.stdout) == (1, "")
    assert "answers no questions" in found.stderr
