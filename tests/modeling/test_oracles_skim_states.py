"""Oracles S1 to S5: what reading, skimming, skipping and padding do to the state."""

import pytest
import torch
from torch import nn

from skim_hf import SkimRNNModel
from skim_hf.modeling.packing_skim_rnn import Packing
from skim_hf.modeling.policies_skim_rnn import Setting

CELL_TYPES = ("lstm", "gru", "tanh")
EXACT = {"rtol": 0, "atol": 1e-12}


def bits(tensor):
    """Floats as integers, so that -0.0 differs from 0.0 and NaN equals itself."""
    return tensor.detach().contiguous().view(torch.int64)


def torch_outputs(model, inputs, mask):
    """Padded outputs and final states [B, parts, R, d] of the torch.nn module with the big cells' weights."""
    module, lengths = model.to_torch(), mask.sum(1)
    sequence = nn.utils.rnn.pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False)
    outputs, final = module(sequence)
    outputs, _ = nn.utils.rnn.pad_packed_sequence(outputs, batch_first=True, total_length=inputs.shape[1])
    final = final if isinstance(final, tuple) else (final,)
    return outputs, torch.stack(final).permute(2, 0, 1, 3)


@pytest.mark.parametrize("lengths", [[1], [6], [4, 9, 1, 9, 3]], ids=str)
@pytest.mark.parametrize(("layers", "bidirectional"), [(1, False), (1, True), (3, True)])
@pytest.mark.parametrize("small_input", ["own_slice", "full_h"])
@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_s01_all_read_equals_torch(
    cell_type, small_input, layers, bidirectional, lengths, make_model, force, make_batch
):
    fields = {"num_hidden_layers": layers, "bidirectional": bidirectional, "cell_type": cell_type}
    model = force(make_model(SkimRNNModel, input_size=5, small_input=small_input, **fields), 0)
    inputs, mask = make_batch(lengths)
    expected, final = torch_outputs(model, inputs, mask)
    result = model(inputs_embeds=inputs, attention_mask=mask)
    assert bool((result.decisions[mask] == 0).all())
    torch.testing.assert_close(result.last_hidden_state, expected, **EXACT)
    torch.testing.assert_close(result.final_state, final, **EXACT)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("layers", "bidirectional"), [(1, False), (2, True)])
@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_s01_a_plain_network_equals_torch(cell_type, layers, bidirectional, training, make_model, make_batch):
    fields = {"num_hidden_layers": layers, "bidirectional": bidirectional, "cell_type": cell_type}
    model = make_model(SkimRNNModel, input_size=5, policy="full", **fields).train(training)
    inputs, mask = make_batch([4, 9, 1, 9, 3])
    expected, final = torch_outputs(model, inputs, mask)
    result = model(inputs_embeds=inputs, attention_mask=mask)
    torch.testing.assert_close(result.last_hidden_state, expected, **EXACT)
    torch.testing.assert_close(result.final_state, final, **EXACT)


@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_s02_all_skim_is_a_small_network_beside_a_frozen_rest(cell_type, make_reader, force, packed):
    reader = force(make_reader(cell_type=cell_type), 1)
    start = tuple(torch.randn(3, 7, dtype=torch.float64) for _ in range(reader.parts))
    start[0][:, 3:5] = -0.0
    # Units of c that no skim touches may hold anything.
    start[-1][:, 5] = -0.0 if reader.parts == 1 else torch.inf
    inputs, packing, start = packed([4, 4, 4], reader, start=start)
    reading = reader(inputs, packing, start, None, Setting())
    assert bool((reading.choices == 1).all())
    assert torch.equal(bits(reading.hidden.view(4, 3, 7)[:, :, 3:]), bits(start[0][:, 3:].expand(4, 3, 4)))
    for got, given in zip(reading.state, start, strict=True):
        assert torch.equal(bits(got[:, 3:]), bits(given[:, 3:]))

    module = {"lstm": nn.LSTM, "gru": nn.GRU, "tanh": nn.RNN}[cell_type](5, 3).double()
    module.load_state_dict({f"{name}_l0": value for name, value in reader.cells[1].state_dict().items()})
    own = tuple(part[None, :, :3].contiguous() for part in start)
    expected, final = module(inputs.view(4, 3, 5), own if reader.parts == 2 else own[0])
    torch.testing.assert_close(reading.hidden.view(4, 3, 7)[:, :, :3], expected, **EXACT)
    for got, want in zip(reading.state, final if reader.parts == 2 else (final,), strict=True):
        torch.testing.assert_close(got[:, :3], want[0], **EXACT)


@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_s03_size_zero_copies_the_state(cell_type, make_reader, force, packed):
    reader = force(make_reader(cell_type=cell_type, skim_sizes=[0]), 1)
    start = tuple(torch.randn(2, 7, dtype=torch.float64) for _ in range(reader.parts))
    start[0][:, 2] = -0.0
    inputs, packing, start = packed([5, 2], reader, start=start)
    reading = reader(inputs, packing, start, None, Setting())
    for got, given in zip(reading.state, start, strict=True):
        assert torch.equal(bits(got), bits(given))
    expected = torch.cat([start[0][:n] for n in packing.steps])
    assert torch.equal(bits(reading.hidden), bits(expected))


