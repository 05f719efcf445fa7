"""The README and the quickstart model's card show what the committed result files say, and nothing else."""

import json
import re

import pytest
import yaml
from huggingface_hub import ModelCard


@pytest.fixture
def readme(script):
    return script("render_readme")


def test_readme_is_rendered_from_the_committed_results(readme):
    text = readme.README.read_text(encoding="utf-8")
    assert readme.render(text) == text


def test_the_pipeline_is_shown_to_read_what_the_runtime_does(readme):
    text = readme.README.read_text(encoding="utf-8")
    [shown] = re.findall(r"^\[word\.token .*\n(# \[.*\])$", text, re.MULTILINE)
    assert text.count(f"\n{shown}\n") == 2


def test_a_changed_figure_shows(readme, monkeypatch, tmp_path):
    results = json.loads(readme.MODEL.read_text(encoding="utf-8"))
    results["evaluation"]["metrics"]["accuracy"] = 0.123
    changed = tmp_path / "results.json"
    changed.write_text(json.dumps(results), encoding="utf-8")
    monkeypatch.setattr(readme, "MODEL", changed)
    assert "12.3%" in readme.render(readme.README.read_text(encoding="utf-8"))
    assert "12.3%" in readme.render_model_card()


def test_the_card_is_rendered_from_the_committed_results(readme):
    assert readme.render_model_card() == readme.CARD.read_text(encoding="utf-8")


def test_the_hub_can_read_the_figures_of_the_card(readme):
    evaluation = json.loads(readme.MODEL.read_text(encoding="utf-8"))["evaluation"]
    text = readme.CARD.read_text(encoding="utf-8")
    metadata = yaml.safe_load(text.split("\n---\n")[0])
    (model,) = metadata["model-index"]
    (result,) = model["results"]
    assert (model["name"], result["dataset"]["split"]) == ("skim-lstm-imdb", "test")
    assert result["task"]["type"] == metadata["pipeline_tag"] == "text-classification"
    figures = {metric["type"]: metric["value"] for metric in result["metrics"]}
    assert figures == {
        "accuracy": pytest.approx(evaluation["metrics"]["accuracy"], abs=1e-4),
        "f1": pytest.approx(evaluation["metrics"]["macro_f1"], abs=1e-4),
        **{
            name: pytest.approx(evaluation[name], abs=1e-4)
            for name in ("skim_rate_micro", "skim_rate_macro", "macs_ratio", "flop_ratio_paper")
        },
    }
    card = ModelCard.load(readme.CARD)
    assert str(card) == text
    assert len(card.data.eval_results) == len(figures)
    assert [widget["text"] for widget in metadata["widget"]]
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        compile(block, "card", "exec")


def test_missing_marks_are_reported(readme):
    with pytest.raises(ValueError, match="headline:start"):
        readme.render("no marks here")


def test_result_files_name_machine_seed_split_and_command(readme):
    quickstart = json.loads(readme.QUICKSTART.read_text(encoding="utf-8"))
    model = json.loads(readme.MODEL.read_text(encoding="utf-8"))
    assert model["training"]["seed"] == 42
    assert model["training"]["splits"]["test"] == model["evaluation"]["texts"] == 2500
    assert (model["evaluation"]["split"], model["evaluation"]["curve"]["split"]) == ("test", "validation")
    latency = json.loads(readme.LATENCY.read_text(encoding="utf-8"))
    training = json.loads(readme.TRAINING.read_text(encoding="utf-8"))
    assert training["seed"] == 0
    gain = json.loads(readme.GAIN.read_text(encoding="utf-8"))
    assert latency["data"]["splits"] == {"train": 19966, "test": 2500}
    commands = json.loads(readme.COMMANDS.read_text(encoding="utf-8"))
    for results in (quickstart, model["evaluation"], model["latency"], latency, training, gain, commands):
        assert results["machine"]["processor"]
        assert results["command"]


def test_published_figures_keep_what_the_quickstart_promises(readme):
    results = json.loads(readme.QUICKSTART.read_text(encoding="utf-8"))
    evaluation = json.loads(readme.MODEL.read_text(encoding="utf-8"))["evaluation"]
    accuracy, dense = (block["metrics"]["accuracy"] for block in (evaluation, evaluation["dense"]))
    assert results["seconds_total"] < 360
    assert accuracy >= 0.875
    assert dense - accuracy <= 0.015
    assert evaluation["skim_rate_micro"] >= 0.8
    assert results["agreement"]["skim"]["labels_differing"] == 0
    assert results["agreement"]["skim"]["largest_probability_difference"] <= 1e-5


def test_published_training_keeps_what_the_scan_promises(readme):
    results = json.loads(readme.TRAINING.read_text(encoding="utf-8"))
    promised = {(32, 256, 100): 3.0, (64, 256, 200): 2.5, (128, 64, 100): 3.0}
    assert {(s["batch"], s["length"], s["width"]) for s in results["settings"]} == set(promised)
    for setting in results["settings"]:
        lstm, scan = setting["contestants"]["lstm"], setting["contestants"]["skim_native"]
        size = (setting["batch"], setting["length"], setting["width"])
        assert scan["forward_backward"]["ratio"] <= promised[size]
        assert scan["peak"]["mebibytes"] <= 3 * lstm["peak"]["mebibytes"]
        assert scan["evaluation"]["ratio"] <= 1
    assert readme.FIGURE.exists()


def test_only_files_that_are_there_are_taken(readme, monkeypatch, tmp_path):
    kept = {
        name: tmp_path / "kept" / f"{name.lower()}.json"
        for name in (
            "QUICKSTART",
            "COMMANDS",
            "LATENCY",
            "TRAINING",
            "FIGURE",
            "GAIN",
            "GAIN_FIGURE",
            "MODEL",
            "CONFIG",
        )
    }
    for name, path in kept.items():
        monkeypatch.setattr(readme, name, path)
    (tmp_path / "training.json").write_text("{}", encoding="utf-8")
    # The results of a model lie beside its weights.
    (tmp_path / "skim-lstm-imdb").mkdir()
    (tmp_path / "skim-lstm-imdb" / "model.json").write_text("[]", encoding="utf-8")
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    readme.take(tmp_path)
    assert [name for name, path in kept.items() if path.exists()] == ["TRAINING", "MODEL"]
    assert kept["MODEL"].read_text(encoding="utf-8") == "[]"
    with pytest.raises(SystemExit, match="none of the result files"):
        readme.take(tmp_path / "elsewhere")
