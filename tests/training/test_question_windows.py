from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skim_hf.runtime.characters import character_ids
from skim_hf.runtime.splitting import split
from skim_hf.tables import GoldAnswer, Question, Questions, read_questions
from skim_hf.training import QuestionCollator, QuestionDataset, build_tokenizer, load_questions
from skim_hf.training.data import carve_validation
from skim_hf.training.sampling import text_lengths

DATA = Path(__file__).parents[1] / "data"
SAMPLE, SAMPLE_2 = read_questions(DATA / "questions.json"), read_questions(DATA / "questions_v2.json")
TOKENIZER = build_tokenizer(
    [text for each in SAMPLE for text in (each.context, each.question)], min_frequency=1, progress=False
)


def asked(context, *answers, question="where?"):
    return Questions([Question("q", "", context, question, tuple(GoldAnswer(*each) for each in answers))])


def perfect(dataset, right=1.0):
    """Logits that point at the labels, padded as batches are."""
    logits = np.zeros((2, len(dataset), 400))
    for row, window in enumerate(dataset.windows):
        for side, at in enumerate((window.start_position, window.end_position)):
            if at >= 0:
                logits[side, row, at] = right
    return logits


def test_rows_hold_the_tokens_of_context_and_question():
    dataset = QuestionDataset(SAMPLE, TOKENIZER)
    assert len(dataset) == len(SAMPLE)
    for row, question in zip(dataset, SAMPLE, strict=True):
        assert row["input_ids"].tolist() == TOKENIZER(question.context).input_ids
        assert row["question_ids"].tolist() == TOKENIZER(question.question).input_ids
        assert set(row) == {"input_ids", "question_ids", "start_positions", "end_positions", "row"}
    short = QuestionDataset(SAMPLE, TOKENIZER, max_question_length=2)
    assert all(len(row["question_ids"]) == 2 for row in short)


def test_labels_cut_the_first_answer_out_of_its_context():
    dataset = QuestionDataset(SAMPLE, TOKENIZER)
    for window, question in zip(dataset.windows, SAMPLE, strict=True):
        tokens = split(question.context)[window.start_position : window.end_position + 1]
        assert question.context[tokens[0][1] : tokens[-1][2]] == question.answers[0].text


def test_labels_cover_the_answers_of_squad():
    roots = (parent / "shared" / "data" / "squad" for parent in Path(__file__).resolve().parents)
    folder = next((root for root in roots if root.is_dir()), None)
    if folder is None:
        pytest.skip("the files of SQuAD are not there")
    questions = load_questions({"train": folder / "train_partial.parquet"}, misplaced="refuse").splits[
        "train"
    ]
    dataset = QuestionDataset(questions, TOKENIZER, labelled_only=True)
    assert dataset.left_out == 0
    for window in dataset.windows:
        question = questions[window.question]
        tokens = split(question.context)[window.first : window.stop]
        inside = question.context[tokens[window.start_position][1] : tokens[window.end_position][2]]
        assert question.answers[0].text.strip() in inside
        # Not a word more than it takes.
        assert len(split(inside)) <= len(split(question.answers[0].text)) + 2


def test_texts_are_tokenized_in_parts(monkeypatch):
    whole = [row["input_ids"].tolist() for row in QuestionDataset(SAMPLE, TOKENIZER)]
    monkeypatch.setattr("skim_hf.training.question_tokens.TEXTS_AT_ONCE", 2)
    assert [row["input_ids"].tolist() for row in QuestionDataset(SAMPLE, TOKENIZER)] == whole


def test_perfect_logits_have_perfect_scores():
    for limits in (
        {},
        {"max_length": 12, "stride": 9},
        {"max_length": 40, "null_answers": True, "stride": 20},
    ):
        dataset = QuestionDataset(SAMPLE, TOKENIZER, **limits)
        scores = dataset.scores(*perfect(dataset), max_answer_length=12)
        assert scores["exact_match"] == scores["f1"] == 100.0
        assert dataset.left_out == 0


def test_offsets_of_answers_are_those_of_the_file():
    dataset = QuestionDataset(SAMPLE, TOKENIZER, max_length=17, stride=11)
    for name, answers in dataset.answers(*perfect(dataset), max_answer_length=11, count=4).items():
        question = next(each for each in SAMPLE if each.id == name)
        assert len(answers) == 4
        assert (answers[0].text, answers[0].start) == question.answers[0]
        assert all(each.text == question.context[each.start : each.end] for each in answers)


CONTEXTS = st.lists(
    st.sampled_from(
        [
            "a",
            "Na\u0308ive",
            "\U0001f469\u200d\U0001f680",
            "\U0001f600\U0001f600",
            "don't",
            "\u0130x",
            "\ud83d",
            " ",
            "\u200b",
            "-",
        ]
    ),
    max_size=30,
).map(" ".join)


