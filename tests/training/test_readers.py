"""What evaluation gathers, for every way of reading, against the model's outputs token by token."""

import pytest
import torch

from skim_hf import SkimTrainer
from skim_hf.results.counts import TextCounts
from skim_hf.results.effort import reading_scores
from skim_hf.training.evaluation import make_compute_metrics


def test_the_trainer_gathers_what_the_model_says(make_model, make_rows, make_args, collator, reader_fields):
    model, rows = make_model(**reader_fields), make_rows()
    trainer = SkimTrainer(
        model, make_args(), data_collator=collator, compute_metrics=make_compute_metrics(model.config)
    )
    found = trainer.predict(rows)
    counts = TextCounts.of(found.predictions[1])
    config, model = model.config, model.eval()
    assert counts.lengths.tolist() == [len(row["input_ids"]) for row in rows] or config.num_readers
    rates = []
    for number, row in enumerate(rows):
        output = model(input_ids=torch.tensor([row["input_ids"]]))
        decisions = output.decisions[0]
        assert counts.choices[number].tolist() == [
            [(reader == choice).sum().item() for choice in range(config.num_choices)]
            for reader in decisions.T
        ]
        rates.append(output.skim_rate.item())
        if config.policy == "selective":
            units = (output.probabilities[0, ..., 0] * 7).round().sum(0)
            assert counts.units[number].tolist() == units.tolist()
    scores = reading_scores(counts, config)
    assert scores["skim_rate_macro"] == pytest.approx(sum(rates) / len(rates), abs=1e-6)
    named = {name.removeprefix("test_"): value for name, value in found.metrics.items()}
    assert {name: named[name] for name in scores} == scores
    assert ("visited_rate" in scores) == config.jumps
    assert ("macs_ratio" in scores) == bool(config.num_readers)
