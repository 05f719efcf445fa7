"""A Trainer pushes whole models, by every strategy, and its own card never wins."""

import errno
import json
import logging
import os
import pickle
import threading

import pytest

from skim_hf.hub.card import OWN_START

TRAINED = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
MADE = {"README.md", "results.json", "modeling_skim_rnn.py", "configuration_skim_rnn.py"}


@pytest.fixture
def make_trainer(hub, hub_cache, tmp_path, monkeypatch):
    """Builds a Trainer that saves at steps 2 and 4 and pushes to a repository."""
    import datasets
    import torch
    import transformers.utils.hub

    import skim_hf
    from skim_hf.training import TextCollator, build_tokenizer, make_compute_metrics, tokenize_dataset

    monkeypatch.setattr(transformers.utils.hub, "_hf_api", None)
    texts = {
        "text": ["a good film", "an awful, awful film", "good", "awful plot"] * 2,
        "labels": [1, 0, 1, 0] * 2,
    }

    def make(repo_id=None, **fields):
        torch.manual_seed(0)
        tokenizer = build_tokenizer(texts["text"], min_frequency=1, progress=False)
        rows = tokenize_dataset(datasets.Dataset.from_dict(texts), tokenizer, max_length=9)
        config = skim_hf.SkimRNNConfig(
            vocab_size=len(tokenizer), embedding_size=5, hidden_size=7, skim_sizes=[3]
        )
        model = skim_hf.SkimRNNForSequenceClassification(config)
        defaults = {
            "output_dir": str(tmp_path / "run"),
            "push_to_hub": True,
            "hub_model_id": repo_id,
            "max_steps": 4,
            "save_steps": 2,
            "eval_strategy": "steps",
            "eval_steps": 2,
            "per_device_train_batch_size": 2,
            "use_cpu": True,
            "disable_tqdm": True,
            "dataloader_pin_memory": False,
        }
        return skim_hf.SkimTrainer(
            model,
            skim_hf.SkimTrainingArguments(**{**defaults, **fields}),
            train_dataset=rows,
            eval_dataset=rows,
            processing_class=tokenizer,
            data_collator=TextCollator(tokenizer),
            compute_metrics=make_compute_metrics(config),
            data={"name": "tiny films", "hub_id": "org/films"},
        )

    return make


def history(hub, repo_id, revision="main"):
    """Titles of the commits, the oldest first, and what the root of each holds."""
    commits = hub.api.list_repo_commits(repo_id, revision=revision)[::-1]
    roots = []
    for commit in commits[1:]:
        files = hub.files(repo_id, commit.commit_id)
        roots.append({path: content for path, content in files.items() if "/" not in path})
    return [commit.title for commit in commits], roots


def check_whole(root):
    """That a commit holds a model that anybody can load, with our card, and nothing to unpickle."""
    assert root.keys() >= TRAINED | MADE
    assert OWN_START in root["README.md"].decode()
    assert "tiny films" in root["README.md"].decode()
    assert len(json.loads(root["config.json"])["auto_map"]) == 5
    assert not [name for name, content in root.items() if content.startswith(pickle.PROTO)]
    assert not [name for name in root if name.endswith((".bin", ".pt", ".pth"))]
    return json.loads(root["results.json"])


IN_BETWEEN = ["Training in progress, step 2", "Training in progress, step 4"]
WITH_CHECKPOINTS = [title + end for title in IN_BETWEEN for end in ("", ", checkpoint")]


@pytest.mark.parametrize(
    ("strategy", "titles", "folders"),
    [
        ("end", ["End of training"], set()),
        ("every_save", IN_BETWEEN, set()),
        ("checkpoint", WITH_CHECKPOINTS, {"last-checkpoint"}),
        ("all_checkpoints", WITH_CHECKPOINTS, {"checkpoint-2", "checkpoint-4"}),
    ],
)
def test_every_commit_of_a_strategy_is_a_whole_model(hub, make_trainer, tmp_path, strategy, titles, folders):
    repo_id = hub.repo_id("films")
    trainer = make_trainer(repo_id, hub_strategy=strategy, hub_always_push=True, save_total_limit=1)
    trainer.train()
    pushed = trainer.push_to_hub()
    found, roots = history(hub, repo_id)
    # At the end there is nothing new to send, unless nothing was sent before.
    assert found == ["initial commit", *titles]
    results = [check_whole(root) for root in roots]
    rates = [entry["eval_skim_rate_micro"] for entry in trainer.state.log_history if "eval_loss" in entry]
    sent = [result["evaluation"]["skim_rate_micro"] for result in results]
    assert sent == {1: rates[1:], 2: rates, 4: [rates[0], rates[0], rates[1], rates[1]]}[len(sent)]
    assert len({result["weights"] for result in results}) == min(len(sent), 2)
    assert pushed.oid == hub.head(repo_id)
    paths = hub.files(repo_id)
    assert {path.split("/")[0] for path in paths if "/" in path} == folders
    assert all(f"{folder}/optimizer.pt" in paths for folder in folders)
    assert (tmp_path / "run" / "README.md").read_bytes() == paths["README.md"]
    assert [path.name for path in tmp_path.glob("run/*-*")] == ["checkpoint-4"]


def test_a_save_pushes_and_the_final_push_adds_what_is_new(hub, make_trainer):
    repo_id = hub.repo_id("films")
    trainer = make_trainer(repo_id, hub_strategy="end", eval_strategy="no", hub_private_repo=True)
    trainer.train()
    trainer.save_model()
    trainer.evaluate()
    trainer.push_to_hub(commit_message="Done")
    titles, roots = history(hub, repo_id)
    assert titles == ["initial commit", "Model save", "Done"]
    first, last = (check_whole(root) for root in roots)
    assert "evaluation" not in first
    assert "evaluation" in last
    assert first["weights"] == last["weights"]
    assert hub.api.model_info(repo_id).private