@settings(max_examples=60)
@given(CONTEXTS, st.integers(2, 9), st.data())
def test_windows_cover_any_context_and_labels_cover_any_answer(context, size, data):
    stride = data.draw(st.integers(0, size - 2))
    start = data.draw(st.integers(0, len(context)))
    text = context[start : data.draw(st.integers(start, len(context)))]
    null = data.draw(st.booleans())
    dataset = QuestionDataset(
        asked(context, (text, start)), TOKENIZER, max_length=size, stride=stride, null_answers=null
    )
    tokens = split(context)
    assert {t for w in dataset.windows for t in range(w.first, w.stop)} == set(range(len(tokens)))
    inside = [t for t, (_, first, stop) in enumerate(tokens) if first < start + len(text) and stop > start]
    for row, window in zip(dataset, dataset.windows, strict=True):
        assert len(row["input_ids"]) == window.stop - window.first + null <= size
        whole = bool(inside) and window.first <= inside[0] and inside[-1] < window.stop
        label = (row["start_positions"], row["end_positions"])
        if whole and text:
            assert label == (inside[0] - window.first + null, inside[-1] - window.first + null)
        elif not inside or not text:
            assert label == (-100, -100)
        else:
            assert label == ((0, 0) if null else (-100, -100))


def test_training_leaves_out_what_has_no_label():
    dataset = QuestionDataset(SAMPLE, TOKENIZER, max_length=12, stride=4, labelled_only=True)
    full = QuestionDataset(SAMPLE, TOKENIZER, max_length=12, stride=4)
    assert 0 < len(dataset) < len(full)
    assert all(row["start_positions"] >= 0 for row in dataset)
    # An answer of more than five tokens may lie in no window.
    questions = {window.question for window in dataset.windows}
    assert dataset.left_out == len(SAMPLE) - len(questions)
    lost = QuestionDataset(SAMPLE, TOKENIZER, max_length=2, stride=0, labelled_only=True)
    assert lost.left_out > 0
    with pytest.raises(ValueError, match="all windows; make the dataset without labelled_only"):
        dataset.answers(*perfect(dataset), max_answer_length=9)


def test_an_answer_without_a_place_is_nothing_to_learn():
    unknown = asked("a b c", ("b", None))
    for null in (False, True):
        dataset = QuestionDataset(unknown, TOKENIZER, null_answers=null)
        assert dataset[0]["start_positions"] == dataset[0]["end_positions"] == -100
        with pytest.raises(ValueError, match="None of 1 questions has an answer to learn"):
            QuestionDataset(unknown, TOKENIZER, null_answers=null, labelled_only=True)
    second = QuestionDataset(asked("a b c", ("b", None), ("c", 4)), TOKENIZER)
    assert second[0]["start_positions"] == 2


def test_the_null_token_stands_for_no_answer():
    dataset = QuestionDataset(SAMPLE_2, TOKENIZER, null_answers=True, max_word_length=3)
    assert [row["start_positions"] > 0 for row in dataset] == [True, False, False]
    for row in dataset:
        assert row["input_ids"][0] == TOKENIZER.unk_token_id
        assert row["char_ids"][0].tolist() == [0, 0, 0]
        assert len(row["char_ids"]) == len(row["input_ids"])
    scores = dataset.scores(*perfect(dataset), max_answer_length=5)
    assert scores["has_answer_f1"] == scores["no_answer_f1"] == scores["exact_match"] == 100.0
    never = dataset.answers(*perfect(dataset), max_answer_length=5, null_threshold=9.0)
    assert all(answers[0].text for answers in never.values())
    plain = QuestionDataset(SAMPLE_2, TOKENIZER)
    assert [row["start_positions"] > 0 for row in plain] == [True, False, False]
    assert plain[1]["start_positions"] == -100


def test_the_threshold_that_suits_is_found():
    questions = Questions([*SAMPLE_2, replace(SAMPLE_2[1], id="empty", context="")])
    dataset = QuestionDataset(questions, TOKENIZER, max_length=15, stride=10, null_answers=True)
    start, end = perfect(dataset)
    # The model says "no answer" everywhere, only less so where there is one.
    for row, window in enumerate(dataset.windows):
        start[row, 0] = end[row, 0] = 2.0 if window.start_position > 0 else 4.0
        # Else the best span would be "The", which counts as no answer.
        start[row, 2] += 0.5
    assert dataset.scores(start, end, max_answer_length=5)["has_answer_f1"] == 0.0
    threshold = dataset.null_threshold(start, end, max_answer_length=5)
    assert 2.0 < threshold < 8.0
    scores = dataset.scores(start, end, max_answer_length=5, null_threshold=threshold)
    assert scores["exact_match"] == scores["f1"] == 100.0
    with pytest.raises(ValueError, match="make the dataset with null_answers=True"):
        QuestionDataset(questions, TOKENIZER).null_threshold(start, end, max_answer_length=5)


