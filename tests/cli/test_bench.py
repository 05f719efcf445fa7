"""Times of a model, on the command line."""

import pytest

from skim_hf.results import ModelResults

TEXTS = ["a good film", "very bad, not fine", "a dull film"]


def test_the_model_beside_itself_reading_everything(records, folder, write):
    (found,) = records("bench", folder, "--input", write("a.txt", text=TEXTS), "--texts", 2, "--rounds", 3)
    (block,) = found["latency"]
    assert found["texts"].endswith("a.txt")
    assert (block["texts"], block["rounds"], block["tokens_per_text"]) == (2, 3, 4.0)
    assert set(block["contestants"]) == {"adaptive", "dense"}
    assert block["contestants"]["dense"]["turns"] == 6


def test_made_up_texts_and_numpy_too(records, cli, folder):
    pytest.importorskip("skim_hf.native._runtime", reason="skim_hf was installed without its C extension")
    options = ["--texts", 2, "--rounds", 1, "--numpy"]
    (found,) = records("bench", folder, *options)
    assert found["texts"] == "made up"
    assert [block["backend"] for block in found["latency"]] == ["native", "numpy"]
    shown = cli("bench", folder, *options, "--format", "table").stdout
    assert shown.startswith("2 made-up texts of ")
    assert shown.count("every word read") == 2


def test_a_model_that_reads_everything_is_alone(cli, models, write):
    folder = models.folder(policy="full")
    options = ["--rounds", 1, "--format", "table", "--results", folder / "results.json"]
    found = cli("bench", folder, "--input", write("a.txt", text=TEXTS), *options)
    assert found.exit_code == 0
    assert "every word read" not in found.stdout
    assert set(ModelResults.load(folder).latency["contestants"]) == {"adaptive"}


def test_times_of_real_texts_can_be_kept(cli, models, write):
    folder = models.folder()
    options = ["--rounds", 1, "--results", folder / "results.json"]
    assert cli("bench", folder, *options).exit_code == 2
    assert cli("bench", folder, "--input", write("a.csv", text=TEXTS), *options).exit_code == 0
    assert ModelResults.load(folder).latency["texts"] == 3


def test_no_texts_are_an_error(cli, folder, write):
    found = cli("bench", folder, "--input", write("a.txt", text=[]))
    assert found.exit_code == 1
    assert "at least one runtime, one text" in found.stderr
