"""The pipelines on a saved folder, text by text and in batches: those of transformers, and our own."""

import json

import pytest
from transformers import TextClassificationPipeline, pipeline
from transformers.pipelines import PIPELINE_REGISTRY

from skim_hf import SkimRNNForTokenClassification, SkimRNNModel, SkimRuntime
from skim_hf.modeling.pipeline_skim_rnn import PIPELINES, SkimTextClassificationPipeline
from skim_hf.training import build_tokenizer

TASK = "skim-text-classification"
CORPUS = ["the film is good , very good !", "a dull film ; don't watch it ...", "I ❤ it 😀"]
TEXTS = [
    "The film is dull, very dull!",
    "",
    " \t ",
    "I ❤️ it 😀😀 -- don't   WATCH\nit: 漢字 José İ [PAD] [UNK] nothing👩‍👩‍👧",
    "good",
    "a film, a very good film. " * 300,
]
LABELS = {0: "bad", 1: "so so", 2: "good"}


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer(CORPUS, min_frequency=1, progress=False)


@pytest.fixture(scope="module")
def saved(make_model, tokenizer, tmp_path_factory):
    """Saves a classifier of three named labels together with the tokenizer: its folder."""

    def save(**fields):
        names = {"id2label": LABELS, "label2id": {label: index for index, label in LABELS.items()}}
        model = make_model(seed=2, vocab_size=len(tokenizer), **names, **fields).float()
        folder = tmp_path_factory.mktemp("classifier")
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return str(folder)

    return save


@pytest.fixture(scope="module")
def folder(saved):
    return saved()


@pytest.fixture(scope="module")
def reader(folder):
    return pipeline(TASK, model=folder, device="cpu")


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_text_classification_pipeline(folder, tokenizer, batch_size):
    texts = ["a film", "good", "very good ! !", "dull , very dull", "it is"]
    classify = pipeline("text-classification", model=folder, device="cpu")
    results = classify(texts, batch_size=batch_size)
    for text, result in zip(texts, results, strict=True):
        probabilities = classify.model(**tokenizer(text, return_tensors="pt")).logits.softmax(-1)[0]
        assert result["label"] == LABELS[int(probabilities.argmax())]
        assert result["score"] == pytest.approx(float(probabilities.max().detach()), abs=1e-6)
    assert len({result["label"] for result in results}) > 1
    assert {entry["label"] for entry in classify(texts[0], top_k=None)} == set(LABELS.values())
    assert classify("")[0]["label"] in LABELS.values()


@pytest.mark.parametrize("batch_size", [1, 2])
def test_token_classification_pipeline(folder, tokenizer, batch_size):
    model = SkimRNNForTokenClassification.from_pretrained(folder)
    texts = ["a very good film", "it is", "the film !"]
    tag = pipeline("token-classification", model=model, tokenizer=tokenizer, ignore_labels=[])
    for text, entities in zip(texts, tag(texts, batch_size=batch_size), strict=True):
        best = model(**tokenizer(text, return_tensors="pt")).logits[0].argmax(-1)
        assert [entity["entity"] for entity in entities] == [model.config.id2label[int(i)] for i in best]
        assert [text[entity["start"] : entity["end"]] for entity in entities] == text.split()


@pytest.mark.parametrize("padding_side", ["right", "left"])
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"cell_type": "gru", "bidirectional": True, "skim_sizes": [5, 2, 0]},
        {"cell_type": "tanh", "num_hidden_layers": 2, "bidirectional": True, "pooling": "mean"},
        {"policy": "full"},
    ],
    ids=["one reader", "two readers", "four readers", "plain"],
)
def test_it_reads_as_the_runtime_does(saved, fields, padding_side):
    folder = saved(**fields)
    read = pipeline(TASK, model=folder, device="cpu")
    read.tokenizer.padding_side = padding_side
    runtime = SkimRuntime.from_pretrained(folder)
    skimmed = set()
    for batch_size in (1, 4):
        for text, result in zip(TEXTS, read(TEXTS, batch_size=batch_size), strict=True):
            trace = runtime.trace(text)
            assert result["label"] == trace.label
            assert result["score"] == pytest.approx(trace.score, abs=1e-5)
            assert result["skim_rate"] == pytest.approx(trace.skim_rate, abs=1e-6)
            for word, token in zip(result["words"], trace.tokens, strict=True):
                assert (word["start"], word["end"], word["read"]) == (token.start, token.end, token.is_read)
                assert word["p_skim"] == pytest.approx(token.p_skim, abs=1e-5)
                assert word["word"] == text[token.start : token.end]
                skimmed.add(word["read"])
    assert skimmed == ({True} if fields.get("policy") == "full" else {True, False})


