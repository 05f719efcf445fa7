"""What the quickstart leaves beside its models, on tiny ones."""

import json

import pytest
import torch

from skim_hf.results import ModelResults
from skim_hf.training import LabelSchema, build_tokenizer, new_classifier

TEXTS = ["a good film", "a bad film, a bad one!", "good", "unknown words only", "bad"]
SPLIT = {"text": TEXTS, "label": ["positive", "negative", "positive", "negative", "negative"]}
RECIPES = {"plain": {"policy": "full"}, "skim": {"skim_sizes": 3}}


class Split(dict):
    """Columns whose length is that of the rows, as a data set has it."""

    def __len__(self):
        return len(self["text"])


@pytest.fixture
def folders(tmp_path):
    tokenizer = build_tokenizer(TEXTS, min_frequency=1, progress=False)
    labels = LabelSchema("single_label_classification", ("negative", "positive"))
    found = {}
    for name, fields in {"plain": {"policy": "full"}, "skim": {"skim_sizes": [3]}}.items():
        torch.manual_seed(0)
        model = new_classifier(labels, tokenizer, embedding_size=5, hidden_size=7, **fields)
        found[name] = tmp_path / f"{name}-lstm-imdb"
        model.eval().save_pretrained(found[name])
        tokenizer.save_pretrained(found[name])
        (found[name] / "train_results.json").write_text(json.dumps({"train_runtime": 2.5}), encoding="utf-8")
    return found


def test_results_name_their_splits_and_cards_are_written(folders, script):
    module = script("_quickstart_results")
    test, validation = Split(SPLIT), Split({name: column[:3] for name, column in SPLIT.items()})
    reviews = {"train": test, "validation": validation, "test": test}
    commands = {name: ["/bin/python", "train.py", "--seed", "7"] for name in folders}
    results = module.measure_models(folders, reviews, RECIPES, commands, seed=7)
    for name, folder in folders.items():
        assert ModelResults.load(folder) == results[name]
        results[name].check_weights(folder)
        training = results[name].training
        assert (training["command"], training["seconds"]) == ("python train.py --seed 7", 2.5)
        assert training["recipe"] == RECIPES[name]
        assert training["splits"] == {"train": 5, "validation": 3, "test": 5}
        assert "license: apache-2.0" in (folder / "README.md").read_text(encoding="utf-8")
    skim, plain = results["skim"], results["plain"]
    assert (skim.evaluation["split"], skim.evaluation["texts"]) == ("test", 5)
    assert (skim.evaluation["curve"]["split"], skim.evaluation["curve"]["texts"]) == ("validation", 3)
    assert skim.evaluation["dense"]["metrics"] == plain.evaluation["metrics"]
    assert skim.latency["contestants"].keys() == {"adaptive", "dense"}
    assert "curve" not in plain.evaluation


def test_one_text_of_every_label_is_offered(script):
    module = script("_pair_results")
    texts = ["word " * count for count in (3, 39, 44, 80)]
    offered = module.choose_widget({"text": texts, "label": ["a", "a", "b", "b"]})
    assert offered == [texts[1], texts[2]]
