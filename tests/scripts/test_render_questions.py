"""The document of question readers comes from their result files."""

import json
from pathlib import Path

import pytest

QUESTIONS = Path(__file__).parents[1] / "data" / "questions.json"


@pytest.fixture
def render(script, tmp_path, monkeypatch):
    """The script, with a document and a result file of its own."""
    module = script("render_questions")
    monkeypatch.setattr(module, "RESULTS", tmp_path / "results" / "questions.json")
    monkeypatch.setattr(module, "DOCUMENT", tmp_path / "page.md")
    module.DOCUMENT.write_text(f"before\n{module.START}\nold\n{module.END}\nafter\n", encoding="utf-8")
    return module


def trained(question_folder, scores, *, best=None):
    """Adds the files of a training to a saved model."""
    files = {
        "results": {
            "training": {
                "command": f"python scripts/run_qa.py --output_dir {question_folder.name}",
                "seed": 7,
                "machine": {"processor": "abacus"},
                "recipe": {"learning_rate": 0.1},
            }
        },
        "train_results": {"train_runtime": 90.0, "train_questions": 11862},
        "eval_results": {"eval_questions": 1374, "eval_exact_match": 40.0, "eval_f1": 50.5},
        "predict_results": {f"predict_{key}": value for key, value in {**scores, "questions": 1331}.items()},
        "trainer_state": {"global_step": 2500, "best_global_step": 1800, "best_metric": best},
    }
    for name, value in files.items():
        (question_folder / f"{name}.json").write_text(json.dumps(value), encoding="utf-8")
    return question_folder


@pytest.fixture(scope="module")
def saved(question_reader):
    from skim_hf.tables import Question, Questions

    asked = Questions([Question("1", "", "Ada saw a heron.", "Who saw it?", ())])
    return {
        "plain": question_reader(asked, "plain", policy="full"),
        "skim": question_reader(asked, "skim", skim_sizes=[2]),
    }


@pytest.fixture
def folders(saved):
    rates = {f"layer_skim_rate_{reader}": rate for reader, rate in enumerate((0.2, 0.4, 0.5, 1.0))}
    plain = {"exact_match": 38.25, "f1": 49.96, "macs_ratio": 1.0, **dict.fromkeys(rates, 0.0)}
    skim = {"exact_match": 37.0, "f1": 48.0, "macs_ratio": 1.6, "skim_rate_micro": 0.5, **rates}
    return [trained(saved["plain"], plain), trained(saved["skim"], skim, best=50.5)]


@pytest.fixture
def times(tmp_path):
    """What bench_question.py writes, as far as it is shown."""
    answer = {
        "native_float32": {
            "median_us": 1234.0,
            "times_faster_than": {"torch_eager": 21.4, "torch_lstm": 6.5},
        },
        "torch_eager": {"median_us": 26400.0},
        "torch_lstm": {"median_us": 8000.0},
    }
    skim = {
        "tokens_per_context": 171.4,
        "words_per_context": 150.0,
        "skim_rate_micro": 0.25,
        "answer": answer,
    }
    path = tmp_path / "times.json"
    found = {
        "command": "python scripts/bench_question.py",
        "machine": {"processor": "abacus"},
        "weights": "trained",
        "rounds": 60,
        "models": {"skim": skim},
    }
    path.write_text(json.dumps(found), encoding="utf-8")
    return path


def test_folders_become_rows(render, folders, times):
    render.main(["--take", *map(str, folders), "--latency", str(times)])
    page = render.DOCUMENT.read_text(encoding="utf-8")
    assert page.startswith("before\n")
    assert page.endswith("after\n")
    assert "old" not in page
    assert "| plain | 11,862 / 1,374 / 1,331 | 2,500 | 7 | 38.2 | 50.0 | none | 100% | - |" in page
    layers = "encoder layer 1 30%, layer 1 75%"
    row = f"| skim | 11,862 / 1,374 / 1,331 | 1,800 of 2,500 | 7 | 37.0 | 48.0 | {layers} | 62% | 1.23 ms |"
    assert row in page
    assert "- skim, seed 7: `python scripts/run_qa.py --output_dir skim`" in page
    assert "| skim | 171 | 25% | 1.23 | 26.4 | 8 | 21.4x, 6.5x |" in page
    assert "contexts of about 150 words, trained weights, abacus" in page


def test_the_readme_sums_up(render, script, folders, times):
    render.main(["--take", *map(str, folders), "--latency", str(times)])
    results = json.loads(render.RESULTS.read_text(encoding="utf-8"))
    text = script("_question_report").render_summary(results)
    assert "F1 48.0 (reading all of them: 50.0) and needs 1.6 times less arithmetic" in text
    assert "takes 1.23 ms on one core, 21 times faster" in text
    assert "6.5 times faster than its fastest form" in text
    found = results["runs"]["skim"]["example"]
    assert f"'start': {found['start']}, 'end': {found['end']}}}" in text
    assert found["context"][found["start"] : found["end"]] == found["answer"]
    compile(text.partition("```python\n")[2].removesuffix("```"), "readme", "exec")


