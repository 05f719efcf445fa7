"""Which readers are compared, how controls are matched, what is repeated, and what the document shows."""

import json
import random
import re
import shutil
import sys

import pytest
from datasets import Dataset

from skim_hf import SkimRNNConfig

WORDS = ["the", "film", "was", "a", "fine", "plot", "of", "dull", "actors", "and", "great", "scenes"]


@pytest.fixture
def compare(script):
    return script("compare_readers")


@pytest.fixture
def texts():
    source = random.Random(4)
    return [" ".join(source.choices(WORDS, k=source.randint(3, 30))) for _ in range(12)]


@pytest.fixture
def data(tmp_path, texts):
    """A folder of labelled texts."""
    folder = tmp_path / "data"
    folder.mkdir()
    rows = Dataset.from_dict({"text": texts, "label": ["neg", "pos"] * 6})
    for name in ("train", "validation", "test"):
        rows.to_parquet(str(folder / f"{name}.parquet"))
    return folder


@pytest.fixture
def trained(compare, random_training, texts):
    """Replaces training by models with random weights; lists the commands that asked for them."""
    return random_training(texts, ("neg", "pos"))


@pytest.fixture
def run(compare, data, tmp_path, trained):
    """Runs the comparison of a plain, a skimming, a small and a truncated reader; returns its results."""

    def run_script(*options):
        output = tmp_path / "out"
        line = ["--data", data, "--output", output, "--only", "small,truncated", "--jobs", 1, "--rounds", 1]
        compare.main([*map(str, line), "--timed-texts", "2", "--seeds", "2", *options])
        return json.loads((output / "readers.json").read_text(encoding="utf-8"))

    return run_script


def test_readers_come_with_all_that_they_need(compare):
    assert compare.with_needs(["random"]) == ["plain", "skip", "random"]
    assert compare.with_needs(["small", "jump"]) == ["plain", "skim", "jump", "small"]
    readers = list(compare.READERS)
    for name, reader in compare.READERS.items():
        assert all(readers.index(needed) < readers.index(name) for needed in reader.needs)
        assert (reader.like is None) == (reader.matched is None)
    with pytest.raises(ValueError, match="got skimm"):
        compare.with_needs(["skimm"])


def test_every_recipe_is_a_configuration(compare, script):
    options = script("run_classification")
    commands = script("_commands")
    for reader in compare.READERS.values():
        matched = {"rate": {"skip_rate": 0.4}, "width": {"hidden_size": 12}, "length": {"max_length": 7}}
        fields = {**compare.SHARED, **reader.options, **matched.get(reader.matched, {}), "output_dir": "x"}
        # The last two words are no options of the script but the interpreter and its file.
        words = commands.training_command(fields, "--do_train", "--train_file", "x")[2:]
        model_args, _, args = options.parse(words)
        assert args.do_train
        SkimRNNConfig(**model_args.config_fields())


def test_a_control_costs_what_its_model_costs(script):
    match = script("_readers_match")
    whole = 4 * 100 * 150
    for share in (0.05, 0.3, 1.0):
        width = match.width_of_cost(share, 50, 100)
        near = [abs(4 * w * (50 + w) / whole - share) for w in (width - 1, width, width + 1)]
        assert near[1] == min(near)
    assert match.width_of_cost(1.0, 50, 100) == 100
    assert match.length_of_cost(1.0, [3, 9, 5]) == 9
    assert match.length_of_cost(9 / 17, [3, 9, 5]) == 3
    assert match.length_of_cost(0.0, [3, 9, 5]) == 1


def test_a_truncated_reader_reads_the_end_alone(compare, script, trained, data, tmp_path, texts):
    runtime_of = script("_readers_runs")
    line = ["--data", data, "--output", tmp_path / "one", "--only", "plain", "--seeds", 1, "--rounds", 1]
    compare.main([*map(str, line), "--timed-texts", "1"])
    runtime = runtime_of.SkimRuntime.from_pretrained(tmp_path / "one" / "models" / "plain-42")
    last = script("_readers_match").LastTokens(runtime, 3)
    ids = runtime.encode(texts[0])
    assert last.encode(texts[0]).tolist() == ids[-3:].tolist()
    assert last(texts[0]).logits.tolist() == runtime.read_ids(ids[-3:]).logits.tolist()
    assert last.config is runtime.config


def test_the_results_hold_every_run(run, trained):
    results = run()
    assert list(results["readers"]) == ["plain", "skim", "small", "truncated"]
    assert results["seeds"] == [42, 43]
    for name, reader in results["readers"].items():
        assert [found["seed"] for found in reader["runs"]] == [42, 43]
        for found in reader["runs"]:
            assert 0.0 <= found["test"]["accuracy"] <= 1.0
            assert found["latency"]["float32"]["times_faster"] > 0
            assert (name == "plain") == (found["test"]["cost"] == 1.0)
        first, second = reader["runs"]
        assert list(first["agreement"]) == ["numpy", "native"]
        for compared in first["agreement"].values():
            assert (
                compared["decisions_differing"] == compared["labels_differing"] == 0 < compared["decisions"]
            )
        assert "agreement" not in second
    small, skim = (results["readers"][name]["runs"][0]["validation"]["cost"] for name in ("small", "skim"))
    assert small == pytest.approx(skim, abs=0.2)
    cut = results["readers"]["truncated"]["runs"][0]
    assert cut["test"]["tokens"] < results["readers"]["plain"]["runs"][0]["test"]["tokens"]
    assert cut["options"]["truncation_side"] == "left"


