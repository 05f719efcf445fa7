"""A teacher is fine-tuned, and its probabilities stand beside the texts."""

import json

import numpy as np
import pytest
from datasets import Dataset, load_dataset

WORDS = ("dull", "fine", "the", "plot", "was", "really", "so", "very", ".")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A transformer of two tiny layers."""
    from transformers import BertConfig, BertForMaskedLM, BertTokenizerFast

    folder = tmp_path_factory.mktemp("encoder")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    sizes = {"hidden_size": 12, "intermediate_size": 14, "num_hidden_layers": 2, "num_attention_heads": 3}
    BertForMaskedLM(BertConfig(vocab_size=len(words), **sizes)).save_pretrained(folder)
    return folder


@pytest.fixture
def files(tmp_path):
    rows = {
        "train": [("the plot was dull .", "bad"), ("the plot was fine .", "good")] * 6,
        "validation": [("dull", "bad"), ("so fine", "good"), ("very fine", "good")],
    }
    for name, found in rows.items():
        texts, labels = zip(*found, strict=True)
        Dataset.from_dict({"text": texts, "label": labels}).to_parquet(str(tmp_path / f"{name}.parquet"))
    long = "the " * 41 + "."
    text = f"the plot was dull.<br /><br />Fine. It was so very fine! the plot was dull.\n{long}"
    more = {"text": [text, "the plot was really dull?"], "label": ["", ""]}
    Dataset.from_dict(more).to_parquet(str(tmp_path / "more.parquet"))
    return tmp_path


def classify(folder, encoder, texts):
    """Probabilities that a saved teacher gives to the labels of texts."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    batch = AutoTokenizer.from_pretrained(encoder)(list(texts), padding=True, return_tensors="pt")
    with torch.no_grad():
        return model(**batch).logits.softmax(-1).numpy()


def options(encoder, files, *more):
    line = ["--encoder", encoder, "--output_dir", files / "out", "--train_file", files / "train.parquet"]
    line += ["--validation_file", files / "validation.parquet", "--unlabelled_file", files / "more.parquet"]
    line += ["--max_steps", 3, "--learning_rate", 1e-2, "--use_cpu", "--report_to", "none"]
    line += ["--save_strategy", "no", "--disable_tqdm", "true", "--dataloader_pin_memory", "false"]
    return [str(each) for each in (*line, *more)]


# The trainer's own sampler would mix up the texts of batches that are grouped by length.
@pytest.mark.parametrize("sampling", ["random", "group_by_length"])
def test_texts_get_probabilities_and_sentences_labels(script, encoder, files, sampling):
    given = ["--shortest", 4, "--train_sampling_strategy", sampling, "--per_device_eval_batch_size", 3]
    path = script("teach").main(options(encoder, files, *given))
    rows = load_dataset("parquet", data_files=str(path), split="train", cache_dir=str(files / "cache"))
    assert rows["text"][:12] == ["the plot was dull .", "the plot was fine ."] * 6
    assert rows["label"][:12] == ["bad", "good"] * 6
    # Too short, too long and already seen are left out.
    assert sorted(rows["text"][12:]) == [
        "It was so very fine!",
        "the plot was dull.",
        "the plot was really dull?",
    ]
    found = np.asarray(rows["teacher"])
    assert found.shape == (15, 2)
    np.testing.assert_allclose(found.sum(-1), 1.0, atol=1e-12)
    assert rows["label"][12:] == [("bad", "good")[number] for number in found[12:].argmax(-1)]
    # What was saved is the teacher that labelled, and whose accuracy is told.
    np.testing.assert_allclose(found, classify(files / "out", encoder, rows["text"]), atol=1e-5)
    right = classify(files / "out", encoder, ["dull", "so fine", "very fine"]).argmax(-1) == [0, 1, 1]
    metrics = json.loads((files / "out" / "all_results.json").read_text())
    assert metrics["eval_accuracy"] == pytest.approx(right.mean())
    assert metrics["train_loss"] > 0


def test_of_more_sentences_some_are_drawn(script, encoder, files):
    teach = script("teach")
    parser = teach.HfArgumentParser((teach.TeachingArguments, teach.TrainingArguments))
    line = options(encoder, files, "--shortest", 4, "--most_sentences", 2)
    chosen, _ = parser.parse_args_into_dataclasses(line)
    first, again, other = (list(teach.draw_sentences(chosen, seed)) for seed in (0, 0, 3))
    assert len(set(first)) == 2
    assert first == again
    assert first != other


def test_several_labels_of_a_text_are_refused(script, encoder, files):
    rows = {"text": ["dull", "fine"], "label": [["bad"], ["good", "bad"]]}
    Dataset.from_dict(rows).to_parquet(str(files / "train.parquet"))
    Dataset.from_dict(rows).to_parquet(str(files / "validation.parquet"))
    with pytest.raises(ValueError, match="one label per text"):
        script("teach").main(options(encoder, files))
