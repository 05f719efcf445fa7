"""A policy with memory (Skip RNN) and one with a mask per unit (SA-RNN) plug into reader and models."""

import pytest
import torch
from torch import nn

from skim_hf.modeling.policies_skim_rnn import Action, ReadingPolicy, Setting

CELL_TYPES = ("lstm", "gru", "tanh")
EXACT = {"rtol": 0, "atol": 1e-12}


def bits(tensor):
    return tensor.detach().contiguous().view(torch.int64)


class Skip(ReadingPolicy):
    """Skip RNN: copies the state until an accumulator, driven by the state alone, passes one half.

    The memory [n, 2] holds the accumulator and the decision of the token before.
    """

    needs_input = False
    num_choices = 2

    def __init__(self, hidden_size):
        super().__init__()
        self.increment = nn.Linear(hidden_size, 1)

    def init_memory(self, like):
        return like.new_tensor([1.0, 0.0]).expand(len(like), 2)

    def decide(self, projected, state, memory, noise, setting):
        accumulator, used = memory.unbind(1)
        step = self.increment(state[0]).sigmoid().squeeze(1)
        accumulator = used * step + (1 - used) * (accumulator + torch.minimum(step, 1 - accumulator))
        used = (accumulator > 0.5).to(accumulator)
        soft = torch.stack((accumulator, 1 - accumulator), 1)
        hard = torch.stack((used, 1 - used), 1)
        weights = hard + (soft - soft.detach()) if setting.relaxed else None
        choice = (used == 0).long()
        return Action(choice, hard, weights, memory=torch.stack((accumulator, used), 1))


