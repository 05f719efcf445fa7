"""Trials of recipes: what is trained, that test texts are not touched, and what the log keeps and shows."""

import itertools
import json
import random
from pathlib import Path

import pytest
from datasets import Dataset

WORDS = ["the", "film", "was", "a", "fine", "plot", "of", "dull", "actors", "and", "great", "scenes"]


@pytest.fixture
def texts():
    source = random.Random(5)
    return [" ".join(source.choices(WORDS, k=source.randint(3, 9))) for _ in range(27)]


@pytest.fixture
def attempt(script, tmp_path, texts):
    """Runs the script on prepared data; returns the entries of the log."""
    given = tmp_path / "given"
    given.mkdir()
    for name, part in {"train": texts[:11], "validation": texts[11:20], "test": texts[20:]}.items():
        rows = {"text": part, "label": [number % 2 for number in range(len(part))]}
        Dataset.from_dict(rows).to_parquet(str(given / f"{name}.parquet"))
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("film 0.5 1\n", encoding="utf-8")
    log = tmp_path / "tried.json"
    places = [f"--glove={vectors}", f"--output={tmp_path / 'out'}", f"--log={log}", f"--data={given}"]

    def run(name, *words):
        line = ["--study=skim-lstm-imdb", f"--name={name}", *places, *words]
        script("try_recipe").main(line)
        return json.loads(log.read_text(encoding="utf-8"))["tried"]

    return run


def given_to(command):
    return {name[2:]: value for name, value in itertools.pairwise(command) if name.startswith("--")}


def test_a_recipe_is_tried_kept_and_gone_on_with(attempt, script, texts, random_training, tmp_path):
    commands = random_training(texts, ("negative", "positive"))
    changes = ["--base=frozen", "--", "--pooling", "max", "--ema_decay", "null"]
    (entry,) = attempt("Max pooling", "--seeds=2", *changes)
    given = given_to(commands[0])
    base = script("reproduce_skim_lstm_imdb").STUDY.readers["frozen"].options
    assert (given["pooling"], given["policy"], given["dropout"]) == ("max", "full", str(base["dropout"]))
    assert "ema_decay" not in given
    assert "test_file" not in given
    assert Path(given["validation_file"]) == tmp_path / "out" / "data" / "validation.parquet"
    assert entry["seeds"] == [1, 2]
    assert entry["changed"] == {"pooling": "max", "ema_decay": None}
    assert entry["recipe"]["pooling"] == "max"
    assert (entry["split"], entry["texts"]) == ("validation", len(set(texts[11:20]) - set(texts[20:])))
    accuracies = [run["accuracy"] for run in entry["runs"]]
    assert entry["validation"]["accuracy"]["mean"] == pytest.approx(sum(accuracies) / 2)
    assert str(tmp_path) not in json.dumps(entry)
    # What is finished stays, and more seeds join it.
    (longer,) = attempt("Max pooling", "--first-seed=3", *changes)
    assert len(commands) == 3
    assert longer["seeds"] == [1, 2, 3]
    with pytest.raises(SystemExit, match=r"and now .* is wanted"):
        attempt("Max pooling", "--base=frozen", "--", "--pooling", "mean")
    # A later one starts from it.
    skim = ("--base=skim", "--start=Max pooling", "--seeds=2")
    entries = attempt("skim", *skim)
    assert [each["name"] for each in entries] == ["Max pooling", "skim"]
    started = given_to(commands[-1])
    assert Path(started["warm_start_from"]) == tmp_path / "out" / "tried" / "models" / "max-pooling-2"
    assert "glove" not in started
    with pytest.raises(SystemExit, match="'Max pooling' was not tried with seed 4"):
        attempt("skim", *skim, "--first-seed=4")
    entries = attempt("mean", "--base=frozen", "--", "--ema_decay", "null", "--pooling", "mean")
    # Of recipes of a kind what they do not share; the skimming one is alone.
    table = script("_tried").render_tried(entries, "skim-lstm-imdb")
    assert "| Max pooling | frozen | `pooling` max | 3 |" in table
    assert "| mean | frozen | `pooling` mean | 1 |" in table
    assert "| skim | skim, started from Max pooling |  | 2 |" in table
    assert script("_tried").render_tried(entries, "skim-lstm-sst2") == "Not measured yet."


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["--base=skim"], "skim starts from plain: try that first"),
        ([], "plain starts from frozen: try that first"),
        (["--base=small"], "Expected --base to be one of frozen, plain, skim"),
        (["--base=frozen", "--", "--test_file", "x"], "--test_file is not for a recipe to change"),
        (["--", "max"], "Expected options after --"),
        (["--study=skim-lstm-imbd"], "Expected --study to be one of skim-lstm-ag-news"),
        (["--base=frozen", "--seeds=0"], "counts must be at least 1"),
    ],
)
def test_what_makes_no_sense_is_refused(attempt, capsys, line, message):
    with pytest.raises(SystemExit):
        attempt("it", *line)
    assert message in " ".join(capsys.readouterr().err.split())


def test_values_are_those_that_are_meant(script):
    parse = script("try_recipe").parse_options
    words = [
        "--skim_sizes",
        "10",
        "5",
        "--dropout",
        "0.5",
        "--ema_decay",
        "null",
        "--pooling",
        "last",
        "--bf16",
    ]
    assert parse(words) == {
        "skim_sizes": [10, 5],
        "dropout": 0.5,
        "ema_decay": None,
        "pooling": "last",
        "bf16": True,
    }
