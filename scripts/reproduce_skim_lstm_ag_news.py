"""Makes `skim-lstm-ag-news` and `plain-lstm-ag-news`: trained, measured and published.

    python scripts/reproduce_skim_lstm_ag_news.py --data folder --glove glove.6B.100d.txt
    python scripts/reproduce_skim_lstm_ag_news.py --only plain,skim --seeds 1
    python scripts/reproduce_skim_lstm_ag_news.py --render

Without --data the data comes from the Hub. A run that was cut off goes on where it was; --render takes what
is finished over into the repository.
"""

from _readers import Reader
from _reproduce import Study, reproduce
from _reproduce_data import Source
from _reproduce_paper import controls, paper_readers

DATA = Source(
    title="AG News",
    hub_id="fancyzhx/ag_news",
    labels=("World", "Sports", "Business", "Sci/Tech"),
    page="http://groups.di.unipi.it/~gulli/AG_corpus_of_news_articles.html",
    # Some collections hold texts without a title, which the test texts all have.
    form="has_title",
)

SHARED = {
    "hidden_size": 100,
    "pooling": "last",
    "dropout": 0.5,
    "word_dropout": 0.1,
    "learning_rate": 2e-3,
    "per_device_train_batch_size": 64,
    "num_train_epochs": 5,
    "warmup_steps": 50,
    "ema_decay": 0.99,
}

SKIM = {"policy": "skim", "skim_sizes": 10, "gamma": 0.01, "temperature_rate": 1e-3}

# Small cells begin as slices of the big ones, so that skimming is not much worse than reading from the start.
WARM = {"small_cells": "slice", "num_train_epochs": 3}

PAPER = {
    "learning_rate": 1e-3,
    "per_device_train_batch_size": 32,
    "num_train_epochs": 3,
    "temperature_rate": 1e-4,
}

STUDY = Study(
    model="skim-lstm-ag-news",
    source=DATA,
    shared=SHARED,
    readers={
        "plain": Reader("plain LSTM", {"policy": "full"}),
        "skim": Reader("Skim-LSTM, d' = 10, from the plain one", {**SKIM, **WARM}, starts_from="plain"),
        "skim_cold": Reader("Skim-LSTM, d' = 10, from scratch", SKIM),
        **paper_readers(PAPER),
        **controls(),
    },
    most_words=10_500,
    seeds=3,
    example="Late goal sends the champions into the final. It is the third defeat in a row.",
)

if __name__ == "__main__":
    reproduce(STUDY)
