"""The pipeline that answers questions, held to the windows and answers that training and runtime use."""

import json
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import Dataset
from transformers import pipeline

from skim_hf import SkimRNNForSequenceClassification, SkimRuntime
from skim_hf.modeling import answers_skim_rnn as travelling
from skim_hf.modeling.pipeline_question_skim_rnn import SkimQuestionAnsweringPipeline
from skim_hf.runtime import answers, characters
from skim_hf.tables import Question, Questions
from skim_hf.training import QuestionCollator, QuestionDataset, build_tokenizer

TASK = "skim-question-answering"
CORPUS = ["who wrote it ? ada wrote the first programme in 1843 .", "I ❤ it 😀 , very good"]
CONTEXTS = [
    "Ada wrote the first programme in 1843. It was very good.",
    "I ❤️ it 😀😀 -- who   WROTE\nit: 漢字 José cafe\u0301 🇩🇪 👩‍👩‍👧 [PAD] [UNK]",
    "",
    "lone \ud800 surrogate in 1843",
    " \t\n ",
]
ASKED = ["Who wrote it?", "When 😀 was the cafe\u0301 good?", "It?", "", "\udfff"]
PAIRS = [{"question": q, "context": c} for q, c in zip(ASKED, CONTEXTS, strict=True)]
WHO = {"question": ASKED[0], "context": CONTEXTS[0]}


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer(CORPUS, min_frequency=1, progress=False)


@pytest.fixture(scope="module")
def saved(make_question, tokenizer, tmp_path_factory):
    """Saves a question reader together with the tokenizer: its folder."""

    def save(reader="attention", **fields):
        fields = {
            "char_vocab_size": 260,
            "max_word_length": 6,
            "unk_token_id": tokenizer.unk_token_id,
            **fields,
        }
        model = make_question(reader, vocab_size=len(tokenizer), **fields).float()
        folder = tmp_path_factory.mktemp("reader")
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return str(folder)

    return save


@pytest.fixture(scope="module")
def folder(saved):
    return saved()


@pytest.fixture(scope="module")
def answer(folder):
    return pipeline(TASK, model=folder, device="cpu")


SCORES = st.floats(-5, 5, width=16) | st.sampled_from([0.0, 1.0])


@st.composite
def scored_windows(draw):
    """Windows of a text of one-character tokens, with many equal scores."""
    length, size = draw(st.integers(0, 12)), draw(st.integers(1, 7))
    stride, front = draw(st.integers(0, size - 1)), draw(st.integers(0, 1))
    windows = []
    for first, stop in answers.window_bounds(length, size, stride):
        count = front + stop - first
        offsets = np.array([(0, 0)] * front + [(at, at + 1) for at in range(first, stop)]).reshape(-1, 2)
        lists = st.lists(SCORES, min_size=count, max_size=count)
        windows.append((np.array(draw(lists)), np.array(draw(lists)), offsets))
    return "abcdefghijklm"[:length], windows, bool(front)


@given(scored_windows(), st.integers(1, 9), st.integers(1, 20), st.sampled_from([0.0, -1.5, 0.75]))
def test_answers_are_those_of_the_runtime(case, max_length, count, null_threshold):
    text, windows, null = case
    options = {"max_length": max_length, "count": count, "null_answers": null}
    options["null_threshold"] = null_threshold
    expected = answers.find_answers(text, [answers.WindowScores(*window) for window in windows], **options)
    tensors = [travelling.WindowScores(*map(torch.from_numpy, window)) for window in windows]
    found = travelling.find_answers(text, tensors, **options)
    assert [(each["answer"], each["start"], each["end"]) for each in found] == [
        (each.text, each.start, each.end) for each in expected
    ]
    np.testing.assert_allclose(
        [each["score"] for each in found], [each.score for each in expected], rtol=1e-9, atol=1e-15
    )


@given(st.integers(0, 40), st.integers(1, 12), st.data())
def test_windows_are_those_of_the_runtime(length, size, data):
    stride = data.draw(st.integers(0, size - 1))
    assert travelling.window_bounds(length, size, stride) == answers.window_bounds(length, size, stride)


