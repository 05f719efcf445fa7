from __future__ import annotations

import pytest

from skim_hf import SkimRNNConfig
from skim_hf.results.scores import MULTI, REGRESSION, SINGLE
from skim_hf.training.labels import LabelSchema


@pytest.mark.parametrize(
    ("values", "kind", "names"),
    [
        (["pos", "neg", "pos"], SINGLE, ("neg", "pos")),
        ([10, 9, 10], SINGLE, ("9", "10")),
        ([True, False], SINGLE, ("False", "True")),
        ([["b"], ["a", "c"], []], MULTI, ("a", "b", "c")),
        ([[2, 10], [9]], MULTI, ("2", "9", "10")),
        ([0.5, 2.0], REGRESSION, ()),
        ([1, 2.5], REGRESSION, ()),
        (["1", 2], SINGLE, ("2", "1")),
    ],
)
def test_labels_are_found_in_a_fixed_order(values, kind, names):
    assert LabelSchema.from_values(values) == LabelSchema(kind, names)
    assert LabelSchema.from_values(values[::-1]) == LabelSchema(kind, names)


def test_declared_names_keep_their_order_and_those_that_do_not_occur():
    schema = LabelSchema.from_values(["sad", "glad"], names=["sad", "neutral", "glad"])
    assert schema.names == ("sad", "neutral", "glad")
    assert schema.encode(["glad", "sad"], split="train") == [2, 0]


def test_the_problem_type_can_be_set():
    assert LabelSchema.from_values([1, 2, 5], problem_type=REGRESSION).num_labels == 1
    assert LabelSchema.from_values([0.0, 1.0], problem_type=SINGLE).names == ("0.0", "1.0")
    assert LabelSchema.from_values(["a", "b"], problem_type=MULTI).encode(["b"], split="test") == [[0.0, 1.0]]
    with pytest.raises(ValueError, match="one of single_label_classification, "):
        LabelSchema.from_values([1, 2], problem_type="ranking")


def test_labels_are_encoded_for_training():
    assert LabelSchema(SINGLE, ("a", "b")).encode(["b", "a"], split="train") == [1, 0]
    assert LabelSchema(MULTI, ("a", "b")).encode([[], ["b", "a"]], split="train") == [[0.0, 0.0], [1.0, 1.0]]
    assert LabelSchema(REGRESSION).encode([1, "2.5"], split="train") == [1.0, 2.5]


@pytest.mark.parametrize("values", [["x"] * 3, [7, 7], [["only"], ["only"]], [], [[]]])
def test_a_single_class_is_refused(values):
    with pytest.raises(ValueError, match=r"at least two different labels.*found"):
        LabelSchema.from_values(values)


def test_unseen_labels_are_listed_with_their_rows():
    schema = LabelSchema(SINGLE, ("neg", "pos"))
    with pytest.raises(
        ValueError, match=r"validation split.*'meh', 'odd' \(rows 1, 2, 4.*'neg', 'pos'.*Correct"
    ):
        schema.encode(["pos", "odd", "meh", "neg", "odd"], split="validation")


@pytest.mark.parametrize("value", ["high", "nan", "inf", float("inf")])
def test_regression_needs_numbers(value):
    with pytest.raises(ValueError, match=r"labels that are no numbers.*row 1"):
        LabelSchema(REGRESSION).encode([1.0, value], split="test")


@pytest.mark.parametrize(
    "schema", [LabelSchema(SINGLE, ("n", "p")), LabelSchema(MULTI, ("a", "b", "c")), LabelSchema(REGRESSION)]
)
def test_the_configuration_of_a_model_gives_the_labels_back(tmp_path, schema):
    config = SkimRNNConfig(vocab_size=9, **schema.config_fields())
    assert config.num_labels == schema.num_labels
    config.save_pretrained(tmp_path)
    assert LabelSchema.from_config(SkimRNNConfig.from_pretrained(tmp_path)) == schema
