"""LSTM-Jump against torch.nn and against reading by hand: J1 to J6 and J8 (J7 is in test_reinforce.py)."""

import pytest
import torch

from skim_hf import SkimRNNModel
from skim_hf.modeling.estimators_skim_rnn import hard_choice

CELL_TYPES = ("lstm", "gru", "tanh")
POLICIES = ("full", "skim", "skip", "selective", "random", "periodic")
EXACT = {"rtol": 0, "atol": 1e-12}
LENGTHS = [13, 7, 1, 0, 10]


@pytest.fixture
def make_jumping(make_model):
    """An encoder of 5 features that jumps by up to 3 tokens."""

    def make(every=2, limit=3, size=3, cls=SkimRNNModel, **fields):
        fields = {"policy": "full", "input_size": 5, **fields}
        return make_model(cls, jump_every=every, jump_size=size, jump_limit=limit, **fields)

    return make


def force_jump(model, jump):
    """Makes every jump the same, by its bias."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("jump.head.weight"):
                parameter.zero_()
            if name.endswith("jump.head.bias"):
                parameter.fill_(-50.0)
                parameter[jump] = 50.0
    return model


def final_h(module, inputs):
    """The last h of every layer of a torch.nn module, [layers, B, d]."""
    final = module(inputs)[1]
    return final[0] if isinstance(final, tuple) else final


def read_by_hand(model, inputs, torch_step, every=None, limit=None):
    """Reads one text [T, d_x] with a unidirectional stack of full or skimming readers.

    Returns:
        Choices by reader and token (-1 where passed over), jumps by token, and the states of every reader.
    """
    readers = [layer.readers[0] for layer in model.layers]
    states = [tuple(torch.zeros(7).double() for _ in range(model.parts)) for _ in readers]
    choices = [[-1] * len(inputs) for _ in readers]

    def decide(t):
        return int(readers[-1].jump.head(states[-1][0]).argmax())

    position, visited, decided = 0, 0, {}
    every = model.config.jump_every if every is None else every
    limit = model.config.jump_limit if limit is None else limit
    while position < len(inputs):
        x = inputs[position]
        for index, reader in enumerate(readers):
            choice = 0
            if model.config.policy == "skim":
                logits = reader.policy.decision(torch.cat((x, states[index][0])))
                choice = int(hard_choice(logits.softmax(0)[None], model.config.skim_threshold))
            cell = reader.cell_of(choice)
            states[index] = states[index] if cell is None else torch_step(cell, x, states[index])
            choices[index][position] = choice
            x = states[index][0]
        visited, jump = visited + 1, 1
        if visited % every == 0 and position + 1 < len(inputs):
            if len(decided) == limit:
                break
            jump = decided[position] = decide(position)
            if jump == 0:
                break
        position += jump
    return choices, decided, states


@pytest.mark.parametrize("cell_type", CELL_TYPES)
@pytest.mark.parametrize("layers", [1, 2])
def test_j1_steps_of_one_are_torch(layers, cell_type, make_jumping, make_batch):
    model = force_jump(make_jumping(2, 6, cell_type=cell_type, num_hidden_layers=layers), 1)
    inputs, mask = make_batch([13, 13])
    result = model(inputs_embeds=inputs, attention_mask=mask)
    expected = model.to_torch()(inputs)[0]
    torch.testing.assert_close(result.last_hidden_state, expected, **EXACT)
    assert (result.decisions == 0).all()
    assert (result.jumps[0, :, 0] >= 0).nonzero().flatten().tolist() == [1, 3, 5, 7, 9, 11]


@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_j2_a_first_jump_of_zero_leaves_the_first_block(cell_type, make_jumping, make_batch):
    model = force_jump(make_jumping(3, 6, cell_type=cell_type, num_hidden_layers=2), 0)
    inputs, mask = make_batch([13, 13])
    result = model(inputs_embeds=inputs, attention_mask=mask)
    expected = final_h(model.to_torch(), inputs[:, :3])
    torch.testing.assert_close(result.final_state[:, 0].transpose(0, 1), expected, **EXACT)
    assert (result.decisions[:, 3:] == -1).all()
    assert (result.jumps >= 0).sum(1).flatten().tolist() == [1, 1]


@pytest.mark.parametrize("cell_type", CELL_TYPES)
@pytest.mark.parametrize("every", [1, 2, 3])
def test_j3_the_farthest_jump_is_the_sub_sampled_text(every, cell_type, make_jumping, make_batch):
    model = force_jump(make_jumping(every, 99, cell_type=cell_type, num_hidden_layers=2), 3)
    inputs, mask = make_batch([13, 13])
    kept = [t for t in range(13) if t % (every + 2) < every]
    result = model(inputs_embeds=inputs, attention_mask=mask)
    expected = model.to_torch()(inputs[:, kept])[0]
    torch.testing.assert_close(result.last_hidden_state[:, kept], expected, **EXACT)
    assert (result.decisions[0, :, 0] >= 0).nonzero().flatten().tolist() == kept


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("policy", POLICIES)
def test_j4_what_lies_between_is_not_looked_at(policy, training, make_jumping, make_batch):
    model = force_jump(make_jumping(1, 99, policy=policy, num_hidden_layers=2), 2).train(training)
    inputs, mask = make_batch([9, 6])
    inputs[:, 1::2] = torch.nan
    result = model(inputs_embeds=inputs, attention_mask=mask)
    for name, value in result.items():
        assert not value.isnan().any(), name
    assert (result.decisions[:, 1::2] == -1).all()
    assert (result.probabilities[:, 1::2] == 0).all()


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(("every", "limit"), [(1, 0), (1, 2), (2, 1), (3, 2), (50, 1)])
def test_j5_no_more_is_read_than_allowed(every, limit, bidirectional, training, make_jumping, make_batch):
    model = make_jumping(every, limit, bidirectional=bidirectional, policy="skim").train(training)
    inputs, mask = make_batch(LENGTHS)
    result = model(inputs_embeds=inputs, attention_mask=mask)
    visited = (result.decisions >= 0).sum(1)
    assert (visited <= (limit + 1) * every).all()
    assert (visited <= mask.sum(1)[:, None]).all()
    assert (visited[torch.tensor(LENGTHS) > 0] > 0).all()
    assert ((result.jumps >= 0).sum(1) <= limit).all()
    assert (result.jumps[~mask] == -1).all()


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("fields", [{"num_hidden_layers": 2}, {"bidirectional": True}], ids=str)
def test_j6_a_term_for_each_decision_taken(fields, training, make_jumping, make_batch):
    model = make_jumping(2, 3, **fields).train(training)
    inputs, mask = make_batch(LENGTHS)
    result = model(inputs_embeds=inputs, attention_mask=mask, output_log_probabilities=True)
    if not training:
        assert result.sampled_log_probabilities is None
        return
    taken = result.jumps >= 0
    assert torch.equal(result.sampled_log_probabilities != 0, taken)
    assert torch.equal(result.baselines != 0, taken)
    # Decisions are taken after every second token that was visited, unless it was the last.
    for row, length in enumerate(LENGTHS):
        for direction in range(taken.shape[2]):
            order = slice(None) if direction == 0 else torch.arange(length - 1, -1, -1)
            visited = (result.decisions[row, :length, -taken.shape[2] + direction][order] >= 0).nonzero()
            expected = [t for t in visited.flatten().tolist()[1::2] if t < length - 1][:3]
            own = taken[row, :length, direction][order].nonzero().flatten().tolist()
            assert own == expected
    width = model.config.hidden_size
    for direction, reader in enumerate(model.layers[-1].readers):
        hidden = result.last_hidden_state[..., direction * width : (direction + 1) * width]
        logs = reader.jump.head(hidden).log_softmax(-1)
        logs = logs.gather(-1, result.jumps[..., direction, None].clamp(min=0)).squeeze(-1)
        expected = torch.where(taken[..., direction], logs, 0)
        torch.testing.assert_close(result.sampled_log_probabilities[..., direction], expected, **EXACT)


@pytest.mark.parametrize(
    "fields",
    [
        {"policy": policy, **more}
        for policy in POLICIES
        for more in ({"num_hidden_layers": 2}, {"bidirectional": True})
    ],
    ids=str,
)
def test_j8_a_batch_is_read_as_its_texts(fields, make_jumping, make_batch):
    model = make_jumping(2, 3, **fields)
    inputs, mask = make_batch(LENGTHS)
    together = model(inputs_embeds=inputs, attention_mask=mask)
    for row, length in enumerate(LENGTHS):
        alone = model(inputs_embeds=inputs[row : row + 1, :length])
        for name in ("last_hidden_state", "decisions", "probabilities", "jumps"):
            own = together[name][row : row + 1, :length]
            torch.testing.assert_close(own, alone[name], **EXACT, msg=name)
        for name in ("final_state", "skim_rate"):
            torch.testing.assert_close(together[name][row : row + 1], alone[name], **EXACT)


@pytest.mark.parametrize("cell_type", CELL_TYPES)
@pytest.mark.parametrize("policy", ["full", "skim"])
@pytest.mark.parametrize("layers", [1, 3])
def test_jumping_as_by_hand(layers, policy, cell_type, make_jumping, make_batch, torch_step):
    fields = {"num_hidden_layers": layers, "policy": policy, "cell_type": cell_type}
    model = make_jumping(2, 4, **fields, **({"skim_sizes": [3, 0]} if policy == "skim" else {}))
    inputs, mask = make_batch(LENGTHS)
    for every, limit in ((None, None), (1, None), (3, 1), (None, 0), (1, 99)):
        options = {"jump_every": every, "jump_limit": limit}
        result = model(inputs_embeds=inputs, attention_mask=mask, **options)
        for row, length in enumerate(LENGTHS):
            choices, decided, states = read_by_hand(model, inputs[row, :length], torch_step, every, limit)
            assert result.decisions[row, :length].t().tolist() == choices
            jumps = result.jumps[row, :, 0].tolist()
            assert {t: jump for t, jump in enumerate(jumps) if jump >= 0} == decided
            expected = torch.stack([torch.stack(state) for state in states], 1)
            torch.testing.assert_close(result.final_state[row], expected, **EXACT)


@pytest.mark.parametrize("fields", [{"num_hidden_layers": 2}, {"bidirectional": True}], ids=str)
def test_padding_on_either_side(fields, make_jumping, make_batch):
    model = make_jumping(2, 3, policy="skim", **fields)
    inputs, mask = make_batch(LENGTHS)
    right = model(inputs_embeds=inputs, attention_mask=mask)
    shifted = torch.stack([row.roll(13 - n, 0) for row, n in zip(inputs, LENGTHS, strict=True)])
    left = model(inputs_embeds=shifted, attention_mask=mask.flip(1))
    torch.testing.assert_close(left.final_state, right.final_state, **EXACT)
    for row, length in enumerate(LENGTHS):
        assert torch.equal(left.decisions[row, 13 - length :], right.decisions[row, :length])
        assert torch.equal(left.jumps[row, 13 - length :], right.jumps[row, :length])


def test_directions_jump_on_their_own(make_jumping, make_batch):
    model = make_jumping(2, 3, bidirectional=True)
    single = [make_jumping(2, 3) for _ in range(2)]
    for direction, other in enumerate(single):
        other.layers[0].readers[0].load_state_dict(model.layers[0].readers[direction].state_dict())
    inputs, mask = make_batch([13, 13])
    both = model(inputs_embeds=inputs, attention_mask=mask)
    forward, backward = single[0](inputs_embeds=inputs), single[1](inputs_embeds=inputs.flip(1))
    assert torch.equal(both.decisions[..., 0], forward.decisions[..., 0])
    assert torch.equal(both.decisions[..., 1], backward.decisions.flip(1)[..., 0])
    assert not torch.equal(both.decisions[..., 0], both.decisions[..., 1])
    torch.testing.assert_close(both.last_hidden_state[..., 7:], backward.last_hidden_state.flip(1), **EXACT)


def test_evaluation_is_deterministic_and_training_follows_its_generator(make_jumping, make_batch):
    inputs, mask = make_batch(LENGTHS)
    model = make_jumping(1, 9)
    twice = [model(inputs_embeds=inputs, attention_mask=mask) for _ in range(2)]
    assert torch.equal(twice[0].jumps, twice[1].jumps)
    model.train()
    drawn = [
        model(inputs_embeds=inputs, attention_mask=mask, generator=torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    ]
    assert torch.equal(drawn[0].jumps, drawn[1].jumps)
    assert torch.equal(drawn[0].last_hidden_state, drawn[1].last_hidden_state)
    assert not torch.equal(drawn[0].jumps, drawn[2].jumps)


def test_what_cannot_jump_says_so(make_jumping, make_batch, make_model):
    inputs, _ = make_batch([4])
    with pytest.raises(ValueError, match="need a model that jumps"):
        make_model(SkimRNNModel, policy="full", input_size=5)(inputs_embeds=inputs, jump_limit=1)
    with pytest.raises(ValueError, match="jump_every must be an integer of at least 1; got 0"):
        make_jumping()(inputs_embeds=inputs, jump_every=0)