CALLS = {
    "a text": (TEXTS[0], {}),
    "a list": (TEXTS, {}),
    "a batch": (TEXTS, {"batch_size": 4}),
    "all labels": (TEXTS[0], {"top_k": None}),
    "two labels": (TEXTS, {"top_k": 2, "batch_size": 2}),
    "one label": (TEXTS[0], {"top_k": 1}),
    "logits": (TEXTS, {"function_to_apply": "none"}),
    "sigmoid": (TEXTS[0], {"function_to_apply": "sigmoid", "top_k": None}),
    "a pair": ({"text": "good 😀", "text_pair": "dull film"}, {}),
    "pairs": ([{"text": "good", "text_pair": "dull film"}, {"text": "it is dull"}], {"batch_size": 2}),
    "the old pair": ([[["good 😀", "dull film"]]], {}),
    "truncated": (TEXTS, {"truncation": True, "max_length": 3}),
    "padded": (TEXTS[0], {"padding": "max_length", "max_length": 20}),
}


@pytest.mark.parametrize(("inputs", "options"), CALLS.values(), ids=CALLS)
def test_every_call_form_of_text_classification(folder, reader, inputs, options):
    expected = pipeline("text-classification", model=folder, device="cpu")(inputs, **options)

    def without_trace(found):
        if isinstance(found, list):
            return [without_trace(entry) for entry in found]
        assert all(word["end"] > word["start"] for word in found["words"])
        return {name: found[name] for name in found if name not in {"skim_rate", "words"}}

    assert without_trace(reader(inputs, **options)) == expected


def test_generators_are_read_as_they_come(reader):
    taken = []
    results = reader((taken.append(text) or text for text in TEXTS), batch_size=1)
    assert next(iter(results)) == reader(TEXTS[0])[0]
    assert len(taken) < len(TEXTS)


def test_truncation_shows_in_the_words(reader):
    [result] = reader(TEXTS[0], truncation=True, max_length=3)
    assert [word["word"] for word in result["words"]] == ["The", "film", "is"]


def test_words_of_a_pair_say_which_text_they_stand_in(reader):
    result = reader({"text": "good 😀", "text_pair": "dull film"})
    assert [(w["source"], w["word"], w["start"]) for w in result["words"]] == [
        ("text", "good", 0),
        ("text", "😀", 5),
        ("text_pair", "dull", 0),
        ("text_pair", "film", 5),
    ]


def test_tokens_that_the_tokenizer_adds_go_by_their_name(reader, tokenizer):
    from tokenizers.processors import TemplateProcessing

    added = type(tokenizer)(tokenizer_object=tokenizer.backend_tokenizer, pad_token="[PAD]")
    added.backend_tokenizer.post_processor = TemplateProcessing(
        single="[UNK] $A", pair="[UNK] $A [UNK] $B", special_tokens=[("[UNK]", 1)]
    )
    try:
        read = SkimTextClassificationPipeline(model=reader.model, tokenizer=added)
        assert [w["word"] for w in read("good film")[0]["words"]] == ["[UNK]", "good", "film"]
        words = read([{"text": "good", "text_pair": "a film"}], batch_size=2)[0]["words"]
        assert [w["word"] for w in words] == ["[UNK]", "good", "[UNK]", "a", "film"]
        assert [w.get("source") for w in words] == [None, "text", None, "text_pair", "text_pair"]
    finally:
        tokenizer.backend_tokenizer.post_processor = None


def test_the_dial(folder, reader):
    text = TEXTS[0]
    read = {t: [w["read"] for w in reader(text, threshold=t)[0]["words"]] for t in (0, 0.5, 1)}
    assert (set(read[0]), set(read[1])) == ({False}, {True})
    assert read[0.5] == [word["read"] for word in reader(text)[0]["words"]]
    everything = pipeline(TASK, model=folder, device="cpu", threshold=1)
    assert everything(text)[0]["skim_rate"] == 0
    assert everything(text, threshold=0)[0]["skim_rate"] == 1
    assert everything(text)[0]["skim_rate"] == 0


@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize("budget", [0.1, 0.37, 0.8, 1])
def test_a_budget_becomes_the_threshold_that_the_runtime_finds(folder, reader, budget, batch_size):
    threshold = reader.calibrate(TEXTS, budget)
    assert threshold == pytest.approx(SkimRuntime.from_pretrained(folder).calibrate(TEXTS, budget), rel=1e-3)
    results = reader(TEXTS, budget=budget, calibration_texts=TEXTS, batch_size=batch_size)
    assert results == reader(TEXTS, threshold=threshold, batch_size=batch_size)
    words = [word["read"] for result in results for word in result["words"]]
    assert sum(words) <= budget * len(words)
    kept = pipeline(TASK, model=folder, device="cpu", budget=budget, calibration_texts=iter(TEXTS))
    assert kept(TEXTS, batch_size=batch_size) == results