class Selective(ReadingPolicy):
    """SA-RNN: the big cell, of which each unit takes over its new value or keeps the old one."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.coordinator = nn.Linear(input_size, hidden_size)
        self.own = nn.Parameter(torch.randn(hidden_size, dtype=torch.float64))

    def project(self, inputs):
        return self.coordinator(inputs)

    def decide(self, projected, state, memory, noise, setting):
        return Action(torch.zeros(len(projected), dtype=torch.int64), mask=self.mask(projected, state[0]))

    def mask(self, projected, hidden):
        soft = ((projected + self.own * hidden + 1) / 2).clamp(0, 1)
        return (soft > 0.5).to(soft) + (soft - soft.detach())


def skip_by_hand(reader, torch_step, inputs, state):
    """The equations of Skip RNN as the paper states them, the increment computed from the new state."""
    accumulator, hidden, used = 1.0, [], []
    for x in inputs:
        u = accumulator > 0.5
        state = torch_step(reader.cells[0], x, state) if u else state
        step = float(reader.policy.increment(state[0]).sigmoid().detach())
        accumulator = step if u else accumulator + min(step, 1 - accumulator)
        used.append(int(u))
        hidden.append(state[0])
    return used, torch.stack(hidden)


@pytest.mark.parametrize("relaxed", [False, True])
@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_a_policy_with_memory(cell_type, relaxed, make_reader, packed, torch_step):
    reader = make_reader(cell_type=cell_type, skim_sizes=[0])
    reader.policy = Skip(7).double()
    for lengths in ([17], [5, 9, 0, 1]):
        inputs, packing, start = packed(lengths, reader)
        reading = reader(inputs, packing, start, None, Setting(relaxed))
        rows = [[] for _ in lengths]
        for n, step in zip(packing.steps, torch.arange(len(inputs)).split(packing.steps), strict=True):
            for row in range(n):
                rows[row].append(int(step[row]))
        for row, index in enumerate(rows):
            if index:
                state = tuple(part[row] for part in start)
                used, hidden = skip_by_hand(reader, torch_step, inputs[index], state)
                assert (1 - reading.choices[index]).tolist() == used
                torch.testing.assert_close(reading.hidden[index], hidden, **EXACT)
    if relaxed:
        reading.hidden.sum().backward()
        assert float(reader.policy.increment.weight.grad.abs().sum()) > 0


@pytest.mark.parametrize(("bias", "gap"), [(1.0, 1), (0.0, 2), (-1.0, 2), (-2.5, 7), (-4.0, 28)])
def test_memory_gives_the_constant_gaps_of_skip_rnn(bias, gap, make_reader, packed):
    reader = make_reader(skim_sizes=[0])
    reader.policy = Skip(7).double()
    nn.init.zeros_(reader.policy.increment.weight)
    nn.init.constant_(reader.policy.increment.bias, bias)
    choices = reader(*packed([60], reader), None, Setting()).choices
    used = (choices == 0).nonzero().flatten()
    assert used.tolist() == list(range(0, 60, gap))


@pytest.mark.parametrize("relaxed", [False, True])
@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_a_mask_per_unit(cell_type, relaxed, make_reader, packed, torch_step):
    reader = make_reader(cell_type=cell_type, policy="full")
    reader.policy = Selective(5, 7).double()
    inputs, packing, start = packed([11], reader)
    reading = reader(inputs, packing, start, None, Setting(relaxed))
    state, updated = tuple(part[0] for part in start), []
    for t, x in enumerate(inputs):
        mask = reader.policy.mask(reader.policy.coordinator(x), state[0]).detach() > 0.5
        new = torch_step(reader.cells[0], x, state)
        state = tuple(torch.where(mask, n, s) for n, s in zip(new, state, strict=True))
        torch.testing.assert_close(reading.hidden[t], state[0], **EXACT)
        updated.append(int(mask.sum()))
    assert len(set(updated)) > 2
    if relaxed:
        reading.hidden.sum().backward()
        assert float(reader.policy.own.grad.abs().sum()) > 0


@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_in_training_a_unit_that_is_not_updated_can_learn_to_be(cell_type, make_reader, packed, torch_step):
    reader = make_reader(cell_type=cell_type, policy="full")
    reader.policy = Selective(5, 7).double()
    with torch.no_grad():
        reader.policy.own.zero_()
        reader.policy.coordinator.weight.zero_()
        reader.policy.coordinator.bias.copy_(torch.tensor([-0.5, -0.5, -0.5, -0.5, 0.5, 0.5, 0.5]))
    inputs, packing, start = packed([1], reader)
    reading = reader(inputs, packing, start, None, Setting(True))
    reading.hidden.sum().backward()
    old = tuple(part[0] for part in start)
    # Straight through: the gradient of a share is new minus old, whether or not the unit was updated.
    expected = 0.5 * (torch_step(reader.cells[0], inputs[0], old)[0] - old[0])
    assert torch.equal(reading.hidden[0, :4], old[0][:4])
    torch.testing.assert_close(reader.policy.coordinator.bias.grad, expected, **EXACT)


@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_a_unit_that_is_not_updated_keeps_its_bits(cell_type, make_reader, packed):
    reader = make_reader(cell_type=cell_type, policy="full")
    reader.policy = Selective(5, 7).double()
    with torch.no_grad():
        reader.policy.own.zero_()
        reader.policy.coordinator.weight.zero_()
        reader.policy.coordinator.bias.copy_(torch.tensor([-2.0, -2, -2, -2, 2, 2, 2]))
    start = tuple(torch.randn(2, 7, dtype=torch.float64) for _ in range(reader.parts))
    start[0][:, 1] = -0.0
    start[-1][:, 2] = torch.inf if reader.parts == 2 else -0.0
    inputs, packing, start = packed([4, 3], reader, start=start)
    reading = reader(inputs, packing, start, None, Setting())
    for got, given in zip(reading.state, start, strict=True):
        assert torch.equal(bits(got[:, :4]), bits(given[:, :4]))
        assert bool((got[:, 4:] != given[:, 4:]).all())


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", ["memory", "mask"])
def test_models_take_the_policy(kind, bidirectional, make_model, make_batch):
    inputs, mask = make_batch([6, 3, 0])
    fields = {"policy": "full"} if kind == "mask" else {"skim_sizes": [0]}
    model = make_model(input_size=5, bidirectional=bidirectional, **fields)
    for reader in model.skim_rnn.layers[0].readers:
        reader.policy = Selective(5, 7).double() if kind == "mask" else Skip(7).double()
    for training in (False, True):
        result = model.train(training)(
            inputs_embeds=inputs, attention_mask=mask, labels=torch.tensor([0, 1, 1])
        )
        assert bool(result.loss.isfinite())
        result.loss.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
