import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skim_hf.runtime.config import RuntimeConfig


def test_the_fields_of_a_saved_configuration(models):
    config = RuntimeConfig.from_dict(
        models.values(num_hidden_layers=2, bidirectional=True, skim_sizes=[4, 2, 0], id2label={"0": "x"})
    )
    assert (config.num_choices, config.num_directions, config.num_readers, config.num_gates) == (4, 2, 4, 4)
    assert config.sizes == (7, 4, 2, 0)
    assert (config.layer_width(0), config.layer_width(1)) == (5, 14)
    assert [config.context_width(choice) for choice in range(3)] == [7, 4, 2]
    assert config.labels == ("x",)


def test_the_head_says_whether_tokens_get_labels(models):
    heads = ("SkimRNNForSequenceClassification", "SkimRNNForTokenClassification")
    configs = [RuntimeConfig.from_dict(models.values(architectures=[head])) for head in heads]
    assert [config.labels_tokens for config in configs] == [False, True]


def test_a_full_h_cell_sees_the_whole_hidden_state(models):
    config = RuntimeConfig.from_dict(models.values(small_input="full_h"))
    assert config.context_width(1) == config.hidden_size


def test_labels_that_transformers_leaves_out(models):
    assert RuntimeConfig.from_dict(models.values()).labels == ("LABEL_0", "LABEL_1")


def test_label_ids_are_sorted_as_numbers(models):
    names = {str(number): f"n{number}" for number in reversed(range(11))}
    assert RuntimeConfig.from_dict(models.values(id2label=names)).labels[10] == "n10"


WRONG = [
    ("model_type", "bert", "'skim_rnn'; got 'bert'"),
    ("model_type", None, "'skim_rnn'"),
    ("architectures", ["SkimRNNForTokenClassification"] * 2, "SkimRNNForSequenceClassification"),
    ("architectures", ["SkimRNNModel"], "bare encoder, SkimRNNModel: it has no classifier.*Fine-tune"),
    ("architectures", ["SkimRNNForMaskedLM"], "runs SkimRNNForSequenceClassification.*Use transformers"),
    ("architectures", ["SkimRNNForQuestionAnswering"], "reader is missing"),
    ("reader", "bidaf", "reader='bidaf' is for SkimRNNForQuestionAnswering"),
    ("architectures", None, "SkimRNNForSequenceClassification"),
    ("architectures", [], "SkimRNNForSequenceClassification"),
    ("cell_type", "rnn", "lstm, gru, tanh; got 'rnn'"),
    ("cell_type", ["lstm"], "lstm, gru, tanh"),
    ("policy", "jump", "full, skim, skip, selective, random, periodic; got 'jump'"),
    ("pooling", "sum", "last, mean, max; got 'sum'"),
    ("small_input", "half", "own_slice, full_h; got 'half'"),
    ("problem_type", "ranking", "multi_label_classification"),
    ("hidden_size", 0, "at least 1; got 0"),
    ("hidden_size", 7.0, "integer"),
    ("hidden_size", True, "integer"),
    ("hidden_size", "7", "integer"),
    ("embedding_size", -1, "at least 1"),
    ("num_hidden_layers", -1, "at least 0"),
    ("num_hidden_layers", 0, "goes with policy 'full'.*got policy 'skim'"),
    ("input_size", 5, "got both, 15 and 5"),
    ("skip_rate", 1, "below 1; got 1"),
    ("skip_rate", -0.1, "at least 0"),
    ("skip_rate", None, "skip_rate"),
    ("learned_initial_state", 1, "true or false; got 1"),
    ("jump_every", 3, "go together.*jump_size, jump_limit is missing"),
    ("jump_limit", 3, "go together.*jump_every, jump_size is missing"),
    ("vocab_size", 0, "at least 1"),
    ("bidirectional", 1, "true or false; got 1"),
    ("skim_sizes", [8], "0 to hidden_size=7; got \\[8\\]"),
    ("skim_sizes", [2, 3], "from large to small"),
    ("skim_sizes", [-1], "0 to hidden_size"),
    ("skim_sizes", [], "not empty for 'skim'"),
    ("skim_sizes", 3, "list"),
    ("skim_sizes", None, "list"),
    ("skim_sizes", [True], "integers"),
    ("skim_sizes", ["3"], "integers"),
    ("skim_threshold", 1.5, r"\[0, 1\].*1.5"),
    ("skim_threshold", -0.1, r"\[0, 1\]"),
    ("skim_threshold", float("nan"), r"\[0, 1\].*nan"),
    ("skim_threshold", 10**400, r"\[0, 1\]"),
    ("skim_threshold", None, r"\[0, 1\]"),
    ("skim_threshold", True, r"\[0, 1\]"),
    ("id2label", {}, "id2label"),
    ("id2label", ["a", "b"], "id2label"),
    ("id2label", {"0": "a", "2": "b"}, "ids 0 to 1"),
    ("id2label", {"0": "a", "1": 2}, "label names"),
    ("id2label", None, "id2label"),
]