def test_finished_runs_are_not_repeated(run, trained, tmp_path):
    first = run()
    count = len(trained)
    assert count == 8
    # One that was trained and not measured is measured; one whose model is lost is trained anew.
    (tmp_path / "out" / "runs" / "small-42.json").unlink()
    (tmp_path / "out" / "runs" / "small-43.json").unlink()
    shutil.rmtree(tmp_path / "out" / "models" / "small-43")
    second = run()
    assert len(trained) == count + 1
    assert "small-43" in " ".join(map(str, trained[-1]))
    assert first["readers"]["skim"]["runs"] == second["readers"]["skim"]["runs"]
    assert first["readers"]["small"]["runs"][0]["test"] == (second["readers"]["small"]["runs"][0]["test"])


def test_an_interrupted_training_goes_on_and_one_of_other_options_starts_anew(script, tmp_path):
    folder = tmp_path / "models" / "skim-42"
    made_with = script("_readers_training").MadeWith
    made = made_with(folder, {"gamma": 0.1, "skim_sizes": [5]})
    assert not made.begin()
    for step, is_whole in ((10, True), (20, False)):
        checkpoint = folder / f"checkpoint-{step}"
        checkpoint.mkdir(parents=True)
        if is_whole:
            (checkpoint / "trainer_state.json").write_text("{}")
    assert not made.is_trained()
    assert made.begin()
    assert [path.name for path in folder.iterdir()] == ["checkpoint-10"]
    (folder / "train_results.json").write_text("{}")
    made.end()
    assert made.is_trained()
    assert made.was_resumed()
    assert not list(folder.glob("checkpoint-*"))
    other = made_with(folder, {"gamma": 0.2, "skim_sizes": [5]})
    assert not other.is_trained()
    assert not other.begin()
    assert not folder.exists()


def test_a_run_of_another_recipe_is_not_taken_for_this_one(run, trained):
    run()
    with pytest.raises(SystemExit, match="was trained with"):
        run("--steps", "7")


def test_a_failed_training_leaves_the_others(run, trained, monkeypatch, tmp_path):
    runs = sys.modules["_readers_runs"]
    works = runs.train

    def train(command, log, threads):
        if "small-42" in str(log):
            raise RuntimeError("out of luck")
        works(command, log, threads)

    monkeypatch.setattr(runs, "train", train)
    with pytest.raises(SystemExit, match="small, seed 42: out of luck"):
        run()
    results = json.loads((tmp_path / "out" / "readers.json").read_text())
    assert [found["seed"] for found in results["readers"]["small"]["runs"]] == [43]
    assert len(results["readers"]["truncated"]["runs"]) == 2


def test_table_and_figure_show_the_results(run, script, tmp_path, monkeypatch):
    results, report = run(), script("_readers_report")
    results["readers"]["skim"]["runs"][0]["test"]["accuracy"] = 0.25
    results["readers"]["skim"]["runs"][1]["test"]["accuracy"] = 0.75
    results["readers"]["skim"]["runs"][0]["latency"]["int8"] = {"missing": "no"}
    monkeypatch.setattr(report, "RESULTS", tmp_path / "readers.json")
    monkeypatch.setattr(report, "FIGURE", tmp_path / "readers.svg")
    monkeypatch.setattr(report, "DOCUMENT", tmp_path / "readers.md")
    report.RESULTS.write_text(json.dumps(results))
    report.draw(results, report.FIGURE)
    text = report.render_document("Before <!-- readers:start -->old<!-- readers:end --> after")
    assert "| Skim-LSTM, d' = 10 | 50.0% (25.0 to 75.0) |" in text
    assert "| plain LSTM |" in text
    assert "NumPy and C give 0 labels and 0 of " in text
    assert "Means over 2 seeds (42 to 43)" in text
    assert "One run each, seed 42" in report.render_notes({**results, "seeds": [42]})
    assert re.search(r"small plain LSTM has the true cost of the Skim-LSTM", text)
    assert "old" not in text
    assert text.startswith("Before")
    assert text.endswith("after")
    assert "<svg" in report.FIGURE.read_text()


def test_pooled_embeddings_have_a_place_in_the_figure(run, script, tmp_path):
    pytest.importorskip("matplotlib")
    results = run()
    results["readers"]["mean"] = json.loads(json.dumps(results["readers"]["small"]))
    results["readers"]["mean"] |= {"title": "mean", "like": None, "matched": None}
    for found in results["readers"]["mean"]["runs"]:
        found["test"]["cost"] = 0.0
    script("_readers_plot").plot_readers(results, tmp_path / "figure.svg")
    assert (tmp_path / "figure.svg").stat().st_size > 1000


def test_the_document_is_rendered_from_the_committed_results(script):
    report = script("_readers_report")
    text = report.DOCUMENT.read_text(encoding="utf-8")
    if report.RESULTS.exists():
        assert report.render_document(text) == text
        assert report.FIGURE.exists()
    else:
        assert "<!-- readers:start -->\nNot measured yet.\n<!-- readers:end -->" in text
