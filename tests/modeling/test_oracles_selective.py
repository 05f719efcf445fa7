"""SA-RNN: oracles A1 to A6 of the specification; A8 is a test of the schedules, A7 one of the runtime."""

import pytest
import torch
from torch import nn

from skim_hf import SkimRNNForSequenceClassification, SkimRNNModel
from skim_hf.modeling.estimators_skim_rnn import hard_sigmoid
from skim_hf.modeling.policies_skim_rnn import Setting

CELL_TYPES = ("lstm", "gru", "tanh")
EXACT = {"rtol": 0, "atol": 1e-12}


def bits(tensor):
    return tensor.detach().contiguous().view(torch.int64)


def set_gates(module, bias):
    """Fixes what every coordinator says to the bias: a number, or one for each unit."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.endswith("coordinator.bias"):
                parameter.copy_(torch.as_tensor(bias, dtype=parameter.dtype).expand_as(parameter))
            elif "coordinator" in name or name.endswith("policy.own"):
                parameter.zero_()
    return module


@pytest.fixture
def selective_model(make_model):
    def make(cls=SkimRNNModel, **fields):
        return make_model(cls, policy="selective", input_size=5, **fields)

    return make


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("shape", [{}, {"num_hidden_layers": 2, "bidirectional": True}], ids=str)
@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_a1_all_units_are_the_plain_network(cell_type, shape, training, selective_model, make_batch):
    model = set_gates(selective_model(cell_type=cell_type, **shape), 50.0).train(training)
    inputs, _ = make_batch([11, 11])
    result = model(inputs_embeds=inputs)
    torch.testing.assert_close(result.last_hidden_state, model.to_torch()(inputs)[0], **EXACT)
    assert bool((result.decisions == 0).all())
    assert result.skim_rate.tolist() == [0, 0]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_a2_no_units_leave_the_state_alone(cell_type, training, selective_model, make_batch):
    model = set_gates(selective_model(cell_type=cell_type), -50.0).train(training)
    inputs, mask = make_batch([11, 4])
    start = torch.randn(2, model.parts, 1, 7, dtype=torch.float64)
    result = model(inputs_embeds=inputs, attention_mask=mask, initial_state=start)
    assert torch.equal(bits(result.final_state), bits(start))
    assert bool((result.decisions[mask] == 1).all())
    assert result.skim_rate.tolist() == [1, 1]


@pytest.mark.parametrize("relaxed", [False, True])
@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_a3_each_unit_is_taken_or_kept(cell_type, relaxed, make_reader, packed, torch_step):
    reader = make_reader(policy="selective", cell_type=cell_type)
    inputs, packing, start = packed([13], reader)
    reading = reader(inputs, packing, start, None, Setting(relaxed))
    state, seen = tuple(part[0] for part in start), set()
    for t, x in enumerate(inputs):
        with torch.no_grad():
            activation = reader.policy.coordinator(x) + reader.policy.own * state[0]
        new = torch_step(reader.cells[0], x, state)
        before, state = (
            state[0],
            tuple(torch.where(activation > 0, n, s) for n, s in zip(new, state, strict=True)),
        )
        kept = activation <= 0
        previous = start[0][0] if t == 0 else reading.hidden[t - 1]
        assert torch.equal(bits(reading.hidden[t][kept]), bits(previous[kept]))
        assert bool((reading.hidden[t][~kept] != before[~kept]).all())
        torch.testing.assert_close(reading.hidden[t], state[0], **EXACT)
        share = float((~kept).double().mean())
        torch.testing.assert_close(reading.probabilities[t].tolist(), [share, 1 - share])
        assert int(reading.choices[t]) == int(share == 0)
        seen.add(share)
    assert len(seen) > 2


def test_a4_the_recurrent_weights_of_the_coordinator_are_a_vector(selective_model, make_batch):
    model = selective_model(SkimRNNForSequenceClassification).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    inputs, mask = make_batch([9, 4, 0])
    own = model.skim_rnn.layers[0].readers[0].policy.own
    before = own.detach().clone()
    for _ in range(3):
        optimizer.zero_grad()
        model(inputs_embeds=inputs, attention_mask=mask, labels=torch.tensor([0, 1, 1])).loss.backward()
        optimizer.step()
    assert own.shape == (7,)
    assert bool((own != before).all())


def test_a5_decisions_do_not_depend_on_the_slope(selective_model, make_batch):
    model = selective_model().train()
    inputs, mask = make_batch([9, 4])
    flat, steep = (model(inputs_embeds=inputs, attention_mask=mask, slope=slope) for slope in (0.3, 5.0))
    assert torch.equal(flat.last_hidden_state, steep.last_hidden_state)
    assert torch.equal(flat.probabilities, steep.probabilities)
    with pytest.raises(ValueError, match="slope must be above 0; got 0"):
        model(inputs_embeds=inputs, slope=0)


@pytest.mark.parametrize(
    ("activation", "slope", "expected"), [(0.05, 1, 0.5), (0.05, 5, 2.5), (3.0, 1, 0.0), (3.0, 5, 0.0)]
)
def test_a5_the_slope_is_that_of_the_gradient(activation, slope, expected, selective_model, make_batch):
    value = torch.tensor(activation, requires_grad=True)
    hard_sigmoid(value, slope).backward()
    assert float(value.grad) == pytest.approx(expected)
    # In a model: one token, so nothing else depends on the gates.
    model = set_gates(selective_model(), activation).train()
    inputs, _ = make_batch([1])
    model(inputs_embeds=inputs, slope=slope, output_log_probabilities=True).effort.sum().backward()
    gradient = model.layers[0].readers[0].policy.coordinator.bias.grad
    torch.testing.assert_close(gradient, torch.full((7,), expected / 7, dtype=torch.float64))


@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_a6_one_mask_for_all_units_is_a_copy_or_a_read(cell_type, make_reader, packed, read_by_hand):
    reader = make_reader(policy="selective", cell_type=cell_type)
    inputs, packing, start = packed([12], reader)
    with torch.no_grad():
        reader.policy.own.zero_()
        reader.policy.coordinator.weight.copy_(torch.randn(5, dtype=torch.float64).expand(7, 5))
        reader.policy.coordinator.bias.zero_()
    reading = reader(inputs, packing, start, None, Setting())
    gates = reader.policy.coordinator(inputs)[:, 0]
    choices, states = read_by_hand(
        reader, inputs, tuple(part[0] for part in start), lambda t, x, state: int(gates[t] <= 0)
    )
    assert reading.choices.tolist() == choices
    assert 0 < sum(choices) < 12
    torch.testing.assert_close(reading.hidden, torch.stack([s[0] for s in states[1:]]), **EXACT)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("budget", ["gates", "likelihoods"])
@pytest.mark.parametrize("shape", [{}, {"num_hidden_layers": 2, "bidirectional": True}], ids=str)
def test_budgets(shape, budget, training, selective_model, make_batch):
    model = selective_model(
        SkimRNNForSequenceClassification, budget_type=budget, budget_weight=0.3, **shape
    ).train(training)
    gates = torch.linspace(-0.7, 0.8, 7, dtype=torch.float64)
    set_gates(model, gates)
    inputs, mask = make_batch([9, 4, 0])
    labels = torch.tensor([0, 1, 1])
    found = model(inputs_embeds=inputs, attention_mask=mask, labels=labels, slope=1.0).budget_loss
    # The published code takes the mean over the units of decisions, the paper the sum over likelihoods.
    per_token = (gates > 0).double().mean() if budget == "gates" else hard_sigmoid(gates, 1).sum()
    torch.testing.assert_close(found, 0.3 * per_token * 13 / 3, **EXACT)
    wider = nn.functional.pad(inputs, (0, 0, 0, 9)), nn.functional.pad(mask, (0, 9))
    again = model(inputs_embeds=wider[0], attention_mask=wider[1], labels=labels, slope=1.0)
    torch.testing.assert_close(again.budget_loss, found, **EXACT)


def test_the_dial(selective_model, make_batch):
    model = set_gates(selective_model(), torch.tensor([-0.8, -0.5, -0.1, 0.1, 0.3, 0.5, 0.7]))
    inputs, _ = make_batch([5])
    found = [
        round(7 * float(model(inputs_embeds=inputs, skim_threshold=t).probabilities[0, 0, 0, 0]))
        for t in (0, 0.2, 0.5, 0.8, 1)
    ]
    # Those above 1 - 2 threshold, which at the ends is beyond all gates.
    assert found == [0, 1, 4, 6, 7]


def test_the_rate_is_the_share_of_units_that_were_kept(selective_model, make_batch):
    model = selective_model(num_hidden_layers=2)
    inputs, mask = make_batch([9, 4, 0])
    result = model(inputs_embeds=inputs, attention_mask=mask)
    for row, length in enumerate((9, 4, 0)):
        kept = result.probabilities[row, :length, :, 1]
        expected = float(kept.mean()) if length else 0.0
        assert float(result.skim_rate[row]) == pytest.approx(expected)
    assert 0 < float(result.skim_rate[0]) < 1