@given(st.text(max_size=12), st.integers(1, 5), st.integers(3, 300), st.data())
def test_characters_are_those_of_the_runtime(text, width, rows, data):
    ends = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    offsets = np.array([*pairwise(ends)], np.int64).reshape(-1, 2)
    found = travelling.character_ids(text, torch.from_numpy(offsets), width=width, rows=rows)
    expected = characters.character_ids(text, offsets, width=width, rows=rows)
    np.testing.assert_array_equal(found.numpy(), expected)


@torch.no_grad()
def by_dataset(read, items, *, count, null_answers, **options):
    """The answers by the rows of training, their collator and the answers of the runtime."""
    questions = Questions(
        Question(str(number), "", item["context"], item["question"], ()) for number, item in enumerate(items)
    )
    config, tokenizer = read.model.config, read.tokenizer
    shape = {}
    if config.char_vocab_size is not None:
        shape = {"max_word_length": config.max_word_length, "char_vocab_size": config.char_vocab_size}
    rows = QuestionDataset(questions, tokenizer, null_answers=null_answers, **shape, **options)
    batches = [QuestionCollator(tokenizer.pad_token_id)([rows[number]]) for number in range(len(rows))]
    for batch in batches:
        del batch["start_positions"], batch["end_positions"]
    outputs = [read.model(**batch) for batch in batches]
    logits = [[output[side][0].numpy() for output in outputs] for side in ("start_logits", "end_logits")]
    found = rows.answers(*logits, max_answer_length=config.max_answer_length, count=count)
    return [found[str(number)] for number in range(len(items))]


def assert_same(found, expected):
    for got, wanted in zip(found, expected, strict=True):
        got = [got] if isinstance(got, dict) else got
        assert [(a["answer"], a["start"], a["end"]) for a in got] == [
            (a.text, a.start, a.end) for a in wanted
        ]
        assert [a["score"] for a in got] == pytest.approx([a.score for a in wanted], rel=1e-4)


@pytest.mark.parametrize(
    ("fields", "null", "batch_size", "padding_side"),
    [
        ({}, False, 4, "right"),
        ({"reader": "bidaf", "char_vocab_size": None}, True, 1, "right"),
        ({"policy": "full"}, True, 3, "left"),
    ],
    ids=["attention", "bidaf", "plain"],
)
def test_it_answers_as_training_measures(saved, fields, null, batch_size, padding_side):
    read = pipeline(TASK, model=saved(**fields), device="cpu")
    read.tokenizer.padding_side = padding_side
    options = {"max_length": 9, "stride": 4, "max_question_length": 3}
    expected = by_dataset(read, PAIRS, count=2, null_answers=null, **options)
    found = read(
        PAIRS,
        top_k=2,
        max_seq_len=9,
        doc_stride=4,
        max_question_len=3,
        handle_impossible_answer=null,
        batch_size=batch_size,
    )
    assert_same(found, expected)
    for item, got in zip(PAIRS, found, strict=True):
        assert all(item["context"][a["start"] : a["end"]] == a["answer"] for a in got)


@pytest.mark.parametrize("null", [False, True])
def test_it_answers_and_traces_as_the_runtime(answer, folder, null):
    runtime = SkimRuntime.from_pretrained(folder)
    for item in PAIRS:
        options = {"top_k": 2, "max_length": 8, "null_answers": null}
        trace = runtime.trace_answer(*item.values(), **options)
        found = answer(item, top_k=2, max_seq_len=8, handle_impossible_answer=null, trace=True)
        assert_same([found], [trace.answers])
        assert [tuple(word["decisions"]) for word in found[0]["words"]] == [t.decisions for t in trace.tokens]
        assert [word["read"] for word in found[0]["words"]] == [token.is_read for token in trace.tokens]
        rates = runtime.read_question(*item.values(), **options).layer_skim_rates
        assert found[0]["layer_skim_rates"] == pytest.approx(rates)


def test_windows_are_as_long_as_those_of_training(answer):
    items = [WHO, {"question": "Who?", "context": "Ada wrote it. " * 130}]
    expected = by_dataset(answer, items, count=1, null_answers=False)
    assert_same(answer(items), expected)


class Rows(Dataset):
    def __len__(self):
        return 2

    def __getitem__(self, row):
        return [WHO, {**WHO, "context": "Ada.", "id": "7"}][row]


