"""SkimRNNConfig: what it accepts, what it refuses, and that it survives the way through JSON."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skim_hf import SkimRNNConfig, SkimRNNModel
from skim_hf.modeling.checks_skim_rnn import BUDGETS, CHOICES

DEFAULTS = {
    "vocab_size": 30000,
    "embedding_size": 100,
    "input_size": None,
    "hidden_size": 100,
    "num_hidden_layers": 1,
    "bidirectional": False,
    "cell_type": "lstm",
    "policy": "skim",
    "skim_sizes": [10],
    "small_input": "own_slice",
    "estimator": "gumbel",
    "gumbel_temperature": 0.5,
    "skip_rate": 0.5,
    "skip_gradient": "official",
    "learned_initial_state": False,
    "slope": 1.0,
    "jump_every": None,
    "jump_size": None,
    "jump_limit": None,
    "num_rollouts": 1,
    "reinforce_weight": 1.0,
    "budget_type": "neg_log_skim",
    "budget_weight": 0.02,
    "budget_target": None,
    "skim_threshold": 0.5,
    "pooling": "last",
    "dropout": 0.0,
    "forget_bias": 1.0,
    "initializer_range": 0.1,
    "reader": None,
    "num_encoder_layers": None,
    "num_highway_layers": None,
    "exact_match": True,
    "unk_token_id": None,
    "freeze_embeddings": False,
    "char_vocab_size": None,
    "char_embedding_size": 8,
    "char_filters": 100,
    "char_width": 5,
    "max_word_length": 16,
    "max_answer_length": 15,
    "pad_token_id": 0,
}

JUMPS = {"jump_every": 2, "jump_size": 3, "jump_limit": 1}
POOLED = {"policy": "full", "num_hidden_layers": 0, "pooling": "mean"}

NEWER = {
    *("skip_rate", "skip_gradient", "learned_initial_state", "slope", "num_rollouts", "reinforce_weight"),
    *JUMPS,
    *(
        "reader",
        "num_encoder_layers",
        "num_highway_layers",
        "exact_match",
        "unk_token_id",
        "freeze_embeddings",
    ),
    *("char_vocab_size", "char_embedding_size", "char_filters", "char_width", "max_word_length"),
    "max_answer_length",
}

IMPOSSIBLE = [
    *[(name, value) for name in ("cell_type", "policy", "small_input") for value in ("LSTM", "", None, 1)],
    *[
        (name, value)
        for name in ("estimator", "skip_gradient", "pooling")
        for value in ("none", None, ["last"])
    ],
    *[
        (name, v)
        for name in ("embedding_size", "hidden_size", "num_hidden_layers", "num_rollouts")
        for v in (0, -1, 2.0, "3", True, None)
    ],
    *[
        (name, v)
        for name in (
            "char_embedding_size",
            "char_filters",
            "char_width",
            "max_word_length",
            "max_answer_length",
        )
        for v in (0, -1, 2.0, True, None)
    ],
    *[
        (name, v)
        for name in ("num_encoder_layers", "num_highway_layers", "char_vocab_size", "unk_token_id")
        for v in (-1, 2.0, "3", True, 1)
    ],
    *[(name, v) for name in ("exact_match", "freeze_embeddings") for v in (1, 0, None, "yes")],
    *[("reader", v) for v in ("none", "BiDAF", "", 1, ["bidaf"])],
    *[("budget_type", v) for v in ("none", ["gates"], "updates", "gates", "likelihoods")],
    *[("slope", v) for v in (0, -1.0, float("inf"), None)],
    *[("skip_rate", v) for v in (-0.1, 1, 1.0, 1.5, float("nan"), None, True)],
    *[("reinforce_weight", v) for v in (-0.1, float("inf"), None)],
    *[("learned_initial_state", v) for v in (0, "yes")],
    *[(name, v) for name in ("jump_every", "jump_size") for v in (0, -1, 1.5, True)],
    *[("vocab_size", v) for v in (0, -5, 1.5, "many", True)],
    *[("input_size", v) for v in (0, -5, 1.5, True)],
    *[("pad_token_id", v) for v in (-1, 30000, 0.0, True)],
    *[("bidirectional", v) for v in (1, 0, None, "yes")],
    *[("skim_threshold", v) for v in (-0.01, 1.01, float("nan"), "0.5", None, True)],
    *[("dropout", v) for v in (-0.1, 1.1, float("nan"), None)],
    *[("gumbel_temperature", v) for v in (0, 0.0, -1, float("inf"), float("nan"), None)],
    *[("budget_weight", v) for v in (-0.1, float("inf"), float("nan"), None)],
    *[("initializer_range", v) for v in (0, -0.1, float("nan"))],
    *[("forget_bias", v) for v in (float("inf"), float("nan"), None)],
    *[("budget_target", v) for v in (0.0, -0.1, 1.1, float("nan"), "half")],
    *[("skim_sizes", v) for v in ([], [101], [-1], [5, 10], [10.0], [True], ["10"], 10, "10", {10})],
]


def test_only_words_have_vectors_to_freeze():
    assert SkimRNNConfig(freeze_embeddings=True).freeze_embeddings
    with pytest.raises(ValueError, match="freeze_embeddings is for word vectors"):
        SkimRNNConfig(vocab_size=None, input_size=13, freeze_embeddings=True)


def test_defaults():
    config = SkimRNNConfig()
    assert {name: getattr(config, name) for name in DEFAULTS} == DEFAULTS
    assert config.model_type == "skim_rnn"
    assert SkimRNNConfig(policy="full").skim_sizes == []
    assert config.skim_sizes is not SkimRNNConfig().skim_sizes


def test_derived_numbers():
    config = SkimRNNConfig(skim_sizes=(20, 5, 0), num_hidden_layers=3, bidirectional=True)
    assert (config.num_choices, config.num_directions, config.num_readers) == (4, 2, 6)
    assert config.input_width == 100
    assert SkimRNNConfig(vocab_size=None, input_size=13).input_width == 13
    assert SkimRNNConfig(policy="full").num_choices == 1
    assert SkimRNNConfig(policy="skip").num_choices == 2
    assert SkimRNNConfig(bidirectional=True).output_width == 200
    assert SkimRNNConfig(**POOLED, embedding_size=13).output_width == 13


def test_what_is_left_out_follows_from_the_policy():
    found = {name: SkimRNNConfig(policy=name) for name in CHOICES["policy"]}
    assert {name: config.budget_type for name, config in found.items()} == {
        "full": None,
        "skim": "neg_log_skim",
        "skip": "updates",
        "selective": "gates",
        "random": None,
        "periodic": None,
    }
    assert [name for name, config in found.items() if config.learned_initial_state] == ["skip"]
    assert [name for name, config in found.items() if config.skim_sizes] == ["skim"]
    assert not SkimRNNConfig(policy="skip", learned_initial_state=False).learned_initial_state
    assert SkimRNNConfig(**JUMPS).jumps
    assert not SkimRNNConfig().jumps


def test_what_is_left_out_follows_from_the_question_reader():
    attention, bidaf = (SkimRNNConfig(reader=name, num_hidden_layers=2) for name in ("attention", "bidaf"))
    assert (attention.num_encoder_layers, attention.num_highway_layers, attention.num_readers) == (1, 0, 6)
    assert (bidaf.num_encoder_layers, bidaf.num_highway_layers, bidaf.num_readers) == (1, 2, 8)
    assert attention.bidirectional
    assert SkimRNNConfig(reader="bidaf", num_encoder_layers=0, num_highway_layers=0).num_readers == 4
    # Each layer has a gate of its own, so that both ways go with several layers.
    assert SkimRNNConfig(reader="attention", policy="skip", num_hidden_layers=2).learned_initial_state
    for config in (attention, bidaf):
        loaded = SkimRNNConfig.from_dict(json.loads(config.to_json_string()))
        assert loaded.to_diff_dict() == config.to_diff_dict()
    attention.bidirectional = False
    with pytest.raises(ValueError, match="reads both ways"):
        attention.check_values()


def test_a_configuration_saved_before_there_were_more_policies(tmp_path):
    for policy in ("full", "skim"):
        new = json.loads(SkimRNNConfig(policy=policy).to_json_string())
        old = {name: value for name, value in new.items() if name not in NEWER} | {
            "budget_type": "neg_log_skim"
        }
        (tmp_path / "config.json").write_text(json.dumps(old))
        loaded = SkimRNNConfig.from_pretrained(tmp_path)
        assert (loaded.policy, loaded.budget_type, loaded.jumps) == (policy, "neg_log_skim", False)
        assert not loaded.learned_initial_state


@pytest.mark.parametrize(("name", "value"), IMPOSSIBLE, ids=lambda v: str(v))
def test_an_impossible_value_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match=name.replace("_", ".")):
        SkimRNNConfig(**{name: value})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"policy": "full", "skim_sizes": [10]}, "no small cell"),
        ({"policy": "skip", "skim_sizes": [10]}, "policy='skim'"),
        ({"policy": "selective", "skim_sizes": [0]}, "policy='skim'"),
        ({"policy": "random", "budget_type": "expected_cost"}, "one of None with policy='random'"),
        ({"policy": "skip", "budget_type": "neg_log_skim"}, "updates, expected_cost.* policy='skip'"),
        ({"policy": "selective", "budget_type": "updates"}, "gates, likelihoods"),
        ({"policy": "skip", "bidirectional": True, "num_hidden_layers": 2}, "bidirectional=False"),
        ({**JUMPS, "bidirectional": True, "num_hidden_layers": 2}, "bidirectional=False"),
        ({"jump_every": 5}, "jump_every=5, jump_size=None, jump_limit=None"),
        ({"jump_every": 5, "jump_limit": 5}, "go together"),
        ({**JUMPS, "jump_every": 0}, "jump_every must be an integer of at least 1; got 0"),
        ({**JUMPS, "jump_size": 0}, "jump_size must be an integer of at least 1; got 0"),
        ({**JUMPS, "jump_limit": -1}, "jump_limit must be an integer of at least 0; got -1"),
        ({"policy": "skip", "estimator": "reinforce"}, "policy='skim'"),
        ({"num_hidden_layers": 0, "pooling": "mean"}, "policy='full'"),
        ({"num_hidden_layers": 0, "policy": "full"}, "pooling='mean' or 'max'"),
        ({**POOLED, "bidirectional": True}, "one direction"),
        ({**POOLED, **JUMPS}, "no jumps"),
        ({**POOLED, "learned_initial_state": True}, "no learned initial state"),
        ({"policy": "skim", "skim_sizes": []}, "at least one small size"),
        ({"budget_type": "cost_target_hinge"}, "needs budget_target"),
        ({"budget_type": "cost_target_square", "budget_target": None}, "needs budget_target"),
        ({"reader": "bidaf", **JUMPS}, "leave jump_every"),
        ({"reader": "bidaf", "vocab_size": None, "input_size": 4}, "reads words"),
        ({"reader": "attention", "num_hidden_layers": 0, "policy": "full"}, "at least 1; got 0"),
        ({"reader": "attention", "estimator": "reinforce"}, "'gumbel' or 'straight_through'"),
        ({"reader": "attention", "vocab_size": 9, "unk_token_id": 9}, "below vocab_size=9"),
        ({"num_highway_layers": 2, "char_vocab_size": 9}, "only for question answering"),
        ({"input_size": 4}, "vocab_size=30000 and input_size=4"),
        ({"vocab_size": None}, "vocab_size=None and input_size=None"),
        ({"hidden_size": 9}, "hidden_size=9"),
        ({"vocab_size": 5, "pad_token_id": 5}, "vocab_size=5"),
    ],
    ids=str,
)
def test_contradictions_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        SkimRNNConfig(**fields)


@pytest.mark.parametrize("size", [10**400, -(10**400)], ids=["huge", "hugely negative"])
def test_a_number_beyond_floats_is_refused_like_any_other(size):
    with pytest.raises(ValueError, match="budget_weight"):
        SkimRNNConfig(budget_weight=size)


@pytest.mark.parametrize(
    ("name", "near"),
    [("hiden_size", "hidden_size"), ("skim_size", "skim_sizes"), ("temperature", "gumbel_temperature")],
)
def test_a_misspelt_name_is_refused_with_the_near_one(name, near):
    with pytest.raises(ValueError, match=f"{name}.*Did you mean '{near}'"):
        SkimRNNConfig(**{name: 1})


def test_an_unknown_name_is_refused_with_the_list():
    with pytest.raises(ValueError, match=r"zzz.*hidden_size.*vocab_size"):
        SkimRNNConfig(zzz=1)


def test_an_unknown_kind_of_problem_is_refused():
    with pytest.raises(ValueError, match=r"problem_type.*regression"):
        SkimRNNConfig(problem_type="ranking")


def test_a_value_changed_later_is_checked_when_a_model_is_built(make_config):
    config = make_config()
    config.skim_sizes = [8]
    with pytest.raises(ValueError, match="hidden_size=7"):
        SkimRNNModel(config)


def test_names_of_transformers_are_accepted():
    config = SkimRNNConfig(num_labels=3, attn_implementation="eager", name_or_path="here", dtype="float32")
    assert config.num_labels == 3
    labels = SkimRNNConfig(id2label={0: "neg", 1: "pos"}, label2id={"neg": 0, "pos": 1})
    assert labels.id2label == {0: "neg", 1: "pos"}


def test_json_round_trip(tmp_path):
    config = SkimRNNConfig(skim_sizes=[20, 0], id2label={0: "a", 1: "b", 2: "c"}, problem_type="regression")
    config.save_pretrained(tmp_path)
    stored = json.loads((tmp_path / "config.json").read_text())
    # The runtime reads this file without transformers: all own fields are in it, as plain values.
    assert DEFAULTS.keys() <= stored.keys()
    assert stored["model_type"] == "skim_rnn"
    loaded = SkimRNNConfig.from_pretrained(tmp_path)
    assert loaded.to_diff_dict() == config.to_diff_dict()
    assert loaded.id2label == {0: "a", 1: "b", 2: "c"}


def test_overrides_are_checked_together_with_the_stored_fields(tmp_path):
    SkimRNNConfig(policy="full", hidden_size=8).save_pretrained(tmp_path)
    skim = SkimRNNConfig.from_pretrained(tmp_path, policy="skim", skim_sizes=[4])
    assert (skim.policy, skim.skim_sizes, skim.hidden_size) == ("skim", [4], 8)
    with pytest.raises(ValueError, match="hidden_size=8"):
        SkimRNNConfig.from_pretrained(tmp_path, policy="skim", skim_sizes=[9])
    with pytest.raises(ValueError, match="skim_threshold"):
        SkimRNNConfig.from_pretrained(tmp_path, skim_threshold=2)
    assert SkimRNNConfig.from_pretrained(tmp_path, num_labels=5).num_labels == 5


def test_a_folder_of_another_model_type_is_refused(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", "hidden_size": 8}))
    with pytest.raises(ValueError, match="bert"):
        SkimRNNConfig.from_pretrained(tmp_path)


@st.composite
def valid_fields(draw):
    fields = {
        "hidden_size": draw(st.integers(1, 40)),
        "num_hidden_layers": draw(st.integers(1, 3)),
        "bidirectional": draw(st.booleans()),
        "cell_type": draw(st.sampled_from(["lstm", "gru", "tanh"])),
        "policy": draw(st.sampled_from(["full", "skim", "selective", "random", "periodic"])),
        "small_input": draw(st.sampled_from(["own_slice", "full_h"])),
        "estimator": draw(st.sampled_from(["gumbel", "straight_through"])),
        "gumbel_temperature": draw(st.floats(1e-3, 10)),
        "budget_weight": draw(st.one_of(st.integers(0, 3), st.floats(0, 3))),
        "budget_target": draw(st.floats(1e-3, 1)),
        "skim_threshold": draw(st.one_of(st.sampled_from([0, 1]), st.floats(0, 1))),
        "pooling": draw(st.sampled_from(["last", "mean", "max"])),
        "dropout": draw(st.floats(0, 1)),
        "forget_bias": draw(st.floats(-3, 3)),
        "initializer_range": draw(st.floats(1e-3, 1)),
    }
    fields["budget_type"] = draw(st.sampled_from(BUDGETS[fields["policy"]]))
    if draw(st.booleans()):
        fields |= {
            "vocab_size": draw(st.integers(2, 50)),
            "pad_token_id": draw(st.sampled_from([None, 0, 1])),
        }
    else:
        fields |= {"vocab_size": None, "input_size": draw(st.integers(1, 9))}
    if fields["policy"] == "skim":
        sizes = st.lists(st.integers(0, fields["hidden_size"]), min_size=1, max_size=4)
        fields["skim_sizes"] = sorted(draw(sizes), reverse=True)
    return fields


@given(valid_fields())
@settings(max_examples=60, deadline=None, database=None)
def test_any_combination_of_valid_values_round_trips(fields):
    config = SkimRNNConfig(**fields)
    loaded = SkimRNNConfig.from_dict(json.loads(config.to_json_string()))
    assert {name: getattr(loaded, name) for name in fields} == fields
    assert loaded.to_diff_dict() == config.to_diff_dict()
