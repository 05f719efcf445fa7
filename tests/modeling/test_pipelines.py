"""The pipelines of transformers on a saved folder, text by text and in batches."""

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, pipeline

from skim_hf import SkimRNNForTokenClassification


@pytest.fixture
def classifier_folder(tmp_path, make_model):
    """A classifier of three named labels with a tokenizer of 22 words."""
    labels = {0: "bad", 1: "so so", 2: "good"}
    model = make_model(id2label=labels, label2id={label: index for index, label in labels.items()}).float()
    model.save_pretrained(tmp_path)
    words = ["[PAD]", "[UNK]", *"abcdefghijklmnopqrstu"]
    backend = Tokenizer(
        models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="[UNK]")
    )
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="[PAD]",
        unk_token="[UNK]",
        model_input_names=["input_ids", "attention_mask"],
    )
    tokenizer.save_pretrained(tmp_path)
    return tmp_path, model, tokenizer


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_text_classification_pipeline(classifier_folder, batch_size):
    folder, model, tokenizer = classifier_folder
    texts = ["a b c d", "u", "k l m z z", "t s r q p o n m", "e e e"]
    classify = pipeline("text-classification", model=str(folder), device="cpu")
    results = classify(texts, batch_size=batch_size)
    for text, result in zip(texts, results, strict=True):
        probabilities = model(**tokenizer(text, return_tensors="pt")).logits.softmax(-1)[0]
        assert result["label"] == model.config.id2label[int(probabilities.argmax())]
        assert result["score"] == pytest.approx(float(probabilities.max().detach()), abs=1e-6)
    assert len({result["label"] for result in results}) > 1
    everything = classify(texts[0], top_k=None)
    assert {entry["label"] for entry in everything} == {"bad", "so so", "good"}
    assert classify("")[0]["label"] in {"bad", "so so", "good"}


@pytest.mark.parametrize("batch_size", [1, 2])
def test_token_classification_pipeline(classifier_folder, batch_size):
    folder, _, tokenizer = classifier_folder
    model = SkimRNNForTokenClassification.from_pretrained(folder)
    texts = ["a b c d", "u t", "k l m"]
    tag = pipeline("token-classification", model=model, tokenizer=tokenizer, ignore_labels=[])
    for text, entities in zip(texts, tag(texts, batch_size=batch_size), strict=True):
        best = model(**tokenizer(text, return_tensors="pt")).logits[0].argmax(-1)
        assert [entity["entity"] for entity in entities] == [model.config.id2label[int(i)] for i in best]
        assert [text[entity["start"] : entity["end"]] for entity in entities] == text.split()
