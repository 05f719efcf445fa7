"""Accumulated gradients are those of one large batch."""

from __future__ import annotations

import pytest
import torch

from skim_hf import SkimTrainer
from skim_hf.modeling.reader_skim_rnn import SkimRNNReader


@pytest.fixture
def equal_noise(monkeypatch):
    """Noise that is a function of the token: in which batch a text comes does not matter."""
    read = SkimRNNReader.forward

    def forward(self, inputs, packing, state, noise, *others):
        if noise is not None:
            noise = torch.sin(40 * inputs.detach()[:, : noise.shape[1]])
        return read(self, inputs, packing, state, noise, *others)

    monkeypatch.setattr(SkimRNNReader, "forward", forward)


@pytest.mark.parametrize(
    "fields",
    [
        {"policy": "full"},
        {"skim_sizes": [3]},
        {"skim_sizes": [5, 2, 0], "estimator": "straight_through"},
        {"skim_sizes": [3], "budget_type": "expected_cost", "cell_type": "gru"},
    ],
    ids=str,
)
def test_accumulation_equals_a_large_batch(fields, make_model, make_rows, make_args, collator, equal_noise):
    """Texts of uneven lengths: losses are means over texts, so pieces of equal size have equal weight."""
    trained = []
    for batch, pieces in ((12, 1), (3, 4), (4, 3)):
        model = make_model(budget_weight=0.1, **fields).double()
        before = [p.detach().clone() for p in model.parameters()]
        args = make_args(
            per_device_train_batch_size=batch,
            gradient_accumulation_steps=pieces,
            num_train_epochs=2,
            optim="sgd",
            learning_rate=0.5,
            logging_steps=1,
            train_sampling_strategy="sequential",
        )
        trainer = SkimTrainer(model, args, train_dataset=make_rows(24), data_collator=collator)
        trainer.train()
        assert trainer.state.global_step == 4
        loss = [line["loss"] for line in trainer.state.log_history if "loss" in line]
        trained.append((loss, [p.detach() for p in model.parameters()]))
        assert not all(torch.equal(a, b) for a, b in zip(before, trained[-1][1], strict=True))
    for loss, weights in trained[1:]:
        assert loss == pytest.approx(trained[0][0], abs=1e-6)
        for got, want in zip(weights, trained[0][1], strict=True):
            torch.testing.assert_close(got, want, rtol=0, atol=1e-10)
