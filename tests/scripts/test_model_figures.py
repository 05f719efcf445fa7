"""Figures of reproduced models: what their numbers are, that they are drawn, and what the document says."""

import json
import shutil

import pytest

THRESHOLDS = (0.1, 0.5, 0.9)
MODEL = "skim-lstm-imdb"


def curve(shift):
    """Accuracies, costs and times of a made-up dial: half the work, half the time."""
    points = [
        {
            "threshold": at,
            "metrics": {"accuracy": 0.9 - 0.1 * number - shift},
            "read": 1 / 2**number,
            "macs_ratio": 2.0**number,
            "median_us": 80.0 / 2**number,
        }
        for number, at in enumerate(reversed(THRESHOLDS))
    ]
    return {"curve": {"split": "validation", "points": points}}


def run(seed, accuracy, cost, skimmed=0.0, **more):
    block = {"accuracy": accuracy, "cost": cost, "skim_rate_micro": skimmed}
    return {"seed": seed, "options": {}, "validation": block, "test": block, **more}


def timed(microseconds, **faster):
    return {"median_us": microseconds, "times_faster_than": faster}


@pytest.fixture
def study():
    """A study of two seeds; the second is published."""
    kinds = {
        "plain": [run(1, 0.88, 1.0), run(2, 0.90, 1.0)],
        "skim": [run(seed, 0.8, 0.5, 0.1 * seed + 0.5, **curve(0.01 * seed)) for seed in (1, 2)],
        "skim_cold": [run(1, 0.7, 0.5, 0.4), run(2, 0.6, 0.5, 0.9)],
        "paper_5_01": [run(1, 0.75, 0.6, 0.4, **curve(0.2))],
        "mean": [run(1, 0.7, 0.0)],
    }
    works = {"plain": 600.0, "skim": 200.0}
    return {
        "model": MODEL,
        "command": "python scripts/reproduce_it.py",
        "machine": {"processor": "abacus"},
        "data": {"splits": {"train": 900, "validation": 50, "test": 60}},
        "seeds": [1, 2],
        "readers": {name: {"title": f"the {name}", "runs": runs} for name, runs in kinds.items()},
        "baselines": {
            "fasttext": {"title": "fastText", "runs": [{"validation": {"accuracy": 0.86}, "test": {}}]}
        },
        "published": {
            kind: {
                "seed": 2,
                "after": {dtype: {"test": {"macs_per_text": work}} for dtype in ("float32", "int8")},
            }
            for kind, work in works.items()
        },
        "latency": {
            "contestants": {
                "native_float32_plain": timed(300.0),
                "native_float32_skim": timed(120.0, native_float32_plain=2.5),
                "native_int8_skim": timed(100.0, native_int8_plain=2.0),
                "fasttext": timed(7.0),
            }
        },
    }


@pytest.fixture
def numbers(script):
    return script("_figures_points")


def test_costs_are_shares_and_times_are_those_of_the_timed_texts(numbers, study):
    cost = numbers.model_points(study)["cost"]
    assert [(line["seed"], line["is_published"]) for line in cost["lines"]] == [(1, False), (2, True)]
    ours = cost["lines"][1]["at"]
    assert [point["cost"] for point in ours] == [1.0, 0.5, 0.25]
    assert [point["accuracy"] for point in ours] == pytest.approx([0.88, 0.78, 0.68])
    # Its own threshold took 40 µs on validation texts and 120 on the timed ones.
    assert [point["us"] for point in ours] == pytest.approx([240, 120, 60])
    points = {point["name"]: point for point in cost["points"]}
    assert set(points) == {"plain", "paper_5_01", "mean", "fasttext"}
    assert points["plain"]["accuracy"] == pytest.approx(0.89)
    assert (points["plain"]["lowest"], points["plain"]["highest"]) == (0.88, 0.90)
    assert (points["plain"]["cost"], points["plain"]["us"]) == (1.0, 300.0)
    # Beside nobody else: its dial was timed in another process, where the machine may have been slower.
    assert points["paper_5_01"]["us"] is None
    assert (points["mean"]["cost"], points["mean"]["us"]) == (0.0, None)
    assert (points["fasttext"]["cost"], points["fasttext"]["us"]) == (None, 7.0)


def test_gains_are_next_to_the_plain_model(numbers, study):
    found = numbers.gains(study)
    assert [point["arithmetic"] for point in found["at"]] == [1.0, 2.0, 4.0]
    assert [point["time"] for point in found["at"]] == pytest.approx([1.25, 2.5, 5.0])
    assert found["published"] == {
        "float32": {"arithmetic": 3.0, "time": 2.5},
        "int8": {"arithmetic": 3.0, "time": 2.0},
    }


def test_without_a_published_pair_there_are_no_gains(numbers, study):
    del study["published"], study["latency"]
    assert numbers.gains(study) is None
    found = numbers.model_points(study)
    assert found["published_seed"] is None
    assert [point["us"] for point in found["cost"]["lines"][0]["at"]] == [80, 40, 20]


def test_every_seed_is_shown_with_and_without_a_warm_start(numbers, study):
    readers = numbers.stability(study)
    assert list(readers) == ["skim", "skim_cold"]
    assert readers["skim_cold"]["runs"][1] == {"seed": 2, "accuracy": 0.6, "skim_rate": 0.9}
    del study["readers"]["skim_cold"]
    assert list(numbers.stability(study)) == ["skim"]


def test_figures_are_drawn_and_the_document_shows_them(script, study, tmp_path):
    pytest.importorskip("matplotlib")
    figures, report, document = script("model_figures"), script("_figures_report"), script("render_results")
    results = tmp_path / "results"
    results.mkdir()
    shutil.copyfile(document.RESULTS / document.PUBLISHED, results / document.PUBLISHED)
    assert report.render_figures(results, MODEL) == report.render_gain(results) == "Not measured yet."
    (results / f"{MODEL}.json").write_text(json.dumps(study), encoding="utf-8")
    drawn = figures.draw_all(results)
    names = [f"{MODEL}_cost.png", f"{MODEL}_stability.png", "gain.png"]
    assert [path.name for path in drawn] == names
    shown = report.render_figures(results, MODEL) + report.render_gain(results)
    for path in drawn:
        assert path.read_bytes().startswith(b"\x89PNG")
        assert f"(results/figures/{path.name})" in shown
    assert "the skim_cold: accuracy 60.0% to 70.0%, skimmed 40.0% to 90.0%." in shown
    assert "Not timed: the paper_5_01, the mean." in shown
    assert f"{MODEL} is 2.5 times faster with 3.0 times less arithmetic" in shown
    kept = json.loads((results / "figures" / f"{MODEL}.json").read_text(encoding="utf-8"))
    assert script("_figures_points").model_points(study).items() <= kept.items()
    assert (kept["command"], kept["machine"]) == (study["command"], study["machine"])


def test_committed_figures_are_those_of_the_committed_studies(script, numbers):
    figures = script("model_figures")
    load, folder = script("_report_latency").load, figures.RESULTS / "figures"
    paths = {
        model: figures.RESULTS / f"{model}.json"
        for model in load(figures.RESULTS / "published.json")["models"]
    }
    studies = {model: load(path) for model, path in paths.items() if path.exists()}
    for model, study in studies.items():
        assert numbers.model_points(study).items() <= load(folder / f"{model}.json").items()
    if folder.exists():
        assert load(folder / "gain.json") == figures.all_gains(studies)
