"""Questions through the runtime: both backends answer as torch does, for every way of reading."""

import numpy as np
import pytest

from skim_hf import SkimRuntime, costs
from skim_hf.runtime.answers import WindowScores, find_answers
from skim_hf.runtime.question_words import Words

from .question_models import CHARACTERS, CONTEXT, QUESTION, ask_torch, make_question
from .readers import POLICIES

NO_CHARACTERS = {"char_vocab_size": None}
SHAPES = {
    "plain": {"num_encoder_layers": 1, **CHARACTERS},
    "bare": {"num_encoder_layers": 0, "num_hidden_layers": 1, "exact_match": False, **NO_CHARACTERS},
    "deep": {"num_encoder_layers": 2, "num_hidden_layers": 3, "num_highway_layers": 1, **NO_CHARACTERS},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("questions")


@pytest.fixture(scope="module")
def made(root):
    """Models by their fields, each made once."""
    found = {}

    def make(**fields):
        key = repr(sorted(fields.items()))
        if key not in found:
            folder = root / f"model{len(found)}"
            found[key] = make_question(folder, **fields), folder
        return found[key]

    return make


def reading_of(qa, question, context, **options):
    """The reading of the only window."""
    from skim_hf.runtime.question_options import AnswerOptions

    asking = qa._asking(question, context, AnswerOptions(**options))
    (window,) = asking.windows(qa._question_engine)
    return window.reading


def assert_as_torch(model, qa, question, context, **options):
    reading, (result, offsets) = (
        reading_of(qa, question, context),
        ask_torch(model, question, context, **options),
    )
    assert np.array_equal(reading.decisions, result.decisions[0])
    logits = np.stack([result.start_logits[0], result.end_logits[0]], 1)
    np.testing.assert_allclose(reading.logits, logits, rtol=0, atol=1e-4)
    np.testing.assert_allclose(reading.probabilities, result.probabilities[0], rtol=0, atol=1e-4)
    assert reading.skim_rate == pytest.approx(float(result.skim_rate[0]), abs=1e-6)
    expected = find_answers(context, [WindowScores(*logits.T, offsets)], max_length=15, count=3)
    found = qa.answer(question, context, top_k=3)
    assert [(a["start"], a["end"]) for a in found] == [(a.start, a.end) for a in expected]
    assert [a["score"] for a in found] == pytest.approx([a.score for a in expected], rel=1e-3)
    return reading


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("reader", ["attention", "bidaf"])
def test_every_policy_answers_as_torch_does(reader, policy, shape, made, backend):
    cell = ("lstm", "gru", "tanh")[(list(POLICIES).index(policy) + list(SHAPES).index(shape)) % 3]
    model, folder = made(reader=reader, cell_type=cell, **POLICIES[policy], **SHAPES[shape])
    qa = SkimRuntime.from_pretrained(folder)
    assert qa.backend == backend
    reading = assert_as_torch(model, qa, QUESTION, CONTEXT)
    if policy not in ("full", "selective"):
        assert 0 < reading.skim_rate < 1
    read = qa.read_question(QUESTION, CONTEXT)
    assert read.tokens == read.tokens_read == len(reading.decisions)
    assert read.skim_rate == pytest.approx(reading.skim_rate)
    counter = qa.count_question_operations(QUESTION, CONTEXT)
    assert counter.choices == read.choices
    assert counter.executed == costs.model_macs(qa.config, read.counts)
    assert counter.folded == 0


@pytest.mark.parametrize("small_input", ["own_slice", "full_h"])
def test_sizes_thresholds_and_what_small_cells_see(small_input, made, backend):
    model, folder = made(skim_sizes=[5, 2, 0], small_input=small_input, learned_initial_state=True)
    qa = SkimRuntime.from_pretrained(folder)
    rates = []
    for threshold in (0.0, 0.4, 1.0):
        twin = qa.with_threshold(threshold)
        rates.append(assert_as_torch(model, twin, QUESTION, CONTEXT, skim_threshold=threshold).skim_rate)
    assert rates[0] == 1
    assert 0 < rates[1] < 1
    assert rates[2] == 0
    assert qa.threshold == 0.5


def test_windows_are_those_of_training(made, backend):
    model, folder = made(reader="bidaf", **CHARACTERS)
    qa = SkimRuntime.from_pretrained(folder)
    length = len(qa.encode(CONTEXT))
    parts = []
    for first in range(0, length - 3, 8 - 3):
        result, offsets = ask_torch(model, QUESTION, CONTEXT, null=True, part=slice(first, first + 8))
        parts.append(WindowScores(result.start_logits[0].numpy(), result.end_logits[0].numpy(), offsets))
    assert len(parts) > 2
    options = {"null_answers": True, "null_threshold": -20.0}
    expected = find_answers(CONTEXT, parts, max_length=4, count=5, **options)
    found = qa.answer(QUESTION, CONTEXT, top_k=5, max_length=9, doc_stride=3, max_answer_length=4, **options)
    assert [(a["answer"], a["start"], a["end"]) for a in found] == [
        (a.text, a.start, a.end) for a in expected
    ]
    assert "" in [a["answer"] for a in found]
    read = qa.read_question(QUESTION, CONTEXT, max_length=9, doc_stride=3, null_answers=True)
    assert read.tokens_read == sum(len(part.offsets) for part in parts) > read.tokens


def test_bytes_answer_as_floats_do(made):
    pytest.importorskip("skim_hf.native._runtime", reason="skim_hf was installed without its C extension")
    _, folder = made(reader="bidaf", hidden_size=40, policy="full", **CHARACTERS)
    exact, rounded = (
        reading_of(
            SkimRuntime.from_pretrained(folder, backend="native", dtype=dtype), QUESTION, CONTEXT
        ).logits
        for dtype in ("float32", "int8")
    )
    assert 0 < np.abs(rounded - exact).max() < 0.2 * np.abs(exact).max()


def test_half_precision_weights_are_read(tmp_path, backend):
    model = make_question(tmp_path / "half", **CHARACTERS).half()
    model.save_pretrained(tmp_path / "half")
    qa = SkimRuntime.from_pretrained(tmp_path / "half")
    assert_as_torch(model.float(), qa, QUESTION, CONTEXT)


def test_lists_threads_and_pickles_give_the_same(made, backend):
    import pickle

    _, folder = made(**CHARACTERS)
    qa = SkimRuntime.from_pretrained(folder, threads=2)
    questions = [QUESTION, "Very dull?", ""]
    alone = [qa.answer(question=each, context=CONTEXT) for each in questions]
    assert qa.answer(question=questions, context=CONTEXT) == alone
    assert qa.answer(questions, [CONTEXT] * 3) == alone
    assert pickle.loads(pickle.dumps(qa)).answer(questions, CONTEXT) == alone
    assert qa.answer([], CONTEXT) == [] == qa.answer([], [])
    assert len({each["score"] for each in alone}) == 3
    assert qa.answer([QUESTION], CONTEXT, top_k=2)[0][0] == alone[0]


def test_what_all_questions_share_is_computed_once(made, monkeypatch):
    from skim_hf.runtime import questions
    from skim_hf.runtime.question_engine import QuestionEngine

    _, folder = made(**CHARACTERS)
    qa = SkimRuntime.from_pretrained(folder, backend="numpy")
    asked, options = [QUESTION, "Very dull?"], {"max_length": 5, "doc_stride": 2, "top_k": 3}
    alone = [qa.answer(each, CONTEXT, **options) for each in asked]
    calls = dict.fromkeys(["encode_context", "encode_question"], 0)

    def count(name, method):
        def counted(self, *given):
            calls[name] += 1
            return method(self, *given)

        monkeypatch.setattr(QuestionEngine, name, counted)

    for name in calls:
        count(name, getattr(QuestionEngine, name))
    assert qa.answer(asked, CONTEXT, **options) == alone
    windows = calls["encode_context"]
    assert (windows > 2, calls["encode_question"]) == (True, 2)
    monkeypatch.setattr(questions, "KEPT", windows - 1)
    assert qa.answer(asked, CONTEXT, **options) == alone
    assert calls == {"encode_context": 3 * windows, "encode_question": 4}


def test_places_are_code_points(made, backend):
    _, folder = made(**CHARACTERS)
    qa = SkimRuntime.from_pretrained(folder)
    context = "\U0001f600 The e\u0301 film\u200d was \U0001f468\u200d\U0001f469 good\u0301, fine \ud800 !"
    found = qa.answer(QUESTION, context, top_k=20)
    assert len(found) == 20
    for answer in found:
        assert context[answer["start"] : answer["end"]] == answer["answer"] != ""


def test_nothing_to_read_or_to_ask(made, backend):
    model, folder = made(reader="bidaf", **CHARACTERS)
    qa = SkimRuntime.from_pretrained(folder)
    nothing = {"answer": "", "score": 0.0, "start": 0, "end": 0}
    assert qa.answer(QUESTION, "") == qa.answer(QUESTION, " \n ") == nothing
    assert qa.answer(QUESTION, "", top_k=2) == [nothing]
    assert qa.answer(QUESTION, "", null_answers=True)["score"] == pytest.approx(1)
    read = qa.read_question(QUESTION, "")
    assert (read.tokens, read.tokens_read, read.skim_rate) == (0, 0, 0.0)
    assert_as_torch(model, qa, "", CONTEXT)
    assert qa._question_engine.ask(
        Words(np.zeros(0, int), np.zeros((0, 4), int)), Words(np.array([3]), np.zeros((1, 4), int))
    ).logits.shape == (0, 2)


def test_a_very_long_context_is_read_window_by_window(made):
    pytest.importorskip("skim_hf.native._runtime", reason="skim_hf was installed without its C extension")
    _, folder = made(policy="full", num_hidden_layers=1)
    qa = SkimRuntime.from_pretrained(folder, backend="native")
    context = "the film was very dull " * 20_000
    read = qa.read_question(QUESTION, context)
    assert read.tokens == 100_000
    # Each window has 272 tokens that none before it had.
    assert read.tokens_read == 100_000 + 128 * 367
    assert read.answers[0].text == context[read.answers[0].start : read.answers[0].end]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"top_k": 0}, "top_k must be an integer of at least 1; got 0"),
        ({"max_length": 0}, "max_length"),
        ({"max_length": 1, "null_answers": True}, "at least 2"),
        ({"max_answer_length": 0}, "max_answer_length"),
        ({"doc_stride": -1}, "doc_stride"),
        ({"doc_stride": 400}, "doc_stride must be below the 400 tokens"),
        ({"doc_stride": 9, "max_length": 10, "null_answers": True}, "below the 9 tokens"),
        ({"null_threshold": float("nan")}, "null_threshold must be a number"),
    ],
)
def test_impossible_options_are_refused(options, message, made):
    qa = SkimRuntime.from_pretrained(made(**CHARACTERS)[1])
    with pytest.raises(ValueError, match=message):
        qa.answer(QUESTION, CONTEXT, **options)


