"""Makes `skim-lstm-rotten-tomatoes` and `plain-lstm-rotten-tomatoes`: trained, measured and published.

    python scripts/reproduce_skim_lstm_rotten_tomatoes.py --data folder --glove glove.6B.100d.txt
    python scripts/reproduce_skim_lstm_rotten_tomatoes.py --only plain,skim --seeds 1
    python scripts/reproduce_skim_lstm_rotten_tomatoes.py --render

Without --data the data comes from the Hub. A run that was cut off goes on where it was; --render takes what
is finished over into the repository.
"""

from _readers import Reader
from _reproduce import Study, reproduce
from _reproduce_data import Source
from _reproduce_paper import controls, paper_readers

DATA = Source(
    title="Rotten Tomatoes sentences",
    hub_id="cornell-movie-review-data/rotten_tomatoes",
    labels=("negative", "positive"),
    page="https://www.cs.cornell.edu/people/pabo/movie-review-data/",
)

SHARED = {
    "hidden_size": 100,
    "pooling": "last",
    "dropout": 0.4,
    "word_dropout": 0.1,
    # A fine-tuned MiniLM labelled the training texts and 40,000 sentences of IMDb's training reviews.
    "teacher_column": "teacher",
    "teacher_weight": 0.7,
    "learning_rate": 2e-3,
    "per_device_train_batch_size": 64,
    "num_train_epochs": 4,
    "warmup_steps": 50,
    "ema_decay": 0.999,
}

SKIM = {"policy": "skim", "skim_sizes": 10, "gamma": 0.01, "temperature_rate": 1e-3}

# Small cells begin as slices of the big ones, so that skimming is not much worse than reading from the start.
WARM = {"small_cells": "slice", "num_train_epochs": 3}

PAPER = {
    "learning_rate": 1e-3,
    "per_device_train_batch_size": 32,
    "num_train_epochs": 6,
    "temperature_rate": 1e-4,
}

STUDY = Study(
    model="skim-lstm-rotten-tomatoes",
    source=DATA,
    shared=SHARED,
    readers={
        "plain": Reader("plain LSTM", {"policy": "full"}),
        "skim": Reader("Skim-LSTM, d' = 10, from the plain one", {**SKIM, **WARM}, starts_from="plain"),
        "skim_cold": Reader("Skim-LSTM, d' = 10, from scratch", SKIM),
        **paper_readers(PAPER),
        **controls(),
    },
    most_words=14_400,
    seeds=5,
    example="A clever idea, and two lovely actors, lost in a dull and endless film.",
)

if __name__ == "__main__":
    reproduce(STUDY)