def test_a_branch_and_a_push_that_is_not_waited_for(hub, make_trainer):
    repo_id = hub.repo_id("films")
    trainer = make_trainer(repo_id, hub_strategy="every_save", hub_revision="next", save_steps=4)
    first = hub.head(repo_id)
    trainer.train()
    assert trainer.push_to_hub(blocking=False).result().oid == hub.head(repo_id, "next") != first
    assert hub.head(repo_id) == first
    assert history(hub, repo_id, "next")[0] == ["initial commit", IN_BETWEEN[1]]


def test_training_goes_on_while_the_hub_is_away(hub, make_trainer, caplog, tmp_path):
    repo_id = hub.repo_id("films")
    trainer = make_trainer(repo_id, hub_always_push=True)
    first = hub.head(repo_id)
    hub.fail(status=501, times=float("inf"))
    with caplog.at_level(logging.WARNING):
        trainer.train()
    assert all(f"{title}: not pushed" in caplog.text for title in IN_BETWEEN)
    with pytest.raises(ConnectionError, match="Push again"):
        trainer.push_to_hub()
    assert hub.head(repo_id) == first
    assert not list(tmp_path.glob("run/_push-*"))
    hub.heal()
    assert trainer.push_to_hub().oid == hub.head(repo_id)
    check_whole(history(hub, repo_id)[1][0])


def test_training_goes_on_where_there_is_no_room_for_a_copy(hub, make_trainer, monkeypatch, caplog, tmp_path):
    import shutil

    def fill(source, target, **options):
        (target / "config.json").write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    repo_id = hub.repo_id("films")
    trainer = make_trainer(repo_id)
    first = hub.head(repo_id)
    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(shutil, "copytree", fill)
        trainer.train()
    assert all(f"{title}: not pushed. [Errno 28]" in caplog.text for title in IN_BETWEEN)
    assert hub.head(repo_id) == first
    assert not list(tmp_path.glob("run/_push-*"))
    check_whole(history(hub, trainer.push_to_hub().repo_id)[1][0])


def test_a_checkpoint_is_not_pushed_while_another_still_is(hub, make_trainer, monkeypatch):
    import transformers

    from skim_hf.training import pushing

    saved, push = threading.Semaphore(0), pushing.push_folder

    class Saved(transformers.TrainerCallback):
        def on_save(self, *args, **kwargs):
            saved.release()

    def push_late(*args, **kwargs):
        # Till both checkpoints are saved.
        for _ in range(2):
            saved.acquire()
        return push(*args, **kwargs)

    repo_id = hub.repo_id("films")
    trainer = make_trainer(repo_id)
    trainer.add_callback(Saved())
    monkeypatch.setattr(pushing, "push_folder", push_late)
    trainer.train()
    assert history(hub, repo_id)[0] == ["initial commit", IN_BETWEEN[0]]


def test_what_could_not_be_pushed_is_not_trained(hub, make_trainer, monkeypatch, tmp_path):
    import skim_hf
    from skim_hf.training import pushing

    model = make_trainer(push_to_hub=False).model
    args = skim_hf.SkimTrainingArguments(push_to_hub=True, hub_model_id=hub.repo_id("films"), use_cpu=True)
    with pytest.raises(ValueError, match="processing_class=tokenizer"):
        skim_hf.SkimTrainer(model, args)

    (tmp_path / "run" / "README.md").write_text("# Mine")
    with pytest.raises(ValueError, match="not made by skim-hf"):
        make_trainer(hub.repo_id("films"))

    def missing(package, extra):
        raise ImportError(f"{package}: pip install 'skim-hf[{extra}]'")

    monkeypatch.setattr(pushing, "require", missing)
    with pytest.raises(ImportError, match=r"jinja2: .*skim-hf\[hub\]"):
        make_trainer(hub.repo_id("films"))
    assert hub.count() == 0


def test_arguments_that_the_card_has_no_use_for_are_named(hub, make_trainer, caplog):
    repo_id = hub.repo_id("films")
    trainer = make_trainer(repo_id, hub_strategy="end")
    with caplog.at_level(logging.WARNING):
        trainer.push_to_hub(dataset="squad", tags=["a"])
    assert "dataset, tags have no effect" in caplog.text
    assert "squad" not in hub.files(repo_id)["README.md"].decode()


def test_a_model_of_features_goes_without_card(hub, make_trainer):
    import skim_hf

    args = make_trainer(push_to_hub=False, eval_strategy="no").args
    config = skim_hf.SkimRNNConfig(vocab_size=None, input_size=4, hidden_size=7, skim_sizes=[3])
    repo_id = hub.repo_id("features")
    args.push_to_hub, args.hub_model_id = True, repo_id
    skim_hf.SkimTrainer(skim_hf.SkimRNNForSequenceClassification(config), args).push_to_hub()
    assert {"config.json", "model.safetensors"} <= hub.files(repo_id).keys()
    assert not {"README.md", "results.json", "tokenizer.json"} & hub.files(repo_id).keys()


def test_without_push_to_hub_a_push_makes_the_repository(hub, make_trainer):
    trainer = make_trainer(hub.repo_id("later"), push_to_hub=False)
    assert hub.count() == 0
    trainer.push_to_hub(private=True)
    assert hub.api.model_info(hub.repo_id("later")).private
