"""The training script leaves a whole model on the Hub, with the scores of its last evaluation."""

import json

import pytest


@pytest.fixture
def script(load_script, hub_cache, monkeypatch):
    import transformers.utils.hub

    monkeypatch.setattr(transformers.utils.hub, "_hf_api", None)
    return load_script("run_classification")


def test_the_model_that_was_trained_and_evaluated_is_pushed(hub, script, tmp_path):
    rows = [{"text": f"a {word} film", "label": label} for word, label in (("good", "+"), ("bad", "-")) * 6]
    (tmp_path / "films.jsonl").write_text("\n".join(map(json.dumps, rows)))
    repo_id = hub.repo_id("films")
    options = {
        "train_file": tmp_path / "films.jsonl",
        "validation_file": tmp_path / "films.jsonl",
        "output_dir": tmp_path / "run",
        "hub_model_id": repo_id,
        "hub_strategy": "end",
        "max_steps": 2,
        "hidden_size": 7,
        "embedding_size": 5,
        "skim_sizes": 3,
    }
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    flags = ["--do_train", "--do_eval", "--push_to_hub", "--use_cpu", "--disable_tqdm", "true"]
    metrics = script.main([*words, *flags])
    files = hub.files(repo_id)
    results = json.loads(files["results.json"])
    assert results["evaluation"]["metrics"]["accuracy"] == metrics["eval_accuracy"]
    assert results["training"]["data"] == {"name": "films.jsonl"}
    assert files["results.json"] == (tmp_path / "run" / "results.json").read_bytes()
    assert "films.jsonl" in files["README.md"].decode()
    assert {"modeling_skim_rnn.py", "tokenizer.json", "all_results.json"} <= files.keys()
    assert not [path for path in files if path.endswith((".bin", ".pt"))]
