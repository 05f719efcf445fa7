"""The latency of answers in its smallest sizes: what is written, and that it stops where two disagree."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from skim_hf import SkimRuntime
from skim_hf.results.answering import answer_all
from skim_hf.results.effort import reading_scores
from skim_hf.tables import read_questions

QUESTIONS = Path(__file__).parents[1] / "data" / "questions.json"
TORCH = {"torch_eager", "torch_scan"}


@pytest.fixture
def run(script, tmp_path, monkeypatch):
    """Runs the benchmark with options and gives its results; neither pins nor slows this process."""
    before, threads = dict(os.environ), torch.get_num_threads()
    module = script("bench_question")
    monkeypatch.setattr(script("_one_core"), "pin", lambda: None)
    output = tmp_path / "new" / "times.json"

    def run_script(*options):
        sizes = ["--words", 6, "--questions", 2, "--rounds", 1, "--output", output]
        line = [str(part) for part in (*sizes, *options)]
        monkeypatch.setattr(sys, "argv", ["scripts/bench_question.py", *line])
        module.main()
        return json.loads(output.read_text(encoding="utf-8"))

    run_script.output = output
    yield run_script
    torch.set_num_threads(threads)
    os.environ.clear()
    os.environ.update(before)


def test_random_models_are_timed_beside_torch(run, capsys):
    options = ["--models", "attention", "bidaf-skim", "--width", 6, "--vocabulary", 40, "--seed", 3]
    results = run(*options)
    assert results["command"].endswith("--vocabulary 40 --seed 3")
    assert (results["seed"], results["weights"]) == (3, "random")
    assert results["machine"]["processor"]
    plain, skim = results["models"].values()
    assert (plain["reader"], plain["skim_rate_micro"]) == ("attention", 0.0)
    assert (skim["reader"], skim["skim_sizes"], skim["char_vocab_size"]) == ("bidaf", [3], 258)
    assert 0.4 < skim["skim_rate_micro"] < 1.0
    for model in (plain, skim):
        assert model["words_per_context"] == model["tokens_per_context"] == 6
        found = set(model["answer"])
        assert found >= {"numpy_float32", *TORCH}
        assert found | set(model["missing"]) >= {"native_float32", "native_int8"}
        assert ("torch_lstm" in found) == (model is plain)
        for name in found:
            for times in (model["answer"][name], model["engine"][name]):
                assert 0 < times["min_us"] <= times["median_us"] <= times["p99_us"]
                assert set(times["times_faster_than"]) == {each for each in found if "torch" in each}
            if name != "native_int8":
                agreement = model["agreement"][name]
                assert agreement["answers_differing"] == agreement["decisions_differing"] == 0
                assert agreement["largest_difference"] < 1e-4
        assert model["answer"]["torch_eager"]["times_faster_than"]["torch_eager"] == 1
    assert "bidaf-skim: 6 tokens" in capsys.readouterr().out


def test_trained_models_answer_questions_of_a_file(run, script, question_reader):
    questions = read_questions(QUESTIONS)
    folder = question_reader(questions, "skim", skim_sizes=[2], skim_threshold=0.4)
    results = run("--trained", folder, "--data", QUESTIONS, "--words", 38)
    assert (results["weights"], results["data"]) == ("trained", "questions.json")
    model, chosen = (
        results["models"]["skim"],
        script("_question_models").choose_questions(questions, 2, 38, 0),
    )
    assert model["questions"] == len(chosen) == 2
    assert 28 <= model["words_per_context"] <= 48
    runtime = SkimRuntime.from_pretrained(folder)
    wanted = reading_scores(answer_all(runtime, chosen, "").counts, runtime.config)
    assert {name: model[name] for name in wanted} == pytest.approx(wanted)


def test_where_no_context_has_the_length_the_nearest_are_taken(script):
    choose, questions = script("_question_models").choose_questions, read_questions(QUESTIONS)
    lengths = [len(each.context.split()) for each in questions]
    chosen = choose(questions, 99, 10_000, 0)
    assert {len(each.context.split()) for each in chosen} == {max(lengths)}
    assert len(chosen) == lengths.count(max(lengths))


@pytest.mark.parametrize("what", ["logits", "decisions"])
def test_one_that_computes_something_else_stops_the_benchmark(run, script, monkeypatch, what):
    engine = script("_question_contestants").TorchEngine
    honest = engine.meet

    def wrong(*given):
        found = honest(*given)
        return found._replace(**{what: np.ones_like(getattr(found, what))})

    monkeypatch.setattr(engine, "meet", wrong)
    says = {"logits": "torch_eager differs from NumPy by", "decisions": "torch_eager decides otherwise"}[what]
    with pytest.raises(SystemExit, match=says):
        run("--models", "attention", "--width", 4, "--vocabulary", 40)
    assert not run.output.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--trained", "x"], "--trained and --data come together"),
        (["--trained", "a/x", "b/x", "--data", "y"], "different names"),
        (["--rounds", "0"], "at least 1"),
        (["--vocabulary", "3"], "--vocabulary at least 4"),
    ],
)
def test_wrong_options_are_explained(options, message, run, capsys):
    with pytest.raises(SystemExit):
        run(*options)
    assert message in capsys.readouterr().err
    assert not run.output.exists()
