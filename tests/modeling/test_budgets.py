"""Budget terms against their formulas, computed by hand from the probabilities."""

import math

import pytest
import torch

from skim_hf.costs import reader_shapes, relative_costs
from skim_hf.modeling.budgets_skim_rnn import expected_cost, neg_log_skim, text_mean

LENGTHS = (4, 2, 3)
BUDGETS = {
    "neg_log_skim": {},
    "expected_cost": {},
    "cost_target_hinge": {"budget_target": 0.4},
    "cost_target_square": {"budget_target": 0.4},
}


def token_value(kind, p, costs):
    """The term of one token, from its probabilities and the relative costs of the choices."""
    k = len(p)
    if kind == "neg_log_skim":
        return -sum(i * (math.log(p[i]) + math.log(k - 1)) for i in range(1, k)) / (k * (k - 1) / 2)
    return sum(a * b for a, b in zip(p, costs, strict=True))


def budget_by_hand(model, probabilities):
    """Mean over the tokens of a text, over the readers, then the penalty, then the mean over the texts."""
    config, values = model.config, []
    kind, target = config.budget_type, config.budget_target
    costs = [relative_costs(shape) for shape in reader_shapes(config)]
    for row, length in zip(probabilities.tolist(), LENGTHS, strict=True):
        means = [
            sum(token_value(kind, row[t][reader], cost) for t in range(length)) / length
            for reader, cost in enumerate(costs)
        ]
        value = sum(means) / len(means)
        if kind == "cost_target_hinge":
            value = max(0.0, value - target)
        if kind == "cost_target_square":
            value = (value - target) ** 2
        values.append(value)
    return sum(values) / len(values)


def run(model, **arguments):
    ids = torch.arange(1, 13).reshape(3, 4)
    mask = torch.arange(4) < torch.tensor(LENGTHS)[:, None]
    return model.train()(ids, mask, labels=torch.tensor([0, 1, 1]), **arguments)


@pytest.mark.parametrize("small_input", ["own_slice", "full_h"])
@pytest.mark.parametrize("sizes", [[3], [0], [5, 2], [7, 3, 0]], ids=str)
@pytest.mark.parametrize("kind", BUDGETS)
def test_the_budget_of_a_model(kind, sizes, small_input, make_model):
    model = make_model(
        skim_sizes=sizes,
        small_input=small_input,
        num_hidden_layers=2,
        bidirectional=True,
        budget_type=kind,
        budget_weight=0.3,
        **BUDGETS[kind],
    )
    result = run(model)
    expected = 0.3 * budget_by_hand(model, result.probabilities)
    assert result.budget_loss.item() == pytest.approx(expected, abs=1e-12)
    assert result.loss.item() == pytest.approx((result.task_loss + result.budget_loss).item(), abs=1e-12)


def test_two_granularities_are_equation_8():
    log_p = torch.randn(5, 3, 2, dtype=torch.float64).log_softmax(-1)
    torch.testing.assert_close(neg_log_skim(log_p), -log_p[..., 1], rtol=0, atol=1e-14)


def test_more_granularities_weigh_the_smallest_most():
    log_p = torch.randn(4, dtype=torch.float64).log_softmax(-1)
    log_p.requires_grad_()
    value = neg_log_skim(log_p)
    expected = -sum(i * (log_p[i].item() + math.log(3)) for i in (1, 2, 3)) / 6
    assert value.item() == pytest.approx(expected, abs=1e-14)
    (gradient,) = torch.autograd.grad(value, log_p)
    assert gradient.tolist() == pytest.approx([0, -1 / 6, -2 / 6, -3 / 6], abs=1e-14)


def test_expected_cost_of_certain_decisions_is_their_cost():
    costs = [1.0, 0.25, 0.0]
    log_p = torch.eye(3, dtype=torch.float64).log()
    assert expected_cost(log_p, costs).tolist() == costs


def test_text_mean_counts_real_tokens_only():
    mask = torch.tensor([[True, True, False], [False, False, False], [False, True, True]])
    per_token = torch.tensor([[1.0, 3.0, torch.nan], [torch.nan, torch.inf, 1.0], [torch.nan, 4.0, 8.0]])
    assert text_mean(per_token, mask).tolist() == [2.0, 0.0, 6.0]


