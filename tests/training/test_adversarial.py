"""Word vectors shifted to where the loss grows fastest."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from skim_hf import SkimTrainer
from skim_hf.training.adversarial import Perturbation


@pytest.mark.parametrize("frozen", [False, True])
def test_the_shift_is_as_long_as_said_and_goes_uphill(frozen):
    torch.manual_seed(0)
    table, weights = nn.Embedding(7, 5, padding_idx=0), torch.randn(4, 5)
    table.weight.requires_grad_(not frozen)
    ids = torch.tensor([[3, 1, 2, 0], [4, 4, 6, 5]])
    real = (ids != 0)[..., None]

    def loss_of(vectors):
        return (real * (vectors - weights) ** 2).sum() / 3

    perturbation = Perturbation(0.3)
    with perturbation.recorded(table):
        loss_of(table(ids)).backward()
    with perturbation.applied(table):
        shifted = table(ids)
    shift = (shifted - table(ids)).detach()
    gradient = 2 * real * (table(ids) - weights) / 3
    torch.testing.assert_close(shift, 0.3 * gradient / gradient.flatten(1).norm(dim=1)[:, None, None])
    assert loss_of(shifted) > loss_of(table(ids))
    assert not shift[0, 3].any()
    # Nothing is left on the table.
    assert not table._forward_hooks


def test_each_lookup_gets_its_own_shift():
    table = nn.Embedding(5, 3)
    first, second = torch.tensor([[1, 2]]), torch.tensor([[3, 4, 0]])
    perturbation = Perturbation(1.0)
    with perturbation.recorded(table):
        (table(first).sum() - table(second).sum()).backward()
    with perturbation.applied(table):
        up, down = table(first), table(second)
    torch.testing.assert_close(up - table(first), torch.full((1, 2, 3), 6**-0.5))
    torch.testing.assert_close(down - table(second), torch.full((1, 3, 3), -(9**-0.5)))


def test_a_step_is_the_mean_of_both_losses(make_model, make_rows, make_args, collator, tokenizer):
    """Against the same step by hand."""
    torch.manual_seed(0)
    model = make_model(dropout=0.0, policy="full").train()
    rows = make_rows(4)
    args = make_args(max_steps=1, adversarial_epsilon=0.7, max_grad_norm=0.0, logging_steps=1)
    batch = collator([rows[row] for row in range(4)])
    vectors = model.skim_rnn.embed_tokens(batch["input_ids"]).detach().requires_grad_()
    others = {name: value for name, value in batch.items() if name != "input_ids"}
    loss = model(inputs_embeds=vectors, **others).loss
    gradient = torch.autograd.grad(loss, vectors)[0]
    shift = 0.7 * gradient / gradient.flatten(1).norm(dim=1)[:, None, None]
    worse = model(inputs_embeds=model.skim_rnn.embed_tokens(batch["input_ids"]) + shift, **others).loss
    mean = (model(**batch).loss + worse) / 2
    expected = torch.autograd.grad(mean, model.classifier.weight)[0]
    assert worse > loss
    trainer = SkimTrainer(model, args, train_dataset=rows, data_collator=collator, processing_class=tokenizer)
    kept = []
    model.classifier.weight.register_post_accumulate_grad_hook(
        lambda weight: kept.append(weight.grad.clone())
    )
    trainer.train()
    torch.testing.assert_close(kept[-1], expected)
    logged = next(line for line in trainer.state.log_history if "loss" in line)
    assert logged["loss"] == pytest.approx(mean.item(), abs=1e-4)
    assert logged["task_loss"] == pytest.approx(mean.item(), abs=1e-4)


def test_both_passes_see_the_same_words(make_model, make_rows, make_args, collator, tokenizer):
    model, seen = make_model(), []
    model.skim_rnn.embed_tokens.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    args = make_args(max_steps=2, word_dropout=0.5, adversarial_epsilon=1.0)
    SkimTrainer(
        model, args, train_dataset=make_rows(8), data_collator=collator, processing_class=tokenizer
    ).train()
    assert len(seen) == 4
    assert torch.equal(seen[0], seen[1])
    assert torch.equal(seen[2], seen[3])
    assert seen[0].shape != seen[2].shape or not torch.equal(seen[0], seen[2])


def test_what_cannot_be_shifted_is_refused(make_args, make_model):
    features = make_model(vocab_size=None, input_size=3)
    with pytest.raises(ValueError, match="this model reads features"):
        SkimTrainer(features, make_args(adversarial_epsilon=1.0))
    several = make_args(adversarial_epsilon=1.0)
    several._n_gpu = 2
    with pytest.raises(ValueError, match="one GPU per process; got 2"):
        SkimTrainer(make_model(), several)
    for wrong in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="adversarial_epsilon must be a length above 0"):
            make_args(adversarial_epsilon=wrong)
