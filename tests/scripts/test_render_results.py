"""The document of results holds what the study files say, and says what is better than ours."""

import copy
import json
import shutil

import pytest

TIMES = {"median_us": 40.4, "p99_us": 90.0}


@pytest.fixture
def render(script):
    return script("render_results")


@pytest.fixture
def report(script):
    return script("_results_report")


def run(accuracy, skimmed, cost, paper=1.0):
    reading = {"skim_rate_micro": skimmed, "skim_rate_macro": skimmed / 2, "flop_ratio_paper": paper}
    return {"options": {}, "test": {"accuracy": accuracy, "cost": cost, **reading}}


@pytest.fixture
def study():
    """A study of two seeds, as far as the document shows it."""
    kinds = {
        "plain": ("plain LSTM", [run(0.80, 0.0, 1.0), run(0.82, 0.0, 1.0)]),
        "skim": ("Skim-LSTM", [run(0.79, 0.9, 0.125, 9.0), run(0.81, 0.8, 0.25, 7.0)]),
        "mean": ("mean of the word vectors", [run(0.75, 0.0, 0.0), run(0.77, 0.0, 0.0)]),
    }
    test = {"test": {"accuracy": 0.8125}}
    slim = {"seed": 4, "words": 2000, "words_cut": 345, "before": test, "after": {}}
    slim["after"] = {"float32": {"test": {"accuracy": 0.8005}}, "int8": {"test": {"accuracy": 0.799}}}
    names = [f"native_{dtype}_{kind}" for dtype in ("float32", "int8") for kind in ("plain", "skim")]
    faster = {"times_faster_than": {"native_float32_plain": 3.25, "native_int8_plain": 2.0}}
    return {
        "command": "python scripts/reproduce_it.py",
        "machine": {"processor": "abacus"},
        "data": {
            "splits": {"train": 1000, "validation": 50, "test": 60},
            "removed": {"train": 3, "validation": 1, "test": 0},
            "split_seed": 42,
        },
        "seeds": [4, 5],
        "readers": {name: {"title": title, "runs": runs} for name, (title, runs) in kinds.items()},
        "baselines": {"fasttext": {"title": "fastText", "runs": [{"test": {"accuracy": 0.805}}]}},
        "missing": {"model2vec": "No module named 'model2vec'"},
        "published": {"plain": slim, "skim": slim},
        "latency": {
            "texts": 7,
            "words_per_text": 20.0,
            "contestants": {name: {**TIMES, **faster} for name in (*names, "fasttext")},
        },
    }


@pytest.fixture
def published(render):
    return render.load(render.RESULTS / render.PUBLISHED)


def test_the_document_is_rendered_from_the_committed_results(render):
    text = render.DOCUMENT.read_text(encoding="utf-8")
    assert render.render_document(text) == text


def test_rows_are_means_over_seeds_beside_published_ones(report, study, published):
    text = report.render_study(study, published["models"]["skim-lstm-imdb"], published)
    lines = text.splitlines()
    assert "| **Skim-LSTM** | 80.0% ± 1.4 | 85.0% ± 7.1 | 42.5% ± 3.5 | 8.0x ± 1.4 | 6.0x ± 2.8 |" in text
    assert "| 40 (p99 90) | 40 (p99 90) |" in text
    assert "| mean of the word vectors | 76.0% ± 1.4 |  |  |  |  |  |  |" in lines
    assert "| fastText | 80.5% |  |  |  |  | 40 (p99 90) |  |" in lines
    assert "| *Skim-LSTM, d = 100, d' = 10, gamma = 0.01* | 91.2% | 83.9% |  | 5.8x |" in text
    assert "| *DistilBERT* | 92.8% |" in text
    assert len({line.count("|") for line in lines if line.startswith("|")}) == 1
    for said in (
        "1,000 train, 50 validation, 60 test texts, validation texts set aside from training, 4 texts",
        "2,000 of 2,345 words and numbers of 16 bits it has 80.05% accuracy instead of 81.25%",
        "3.2 times (float32) and 2.0 times (int8) as fast",
        "model2vec is missing: No module named 'model2vec'.",
        "abacus",
    ):
        assert said in text


def test_published_models_stand_in_the_readme(script, render, study, tmp_path):
    models = script("_report_models")
    shutil.copyfile(render.RESULTS / render.PUBLISHED, tmp_path / render.PUBLISHED)
    assert models.render_models(tmp_path) == "None yet."
    study["model"] = "skim-lstm-imdb"
    (tmp_path / "skim-lstm-imdb.json").write_text(json.dumps(study), encoding="utf-8")
    name = "[skim-lstm-imdb](model_cards/skim-lstm-imdb)"
    row = f"| {name} | 80.0% ± 1.4 | 81.0% ± 1.4 | 85.0% | 6.0x | 40 (40) | 40 (40) |"
    assert row in models.render_models(tmp_path)
    # One that was not published is no model yet.
    del study["published"]
    (tmp_path / "skim-lstm-imdb.json").write_text(json.dumps(study), encoding="utf-8")
    assert models.render_models(tmp_path) == "None yet."


def test_a_study_without_a_published_pair_has_no_times(report, study, published):
    del study["published"], study["latency"]
    text = report.render_study(study, published["models"]["skim-lstm-sst2"], published)
    assert "p99" not in text
    assert "In bold" not in text


def test_a_teacher_and_kept_checkpoints_are_told(report, study, published):
    rows = published["models"]["skim-lstm-sst2"]
    text = report.render_study(study, rows, published)
    assert "teacher" not in text
    assert "seed were chosen by validation accuracy. " in text
    study["data"]["taught"] = {"texts": 5000}
    study["readers"]["plain"]["runs"][0]["options"] = {"teacher_column": "teacher"}
    study["readers"]["skim"]["runs"][0]["options"] = {"load_best_model_at_end": False}
    text = report.render_study(study, rows, published)
    assert "a teacher's probabilities, and from 4,000 more texts that it labelled. " in text
    assert "by validation accuracy; of Skim-LSTM the last one was kept. " in text


def test_what_is_better_is_said(report, study, published):
    text = report.render_shortfalls(study, published["models"]["skim-lstm-imdb"])
    assert "- plain LSTM: 1.0 points above our 80.0%." in text
    assert "- fastText: 0.5 points above" in text
    assert "- the paper's best row (d = 100, d' = 10, gamma = 0.01): 11.2 points" in text
    assert "mean of the word" not in text
    assert "faster than our" not in text
    study["latency"]["contestants"]["fasttext"]["median_us"] = 12.3
    quicker = report.render_shortfalls(study, published["models"]["skim-lstm-imdb"])
    assert "- faster than our 40 µs a text: fastText with 12 µs (+0.5 points)." in quicker
    assert "skimmed in the paper's" not in text
    assert "trained on 1,000 texts where the published models had 25,000." in text
    less = copy.deepcopy(study)
    for each in less["readers"]["skim"]["runs"]:
        each["test"]["skim_rate_micro"] = 0.7
    assert "83.9% skimmed in the paper's best row, 70.0% here" in report.render_shortfalls(
        less, published["models"]["skim-lstm-imdb"]
    )
    assert report.render_shortfalls(None, published["models"]["skim-lstm-sst2"]) == "Not measured yet."


def test_published_rows_name_their_source(published):
    assert "1711.02085" in published["source"]
    assert "1910.01108" in published["distilbert_source"]
    for model in published["models"].values():
        assert [row["model"] for row in model["rows"]].count("Skim-LSTM") == 4
    assert json.dumps(published).count("distilbert") == 3
