"""A text read in pieces, the state carried over, equals the text read at once."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skim_hf import SkimRNNModel

CELL_TYPES = ("lstm", "gru", "tanh")
SPLITS = [(3, 6), (1, 9), (0, 9), (9, 0), (4, 0, 2, 3)]


def read_in_pieces(model, inputs, mask, sizes, state=None, before_piece=lambda start, end: None):
    """Joined outputs, decisions and probabilities, and the final state."""
    results, start = [], 0
    for size in sizes:
        before_piece(start, start + size)
        piece = slice(start, start + size)
        results.append(
            model(inputs_embeds=inputs[:, piece], attention_mask=mask[:, piece], initial_state=state)
        )
        state, start = results[-1].final_state, start + size
    joined = (
        torch.cat([r[n] for r in results], 1) for n in ("last_hidden_state", "decisions", "probabilities")
    )
    return *joined, state


def assert_equals_one_shot(model, inputs, mask, sizes, state=None):
    whole = model(inputs_embeds=inputs, attention_mask=mask, initial_state=state)
    hidden, decisions, probabilities, final = read_in_pieces(model, inputs, mask, sizes, state)
    torch.testing.assert_close(hidden, whole.last_hidden_state, rtol=0, atol=1e-12)
    assert torch.equal(decisions, whole.decisions)
    torch.testing.assert_close(probabilities, whole.probabilities, rtol=0, atol=1e-12)
    torch.testing.assert_close(final, whole.final_state, rtol=0, atol=1e-12)


@pytest.mark.parametrize("sizes", SPLITS, ids=str)
@pytest.mark.parametrize("policy", ["full", "skim"])
@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_in_evaluation(cell_type, policy, sizes, make_model, make_batch):
    model = make_model(SkimRNNModel, cell_type=cell_type, policy=policy, input_size=5, num_hidden_layers=2)
    inputs, mask = make_batch([9, 4, 0, 7])
    parts = 2 if cell_type == "lstm" else 1
    assert_equals_one_shot(model, inputs, mask, sizes)
    assert_equals_one_shot(model, inputs, mask, sizes, torch.randn(4, parts, 2, 7, dtype=torch.float64))


@pytest.mark.parametrize("estimator", ["gumbel", "straight_through"])
@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_in_training_with_the_same_noise(cell_type, estimator, make_model, make_batch, monkeypatch):
    fields = {"cell_type": cell_type, "estimator": estimator, "skim_sizes": [3, 0]}
    model = make_model(SkimRNNModel, input_size=5, num_hidden_layers=2, **fields).train()
    inputs, mask = make_batch([9, 9])
    now = {}
    for index, layer in enumerate(model.layers):
        policy = layer.readers[0].policy
        noise = policy.draw_noise(
            torch.empty(18, 5, dtype=torch.float64), torch.Generator().manual_seed(index)
        )
        # All texts are of one length, so the packed tokens of a piece are consecutive.
        monkeypatch.setattr(
            policy, "draw_noise", lambda *_, noise=noise: noise[2 * now["start"] : 2 * now["end"]]
        )
    note = lambda start, end: now.update(start=start, end=end)  # noqa: E731
    note(0, 9)
    whole = model(inputs_embeds=inputs, attention_mask=mask)
    hidden, decisions, probabilities, final = read_in_pieces(model, inputs, mask, (4, 5), before_piece=note)
    torch.testing.assert_close(hidden, whole.last_hidden_state, rtol=0, atol=1e-12)
    assert torch.equal(decisions, whole.decisions)
    torch.testing.assert_close(probabilities, whole.probabilities, rtol=0, atol=1e-12)
    torch.testing.assert_close(final, whole.final_state, rtol=0, atol=1e-12)


@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_gradients_pass_through_the_state(cell_type, make_model, make_batch):
    model = make_model(SkimRNNModel, cell_type=cell_type, input_size=5).train()
    inputs, mask = make_batch([4, 2])
    inputs.requires_grad_()
    first = model(inputs_embeds=inputs[:, :2], attention_mask=mask[:, :2])
    second = model(inputs_embeds=inputs[:, 2:], attention_mask=mask[:, 2:], initial_state=first.final_state)
    second.final_state.sum().backward()
    # The second text ends with the first piece; the state hands its gradient on all the same.
    assert bool((inputs.grad[0].abs().sum(1) > 0).all())
    assert bool((inputs.grad[1, :2].abs().sum(1) > 0).all())
    assert bool((inputs.grad[1, 2:] == 0).all())


def test_the_given_state_is_not_changed(make_model, make_batch):
    model = make_model(SkimRNNModel, input_size=5)
    inputs, mask = make_batch([4, 2])
    for training in (False, True):
        state = torch.randn(2, 2, 1, 7, dtype=torch.float64)
        copy = state.clone()
        model.train(training)(inputs_embeds=inputs, attention_mask=mask, initial_state=state)
        assert torch.equal(state, copy)


def test_both_directions_start_from_their_own_state(make_model, make_batch):
    model = make_model(SkimRNNModel, input_size=5, bidirectional=True)
    inputs, mask = make_batch([4, 2])
    state = torch.randn(2, 2, 2, 7, dtype=torch.float64)
    base = model(inputs_embeds=inputs, attention_mask=mask, initial_state=state)
    for direction in (0, 1):
        other = state.clone()
        other[:, :, direction] += 1.0
        result = model(inputs_embeds=inputs, attention_mask=mask, initial_state=other)
        kept = slice(7, 14) if direction == 0 else slice(0, 7)
        assert torch.equal(result.last_hidden_state[..., kept], base.last_hidden_state[..., kept])
        assert not torch.equal(result.final_state[:, :, direction], base.final_state[:, :, direction])


@given(st.lists(st.integers(0, 4), min_size=1, max_size=5), st.integers(0, 1000))
@settings(max_examples=25, deadline=None, database=None)
def test_any_pieces_of_words(make_model, sizes, seed):
    model = make_model(SkimRNNModel, skim_sizes=[5, 2, 0], cell_type=CELL_TYPES[seed % 3])
    ids = torch.randint(0, 23, (2, sum(sizes)), generator=torch.Generator().manual_seed(seed))
    assert_equals_one_shot(model, model.get_input_embeddings()(ids), ids != 0, sizes)
