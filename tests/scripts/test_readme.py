"""The README shows what the committed result files say, and nothing else."""

import json

import pytest


@pytest.fixture
def readme(script):
    return script("render_readme")


def test_readme_is_rendered_from_the_committed_results(readme):
    text = readme.README.read_text(encoding="utf-8")
    assert readme.render(text) == text


def test_a_changed_figure_shows(readme, monkeypatch, tmp_path):
    results = json.loads(readme.QUICKSTART.read_text(encoding="utf-8"))
    results["skim"]["accuracy"] = 0.123
    changed = tmp_path / "quickstart.json"
    changed.write_text(json.dumps(results), encoding="utf-8")
    monkeypatch.setattr(readme, "QUICKSTART", changed)
    assert "12.3%" in readme.render(readme.README.read_text(encoding="utf-8"))


def test_missing_marks_are_reported(readme):
    with pytest.raises(ValueError, match="headline:start"):
        readme.render("no marks here")


def test_result_files_name_machine_seed_split_and_command(readme):
    quickstart = json.loads(readme.QUICKSTART.read_text(encoding="utf-8"))
    assert quickstart["recipe"]["seed"] == 42
    assert quickstart["data"]["splits"]["test"] == 2500
    latency = json.loads(readme.LATENCY.read_text(encoding="utf-8"))
    training = json.loads(readme.TRAINING.read_text(encoding="utf-8"))
    assert training["seed"] == 0
    gain = json.loads(readme.GAIN.read_text(encoding="utf-8"))
    assert latency["data"]["splits"] == {"train": 19966, "test": 2500}
    commands = json.loads(readme.COMMANDS.read_text(encoding="utf-8"))
    for results in (quickstart, latency, training, gain, commands):
        assert results["machine"]["processor"]
        assert results["command"]


def test_published_figures_keep_what_the_quickstart_promises(readme):
    results = json.loads(readme.QUICKSTART.read_text(encoding="utf-8"))
    assert results["seconds_total"] < 360
    assert results["skim"]["accuracy"] >= 0.875
    assert results["plain"]["accuracy"] - results["skim"]["accuracy"] <= 0.015
    assert results["skim"]["skim_rate_micro"] >= 0.8
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
        for name in ("QUICKSTART", "COMMANDS", "LATENCY", "TRAINING", "FIGURE", "GAIN", "GAIN_FIGURE")
    }
    for name, path in kept.items():
        monkeypatch.setattr(readme, name, path)
    (tmp_path / "training.json").write_text("{}", encoding="utf-8")
    readme.take(tmp_path)
    assert [name for name, path in kept.items() if path.exists()] == ["TRAINING"]
    with pytest.raises(SystemExit, match="none of the result files"):
        readme.take(tmp_path / "elsewhere")