@pytest.mark.parametrize("kind", BUDGETS)
def test_padding_has_no_part_in_the_budget(kind, make_model):
    model = make_model(budget_type=kind, **BUDGETS[kind])
    ids = torch.arange(1, 5)[None]
    wide = torch.cat((ids, torch.zeros(1, 30, dtype=torch.int64)), 1)
    narrow, padded = (model(i, labels=torch.tensor([1])) for i in (ids, wide))
    torch.testing.assert_close(narrow.budget_loss, padded.budget_loss, rtol=0, atol=1e-14)


def test_the_weight_can_be_given_with_the_call(make_model):
    model = make_model(budget_weight=0.02)
    results = {
        weight: run(model, budget_weight=weight, generator=torch.Generator().manual_seed(0))
        for weight in (None, 0, 0.5, 1.0)
    }
    assert results[None].budget_loss.item() == pytest.approx(0.02 * results[1.0].budget_loss.item())
    assert results[0.5].budget_loss.item() == pytest.approx(0.5 * results[1.0].budget_loss.item())
    assert results[0].budget_loss.item() == 0
    assert results[0].loss.item() == results[0].task_loss.item()
    with pytest.raises(ValueError, match="budget_weight"):
        run(model, budget_weight=-0.1)


@pytest.mark.parametrize("kind", ["cost_target_hinge", "cost_target_square"])
def test_a_budget_that_is_met_costs_nothing(kind, make_model, force):
    target = relative_costs(reader_shapes(make_model().config)[0])[1]
    model = force(make_model(budget_type=kind, budget_target=target), 1)
    assert run(model).budget_loss.item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("kind", [kind for kind in BUDGETS if kind != "neg_log_skim"])
@pytest.mark.parametrize("policy", ["skip", "selective"])
@pytest.mark.parametrize("cell_type", ["lstm", "gru", "tanh"])
def test_costs_of_policies_that_read_a_share(cell_type, policy, kind, make_model):
    model = make_model(
        policy=policy,
        cell_type=cell_type,
        num_hidden_layers=2,
        budget_type=kind,
        budget_weight=0.3,
        **BUDGETS[kind],
    )
    result = run(model.eval())
    gates = {"lstm": 4, "gru": 3, "tanh": 1}[cell_type]
    per_text = []
    for text, length in enumerate(result.lengths.tolist()):
        costs = []
        for layer, width in enumerate((5, 7)):
            # Executed multiply-adds of the text in this layer, and those of the plain cell.
            if policy == "skip":
                updates = float((result.decisions[text, :length, layer] == 0).sum())
                macs = updates * (gates * 7 * (width + 7) + 7 * (layer == 1))
            else:
                units = 7 * float(result.probabilities[text, :length, layer, 0].sum())
                macs = units * gates * (width + 7) + length * (7 * width + 7)
            costs.append(macs / max(length, 1) / (gates * 7 * (width + 7)))
        over = sum(costs) / 2 - BUDGETS[kind].get("budget_target", 0)
        per_text.append({"cost_target_square": over**2, "expected_cost": over}.get(kind, max(over, 0)))
    expected = 0.3 * sum(per_text) / len(per_text)
    assert result.budget_loss.item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("policy", ["random", "periodic"])
def test_who_decides_nothing_pays_nothing(policy, make_model):
    result = run(make_model(policy=policy, budget_weight=5.0))
    assert result.budget_loss.item() == 0
    assert result.loss.item() == result.task_loss.item()


def test_a_plain_network_has_no_budget(make_model):
    result = run(make_model(policy="full", budget_weight=5.0))
    assert result.budget_loss.item() == 0
    assert result.loss.item() == result.task_loss.item()


def test_without_labels_there_is_no_loss(make_model):
    result = make_model()(torch.tensor([[1, 2, 3]]))
    assert (result.loss, result.task_loss, result.budget_loss) == (None, None, None)


def test_the_budget_is_finite_and_has_a_gradient_where_a_decision_is_certain(make_model, force):
    model = force(make_model(), 0)
    result = run(model)
    result.loss.backward()
    assert bool(result.loss.isfinite())
    gradient = model.skim_rnn.layers[0].readers[0].policy.decision.bias.grad
    assert gradient.tolist() == pytest.approx([0.02, -0.02], abs=1e-6)
