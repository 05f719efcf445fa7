"""Policies that move the pointer, stop, or derive from ours plug into the reader and the models."""

import pytest
import torch

from skim_hf import SkimRNNModel
from skim_hf.modeling.policies_skim_rnn import Action, FullPolicy, ReadingPolicy, Setting, SkimPolicy

CELL_TYPES = ("lstm", "gru", "tanh")
EXACT = {"rtol": 0, "atol": 1e-12}


class Jump(ReadingPolicy):
    """Moves the pointer by a fixed number of tokens, or by what it reads in the last feature."""

    def __init__(self, jump=2):
        super().__init__()
        self.jump = jump

    def project(self, inputs):
        return inputs[:, -1:]

    def decide(self, projected, state, memory, noise, setting):
        rows = torch.zeros(len(projected), dtype=torch.int64)
        return Action(rows, jump=rows + self.jump if self.jump else projected[:, 0].long())


class Budgeted(Jump):
    """Jumps by two and stops after a number of visits: the memory counts visits, not tokens."""

    def __init__(self, visits):
        super().__init__()
        self.visits = visits

    def init_memory(self, like):
        return like.new_zeros(len(like), 1)

    def decide(self, projected, state, memory, noise, setting):
        action = super().decide(projected, state, memory, noise, setting)
        action.memory = memory + 1
        action.stop = action.memory[:, 0] >= self.visits
        return action


class Stop(ReadingPolicy):
    """Ends the reading of a text after a number of tokens of its own."""

    def project(self, inputs):
        return inputs[:, -1:]

    def decide(self, projected, state, memory, noise, setting):
        rows = torch.zeros(len(projected), dtype=torch.int64)
        return Action(rows, stop=projected[:, 0] > 0.5)


def jumped_by_hand(reader, torch_step, inputs, state, jumps):
    hidden, choices, pointer = [], [], 0
    for t, x in enumerate(inputs):
        if t == pointer:
            state, pointer = torch_step(reader.cells[0], x, state), pointer + jumps[t]
            choices.append(0)
        else:
            choices.append(-1)
        hidden.append(state[0])
    return choices, torch.stack(hidden)


@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_jumps_never_look_at_what_lies_between(cell_type, make_reader, packed, torch_step):
    reader = make_reader(cell_type=cell_type, policy="full")
    reader.policy = Jump(2)
    inputs, packing, start = packed([7, 7], reader)
    steps = inputs.view(7, 2, 5)
    steps[1::2] = torch.nan
    reading = reader(inputs, packing, start, None, Setting())
    assert not reading.hidden.isnan().any()
    assert not torch.stack(reading.state).isnan().any()
    for row in range(2):
        state = tuple(part[row] for part in start)
        choices, hidden = jumped_by_hand(reader, torch_step, steps[:, row], state, [2] * 7)
        assert reading.choices.view(7, 2)[:, row].tolist() == choices
        torch.testing.assert_close(reading.hidden.view(7, 2, 7)[:, row], hidden, **EXACT)


@pytest.mark.parametrize("relaxed", [False, True])
def test_jumps_of_each_text_its_own(relaxed, make_reader, packed, torch_step):
    reader = make_reader(policy="full")
    reader.policy = Jump(0)
    inputs, packing, start = packed([12, 12, 12], reader)
    steps = inputs.view(12, 3, 5)
    steps[:, :, -1] = torch.randint(1, 5, (12, 3))
    reading = reader(inputs, packing, start, None, Setting(relaxed))
    for row in range(3):
        state = tuple(part[row] for part in start)
        jumps = [int(jump) for jump in steps[:, row, -1]]
        choices, hidden = jumped_by_hand(reader, torch_step, steps[:, row], state, jumps)
        assert reading.choices.view(12, 3)[:, row].tolist() == choices
        torch.testing.assert_close(reading.hidden.view(12, 3, 7)[:, row], hidden, **EXACT)


def test_memory_does_not_change_where_a_jump_passes_over(make_reader, packed):
    reader = make_reader(policy="full")
    reader.policy = Budgeted(visits=3)
    reading = reader(*packed([9], reader), None, Setting())
    assert reading.choices.tolist() == [0, -1, 0, -1, 0, -1, -1, -1, -1]


