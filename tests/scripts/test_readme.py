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
    for results in (quickstart, latency):
        assert results["machine"]["processor"]
        assert results["command"]


def test_published_figures_keep_what_the_quickstart_promises(readme):
    results = json.loads(readme.QUICKSTART.read_text(encoding="utf-8"))
    assert results["skim"]["accuracy"] >= 0.85
    assert results["plain"]["accuracy"] - results["skim"]["accuracy"] <= 0.015
    assert results["skim"]["skim_rate_micro"] >= 0.8
    assert results["agreement"]["skim"]["labels_differing"] == 0
    assert results["agreement"]["skim"]["largest_probability_difference"] <= 1e-5
