"""Oracles S8 and S12: the budget loss with its gradients, and what a decision may see."""

import math

import pytest
import torch

from skim_hf import SkimRNNForSequenceClassification, SkimRNNModel

CELL_TYPES = ("lstm", "gru", "tanh")


def constant_decision(model, b1=0.3, b2=-0.4):
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("decision.weight"):
                parameter.zero_()
            elif name.endswith("decision.bias"):
                parameter.copy_(torch.tensor([b1, b2], dtype=torch.float64))
    return model.train()


def losses(model, weight, lengths=(4, 2, 0, 1)):
    ids = torch.arange(1, 5).expand(len(lengths), 4)
    mask = torch.arange(4) < torch.tensor(lengths)[:, None]
    labels = torch.arange(len(lengths)) % 2
    model.zero_grad()
    generator = torch.Generator().manual_seed(1)
    result = model(ids, mask, labels=labels, budget_weight=weight, generator=generator)
    result.loss.backward()
    return result, {name: parameter.grad.clone() for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("cell_type", CELL_TYPES)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_s08_the_budget_term_and_its_gradient(bidirectional, cell_type, make_model):
    model = constant_decision(make_model(cell_type=cell_type, bidirectional=bidirectional))
    gamma, texts = 0.02, (4, 2, 1)
    with_budget, grads = losses(model, gamma, texts)
    without, task_grads = losses(model, 0.0, texts)
    term = math.log1p(math.exp(0.3 - -0.4))
    assert float(with_budget.budget_loss) == pytest.approx(gamma * term, abs=1e-12)
    assert (with_budget.loss - without.loss).item() == pytest.approx(gamma * term, abs=1e-12)
    for name in grads:
        if name.endswith("decision.bias"):
            share = gamma / (2 if bidirectional else 1)
            difference = (grads[name] - task_grads[name]).tolist()
            assert difference == pytest.approx(
                [0.6681877721681662 * share, -0.6681877721681662 * share], abs=1e-12
            )


def test_s08_an_empty_text_pays_nothing_and_counts_as_a_text(make_model):
    model = constant_decision(make_model())
    result, _ = losses(model, 1.0, (4, 2, 0, 1))
    assert float(result.budget_loss) == pytest.approx(0.75 * math.log1p(math.exp(0.7)), abs=1e-12)


def test_s08_derivative_by_gamma_is_the_mean_negative_log_skim_probability(make_model):
    model = make_model(num_hidden_layers=2).train()
    low, _ = losses(model, 0.5, (4, 2, 1))
    high, _ = losses(model, 1.5, (4, 2, 1))
    mask = torch.arange(4) < torch.tensor([4, 2, 1])[:, None]
    terms = torch.where(mask[:, :, None], -low.probabilities[..., 1].log(), 0.0)
    expected = (terms.sum(1) / mask.sum(1, keepdim=True)).mean()
    assert (high.loss - low.loss).item() == pytest.approx(float(expected), abs=1e-12)


@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_s08_without_weight_the_gradient_is_that_of_the_task(cell_type, make_model):
    model = make_model(SkimRNNForSequenceClassification, cell_type=cell_type).train()
    _, grads = losses(model, 0.0, (4, 2, 1))
    model.zero_grad()
    mask = torch.arange(4) < torch.tensor([4, 2, 1])[:, None]
    result = model(torch.arange(1, 5).expand(3, 4), mask, generator=torch.Generator().manual_seed(1))
    torch.nn.functional.cross_entropy(result.logits, torch.tensor([0, 1, 0])).backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, grads[name], rtol=0, atol=1e-14)


@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_s12_a_decision_comes_before_the_cells(cell_type, make_model, make_batch):
    model = make_model(SkimRNNModel, cell_type=cell_type, input_size=5, skim_sizes=[3, 0])
    inputs, _ = make_batch([6, 6])
    for training in (False, True):
        model.train(training)
        before = model(inputs_embeds=inputs[:, :5])
        noise = [torch.Generator().manual_seed(2) for _ in range(2)]
        last = model(inputs_embeds=inputs[:, 5:], initial_state=before.final_state, generator=noise[0])
        original = {name: p.clone() for name, p in model.named_parameters()}
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if ".cells." in name:
                    parameter.add_(1.0)
        # Nor does it see c.
        state = before.final_state.clone()
        state[:, 1:] += 1.0
        perturbed = model(inputs_embeds=inputs[:, 5:], initial_state=state, generator=noise[1])
        assert torch.equal(perturbed.decisions, last.decisions)
        assert torch.equal(perturbed.probabilities, last.probabilities)
        assert not torch.equal(perturbed.last_hidden_state, last.last_hidden_state)
        model.load_state_dict(original)


@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_s12_a_decision_does_not_see_the_future(cell_type, make_model, make_batch):
    model = make_model(SkimRNNModel, cell_type=cell_type, input_size=5).train()
    inputs, _ = make_batch([6])
    inputs.requires_grad_()
    result = model(inputs_embeds=inputs, output_log_probabilities=True)
    (gradient,) = torch.autograd.grad(result.log_probabilities[0, 3, 0, 1], inputs)
    assert bool((gradient[0, 4:] == 0).all())
    assert bool((gradient[0, :4].abs().sum(1) > 0).all())
