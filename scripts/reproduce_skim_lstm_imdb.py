"""Makes `skim-lstm-imdb` and `plain-lstm-imdb`: trained, measured and published.

    python scripts/reproduce_skim_lstm_imdb.py --data folder --glove glove.6B.100d.txt
    python scripts/reproduce_skim_lstm_imdb.py --only plain,skim --seeds 1
    python scripts/reproduce_skim_lstm_imdb.py --render

Without --data the data comes from the Hub. A run that was cut off goes on where it was; --render takes what
is finished over into the repository.
"""

from _readers import Reader
from _reproduce import Study, reproduce
from _reproduce_data import Source
from _reproduce_paper import controls, paper_readers

DATA = Source(
    title="IMDb movie reviews",
    hub_id="stanfordnlp/imdb",
    labels=("negative", "positive"),
    page="https://ai.stanford.edu/~amaas/data/sentiment/",
    marks=("<br />",),
    # Reviews of a film lie side by side, and those that are tested are of other films than those trained on.
    block=128,
)

SHARED = {
    "hidden_size": 100,
    "vocab_size": 30_000,
    "max_length": 400,
    # The verdict of a review is at its end, so training keeps the end of a long one.
    "truncation_side": "left",
    "pooling": "last",
    "dropout": 0.5,
    "learning_rate": 2e-3,
    "per_device_train_batch_size": 64,
    "num_train_epochs": 4,
    "warmup_steps": 50,
    "ema_decay": 0.99,
    "adversarial_epsilon": 2,
}

# Word vectors that learn from the first step on soon know the training reviews by heart.
FROZEN = {
    "policy": "full",
    "dropout": 0.3,
    "freeze_embeddings": True,
    "num_train_epochs": 4,
    "adversarial_epsilon": None,
}
PLAIN = {"policy": "full", "freeze_embeddings": False, "learning_rate": 1e-3}

# The last epoch is kept, because the most accurate may be one that still reads most words.
SKIM = {
    "policy": "skim",
    "skim_sizes": 10,
    "gamma": 0.025,
    "temperature_rate": 1e-3,
    "load_best_model_at_end": False,
}

# Small cells begin as slices of the big ones, so that skimming is not much worse than reading from the start.
WARM = {"small_cells": "slice", "learning_rate": 1e-3, "num_train_epochs": 4}

PAPER = {
    "learning_rate": 1e-3,
    "per_device_train_batch_size": 32,
    "num_train_epochs": 3,
    "temperature_rate": 1e-4,
}

STUDY = Study(
    model="skim-lstm-imdb",
    source=DATA,
    shared=SHARED,
    readers={
        "frozen": Reader("plain LSTM, frozen vectors", FROZEN),
        "plain": Reader("plain LSTM", PLAIN, starts_from="frozen"),
        "skim": Reader("Skim-LSTM, d' = 10, from the plain one", {**SKIM, **WARM}, starts_from="plain"),
        "skim_cold": Reader("Skim-LSTM, d' = 10, from scratch", SKIM),
        **paper_readers(PAPER),
        **controls(),
    },
    most_words=11_500,
    seeds=3,
    example="The trailer was great. The film itself is a dull, badly acted waste of two hours.",
)

if __name__ == "__main__":
    reproduce(STUDY)
