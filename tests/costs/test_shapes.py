"""Shapes of readers, from arguments and from configurations."""

from types import SimpleNamespace

import pytest

from skim_hf.costs import ReaderShape, reader_shapes

FIELDS = {
    "vocab_size": 11,
    "embedding_size": 5,
    "input_size": None,
    "hidden_size": 7,
    "num_hidden_layers": 1,
    "bidirectional": False,
    "cell_type": "gru",
    "policy": "skim",
    "skim_sizes": [3, 0],
    "small_input": "full_h",
}


def test_a_shape_knows_its_gates_and_sizes():
    shape = ReaderShape("lstm", 5, 7, [3, 0])
    assert (shape.gates, shape.sizes, shape.skim_sizes) == (4, (7, 3, 0), (3, 0))
    assert shape == ReaderShape("lstm", 5, 7, (3, 0))
    assert hash(shape) == hash(ReaderShape("lstm", 5, 7, (3, 0)))


@pytest.mark.parametrize("wrap", [dict, lambda fields: SimpleNamespace(**fields)], ids=["mapping", "object"])
def test_one_reader(wrap):
    assert reader_shapes(wrap(FIELDS)) == (ReaderShape("gru", 5, 7, (3, 0), "full_h"),)


def test_layers_and_directions_come_in_the_order_of_the_decisions():
    shapes = reader_shapes({**FIELDS, "num_hidden_layers": 3, "bidirectional": True})
    assert [shape.input_size for shape in shapes] == [5, 5, 14, 14, 14, 14]
    shapes = reader_shapes({**FIELDS, "num_hidden_layers": 2})
    assert [shape.input_size for shape in shapes] == [5, 7]


def test_continuous_inputs_have_their_own_width():
    assert reader_shapes({**FIELDS, "vocab_size": None, "input_size": 13})[0].input_size == 13


def test_a_plain_reader_has_no_small_cell():
    assert reader_shapes({**FIELDS, "policy": "full"})[0].skim_sizes == ()


@pytest.mark.parametrize("policy", ["skip", "selective", "random", "periodic"])
def test_other_policies_read_or_copy(policy):
    shapes = reader_shapes({**FIELDS, "policy": policy, "skim_sizes": [], "num_hidden_layers": 2})
    assert [shape.sizes for shape in shapes] == [(7, 0)] * 2
    assert [shape.has_gate for shape in shapes] == [False, policy == "skip"]


def test_the_top_layer_jumps():
    shapes = reader_shapes({**FIELDS, "num_hidden_layers": 2, "jump_size": 4})
    assert [shape.jump_size for shape in shapes] == [None, 4]


def test_pooled_embeddings_have_no_reader():
    assert reader_shapes({**FIELDS, "policy": "full", "skim_sizes": [], "num_hidden_layers": 0}) == ()


def test_small_cells_are_for_skimming():
    with pytest.raises(ValueError, match=r"skim_sizes are for policy='skim'; got \[3\] for 'skip'"):
        ReaderShape("gru", 5, 7, (3,), policy="skip")


def test_sizes_left_open_mean_the_default():
    assert reader_shapes({**FIELDS, "hidden_size": 50, "skim_sizes": None})[0].skim_sizes == (10,)


def test_the_real_configuration_is_accepted():
    pytest.importorskip("transformers")
    from skim_hf import SkimRNNConfig

    config = SkimRNNConfig(**{**FIELDS, "num_hidden_layers": 2})
    assert reader_shapes(config) == reader_shapes(config.to_dict())
    assert [shape.sizes for shape in reader_shapes(config)] == [(7, 3, 0)] * 2


def test_the_budget_of_the_models_weighs_choices_like_the_counter():
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from skim_hf import SkimRNNConfig
    from skim_hf.costs import relative_costs
    from skim_hf.modeling import budgets_skim_rnn

    for small_input in ("own_slice", "full_h"):
        config = SkimRNNConfig(**{**FIELDS, "small_input": small_input})
        (shape,) = reader_shapes(config)
        assert budgets_skim_rnn.relative_costs(config, 5) == pytest.approx(list(relative_costs(shape)))


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"cell_type": "rnn"}, ValueError, "cell_type must be one of lstm, gru, tanh, got 'rnn'"),
        ({"small_input": "whole"}, ValueError, "one of own_slice, full_h"),
        ({"policy": "leap"}, ValueError, "policy must be one of full, skim, skip, .*, got 'leap'"),
        ({"jump_size": 0}, ValueError, "jump_size must be at least 1, got 0"),
        ({"skim_sizes": [8]}, ValueError, "between 0 and 7, got 8"),
        ({"skim_sizes": [0, 3]}, ValueError, r"from large to small, got \[0, 3\]; write \[3, 0\]"),
        ({"skim_sizes": [3.0]}, TypeError, "skim_sizes must be an integer, got 3.0"),
        ({"skim_sizes": [True]}, TypeError, "got True of type bool"),
        ({"hidden_size": 0}, ValueError, "hidden_size must be at least 1"),
        ({"hidden_size": "7"}, TypeError, "hidden_size must be an integer"),
        ({"num_hidden_layers": -1}, ValueError, "num_hidden_layers must be at least 0"),
        ({"vocab_size": None}, TypeError, "input_size must be an integer, got None"),
    ],
)
def test_impossible_fields_are_refused(change, error, says):
    with pytest.raises(error, match=says):
        reader_shapes({**FIELDS, **change})


def test_a_missing_field_is_named():
    fields = {name: value for name, value in FIELDS.items() if name != "cell_type"}
    with pytest.raises(ValueError, match=r"no field 'cell_type'.*got dict"):
        reader_shapes(fields)


@pytest.mark.parametrize("fields", [{}, {"num_encoder_layers": 0, "char_vocab_size": 9}, {"policy": "skip"}])
@pytest.mark.parametrize("reader", ["attention", "bidaf"])
def test_readers_of_a_context_are_those_of_the_model(reader, fields):
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from skim_hf import SkimRNNConfig, SkimRNNForQuestionAnswering

    stack = {"vocab_size": 23, "embedding_size": 5, "hidden_size": 7, "num_hidden_layers": 2}
    fields = {**stack, "policy": "full", "reader": reader, "num_encoder_layers": 2, **fields}
    config = SkimRNNConfig(**fields)
    readers = [r for layer in SkimRNNForQuestionAnswering(config).context_layers for r in layer.readers]
    for given in (config, config.to_dict()):
        shapes = reader_shapes(given)
        assert [shape.input_size for shape in shapes] == [r.cells[0].input_size for r in readers]
        assert [shape.has_gate for shape in shapes] == [hasattr(r.policy, "gate") for r in readers]
        assert len(shapes) == config.num_readers
