"""Models that label every token."""

import json
import pickle
import shutil

import numpy as np
import pytest

from skim_hf.runtime import SkimRuntime

pytestmark = pytest.mark.usefixtures("backend")

LABELS = {"0": "O", "1": "B-X", "2": "I-X"}
TOKEN = {"architectures": ["SkimRNNForTokenClassification"], "id2label": LABELS}
TEXTS = [
    "A good film, by Zebra Quagga .",
    "very dull",
    "",
    "🎬 zebra\u0301 [PAD] a\ud800b",
    "the film was fine",
]


@pytest.fixture(scope="module")
def clf(shared_models, backend):
    return SkimRuntime.from_pretrained(shared_models.folder(seed=2, num_hidden_layers=2, **TOKEN))


def test_every_token_has_a_label(clf):
    for text in TEXTS:
        labels, scores = clf.predict(text), clf.predict_proba(text)
        assert scores.shape == (len(clf.encode(text)), 3)
        assert scores.dtype == np.float32
        np.testing.assert_allclose(scores.sum(1), 1, atol=1e-6)
        assert labels == clf.classes_[scores.argmax(1)].tolist()
    assert len({label for text in TEXTS for label in clf.predict(text)}) == 3


def test_entities_are_the_tokens_that_are_something(clf):
    text = TEXTS[0]
    labels, scores = clf.predict(text), clf.predict_proba(text)
    entities = clf(text)
    assert [entity["index"] for entity in entities] == [n for n, name in enumerate(labels) if name != "O"]
    assert 0 < len(entities) < len(labels)
    for entity in entities:
        assert entity["entity"] == labels[entity["index"]]
        assert entity["score"] == scores[entity["index"]].max()
        # A word that the vocabulary lacks is shown as it stands in the text.
        place = text[entity["start"] : entity["end"]]
        assert entity["word"] == (place if place in ("by", "Zebra", "Quagga") else place.lower())


def test_several_texts_give_a_list_of_results(clf):
    assert clf(TEXTS) == [clf(text) for text in TEXTS] == list(clf.predict_iter(TEXTS, batch_size=2))
    assert clf.predict(TEXTS) == [clf.predict(text) for text in TEXTS]
    for row, text in zip(clf.predict_proba(TEXTS), TEXTS, strict=True):
        assert row.tobytes() == clf.predict_proba(text).tobytes()
    assert (clf(""), clf([]), clf.predict(""), clf.predict_proba([])) == ([], [], [], [])


def test_threads_and_pickles(clf, shared_models):
    folder = shared_models.folder(seed=2, num_hidden_layers=2, **TOKEN)
    assert SkimRuntime.from_pretrained(folder, threads=3)(TEXTS * 9) == clf(TEXTS) * 9
    assert pickle.loads(pickle.dumps(clf))(TEXTS) == clf(TEXTS)


def test_only_the_first_tokens(shared_models):
    folder = shared_models.folder(seed=2, num_hidden_layers=2, **TOKEN)
    clf, short = (SkimRuntime.from_pretrained(folder, max_tokens=n) for n in (None, 3))
    assert short.predict(TEXTS) == [labels[:3] for labels in clf.predict(TEXTS)]
    assert short(TEXTS[0]) == [entity for entity in clf(TEXTS[0]) if entity["index"] < 3]


def test_a_trace_has_a_label_for_every_token(clf):
    for text in TEXTS:
        trace = clf.trace(text)
        assert (trace.label, trace.score) == (None, None)
        assert [token.label for token in trace.tokens] == clf.predict(text)
        assert [token.score for token in trace.tokens] == clf.predict_proba(text).max(1).tolist()
        assert "Labels of tokens" in trace.to_html(full_page=True)
    first = clf.trace("film").tokens[0]
    assert f"p(skim) {first.p_skim:.2f}, {first.label} {first.score:.2f}" in clf.trace("film").to_html()


def test_calibration_and_parity(clf):
    threshold = clf.calibrate(TEXTS, 0.5)
    decisions = [clf.with_threshold(threshold).read_ids(clf.encode(text)).decisions for text in TEXTS]
    assert (np.concatenate(decisions) == 0).mean() <= 0.5
    assert clf.parity(TEXTS).label_agreement == 1


@pytest.mark.parametrize("fields", [{}, {"bidirectional": True}, {"policy": "full", "pooling": "max"}])
def test_a_folder_that_torch_saved_gives_the_entities_of_a_pipeline(models, tmp_path, fields):
    transformers = pytest.importorskip("transformers")
    modeling = pytest.importorskip("skim_hf.modeling.modeling_skim_rnn")
    source, folder = models.folder(seed=2, **fields, **TOKEN), tmp_path / "saved"
    model = modeling.SkimRNNForTokenClassification.from_pretrained(source).eval()
    model.save_pretrained(folder)
    shutil.copy(source / "tokenizer.json", folder)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"), pad_token="[PAD]", unk_token="[UNK]"
    )
    tokenizer.split_special_tokens = True
    pipe = transformers.pipeline("token-classification", model=model, tokenizer=tokenizer, device="cpu")
    clf = SkimRuntime.from_pretrained(folder)
    assert json.loads((folder / "config.json").read_text())["architectures"] == TOKEN["architectures"]
    found = 0
    for text in TEXTS:
        if "\ud800" in text or not text:
            continue  # what the pipeline cannot take
        theirs, ours = pipe(text), clf(text)
        for entity in theirs:
            entity["score"] = pytest.approx(float(entity["score"]), abs=1e-5)
        assert ours == theirs
        found += len(ours)
    assert found
