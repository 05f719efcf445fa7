"""Answers scored by hand as the official evaluators score them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skim_hf.results.answers import answer_scores, exact_match, normalize_answer, token_f1

NORMALISED = [
    ("The Eiffel Tower", "eiffel tower"),
    ("  two \t blanks\n here ", "two blanks here"),
    ("U.S.-based", "usbased"),
    ("a.n. other", "other"),  # without its points it is the article
    ("a-the", "athe"),  # joined before articles are looked for
    ("theatre and another anthem", "theatre and another anthem"),
    ("AN APPLE, THE PEAR; A PLUM", "apple pear plum"),
    ("a", ""),
    ("The.", ""),
    ("!?...", ""),
    ("", ""),
    ("don't", "dont"),
    ("don\u2019t", "don\u2019t"),  # only ASCII punctuation goes
    ("\u201ca\u201d", "\u201c \u201d"),  # yet an article between other signs is a word
    ("\u00c9COLE \u00dcBER", "\u00e9cole \u00fcber"),
    ("STRASSE Stra\u00dfe", "strasse stra\u00dfe"),  # lower case, not case folding
    ("\u0130zmir", "i\u0307zmir"),  # the dot becomes a character of its own
    ("\u039f\u03b4\u03cc\u03a3", "\u03bf\u03b4\u03cc\u03c2"),  # a final sigma
    ("no\u00a0break\u3000blank", "no break blank"),
    ("zero\u200bwidth", "zero\u200bwidth"),  # not white space to Python
    ("$1,000.50 (50%)", "100050 50"),
    ("snake_case", "snakecase"),
    ("the\u0301 a\u0301", "\u0301 \u0301"),  # a combining mark ends the word
    ("\U0001f40b the whale", "\U0001f40b whale"),
    ("a the an", ""),
    ("\uff34\uff48\uff45 end", "\uff54\uff48\uff45 end"),  # full-width letters are others
]


@pytest.mark.parametrize(("text", "expected"), NORMALISED)
def test_what_is_compared(text, expected):
    assert normalize_answer(text) == expected


# prediction, right answers, exact match, F1 of version 1.1, F1 of version 2.0 where it differs
CASES = [
    ("Denver Broncos", ["Denver Broncos"], 1, 1),
    ("the Denver Broncos", ["Denver Broncos!"], 1, 1),
    ("Broncos", ["Denver Broncos"], 0, 2 / 3),
    ("Denver Broncos won", ["Denver Broncos"], 0, 4 / 5),
    ("Broncos Denver", ["Denver Broncos"], 0, 1),  # a bag has no order
    ("very very good", ["very good good"], 0, 2 / 3),  # shared: one very, one good
    ("very very very", ["very"], 0, 1 / 2),
    ("Carolina", ["Denver Broncos"], 0, 0),
    ("Carolina", ["Denver", "Carolina Panthers"], 0, 2 / 3),
    ("Panthers", ["Carolina Panthers", "the Panthers"], 1, 1),
    ("one two three", ["one", "two three four", "five"], 0, 2 / 3),
    ("", ["Denver"], 0, 0),
    ("the", ["Denver"], 0, 0),
    ("the", ["a"], 1, 0, 1),
    ("", ["The"], 1, 0, 1),
    ("...", ["!"], 1, 0, 1),
    ("Denver", ["the"], 0, 0),
    ("Denver", ["the", "Denver"], 1, 1),
    ("", ["the", "Denver"], 1, 0, 0),  # version 2.0 drops the empty one: 0 exact, see below
    ("10,000", ["10000"], 1, 1),
    ("10 000", ["10,000"], 0, 0),
    ("twenty-one", ["twenty one"], 0, 0),
    ("U.S.", ["us"], 1, 1),
    ("5%", ["5 percent"], 0, 2 / 3),
    ("caf\u00e9", ["CAF\u00c9"], 1, 1),
    ("cafe\u0301", ["caf\u00e9"], 0, 0),  # composed and decomposed differ
    ("stra\u00dfe", ["STRASSE"], 0, 0),
    ("Warsaw \U0001f600", ["Warsaw"], 0, 2 / 3),
    ("it's", ["its"], 1, 1),
    ("it\u2019s", ["its"], 0, 0),
    ("1\u20132", ["1-2"], 0, 0),
    ("a b a b", ["a b"], 0, 2 / 3),  # the articles go: "b b" and "b"
    ("North and South America", ["South America"], 0, 2 * (2 / 4) * 1 / (2 / 4 + 1)),
    ("x\u00a0y", ["x y"], 1, 1),
    ("Saint-Denis", ["Saint Denis", "SaintDenis"], 1, 1),
    ("the end of the line", ["end of line"], 1, 1),
    ("'", ['"'], 1, 0, 1),
]


@pytest.mark.parametrize("case", CASES)
def test_scores_of_one_question(case):
    prediction, golds, exact, f1 = case[:4]
    scores = answer_scores({"q": prediction}, {"q": golds})
    assert scores == {"exact_match": 100 * exact, "f1": pytest.approx(100 * f1, abs=1e-12)}


@pytest.mark.parametrize("case", [case for case in CASES if case[:2] != ("", ["the", "Denver"])])
def test_scores_of_one_question_of_version_2(case):
    prediction, golds, exact = case[:3]
    scores = answer_scores({"q": prediction}, {"q": golds}, null_answers=True)
    assert scores["exact_match"] == 100 * exact
    assert scores["f1"] == pytest.approx(100 * case[-1], abs=1e-12)


@pytest.mark.parametrize(
    ("prediction", "golds", "score", "kind"),
    [
        ("", [], 100, "no_answer"),
        ("the", [], 100, "no_answer"),
        ("Denver", [], 0, "no_answer"),
        ("", [""], 100, "no_answer"),
        ("", ["The."], 100, "no_answer"),
        ("", ["the", "Denver"], 0, "has_answer"),
        ("Denver", ["", "Denver"], 100, "has_answer"),
    ],
)
def test_questions_without_an_answer(prediction, golds, score, kind):
    scores = answer_scores({"q": prediction}, {"q": golds}, null_answers=True)
    names = ("exact_match", "f1", f"{kind}_exact_match", f"{kind}_f1")
    assert scores == dict.fromkeys(names, score)


def test_a_data_set_is_averaged_over_all_questions():
    golds = {"a": ["one two"], "b": ["three"], "c": ["four"], "d": ["five"]}
    given = {"a": "one", "b": "the three", "d": "", "e": "five"}
    scores = answer_scores(given, golds)
    assert scores == {"exact_match": 25.0, "f1": pytest.approx(100 * (2 / 3 + 1) / 4)}
    mixed = answer_scores(given, {**golds, "d": []}, null_answers=True)
    assert mixed == {
        "exact_match": 50.0,
        "f1": pytest.approx(100 * (2 / 3 + 1 + 1) / 4),
        "has_answer_exact_match": pytest.approx(100 / 3),
        "has_answer_f1": pytest.approx(100 * (2 / 3 + 1) / 3),
        "no_answer_exact_match": 100.0,
        "no_answer_f1": 100.0,
    }


def test_nothing_to_score_is_refused():
    with pytest.raises(ValueError, match="nothing to score"):
        answer_scores({}, {})
    with pytest.raises(ValueError, match=r"'q7' has no right answer.*null_answers=True"):
        answer_scores({"q7": ""}, {"q7": []})


ANSWERS = st.text(alphabet="ab the.,-'\u00c9\u0130\U0001f600\u00a0", max_size=12)


@given(ANSWERS, ANSWERS)
def test_scores_agree_with_each_other(one, other):
    assert normalize_answer(one) == " ".join(normalize_answer(one).split())
    assert token_f1(one, other) == token_f1(other, one)
    assert 0.0 <= token_f1(one, other) <= 1.0
    if exact_match(one, other):
        assert token_f1(one, other, null_answers=True) == 1.0