FORMS = {
    "two names": ((), {"question": ASKED[0], "context": CONTEXTS[0]}),
    "two texts": ((ASKED[0], CONTEXTS[0]), {}),
    "a dictionary": ((WHO,), {}),
    "data": ((), {"data": WHO}),
    "X": ((), {"X": [WHO]}),
    "a list of one": (([WHO],), {}),
    "lists of one": ((), {"question": [ASKED[0]], "context": [CONTEXTS[0]]}),
}
LISTS = {
    "one context": ((), {"question": [ASKED[0], "When?"], "context": CONTEXTS[0]}),
    "two lists": ((), {"question": [ASKED[0], "When?"], "context": (CONTEXTS[0], CONTEXTS[0])}),
    "dictionaries": (([WHO, {**WHO, "question": "When?"}],), {}),
    "loose dictionaries": ((WHO, {**WHO, "question": "When?"}), {}),
    "data": ((), {"data": [WHO, {**WHO, "question": "When?"}]}),
}


@pytest.mark.parametrize(("inputs", "named"), FORMS.values(), ids=FORMS)
def test_call_forms_of_one_question(answer, inputs, named):
    found = answer(*inputs, **named)
    assert list(found) == ["score", "start", "end", "answer"]
    assert found == answer(WHO)


@pytest.mark.parametrize(("inputs", "named"), LISTS.values(), ids=LISTS)
def test_call_forms_of_several_questions(answer, inputs, named):
    assert answer(*inputs, **named) == [answer(WHO), answer("When?", CONTEXTS[0])]


def test_iterators_and_one_question_for_many_contexts(answer):
    expected = [answer(WHO), answer(ASKED[0], "Ada.")]
    assert list(answer(Rows())) == expected
    assert list(answer(item for item in (Rows()[0], Rows()[1]))) == expected
    assert answer(question=ASKED[0], context=[CONTEXTS[0], "Ada."]) == expected
    assert answer([]) == []


def test_several_answers(answer):
    found = answer(WHO, top_k=5)
    assert len(found) == 5
    assert found[0] == answer(WHO)
    assert [each["score"] for each in found] == sorted((each["score"] for each in found), reverse=True)
    (only,) = answer(ASKED[0], "Ada", top_k=3)
    assert only["answer"] == "Ada"
    assert all(len(each["answer"].split()) == 1 for each in answer(WHO, top_k=5, max_answer_len=1))


def test_contexts_without_words(answer):
    nothing = {"score": 0.0, "start": 0, "end": 0, "answer": ""}
    for context in ("", " \n", "\u200d"):
        assert answer(ASKED[0], context) == nothing
        assert answer(ASKED[0], context, top_k=2) == [nothing]
        assert answer(ASKED[0], context, handle_impossible_answer=True) == {**nothing, "score": 1.0}


def test_a_very_long_context_is_answered_as_the_runtime_does(answer, folder):
    context = "it was very good in 1843 , " * 14_286
    asked = {"question": ASKED[0], "context": context, "batch_size": 64}
    found = answer(**asked, max_seq_len=4000, doc_stride=100)
    runtime = SkimRuntime.from_pretrained(folder)
    wanted = runtime.answer(ASKED[0], context, max_length=4000, doc_stride=100)
    assert len(context.split()) > 100_000
    # The answer stands in every window, and they differ by rounding.
    assert found["answer"] == wanted["answer"] == context[found["start"] : found["end"]]
    assert found["score"] == pytest.approx(wanted["score"], rel=1e-3)


def test_no_answer_has_to_exceed_the_best(answer):
    both = {"handle_impossible_answer": True, "top_k": 400}
    assert "" in [each["answer"] for each in answer(WHO, **both)]
    assert answer(WHO, handle_impossible_answer=True, null_threshold=-1e9)["answer"] == ""
    assert answer(WHO, handle_impossible_answer=True, null_threshold=1e9)["answer"] != ""