def test_a_budget_is_for_the_tokens_that_will_be_read(reader):
    # The words beyond the fourth are all read, or all skimmed, for what the search should care.
    texts = ["good film , very " + "dull " * 50, "a " * 40]
    cut = reader.calibrate(texts, 0.3, truncation=True, max_length=4)
    assert cut == reader.calibrate([text[:17] if text[0] == "g" else text[:8] for text in texts], 0.3)
    whole = reader(texts, budget=0.3, calibration_texts=texts, truncation=True, max_length=4)
    assert whole == reader(texts, threshold=cut, truncation=True, max_length=4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 1.5}, r"in \[0, 1\]"),
        ({"budget": 2, "calibration_texts": TEXTS}, r"in \[0, 1\].*Got 2"),
        ({"budget": 0.2}, "calibration_texts"),
        ({"calibration_texts": TEXTS}, "budget="),
        ({"budget": 0.2, "calibration_texts": TEXTS, "threshold": 0.5}, "got both"),
        ({"budget": 0.2, "calibration_texts": ["", " "]}, "texts with words"),
        ({"budget": 0.2, "calibration_texts": []}, "texts with words"),
    ],
)
def test_impossible_dials(reader, options, message):
    with pytest.raises(ValueError, match=message):
        reader(TEXTS[0], **options)


def test_a_plain_model_has_no_budget(saved):
    read = pipeline(TASK, model=saved(policy="full"), device="cpu")
    with pytest.raises(ValueError, match="reads every token"):
        read("good", budget=0.5, calibration_texts=TEXTS)


def test_models_and_tokenizers_that_cannot_tell(folder, reader, tokenizer):
    with pytest.raises(ValueError, match="got SkimRNNForTokenClassification"):
        pipeline(TASK, model=SkimRNNForTokenClassification.from_pretrained(folder), tokenizer=tokenizer)
    with pytest.raises(ValueError, match="Expected a fast tokenizer"):
        SkimTextClassificationPipeline(model=reader.model, tokenizer=None)


def custom_pipelines(folder):
    return json.loads((folder / "config.json").read_text()).get("custom_pipelines")


def test_a_saved_classifier_says_where_its_pipeline_is(reader, tmp_path):
    expected = {
        TASK: {
            "impl": "pipeline_skim_rnn.SkimTextClassificationPipeline",
            "pt": ["AutoModelForSequenceClassification"],
            "type": "text",
        }
    }
    reader.save_pretrained(tmp_path / "pipeline")
    reader.model.save_pretrained(tmp_path / "model")
    for name in ("pipeline", "model"):
        assert custom_pipelines(tmp_path / name) == expected
        assert (tmp_path / name / "pipeline_skim_rnn.py").exists()
    for cls in (SkimRNNModel, SkimRNNForTokenClassification):
        cls.from_pretrained(tmp_path / "model").save_pretrained(tmp_path / cls.__name__)
        assert custom_pipelines(tmp_path / cls.__name__) is None


def test_the_pipelines_of_others_stay(reader, tmp_path):
    theirs = {"impl": "theirs.Pipeline", "pt": []}
    reader.model.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["custom_pipelines"]["other-task"] = theirs
    (tmp_path / "config.json").write_text(json.dumps(config))
    model = type(reader.model).from_pretrained(tmp_path)
    assert model.config.custom_pipelines == {"other-task": theirs}
    model.save_pretrained(tmp_path / "again")
    assert custom_pipelines(tmp_path / "again") == config["custom_pipelines"]


def test_with_the_package_no_trust_is_asked_for_and_no_task_is_taken_over(folder, tokenizer):
    for trust in (None, False, True):
        assert type(pipeline(TASK, model=folder, trust_remote_code=trust)) is SkimTextClassificationPipeline
        plain = pipeline("text-classification", model=folder, trust_remote_code=trust)
        assert type(plain) is TextClassificationPipeline
    assert type(pipeline(TASK, model=plain.model, tokenizer=tokenizer)) is SkimTextClassificationPipeline
    # Without a task transformers asks the Hub, as for any other model.
    with pytest.raises(RuntimeError, match="infer task automatically"):
        pipeline(model=folder)


def test_every_pipeline_of_the_table_is_registered():
    for task, cls, auto_class in PIPELINES:
        entry = PIPELINE_REGISTRY.supported_tasks[task]
        assert entry["impl"] is cls
        assert [auto.__name__ for auto in entry["pt"]] == [auto_class]