@pytest.mark.parametrize(("name", "value", "message"), WRONG)
def test_a_wrong_value_is_refused_with_what_is_allowed(models, name, value, message):
    with pytest.raises(ValueError, match=message):
        RuntimeConfig.from_dict(models.values(**{name: value}))


POLICIES = ["full", "skip", "selective", "random", "periodic"]


@pytest.mark.parametrize("policy", POLICIES)
def test_small_cells_need_a_policy_that_uses_them(models, policy):
    with pytest.raises(ValueError, match=rf"those of policy='skim'.*got \[3\] for '{policy}'"):
        RuntimeConfig.from_dict(models.values(policy=policy, skim_sizes=[3]))


@pytest.mark.parametrize("policy", POLICIES)
def test_choices_of_policies_without_sizes(models, policy):
    config = RuntimeConfig.from_dict(models.values(policy=policy))
    assert config.sizes == ((7,) if policy == "full" else (7, 0))
    assert config.learned_initial_state == (policy == "skip")
    assert config.skip_rate == 0.5
    assert not config.jumps


@pytest.mark.parametrize("found", [None, False, True])
def test_a_learned_initial_state_is_what_the_file_says(models, found):
    config = RuntimeConfig.from_dict(models.values(policy="skip", learned_initial_state=found))
    assert config.learned_initial_state == (found is not False)


JUMPS = {"jump_every": 3, "jump_size": 4, "jump_limit": 0}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("jump_every", 0, "jump_every must be an integer of at least 1; got 0"),
        ("jump_size", 0, "jump_size must be an integer of at least 1; got 0"),
        ("jump_limit", -1, "jump_limit must be an integer of at least 0; got -1"),
        ("jump_limit", None, "jump_limit is missing"),
        ("jump_every", 2.0, "integer"),
    ],
)
def test_wrong_jumps_are_refused(models, name, value, message):
    with pytest.raises(ValueError, match=message):
        RuntimeConfig.from_dict(models.values(**{**JUMPS, name: value}))


def test_jump_settings_can_be_changed_and_the_model_cannot(models):
    config = RuntimeConfig.from_dict(models.values(**JUMPS))
    changed = config.with_jumps(every=1, limit=9)
    assert (changed.jump_every, changed.jump_size, changed.jump_limit) == (1, 4, 9)
    assert config.with_jumps() is config
    with pytest.raises(ValueError, match="jump_every must be an integer of at least 1; got 0"):
        config.with_jumps(every=0)
    with pytest.raises(ValueError, match="this one has no jump head"):
        RuntimeConfig.from_dict(models.values()).with_jumps(limit=2)


