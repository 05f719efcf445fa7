"""Where a model reads: groups of words, the lexicon of training texts, and what the document shows."""

import json
from types import SimpleNamespace

import pytest
from datasets import ClassLabel, Dataset, Features, Value

from skim_hf.runtime import SkimRuntime
from skim_hf.runtime.trace import ReadingTrace, TokenTrace

GOOD, BAD = "a fine film , truly fine", "a dull film * and so dull it hurts"
TEXTS = [GOOD] * 25 + [BAD] * 23


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny reader with decisions that vary, and its training texts."""
    import torch

    from skim_hf import SkimRNNConfig, SkimRNNForSequenceClassification
    from skim_hf.training import build_tokenizer

    tokenizer = build_tokenizer(TEXTS, min_frequency=1, progress=False)
    config = SkimRNNConfig(
        vocab_size=len(tokenizer),
        embedding_size=5,
        hidden_size=7,
        skim_sizes=[3],
        id2label={0: "negative", 1: "positive"},
    )
    model = SkimRNNForSequenceClassification(config).eval()
    generator = torch.Generator().manual_seed(3)
    for _, weight in sorted(model.named_parameters()):
        weight.data = torch.randn(weight.shape, generator=generator)
    path = tmp_path_factory.mktemp("models") / "skim-lstm-imdb"
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


@pytest.fixture
def words(script):
    return script("_words")


@pytest.fixture
def runtime(folder):
    return SkimRuntime.from_pretrained(folder)


@pytest.fixture
def lexicon(script, runtime):
    learn = script("_lexicon").learn_lexicon
    return learn(runtime.encoder, TEXTS, ["positive"] * 25 + ["negative"] * 23)


def test_words_that_tell_labels_apart_are_strong(lexicon):
    assert (lexicon.counts["fine"], lexicon.counts["film"], lexicon.counts["odd"]) == (50, 48, 0)
    # Of 25 texts of its label all have it, of 23 others none.
    assert lexicon.strengths["fine"] == pytest.approx(7.7820, abs=1e-3)
    assert lexicon.strengths["film"] < 0.2
    assert "odd" not in lexicon.strengths


def test_every_word_is_in_its_groups(words, runtime, lexicon):
    text = "Fine film odd , a film so dull it hurts"
    found = words.tally_reading(runtime, [text], lexicon)
    tokens = runtime.trace(text).tokens
    total = sum(1 - token.p_skim for token in tokens)
    for kind in ("word", "position", "frequency"):
        assert sum(tally.words for tally in found[kind].values()) == len(tokens) == 10
        assert sum(tally.probability for tally in found[kind].values()) == pytest.approx(total)
        assert sum(tally.read for tally in found[kind].values()) == sum(token.is_read for token in tokens)
    assert 0 < total < len(tokens)
    assert {name: tally.words for name, tally in found["frequency"].items()} == {
        "< 1": 1,
        "10 to 100": 9,
    }
    assert found["position"]["10 to 20%"].probability == pytest.approx(1 - tokens[1].p_skim)
    assert found["ends"]["-1"].probability == pytest.approx(1 - tokens[-1].p_skim)
    assert found["word"]["film"].words == 2
    assert found["strength"]["\u2265 2"].words == 6


def test_frequent_words_are_ordered_by_how_often_they_are_read(words, lexicon):
    tallies = {name: words.Tally(10, 5.0, read) for name, read in (("a", 2), ("b", 9), ("c", 4), ("d", 1))}
    found = words.most_and_least({**tallies, "rare": words.Tally(9, 9, 9)}, lexicon, fewest=10, count=2)
    assert [each["word"] for each in found["read"]] == ["b", "c"]
    assert [each["word"] for each in found["skimmed"]] == ["d", "a"]
    assert found["skimmed"][0]["read"] == 0.1


def test_read_words_are_bold_and_others_mean_nothing(words):
    text = "So fine * a\n<film> !"
    decisions = {"So": 0, "fine": 0, "*": 0, "a": 1, "<": 1, "film": 0, ">": 1, "!": 1}
    tokens = tuple(
        TokenTrace(word, text.index(word), text.index(word) + len(word), (choice,), 0.5)
        for word, choice in decisions.items()
    )
    runtime = SimpleNamespace(trace=lambda text: ReadingTrace(text, tokens, 0.5, "positive", 1.0))
    assert words.show_reading(runtime, text) == r"<b>So fine \*</b> a &lt;<b>film</b>&gt; !"


def test_numbers_figure_and_document(script, folder, tmp_path):
    pytest.importorskip("matplotlib")
    features = Features({"text": Value("string"), "label": ClassLabel(names=["negative", "positive"])})
    rows = {"text": TEXTS, "label": [1] * 25 + [0] * 23}
    for name in ("train", "validation"):
        Dataset.from_dict(rows, features=features).to_parquet(str(tmp_path / f"{name}.parquet"))
    results = tmp_path / "results"
    files = [f"--train={tmp_path / 'train.parquet'}", f"--file={tmp_path / 'validation.parquet'}"]
    line = [str(folder), *files, f"--output={results / 'figures'}", "--texts=30", "--fewest=9", "--words=2"]
    script("words_read").main(line)
    path = results / "figures" / "skim-lstm-imdb_words.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    assert (found["data"]["split"], found["data"]["texts"], found["training_texts"]) == ("validation", 30, 48)
    assert str(tmp_path) not in json.dumps(found)
    assert found["examples"][0]["label"] in ("negative", "positive")
    assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    shown = script("_figures_report").render_words(results, "skim-lstm-imdb")
    assert "![Where words are read](results/figures/skim-lstm-imdb_words.png)" in shown
    assert f"| `{found['frequent']['read'][0]['word']}` |" in shown
    assert found["examples"][0]["read"] in shown
    assert script("_figures_report").render_words(results, "skim-lstm-sst2") == "Not measured yet."


def test_a_model_that_reads_everything_is_refused(script, folder, monkeypatch):
    module = script("words_read")
    plain = SimpleNamespace(config=SimpleNamespace(policy="full"))
    monkeypatch.setattr(module.SkimRuntime, "from_pretrained", lambda _: plain)
    with pytest.raises(SystemExit, match="reads every word"):
        module.main([str(folder), "--train=x", "--file=x"])