@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_s03_size_zero_equals_copying_with_the_same_decisions(cell_type, make_reader, packed, torch_step):
    reader = make_reader(cell_type=cell_type, skim_sizes=[0])
    inputs, packing, start = packed([12], reader)
    reading = reader(inputs, packing, start, None, Setting())
    used = reading.choices == 0
    assert 0 < int(used.sum()) < 12
    state = tuple(part[0] for part in start)
    for t in range(12):
        new = torch_step(reader.cells[0], inputs[t], state)
        state = tuple(torch.where(used[t], n, s) for n, s in zip(new, state, strict=True))
        torch.testing.assert_close(reading.hidden[t], state[0], **EXACT)
        if t > 0 and not used[t]:
            assert torch.equal(bits(reading.hidden[t]), bits(reading.hidden[t - 1]))


@pytest.mark.parametrize("relaxed", [False, True])
@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_s04_a_small_cell_blind_to_the_rest_of_h_is_an_own_slice_cell(
    cell_type, relaxed, make_reader, packed
):
    own = make_reader(cell_type=cell_type, skim_sizes=[4, 2])
    full = make_reader(cell_type=cell_type, skim_sizes=[4, 2], small_input="full_h")
    tensors = dict(own.state_dict())
    for name, tensor in full.state_dict().items():
        if name in ("cells.1.weight_hh", "cells.2.weight_hh"):
            tensors[name] = torch.cat(
                (tensors[name], torch.zeros_like(tensor[:, tensors[name].shape[1] :])), 1
            )
    full.load_state_dict(tensors)
    inputs, packing, start = packed([6, 4, 1], own)
    noise = own.policy.draw_noise(inputs) if relaxed else None
    a, b = (reader(inputs, packing, start, noise, Setting(relaxed)) for reader in (own, full))
    assert torch.equal(a.choices, b.choices)
    torch.testing.assert_close(a.hidden, b.hidden, **EXACT)
    torch.testing.assert_close(torch.stack(a.state), torch.stack(b.state), **EXACT)


def test_s04_they_differ_otherwise(make_reader, packed, force, read_by_hand):
    reader = force(make_reader(small_input="full_h"), 1)
    inputs, packing, start = packed([4], reader)
    hidden = reader(inputs, packing, start, None, Setting()).hidden
    _, states = read_by_hand(reader, inputs, tuple(part[0] for part in start), lambda *_: 1)
    torch.testing.assert_close(hidden, torch.stack([state[0] for state in states[1:]]), **EXACT)
    changed = (start[0].clone(), start[1])
    changed[0][:, 5] += 1.0
    assert not torch.allclose(reader(inputs, packing, changed, None, Setting()).hidden[:, :3], hidden[:, :3])


@pytest.mark.parametrize(("layers", "bidirectional"), [(1, False), (2, True)])
@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_s05_padding_changes_nothing(cell_type, layers, bidirectional, make_model, make_batch):
    fields = {"num_hidden_layers": layers, "bidirectional": bidirectional, "cell_type": cell_type}
    model = make_model(SkimRNNModel, input_size=5, skim_sizes=[3, 0], **fields)
    inputs, mask = make_batch([4, 9, 0, 2])
    result = model(inputs_embeds=inputs, attention_mask=mask)
    # Bit-identical, since padded values are never computed with: not even NaN gets through.
    planted = model(inputs_embeds=torch.where(mask[:, :, None], inputs, torch.nan), attention_mask=mask)
    for name in ("last_hidden_state", "final_state", "decisions", "probabilities", "skim_rate"):
        assert torch.equal(result[name], planted[name]), name
    assert bool((result.decisions[~mask] == -1).all())
    assert bool((result.probabilities[~mask] == 0).all())
    assert bool((result.last_hidden_state[~mask] == 0).all())

    counts = torch.zeros(4, dtype=torch.int64)
    for row, length in enumerate([4, 9, 0, 2]):
        alone = model(inputs_embeds=inputs[row : row + 1, :length])
        assert torch.equal(alone.decisions[0], result.decisions[row, :length])
        torch.testing.assert_close(
            alone.last_hidden_state[0], result.last_hidden_state[row, :length], **EXACT
        )
        torch.testing.assert_close(alone.final_state[0], result.final_state[row], **EXACT)
        torch.testing.assert_close(alone.skim_rate[0], result.skim_rate[row])
        counts += torch.bincount(alone.decisions.flatten() + 1, minlength=4)
    together = torch.bincount(result.decisions.flatten() + 1, minlength=4)
    assert torch.equal(together[1:], counts[1:])


def test_s05_permuting_padded_positions_changes_nothing(make_reader, make_batch):
    reader = make_reader()
    inputs, mask = make_batch([3, 6])
    holes = torch.tensor([[0, 1, 0, 1, 1, 0], [1, 1, 1, 1, 1, 1]]).bool()
    spread = torch.full_like(inputs, torch.nan)
    spread[holes] = inputs[mask]
    start = tuple(torch.zeros(2, 7, dtype=torch.float64) for _ in range(2))
    plain, holed = Packing.from_mask(mask), Packing.from_mask(holes)
    a = reader(plain.pack(inputs), plain, start, None, Setting())
    b = reader(holed.pack(spread), holed, start, None, Setting())
    assert torch.equal(a.hidden, b.hidden)
    assert torch.equal(a.choices, b.choices)