TOKENS = ["SkimRNNForTokenClassification"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"policy": "skip", "num_hidden_layers": 2}, "one gate for all layers.*bidirectional=false, or"),
        ({**JUMPS, "num_hidden_layers": 3}, "jump.*bidirectional=false, or num_hidden_layers=1; got 3"),
        ({**JUMPS, "architectures": TOKENS}, "every token needs a label"),
        ({"num_hidden_layers": 0, "policy": "full", "pooling": "mean"}, "bidirectional=True"),
    ],
)
def test_contradictions_of_two_directions_are_refused(models, fields, message):
    with pytest.raises(ValueError, match=message):
        RuntimeConfig.from_dict(models.values(bidirectional=True, **fields))


def test_no_layers_classify_what_the_embedding_gives(models):
    fields = {"policy": "full", "num_hidden_layers": 0}
    config = RuntimeConfig.from_dict(models.values(**fields, pooling="mean"))
    assert (config.output_width, config.num_readers) == (5, 0)
    for wrong in ({"pooling": "last"}, {"pooling": "max", **JUMPS}):
        with pytest.raises(ValueError, match="num_hidden_layers=0"):
            RuntimeConfig.from_dict(models.values(**fields, **wrong))


@pytest.mark.parametrize(
    "name",
    [
        "vocab_size",
        "embedding_size",
        "hidden_size",
        "num_hidden_layers",
        "bidirectional",
        "cell_type",
        "policy",
        "skim_sizes",
        "small_input",
        "skim_threshold",
        "pooling",
    ],
)
def test_a_missing_field_is_named(models, name):
    values = models.values()
    del values[name]
    with pytest.raises(ValueError, match=f"{name} is missing"):
        RuntimeConfig.from_dict(values)


def test_continuous_features_need_a_width(models):
    assert RuntimeConfig.from_dict(models.values(vocab_size=None, input_size=9)).input_width == 9
    with pytest.raises(ValueError, match="input_size"):
        RuntimeConfig.from_dict(models.values(vocab_size=None))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "3",
        '"x"',
        "null",
        "NaN",
        "[" * 100_000,
        "9" * 10_000,
        '{"skim_threshold": NaN}',
        '{"hidden_size": 7, "hidden_size": 8}',
        "\x00",
    ],
    ids=lambda text: text[:12] or "empty",
)
def test_a_file_that_is_not_a_configuration(tmp_path, text):
    path = tmp_path / "config.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"config\.json"):
        RuntimeConfig.load(path)


def test_every_error_names_the_file(models):
    path = models.folder() / "config.json"
    path.write_text(json.dumps(models.values(cell_type="rnn")), encoding="utf-8")
    with pytest.raises(ValueError, match=r"config\.json: cell_type must be one of"):
        RuntimeConfig.load(path)


@given(data=st.binary(max_size=60))
def test_random_bytes_give_one_error(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("fuzz") / "config.json"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"config\.json"):
        RuntimeConfig.load(path)


@given(data=st.data())
def test_a_cut_or_damaged_file_loads_or_gives_one_error(shared_models, tmp_path_factory, data):
    whole = json.dumps(shared_models.values()).encode()
    position = data.draw(st.integers(0, len(whole) - 1))
    damage = data.draw(st.none() | st.binary(min_size=1, max_size=3))
    path = tmp_path_factory.mktemp("fuzz") / "config.json"
    path.write_bytes(whole[:position] + (b"" if damage is None else damage + whole[position + len(damage) :]))
    # The damage may happen to leave a valid file; any error must be this one.
    with contextlib.suppress(ValueError):
        RuntimeConfig.load(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(data=st.data())
def test_any_value_in_any_field_loads_or_gives_one_error(shared_models, data):
    policy = data.draw(st.sampled_from(["skim", *POLICIES]))
    new = {"skip_rate": 0.3, "learned_initial_state": None, **JUMPS}
    values = shared_models.values(policy=policy, id2label={"0": "a", "1": "b"}, problem_type=None, **new)
    values[data.draw(st.sampled_from(sorted(values)))] = data.draw(JSON)
    with contextlib.suppress(ValueError):
        RuntimeConfig.from_dict(values)