def test_what_is_no_question_is_refused(made):
    qa = SkimRuntime.from_pretrained(made(**CHARACTERS)[1])
    with pytest.raises(ValueError, match="got a list of 2 and a list of 3"):
        qa.answer([QUESTION] * 2, [CONTEXT] * 3)
    with pytest.raises(ValueError, match="got one text and a list of 1"):
        qa.answer(QUESTION, [CONTEXT])
    for wrong in (b"bytes", None, 3):
        with pytest.raises(TypeError, match="question"):
            qa.answer(wrong, CONTEXT)
        with pytest.raises(TypeError, match="context"):
            qa.answer(QUESTION, wrong)
    with pytest.raises(TypeError, match="at position 1 of question"):
        qa.answer([QUESTION, 5], CONTEXT)


CALLS = {
    "call": lambda clf: clf("a film"),
    "predict": lambda clf: clf.predict(["a film"]),
    "predict_proba": lambda clf: clf.predict_proba("a film"),
    "predict_iter": lambda clf: clf.predict_iter(["a film"]),
    "stream": lambda clf: clf.stream(),
    "trace": lambda clf: clf.trace("a film"),
    "read_ids": lambda clf: clf.read_ids([3, 4]),
    "parity": lambda clf: clf.parity(["a film"]),
    "count_operations": lambda clf: clf.count_operations("a film"),
}


@pytest.mark.parametrize("call", CALLS)
def test_labels_of_a_model_that_answers_are_refused(call, made, backend):
    qa = SkimRuntime.from_pretrained(made(**CHARACTERS)[1])
    with pytest.raises(ValueError, match=r"answers questions.*call answer\(question="):
        CALLS[call](qa)


@pytest.mark.parametrize("name", ["answer", "read_question", "trace_answer", "count_question_operations"])
def test_answers_of_a_classifier_are_refused(name, folder, backend):
    clf = SkimRuntime.from_pretrained(folder)
    with pytest.raises(ValueError, match="labels texts and answers no questions"):
        getattr(clf, name)(QUESTION, CONTEXT)
