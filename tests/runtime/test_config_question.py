"""The fields of a configuration that models have which answer questions."""

import pytest

from skim_hf import costs
from skim_hf.runtime.config import RuntimeConfig


@pytest.fixture
def values(models):
    """A function of fields that gives a valid `config.json`."""
    base = {
        "architectures": ["SkimRNNForQuestionAnswering"],
        "bidirectional": True,
        "reader": "bidaf",
        "num_encoder_layers": 2,
        "num_highway_layers": 2,
        "num_hidden_layers": 3,
        "char_vocab_size": 11,
        "char_filters": 4,
    }
    return lambda **fields: models.values(**{**base, **fields})


@pytest.mark.parametrize("reader", ["attention", "bidaf"])
@pytest.mark.parametrize("characters", [None, 11])
@pytest.mark.parametrize("encoders", [0, 1, 2])
def test_layers_are_as_wide_as_costs_say(reader, characters, encoders, values):
    fields = {"reader": reader, "char_vocab_size": characters, "num_encoder_layers": encoders}
    config = RuntimeConfig.from_dict(values(**fields))
    shapes = costs.reader_shapes(config)
    assert config.num_readers == len(shapes)
    assert [config.layer_width(r // 2) for r in range(len(shapes))] == [shape.input_size for shape in shapes]


def test_what_older_files_leave_out(values):
    config = RuntimeConfig.from_dict(values(char_filters=None) | {"char_filters": 100})
    assert (config.max_word_length, config.max_answer_length, config.char_width) == (16, 15, 5)
    assert config.exact_match
    assert config.unk_token_id is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"reader": None}, "reader must be one of attention, bidaf; got None"),
        ({"reader": "BiDAF"}, "reader must be one of attention, bidaf"),
        ({"num_encoder_layers": None}, "num_encoder_layers must be an integer of at least 0; got None"),
        ({"num_highway_layers": -1}, "num_highway_layers must be an integer of at least 0"),
        ({"num_hidden_layers": 0}, "at least 1; got 0"),
        ({"char_vocab_size": 0}, "char_vocab_size must be an integer of at least 1"),
        ({"char_width": 0}, "char_width must be an integer of at least 1"),
        ({"max_word_length": True}, "max_word_length must be an integer"),
        ({"max_answer_length": 0}, "max_answer_length must be an integer of at least 1"),
        ({"exact_match": 1}, "exact_match must be true or false"),
        ({"unk_token_id": 15}, "below vocab_size=15; got 15"),
        ({"bidirectional": False}, "bidirectional must be true"),
        ({"vocab_size": None, "input_size": 5}, "vocab_size must be a number; got null"),
        ({"jump_every": 2, "jump_size": 3, "jump_limit": 1}, "needs an output at every token"),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_allowed(fields, message, values):
    with pytest.raises(ValueError, match=message):
        RuntimeConfig.from_dict(values(**fields))