@pytest.mark.parametrize("null", [False, True])
def test_empty_contexts_and_questions(null):
    for context, question in (("", "where?"), (" \u200b", "where?"), ("a b", ""), ("", "")):
        data = replace(asked(context, question=question)[0], id="q")
        dataset = QuestionDataset(Questions([data]), TOKENIZER, null_answers=null, max_word_length=2)
        batch = QuestionCollator()([dataset[0]])
        assert batch["attention_mask"].sum() == len(split(context)) + null
        assert batch["question_mask"].sum() == len(split(question))
        assert batch["input_ids"].shape[1] >= 1 <= batch["question_ids"].shape[1]
        found = dataset.answers(np.zeros((1, 3)), np.zeros((1, 3)), max_answer_length=2)["q"]
        assert found[0].text == ("a" if context == "a b" else "")


def test_a_context_of_a_hundred_thousand_words():
    words = [f"w{number % 977}" for number in range(100_000)]
    words[77_777] = "heron"
    context = " ".join(words)
    data = asked(context, ("heron", context.index("heron")))
    dataset = QuestionDataset(data, TOKENIZER, max_length=400, stride=100)
    assert dataset.windows[-1].stop == 100_000
    assert sum(row.stop - row.first for row in dataset.windows) == 100_000 + 100 * (len(dataset) - 1)
    found = dataset.answers(*perfect(dataset), max_answer_length=15, count=2)["q"]
    assert (found[0].text, found[0].start) == ("heron", context.index("heron"))


def test_logits_of_other_rows_are_refused():
    dataset = QuestionDataset(SAMPLE, TOKENIZER)
    start, end = perfect(dataset)
    with pytest.raises(ValueError, match="each of 12 rows; got 11 and 12"):
        dataset.answers(start[1:], end, max_answer_length=5)
    with pytest.raises(ValueError, match=r"A row of \d+ tokens has \[3, 400\] logits"):
        dataset.answers(start[:, :3], end, max_answer_length=5)


def test_batches_are_padded_with_a_mask_for_each_side():
    dataset = QuestionDataset(
        SAMPLE, TOKENIZER, max_length=20, stride=5, max_word_length=4, char_vocab_size=99
    )
    rows = [dataset[number] for number in (0, 2, len(dataset) - 1)]
    batch = QuestionCollator()(rows)
    assert {value.dtype for value in batch.values()} == {torch.int64}
    for side, mask, chars in (
        ("input_ids", "attention_mask", "char_ids"),
        ("question_ids", "question_mask", "question_char_ids"),
    ):
        for number, row in enumerate(rows):
            length = len(row[side])
            assert batch[side][number, :length].tolist() == row[side].tolist()
            assert batch[chars][number, :length].tolist() == row[chars].tolist()
            assert batch[mask][number].tolist() == [1] * length + [0] * (batch[side].shape[1] - length)
            assert not batch[side][number, length:].any()
            assert not batch[chars][number, length:].any()
        assert batch[chars].shape == (*batch[side].shape, 4)
    assert batch["start_positions"].tolist() == [row["start_positions"] for row in rows]
    without = QuestionCollator(pad_token_id=7)([{"input_ids": [3], "question_ids": []}])
    assert set(without) == {"input_ids", "attention_mask", "question_ids", "question_mask"}
    assert without["question_ids"].tolist() == [[7]]


def test_characters_are_those_of_the_text():
    dataset = QuestionDataset(SAMPLE, TOKENIZER, max_word_length=5, char_vocab_size=300)
    question = SAMPLE[4]
    offsets = [place for _, *place in split(question.context)]
    wanted = character_ids(question.context, offsets, width=5, rows=300)
    assert dataset[4]["char_ids"].tolist() == wanted.tolist()
    assert dataset[4]["question_char_ids"][0].tolist() == [ord(char) + 1 for char in "When"] + [0]


@pytest.mark.parametrize("null", [False, True])
def test_lengths_are_known_without_the_rows(null):
    dataset = QuestionDataset(SAMPLE, TOKENIZER, max_length=20, stride=5, null_answers=null)
    assert text_lengths(dataset) == dataset.lengths == [len(row["input_ids"]) for row in dataset]


def test_whole_articles_are_set_aside():
    train, held = carve_validation(SAMPLE, share=0.3, groups=[each.title for each in SAMPLE])
    assert len(train) + len(held) == len(SAMPLE)
    assert not {each.title for each in train} & {each.title for each in held}
    assert QuestionDataset(held, TOKENIZER).questions == held


@pytest.mark.parametrize(
    "options", [{"max_length": 4, "stride": 4}, {"max_length": 1, "stride": 0, "null_answers": True}]
)
def test_windows_that_do_not_move_on_are_refused(options):
    with pytest.raises(ValueError, match="neighbours must share fewer tokens"):
        QuestionDataset(SAMPLE, TOKENIZER, **options)
