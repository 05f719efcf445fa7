"""Labels of data sets, named or numbered."""

import numpy as np
import pytest

from skim_hf.results.targets import targets
from skim_hf.runtime.config import TOKENS, RuntimeConfig


def config(labels=("no", "yes", "maybe"), problem_type=None, **fields):
    return RuntimeConfig(
        **{
            "vocab_size": 9,
            "embedding_size": 5,
            "input_size": None,
            "hidden_size": 7,
            "num_hidden_layers": 1,
            "bidirectional": False,
            "cell_type": "lstm",
            "policy": "skim",
            "skim_sizes": (3,),
            "small_input": "own_slice",
            "skim_threshold": 0.5,
            "pooling": "last",
            "labels": labels,
            "problem_type": problem_type,
            **fields,
        }
    )


MULTI = config(problem_type="multi_label_classification")
NUMBER = config(("LABEL_0",))
TAGS = config(architecture=TOKENS)


@pytest.mark.parametrize(
    ("model", "labels", "expected"),
    [
        (config(), ["yes", "no"], [1, 0]),
        (config(), [2, np.int64(0)], [2, 0]),
        # A name goes before an id, as in training.
        (config(("2", "0")), [0, 2], [1, 0]),
        (config(("False", "True")), [True, False], [1, 0]),
        (MULTI, [["yes", "no"], []], [[1, 1, 0], [0, 0, 0]]),
        (MULTI, [[0, 1.0, 1], np.array([1, 0, 0])], [[0, 1, 1], [1, 0, 0]]),
        (NUMBER, [1.5, 2], [1.5, 2.0]),
        (NUMBER, [[1.5], [2]], [[1.5], [2.0]]),
        (config(("a", "b"), "regression"), [[1, 2], [3, 4]], [[1.0, 2.0], [3.0, 4.0]]),
        (TAGS, [["yes", "no", 2], [-100]], [1, 0, 2, -100]),
    ],
)
def test_labels_become_numbers(model, labels, expected):
    assert targets(model, labels, [3, 1]).tolist() == expected


@pytest.mark.parametrize(
    ("model", "labels", "message"),
    [
        (config(), ["yes"], "one label per text; got 1 for 2 texts"),
        (config(), ["yes", "perhaps"], "labels 'no', 'yes', 'maybe', or its id, for text 1; got 'perhaps'"),
        (config(), [3, 0], "for text 0; got 3"),
        (config(), [-100, 0], "got -100"),
        (config(), [0.5, 0], "got 0.5"),
        (config(), [None, 0], "got None"),
        (MULTI, ["yes", ["no"]], "a list of labels for text 0; got 'yes'"),
        (MULTI, [3, ["no"]], "a list of labels for text 0; got 3"),
        (MULTI, [["perhaps"], ["no"]], "'perhaps'"),
        (NUMBER, ["good", 1], "a number for every text"),
        (NUMBER, [[1, 2], [3, 4]], r"1 number\(s\) for every text; got the shape \[2, 2\]"),
        (NUMBER, [float("nan"), 1], "NaN"),
        (TAGS, [["yes"], ["no"]], "each of the 3 tokens of text 0"),
        (TAGS, ["yes", ["no"]], "each of the 3 tokens of text 0"),
        (TAGS, [["yes", "no", "perhaps"], ["no"]], "'perhaps'"),
    ],
)
def test_labels_that_the_model_does_not_have_are_refused(model, labels, message):
    with pytest.raises(ValueError, match=message):
        targets(model, labels, [3, 1])
