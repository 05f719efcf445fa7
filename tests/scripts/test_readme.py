"""The README shows what the committed result files say, and nothing else."""

import importlib
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def readme(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    yield importlib.import_module("render_readme")
    for name in ("render_readme", "_report"):
        sys.modules.pop(name, None)


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