def test_training_steps_become_rows(render, tmp_path):
    steps = ((2000.0, 1.0), (1500.0, 0.75), (3000.0, 1.6))
    names = ("torch.nn.LSTM", "plain", "skim")
    models = {
        name: {"median_ms": milliseconds, "ratio": ratio, "examples_per_second": 32000 / milliseconds}
        for name, (milliseconds, ratio) in zip(names, steps, strict=True)
    }
    found = {"batch": 32, "context": 300, "question": 15, "width": 100, "skim_size": 50, "rounds": 7}
    found |= {"threads": 2, "machine": {"processor": "abacus"}, "command": "python bench.py"}
    path = tmp_path / "steps.json"
    path.write_text(json.dumps({**found, "readers": {"bidaf": {"models": models}}}), encoding="utf-8")
    render.main(["--training", str(path)])
    page = render.DOCUMENT.read_text(encoding="utf-8")
    row = "| bidaf | 2,000 ms (1.00x) | 1,500 ms (0.75x) | 3,000 ms (1.60x) | 16 / 21 / 11 |"
    assert row in page
    assert "2 threads, abacus. Command: `python bench.py`" in page


def test_one_folder_is_taken_again_and_the_other_stays(render, folders):
    render.main(["--take", *map(str, folders)])
    skim = json.loads((folders[1] / "predict_results.json").read_text())
    (folders[1] / "predict_results.json").write_text(json.dumps({**skim, "predict_f1": 12.3}))
    render.main(["--take", str(folders[1])])
    page = render.DOCUMENT.read_text(encoding="utf-8")
    assert " | 12.3 | " in page
    assert " | 50.0 | none | " in page


def test_what_a_training_leaves_behind_is_taken(render, script, tmp_path):
    output = tmp_path / "tiny"
    line = [*("--output_dir", output, "--do_train", "--do_eval", "--do_predict", "--max_steps", 2)]
    for split in ("train", "validation", "test"):
        line += [f"--{split}_file", QUESTIONS]
    line += ["--reader", "attention", "--skim_sizes", 2, "--hidden_size", 5, "--embedding_size", 6]
    line += ["--eval_strategy", "steps", "--eval_steps", 1, "--save_steps", 1, "--load_best_model_at_end"]
    quiet = ["--use_cpu", "--disable_tqdm", "true", "--report_to", "none", "--dataloader_pin_memory", "false"]
    metrics = script("run_qa").main([*map(str, line), *quiet])
    render.main(["--take", str(output)])
    run = json.loads(render.RESULTS.read_text())["runs"]["tiny"]
    best = json.loads((output / "trainer_state.json").read_text())["best_global_step"]
    assert (run["steps"], run["kept_step"], run["policy"]) == (2, best, "skim")
    assert run["test"]["f1"] == metrics["predict_f1"]
    first = [metrics[f"predict_layer_skim_rate_{reader}"] for reader in (0, 1)]
    assert run["layer_skim_rates"]["encoder layer 1"] == pytest.approx(sum(first) / 2)
    assert "| tiny | " in render.DOCUMENT.read_text(encoding="utf-8")


@pytest.mark.parametrize("has_dial", [True, False])
def test_a_curve_is_drawn(render, tmp_path, has_dial):
    point = {"threshold": 0.5, "metrics": {"f1": 40.0}, "cost": 0.7}
    point["reader_skim_rates"] = {"layer 1, forward": 0.2, "layer 1, backward": 0.6}
    model = {"threshold": 0.5, "has_dial": has_dial, "points": [point]}
    data = {"name": "test.parquet", "split": "test", "questions": 1331}
    curve = {"command": "python scripts/question_curve.py", "data": data, "configurations": {"skim": model}}
    path = tmp_path / "curve.json"
    path.write_text(json.dumps(curve), encoding="utf-8")
    render.main(["--curve", str(path)])
    page = render.DOCUMENT.read_text(encoding="utf-8")
    names = ["questions_cost.svg", *["questions_layers.svg"] * has_dial]
    assert sorted(each.name for each in render.RESULTS.parent.glob("*.svg")) == names
    assert [
        name for name in ("questions_cost.svg", "questions_layers.svg") if f"(results/{name})" in page
    ] == names
    assert "Drawn of 1,331 questions (test)" in page


def test_nothing_is_measured_yet(render):
    render.main([])
    assert f"{render.START}\n{render.NOTHING}\n{render.END}" in render.DOCUMENT.read_text(encoding="utf-8")
    assert not render.RESULTS.exists()


def test_the_document_is_rendered_from_the_committed_results(script):
    render = script("render_questions")
    text = render.DOCUMENT.read_text(encoding="utf-8")
    assert render.render_document(text) == text
    figures = [name for name in ("cost", "layers") if f"questions_{name}.svg" in text]
    assert all(render.RESULTS.with_name(f"questions_{name}.svg").exists() for name in figures)
