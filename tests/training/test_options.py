from dataclasses import fields

from transformers import HfArgumentParser, PreTrainedConfig

from skim_hf import SkimRNNConfig, SkimTrainingArguments
from skim_hf.training.options import ModelOptions

# Of readers that answer questions, which these options do not make.
QUESTIONS = {
    "reader",
    "num_encoder_layers",
    "num_highway_layers",
    "exact_match",
    "unk_token_id",
    "freeze_embeddings",
    "char_vocab_size",
    "char_embedding_size",
    "char_filters",
    "char_width",
    "max_word_length",
    "max_answer_length",
}
# Given by the data, the word vectors or the training arguments, or better left alone.
ELSEWHERE = {
    "vocab_size",
    "embedding_size",
    "input_size",
    "pad_token_id",
    "gumbel_temperature",
    "forget_bias",
    "initializer_range",
    *(field.name for field in fields(SkimTrainingArguments)),
}


def test_every_field_of_a_configuration_has_an_option():
    own = {field.name for field in fields(SkimRNNConfig)} - {field.name for field in fields(PreTrainedConfig)}
    assert own - ELSEWHERE - QUESTIONS == {field.name for field in fields(ModelOptions)}


def test_only_what_was_given_is_passed_on():
    parser = HfArgumentParser(ModelOptions)
    line = ["--skim_sizes", "20", "5", "0", "--bidirectional", "true", "--jump_limit", "0", "--dropout", "0"]
    (options,) = parser.parse_args_into_dataclasses(line)
    expected = {"skim_sizes": [20, 5, 0], "bidirectional": True, "jump_limit": 0, "dropout": 0.0}
    assert options.config_fields() == expected
    assert ModelOptions().config_fields() == {}