@torch.no_grad()
def test_the_trace_tells_what_every_reader_decided(answer, tokenizer):
    found = answer(WHO, trace=True, threshold=0.3)
    assert {name: found[name] for name in ("score", "start", "end", "answer")} == answer(WHO, threshold=0.3)
    rows = QuestionDataset(
        Questions([Question("", "", WHO["context"], WHO["question"], ())]),
        tokenizer,
        max_word_length=answer.model.config.max_word_length,
        char_vocab_size=answer.model.config.char_vocab_size,
    )
    batch = QuestionCollator(tokenizer.pad_token_id)([rows[0]])
    del batch["start_positions"], batch["end_positions"]
    output = answer.model(**batch, skim_threshold=0.3)
    assert [word["decisions"] for word in found["words"]] == output.decisions[0].tolist()
    assert found["layer_skim_rates"] == pytest.approx(output.layer_skim_rates[0].tolist())
    assert found["skim_rate"] == pytest.approx(float(output.skim_rate[0]))
    assert 0 < found["skim_rate"] < 1
    p_skim = output.probabilities[0, :, :, 1:].sum(-1).mean(-1)
    assert [word["p_skim"] for word in found["words"]] == pytest.approx(p_skim.tolist(), abs=1e-6)
    for word in found["words"]:
        assert word["word"] == WHO["context"][word["start"] : word["end"]]
        assert word["read"] == (word["decisions"].count(0) >= 3)
    assert answer(WHO, trace=True, threshold=1)["skim_rate"] == 0


@pytest.mark.parametrize("null", [False, True])
def test_the_trace_of_windows_has_every_word_once(answer, tokenizer, null):
    item = {"question": "Who?", "context": CONTEXTS[1]}
    options = {"max_seq_len": 8, "doc_stride": 3, "handle_impossible_answer": null, "trace": True}
    found, batched = answer(item, **options), answer(item, **options, batch_size=4)
    offsets = tokenizer(item["context"], return_offsets_mapping=True)["offset_mapping"]
    assert [(word["start"], word["end"]) for word in found["words"]] == offsets
    assert [word["decisions"] for word in batched["words"]] == [word["decisions"] for word in found["words"]]
    assert answer("Who?", "", **options)["words"] == []


BAD = [
    (([WHO, {"question": "Who?"}],), {}, "either of which may be empty"),
    (([WHO, None],), {}, "either of which may be empty"),
    (({**WHO, "context": None},), {}, "either of which may be empty"),
    (("Who?",), {}, "Expected question"),
    ((), {"question": "Who?"}, "Expected question"),
    ((), {"question": "Who?", "context": "Ada.", "data": WHO}, "Expected question"),
    ((WHO,), {"data": WHO}, "Expected question"),
    ((), {"data": 3}, "Expected question"),
    ((), {"question": 3, "context": "Ada."}, "texts or lists of texts"),
    ((), {"question": ["a", "b"], "context": ["c"]}, "got 1 contexts and 2 questions"),
    ((WHO,), {"top_k": 0}, "top_k must be"),
    ((WHO,), {"max_answer_len": 0}, "max_answer_len must be"),
    ((WHO,), {"max_seq_len": 1.5}, "max_seq_len must be"),
    ((WHO,), {"max_question_len": True}, "max_question_len must be"),
    ((WHO,), {"doc_stride": -1}, "doc_stride must be"),
    ((WHO,), {"doc_stride": 8, "max_seq_len": 8}, "must share fewer tokens"),
    ((WHO,), {"max_seq_len": 1, "handle_impossible_answer": True}, "must share fewer tokens"),
    ((WHO,), {"threshold": 1.5}, r"in \[0, 1\]"),
]


@pytest.mark.parametrize(("inputs", "named", "message"), BAD)
def test_what_cannot_be_answered_is_refused(answer, inputs, named, message):
    with pytest.raises(ValueError, match=message):
        answer(*inputs, **named)


def test_models_and_tokenizers_that_cannot_tell(answer, make_model, tokenizer):
    with pytest.raises(ValueError, match="got SkimRNNForSequenceClassification"):
        pipeline(TASK, model=make_model(SkimRNNForSequenceClassification), tokenizer=tokenizer)
    with pytest.raises(ValueError, match="Expected a fast tokenizer"):
        SkimQuestionAnsweringPipeline(model=answer.model, tokenizer=None)


def test_a_saved_reader_says_where_its_pipeline_is(answer, tmp_path):
    answer.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["custom_pipelines"] == {
        TASK: {
            "impl": "pipeline_question_skim_rnn.SkimQuestionAnsweringPipeline",
            "pt": ["AutoModelForQuestionAnswering"],
            "type": "text",
        }
    }
    assert (tmp_path / "pipeline_question_skim_rnn.py").exists()
    assert pipeline(TASK, model=str(tmp_path), device="cpu")(WHO) == answer(WHO)
