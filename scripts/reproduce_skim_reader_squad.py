"""Makes `skim-reader-squad` and `plain-reader-squad`: trained, measured and published.

    python scripts/split_squad.py data/squad outputs/squad
    python scripts/reproduce_skim_reader_squad.py --data outputs/squad --glove glove.6B.100d.txt
    python scripts/reproduce_skim_reader_squad.py --data outputs/squad \
        --take-plain outputs/qa/plain --take-skim outputs/qa/skim
    python scripts/reproduce_skim_reader_squad.py --render

--data is a folder of train, validation and test.parquet with the columns of the data set `squad`; where only
SQuAD's dev set and a part of its training set are at hand, run split_squad.py first, which makes one of them,
by article. A training that was cut off goes on where it was; --take-plain and --take-skim publish what
run_qa.py has trained before; --render takes what is finished over into the repository.
"""

from _question_study import QuestionStudy
from _reproduce_questions import reproduce_readers

DATA = {
    "name": "SQuAD 1.1, split by article",
    "source": "https://rajpurkar.github.io/SQuAD-explorer/",
    "hub_id": "rajpurkar/squad",
    "language": "en",
}

SHARED = {
    "learning_rate": 1e-3,
    "lr_scheduler_type": "constant",
    "per_device_train_batch_size": 32,
    "per_device_eval_batch_size": 64,
    "max_length": 400,
    "early_stopping_patience": 3,
    "ema_decay": 0.999,
    "save_total_limit": 2,
    "logging_steps": 25,
    "report_to": "none",
}

PLAIN = {
    "reader": "attention",
    "policy": "full",
    "hidden_size": 100,
    "num_hidden_layers": 2,
    "glove_words": 60_000,
    "freeze_embeddings": True,
    "dropout": 0.2,
    "num_train_epochs": 12,
}

SKIM = {
    "small_cells": "slice",
    "skim_sizes": 20,
    "gamma": 0.5,
    "temperature_rate": 1e-3,
    "num_train_epochs": 6,
}

STUDY = QuestionStudy(
    model="skim-reader-squad",
    data=DATA,
    plain={**PLAIN, **SHARED},
    skim={**SKIM, **SHARED},
    # The one that skims most of those that cost little on validation questions; the model's own is tried too.
    thresholds=(0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5),
    most_lost=1.0,
    most_words=22_000,
    question="What did the heron catch?",
    context="A grey heron stood below the old mill. It had waited since dawn, and at last it caught an eel.",
)

if __name__ == "__main__":
    reproduce_readers(STUDY)
