"""The gain of skimming in its smallest sizes."""

import json
import os
import sys

import pytest

from skim_hf.costs import ReaderShape, macs_ratio


@pytest.fixture
def run(script, tmp_path, monkeypatch):
    """Runs the benchmark with options and gives its results."""
    before = dict(os.environ)
    module = script("bench_gain")
    monkeypatch.setattr(script("_one_core"), "pin", lambda: None)
    output, figure = tmp_path / "new" / "gain.json", tmp_path / "new" / "gain.svg"

    def run(*options):
        files = ["--output", str(output), "--figure", str(figure)]
        monkeypatch.setattr(sys, "argv", ["scripts/bench_gain.py", "--quick", *files, *options])
        module.main()
        return json.loads(output.read_text(encoding="utf-8"))

    run.output, run.figure = output, figure
    yield run
    os.environ.clear()
    os.environ.update(before)


def test_every_size_and_rate_has_a_point(run):
    results = run("--backend", "numpy", "--dtypes", "float32", "--seed", "3")
    assert results["seed"] == 3
    assert results["command"].endswith("--seed 3")
    points = results["points"]
    sizes = [(p["hidden_size"], p["skim_size"], p["wanted_skim_rate"]) for p in points]
    assert sizes == [(d, m, rate) for d, m in ((5, 1), (20, 2)) for rate in (0.5, 0.9, 0.99)]
    for point in points:
        assert point["skim_rate"] == pytest.approx(point["wanted_skim_rate"], abs=0.1)
        assert point["actual_gain"] > 0
        assert point["realised"] == pytest.approx(point["actual_gain"] / point["macs_gain"])
        shape = ReaderShape("lstm", point["hidden_size"], point["hidden_size"], (point["skim_size"],))
        skimmed = round(120 * point["skim_rate"])
        assert point["macs_gain"] == macs_ratio(shape, [120 - skimmed, skimmed], folded_input=True)
    assert run.figure.read_text(encoding="utf-8").startswith("<?xml")


def test_a_backend_that_is_missing_is_named(run, script, monkeypatch, capsys):
    bench = script("bench_gain")

    def load_ours(*arguments, **options):
        raise ImportError("no compiler")

    monkeypatch.setattr(bench, "load_ours", load_ours)
    results = run()
    assert results["points"] == []
    assert results["missing"] == {"float32": "no compiler", "int8": "no compiler"}
    assert "nothing was measured" in capsys.readouterr().out
    assert not run.figure.exists()


def test_without_matplotlib_there_is_no_figure(run, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert run("--backend", "numpy", "--dtypes", "float32", "--hidden-sizes", "5")["points"]
    assert "the extra `plots`" in capsys.readouterr().out
    assert not run.figure.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--dtypes", "float32,int4"], "among float32,int8; got 'float32,int4'"),
        (["--hidden-sizes", "0"], "whole numbers from 1"),
    ],
)
def test_wrong_options_are_explained(options, message, run, capsys):
    with pytest.raises(SystemExit):
        run(*options)
    assert message in capsys.readouterr().err
    assert not run.output.exists()
