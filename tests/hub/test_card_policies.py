"""Cards of every way of reading say what it does and what its figures count."""

from dataclasses import replace

import pytest

from skim_hf.hub.card import make_card
from skim_hf.hub.card_policies import describe_reading, is_adaptive, kind_of_cell, not_read
from skim_hf.results import ModelResults, describe_machine
from skim_hf.runtime import RuntimeConfig

PLAIN = RuntimeConfig(
    vocab_size=11,
    embedding_size=5,
    input_size=None,
    hidden_size=7,
    num_hidden_layers=1,
    bidirectional=False,
    cell_type="lstm",
    policy="full",
    skim_sizes=(),
    small_input="own_slice",
    skim_threshold=0.5,
    pooling="last",
    labels=("no", "yes"),
)
JUMPS = {"jump_every": 20, "jump_size": 5, "jump_limit": 3}
# What a card calls the model, what its skim rate counts, and words of the sentence on how it reads.
SAID = {
    "full": ({}, "LSTM", None, ["A plain LSTM of 7 units, which reads every word."]),
    "skim": (
        {"policy": "skim", "skim_sizes": (3, 0)},
        "Skim-LSTM",
        "words skimmed",
        ["Seo et al., *Neural Speed Reading via Skim-RNN* (ICLR 2018)", "only the first 3 or none"],
    ),
    "skip": ({"policy": "skip"}, "Skip-LSTM", "words skipped", ["Campos et al., Skip RNN (ICLR 2018)"]),
    "selective": (
        {"policy": "selective", "cell_type": "gru"},
        "Selective-GRU",
        "units not updated",
        ["Hartvigsen et al., SA-RNN (CIKM 2020)", "each of the 7 units"],
    ),
    "random": (
        {"policy": "random", "skip_rate": 0.25},
        "Random-Skip-LSTM",
        "words skipped",
        ["a control: it skips 25% of the words by a fixed random choice"],
    ),
    "periodic": (
        {"policy": "periodic", "skip_rate": 0.25},
        "Periodic-Skip-LSTM",
        "words skipped",
        ["skips 25% of the words in regular turn"],
    ),
    "jumps": (
        JUMPS,
        "LSTM-Jump",
        "words passed over",
        ["reads every word it visits", "LSTM-Jump does (Yu et al., ACL 2017), after every 20 words"],
    ),
    "skim and jump": (
        {"policy": "skim", "skim_sizes": (3,), **JUMPS},
        "Skim-LSTM-Jump",
        "words skimmed or passed over",
        ["A Skim-LSTM after Seo et al.", "jumps up to 5 words ahead, at most 3 times"],
    ),
    "no layer": (
        {"num_hidden_layers": 0, "pooling": "mean"},
        "Pooled-Embeddings",
        None,
        ["The mean of the word vectors and a classifier, without recurrence"],
    ),
    "features": (
        {"policy": "skip", "vocab_size": None, "input_size": 4},
        "Skip-LSTM",
        "steps skipped",
        ["after every step that it reads"],
    ),
}


def results_of(config):
    origin = {"machine": describe_machine(), "command": "python train.py"}
    engine = {"backend": "numpy", "dtype": "float32"}
    point = {"metrics": {"accuracy": 0.75}, "read": 0.25, "median_us": 41.0}
    points = [{"threshold": 0.0, **point}, {"threshold": 1.0, **point, "macs_ratio": 3.0}]
    curve = {"split": "test", "texts": 9, "timed_texts": 5, "points": points, **engine, **origin}
    evaluation = {
        "data": {"name": "reviews"},
        "split": "test",
        "texts": 12,
        "threshold": 0.5,
        "metrics": {"accuracy": 0.75},
        "skim_rate_macro": 0.7,
        "skim_rate_micro": 0.75,
        "macs_ratio": 3.0,
        **origin,
    }
    if config.policy in ("skim", "skip", "selective"):
        evaluation["curve"] = curve
    if config.jumps:
        evaluation |= {"visited_rate": 0.4, "jumps_per_text": 2.5, "jump_every": 20, "jump_limit": 1}
    model = {"architecture": config.architecture, "parameters": 7, "bytes": {"model.safetensors": 9}}
    return ModelResults("digest", model, evaluation=evaluation)


@pytest.mark.parametrize("case", SAID)
def test_what_a_card_says(case):
    fields, kind, share, said = SAID[case]
    config = replace(PLAIN, **fields)
    card = make_card(results_of(config), config, name="films")
    text = str(card)
    assert kind_of_cell(config) == kind
    assert kind in card.data.tags
    assert all(part in describe_reading(config) for part in said)
    assert describe_reading(config) in text
    assert is_adaptive(config) == (share is not None)
    shown = [f"{share}, of all words (micro) | 75.0%", "3.0x"] if share else []
    assert [figure for figure in shown if figure not in text] == []
    names = [result.metric_name for result in card.data.eval_results]
    assert ("Arithmetic saved, true multiply-adds" in names) == (share is not None)
    assert ("One dial" in text) == (config.policy in ("skim", "skip", "selective"))
    assert ("threshold 0.5" in text) == ("One dial" in text)


def test_what_the_dial_does():
    texts = {
        policy: str(make_card(results_of(config), config, name="films"))
        for policy in ("skim", "skip", "selective")
        for config in [replace(PLAIN, policy=policy, skim_sizes=(3,) if policy == "skim" else ())]
    }
    assert "would skim with a\nprobability above 0.3; `threshold=1` reads everything." in texts["skim"]
    assert "reads a word only where the signal that has added up is above 0.7" in texts["skip"]
    assert "updates only the units whose likelihood is above 0.7" in texts["selective"]
    assert "units updated | arithmetic saved (macs)" in texts["selective"]
    # The point at which nothing was computed.
    assert "| 0 | 75.0% | 25.0% | all |" in texts["skip"]


def test_jumps_have_figures_and_a_dial_of_their_own():
    config = replace(PLAIN, **JUMPS)
    text = str(make_card(results_of(config), config, name="films"))
    assert "words visited, the others passed over | 40.0%" in text
    assert "jump decisions in a text | 2.5" in text
    assert "`jump_limit` 1 (the model's own is 3)" in text
    assert "`jump_every` 20 (" not in text
    assert "## How far it looks" in text
    assert "the model's own settings are 20 and 3" in text
    assert "How far it looks" not in str(make_card(results_of(PLAIN), PLAIN, name="films"))


def test_models_of_features_are_fed_arrays():
    config = replace(PLAIN, policy="selective", vocab_size=None, input_size=4)
    card = make_card(results_of(config), config, name="digits")
    text = str(card)
    assert "clf([[0.0] * 4] * 50)" in text
    assert "Fine-tune further" not in text
    assert "pipeline(" not in text
    assert card.data.pipeline_tag is None
    assert 'Labels sequences of features as "no" or "yes"' in text


def test_selected_units_are_no_words():
    config = replace(PLAIN, policy="selective")
    assert "updating 25.0% of its units on average" in str(make_card(results_of(config), config, name="a"))
    assert not_read(replace(config, **JUMPS)) == "units not updated"
