"""Question readers at several thresholds: what is measured, and what is drawn of it."""

import json
from pathlib import Path

import pytest

from skim_hf import SkimRuntime
from skim_hf.results import evaluate_answers
from skim_hf.tables import read_questions

QUESTIONS = Path(__file__).parents[1] / "data" / "questions.json"


@pytest.fixture(scope="module")
def saved(question_reader):
    questions = read_questions(QUESTIONS)
    return [
        question_reader(questions, "plain", policy="full", hidden_size=8),
        question_reader(questions, "skim", skim_sizes=[2], skim_threshold=0.6),
        question_reader(questions, "bidaf", reader="bidaf", skim_sizes=[2], char_vocab_size=90),
    ]


@pytest.fixture
def folders(saved):
    return list(saved)


@pytest.fixture
def run(script, tmp_path, folders):
    """Runs the script; returns its results, and the folder that it wrote to."""
    module = script("question_curve")

    def run_script(*options):
        output = tmp_path / "curve.json"
        line = [*folders, "--file", QUESTIONS, "--output", output, *options, "--thresholds", 0.3, 1.0]
        module.main([str(part) for part in line])
        return json.loads(output.read_text(encoding="utf-8")), tmp_path

    return run_script


def check_costs(found):
    """Costs are shares of the first model, and follow the thresholds."""
    assert found["plain"]["points"][0]["cost"] == 1.0
    for name in ("skim", "bidaf"):
        each = found[name]
        for point in each["points"]:
            spent = point["macs_per_question"]
            assert each["plain_macs_per_question"] / spent == pytest.approx(point["macs_ratio"])
            assert point["cost"] == pytest.approx(spent / found["plain"]["plain_macs_per_question"])
        assert each["points"][0]["cost"] < each["points"][-1]["cost"]


def test_points_are_what_an_evaluation_finds(run, folders, capsys):
    results, folder = run("--split", "tiny")
    found = results["configurations"]
    assert results["data"] == {
        "name": "questions.json",
        "split": "tiny",
        "questions": len(read_questions(QUESTIONS)),
    }
    thresholds = {name: [point["threshold"] for point in each["points"]] for name, each in found.items()}
    assert thresholds == {"plain": [0.5], "skim": [0.3, 0.6, 1.0], "bidaf": [0.3, 0.5, 1.0]}
    own = found["skim"]["points"][1]
    block = evaluate_answers(
        SkimRuntime.from_pretrained(folders[1]), read_questions(QUESTIONS), data={"name": "q"}, split="test"
    )
    for name in ("metrics", "skim_rate_micro", "skim_rate_macro", "macs_ratio"):
        assert own[name] == block[name]
    rates = own["reader_skim_rates"]
    assert list(rates)[:2] == ["encoder layer 1, forward", "encoder layer 1, backward"]
    assert 0 < own["skim_rate_micro"] == pytest.approx(sum(rates.values()) / len(rates))
    assert list(found["bidaf"]["points"][0]["reader_skim_rates"])[-1] == "output layer, backward"
    assert "tiny" in capsys.readouterr().out
    check_costs(found)
    for name in ("cost", "layers"):
        assert (folder / f"curve_{name}.svg").read_text(encoding="utf-8").startswith("<?xml")
        assert (folder / f"curve_{name}.png").read_bytes().startswith(b"\x89PNG")


def test_without_a_model_that_skims_there_are_no_layers_to_draw(run, folders):
    del folders[1:]
    folder = run()[1]
    assert (folder / "curve_cost.svg").exists()
    assert not (folder / "curve_layers.svg").exists()


def test_folders_of_one_name_are_refused(run, folders, capsys):
    folders.append(folders[0])
    with pytest.raises(SystemExit):
        run()
    assert "different names" in capsys.readouterr().err
