"""The pipeline reads as the runtime does, for every way of reading."""

import pytest
from transformers import pipeline

from skim_hf import SkimRuntime
from skim_hf.training import LabelSchema

TASK = "skim-text-classification"
TEXTS = ["a good film", "", "bad, bad: a film as bad as a bad film", "good", "an unknown good film " * 9]
LABELS = LabelSchema("single_label_classification", ("bad", "so so", "good"))


@pytest.fixture(scope="module")
def folder(save_varied, reader_fields, tmp_path_factory):
    return str(save_varied(tmp_path_factory.mktemp("model"), TEXTS, LABELS, **reader_fields))


@pytest.fixture(scope="module")
def read(folder):
    return pipeline(TASK, model=folder, device="cpu")


@pytest.fixture(scope="module")
def clf(folder):
    return SkimRuntime.from_pretrained(folder)


@pytest.mark.parametrize("padding_side", ["right", "left"])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_word_by_word(read, clf, padding_side, batch_size):
    read.tokenizer.padding_side = padding_side
    for text, result in zip(TEXTS, read(TEXTS, batch_size=batch_size), strict=True):
        trace = clf.trace(text)
        assert result["label"] == trace.label
        assert result["score"] == pytest.approx(trace.score, abs=1e-5)
        assert result["skim_rate"] == pytest.approx(trace.skim_rate, abs=1e-6)
        for word, token in zip(result["words"], trace.tokens, strict=True):
            assert (word["start"], word["end"], word["read"]) == (token.start, token.end, token.is_read)
            assert word["p_skim"] == pytest.approx(token.p_skim, abs=1e-5)
            assert word.get("visited", True) == (not token.is_passed)
            assert ("visited" in word) == clf.config.jumps


def test_jump_settings_can_be_given(read, folder, clf):
    if not clf.config.jumps:
        with pytest.raises(ValueError, match="jump"):
            read(TEXTS, jump_limit=1)
        return
    (result,) = read(TEXTS[2], jump_every=1, jump_limit=0)
    directions = clf.config.num_directions
    visited = [word["visited"] for word in result["words"]]
    # One token from every side.
    assert visited == [True] + [False] * (len(visited) - 2) + [directions == 2]
    settings = {"jump_every": 1, "jump_limit": 3}
    trace = SkimRuntime.from_pretrained(folder, **settings).trace(TEXTS[4])
    for made in (read, pipeline(TASK, model=folder, device="cpu", **settings)):
        (result,) = made(TEXTS[4], **(settings if made is read else {}))
        assert [word["visited"] for word in result["words"]] == [
            not token.is_passed for token in trace.tokens
        ]


@pytest.mark.parametrize("budget", [0.3, 0.7])
def test_a_budget_is_that_of_the_runtime(read, clf, budget):
    texts = [text for text in TEXTS if text]

    def outcome(calibrate):
        try:
            return calibrate(texts, budget)
        except ValueError as error:
            return str(error)

    def share(threshold):
        found = read(texts, threshold=threshold)
        counts = [len(result["words"]) for result in found]
        return 1 - sum(result["skim_rate"] * n for result, n in zip(found, counts, strict=True)) / sum(counts)

    expected, found = outcome(clf.calibrate), outcome(read.calibrate)
    if isinstance(expected, str):
        assert found == expected
        return
    # Where probabilities are almost 0 or 1 the two round differently, so that the searches may part: what
    # both promise is the budget.
    assert share(found) <= budget + 1e-6
    assert share(found) > share(0.0) - 1e-6