@pytest.mark.parametrize("relaxed", [False, True])
@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_stopping(cell_type, relaxed, make_reader, packed):
    reader = make_reader(cell_type=cell_type, policy="full")
    reader.policy = Stop()
    inputs, packing, start = packed([6, 6, 6], reader)
    steps = inputs.view(6, 3, 5)
    steps[:, :, -1] = 0.0
    steps[0, 0, -1] = steps[3, 1, -1] = 1.0
    reading = reader(inputs, packing, start, None, Setting(relaxed))
    expected = [[0] + [-1] * 5, [0] * 4 + [-1] * 2, [0] * 6]
    assert reading.choices.view(6, 3).t().tolist() == expected
    hidden = reading.hidden.view(6, 3, 7)
    for row, last in ((0, 0), (1, 3), (2, 5)):
        assert torch.equal(hidden[last:, row], hidden[last : last + 1, row].expand(6 - last, 7))
        assert torch.equal(reading.state[0][row], hidden[last, row])


class Skimming(SkimPolicy):
    """Skims like its parent and jumps by two."""

    def decide(self, projected, state, memory, noise, setting):
        action = super().decide(projected, state, memory, noise, setting)
        action.jump = torch.full_like(action.choice, 2)
        return action


class Stopping(FullPolicy):
    """Reads the first token only."""

    def decide(self, projected, state, memory, noise, setting):
        action = super().decide(projected, state, memory, noise, setting)
        action.stop = torch.ones_like(action.choice, dtype=torch.bool)
        return action


@pytest.mark.parametrize("relaxed", [False, True])
@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_a_policy_derived_from_ours_is_asked(cell_type, relaxed, make_reader, packed):
    skim, full = make_reader(cell_type=cell_type), make_reader(cell_type=cell_type, policy="full")
    skim.policy, full.policy = Skimming(5, 7, 2).double(), Stopping()
    batch = packed([5], skim)
    noise = skim.policy.draw_noise(batch[0]) if relaxed else None
    assert [c < 0 for c in skim(*batch, noise, Setting(relaxed)).choices.tolist()] == [False, True] * 2 + [
        False
    ]
    assert full(*batch, None, Setting(relaxed)).choices.tolist() == [0, -1, -1, -1, -1]


@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_skimming_and_jumping_together_never_look_between(cell_type, make_model, make_batch):
    model = make_model(input_size=5, cell_type=cell_type)
    model.skim_rnn.layers[0].readers[0].policy = Skimming(5, 7, 2).double()
    inputs, _ = make_batch([7, 7])
    inputs[:, 1::2] = torch.nan
    result = model(inputs_embeds=inputs, labels=torch.tensor([0, 1]))
    assert [choice < 0 for choice in result.decisions[0, :, 0].tolist()] == [False, True] * 3 + [False]
    for name, value in result.items():
        assert not value.isnan().any(), name


@pytest.mark.parametrize("training", [False, True])
def test_models_train_and_evaluate_with_jumps(training, make_model, make_batch):
    model = make_model(input_size=5, policy="full", num_hidden_layers=2, bidirectional=True).train(training)
    for layer in model.skim_rnn.layers:
        for reader in layer.readers:
            reader.policy = Jump(2)
    inputs, mask = make_batch([6, 3, 0])
    result = model(inputs_embeds=inputs, attention_mask=mask, labels=torch.tensor([0, 1, 1]))
    result.loss.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_a_model_reports_jumped_tokens_as_not_read(make_model, make_batch):
    model = make_model(SkimRNNModel, input_size=5, policy="full", bidirectional=True)
    for reader in model.layers[0].readers:
        reader.policy = Jump(2)
    inputs, mask = make_batch([6, 3, 0])
    result = model(inputs_embeds=inputs, attention_mask=mask)
    assert result.decisions[0, :, 0].tolist() == [0, -1, 0, -1, 0, -1]
    assert result.decisions[0, :, 1].tolist() == [-1, 0, -1, 0, -1, 0]
    torch.testing.assert_close(result.skim_rate, torch.tensor([0.5, 1 / 3, 0.0]).to(result.skim_rate))
