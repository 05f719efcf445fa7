"""Scores of tasks against the textbook."""

import random

import pytest

from skim_hf.results.scores import accuracy, macro_f1, multilabel_scores, problem_type, regression_scores


def slow_macro_f1(predicted, wanted):
    scores = []
    for label in sorted(set(predicted) | set(wanted)):
        hits = sum(p == w == label for p, w in zip(predicted, wanted, strict=True))
        precision = hits / max(predicted.count(label), 1)
        recall = hits / max(wanted.count(label), 1)
        scores.append(2 * precision * recall / (precision + recall) if hits else 0.0)
    return sum(scores) / len(scores)


def test_label_scores_equal_the_textbook():
    source = random.Random(0)
    for classes in (2, 3, 7):
        wanted = [source.randrange(classes) for _ in range(41)]
        predicted = [source.randrange(classes) for _ in range(41)]
        assert macro_f1(predicted, wanted) == pytest.approx(slow_macro_f1(predicted, wanted))
        hits = sum(p == w for p, w in zip(predicted, wanted, strict=True))
        assert accuracy(predicted, wanted) == pytest.approx(hits / 41)


def test_padding_is_left_out():
    assert accuracy([[0, 1, 5], [1, 5, 5]], [[0, 0, -100], [1, -100, -100]]) == pytest.approx(2 / 3)
    assert macro_f1([0, 1, 9], [0, 1, -100]) == 1.0


@pytest.mark.parametrize(("predicted", "wanted"), [([], []), ([1], [1, 2]), ([3, 3], [-100, -100])])
def test_nothing_to_score_is_refused(predicted, wanted):
    with pytest.raises(ValueError, match=r"nothing to score|same shape"):
        accuracy(predicted, wanted)


def test_several_labels_and_numbers():
    scores = multilabel_scores([[1, 0, 0], [1, 1, 0]], [[1, 0, 0], [0, 1, 0]])
    assert scores == {"accuracy": 0.5, "macro_f1": pytest.approx((2 / 3 + 1 + 0) / 3)}
    assert regression_scores([1.0, 2.0], [1.5, 4.0]) == {
        "mse": pytest.approx(2.125),
        "mae": pytest.approx(1.25),
    }


@pytest.mark.parametrize(
    ("declared", "num_labels", "expected"),
    [
        (None, 2, "single_label_classification"),
        (None, 1, "regression"),
        ("multi_label_classification", 1, "multi_label_classification"),
    ],
)
def test_the_problem_follows_from_the_configuration(declared, num_labels, expected):
    assert problem_type(declared, num_labels) == expected
