from dataclasses import fields

from transformers import HfArgumentParser, PreTrainedConfig

from skim_hf import SkimRNNConfig, SkimTrainingArguments
from skim_hf.training.options import ModelOptions, QuestionOptions

# Given by the data, the word vectors or the training arguments, or better left alone.
ELSEWHERE = {
    "vocab_size",
    "embedding_size",
    "input_size",
    "pad_token_id",
    "unk_token_id",
    "gumbel_temperature",
    "forget_bias",
    "initializer_range",
    *(field.name for field in fields(SkimTrainingArguments)),
}


def test_every_field_of_a_configuration_has_an_option():
    own = {field.name for field in fields(SkimRNNConfig)} - {field.name for field in fields(PreTrainedConfig)}
    assert own - ELSEWHERE == {field.name for field in fields(QuestionOptions)}


def test_only_readers_of_questions_have_options_of_questions():
    assert "hidden_size" in {field.name for field in fields(ModelOptions)}
    assert not {"reader", "char_filters", "max_answer_length"} & {each.name for each in fields(ModelOptions)}
    options = QuestionOptions(reader="bidaf", exact_match=False, hidden_size=3)
    assert options.config_fields() == {"reader": "bidaf", "exact_match": False, "hidden_size": 3}


def test_only_what_was_given_is_passed_on():
    parser = HfArgumentParser(ModelOptions)
    line = ["--skim_sizes", "20", "5", "0", "--bidirectional", "true", "--jump_limit", "0", "--dropout", "0"]
    (options,) = parser.parse_args_into_dataclasses(line)
    expected = {"skim_sizes": [20, 5, 0], "bidirectional": True, "jump_limit": 0, "dropout": 0.0}
    assert options.config_fields() == expected
    assert ModelOptions().config_fields() == {}
