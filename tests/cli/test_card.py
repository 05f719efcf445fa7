"""Model cards, on the command line."""

import sys

import pytest

from skim_hf.hub import render_card
from skim_hf.results import ModelResults, measure_latency
from skim_hf.runtime import SkimRuntime


@pytest.fixture
def measured(models):
    """A model with results."""
    pytest.importorskip("jinja2")
    folder = models.folder()
    block = measure_latency({"adaptive": SkimRuntime.from_pretrained(folder)}, ["a film"], rounds=1)
    ModelResults.of(folder, latency=block).save(folder)
    return folder


def test_a_card_is_printed_or_written(cli, measured):
    expected = str(render_card(measured, repo_id="org/name"))
    found = cli("card", measured, "--repo", "org/name", "--stdout")
    assert found.exit_code == 0
    assert found.stdout == expected.rstrip("\n") + "\n"
    assert not (measured / "README.md").exists()
    found = cli("card", measured, "--repo", "org/name")
    assert (found.exit_code, found.stdout) == (0, "")
    assert (measured / "README.md").read_text(encoding="utf-8") == expected


def test_no_card_without_results(cli, folder):
    found = cli("card", folder)
    assert found.exit_code == 1
    assert "A card needs results" in found.stderr


def test_a_missing_extra_is_named(cli, measured, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    found = cli("card", measured, "--stdout")
    assert found.exit_code == 1
    assert "pip install 'skim-hf[hub]'" in found.stderr
