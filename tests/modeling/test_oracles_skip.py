"""Skip RNN: oracles K1 to K8 of the specification."""

import pytest
import torch
from torch import nn

from skim_hf import SkimRNNConfig, SkimRNNModel
from skim_hf.modeling import policy_skip_skim_rnn
from skim_hf.modeling.loop_skim_rnn import read_hard, read_relaxed
from skim_hf.modeling.policies_skim_rnn import Setting
from skim_hf.modeling.policy_clock_skim_rnn import uniform

CELL_TYPES = ("lstm", "gru", "tanh")
EXACT = {"rtol": 0, "atol": 1e-12}


def bits(tensor):
    return tensor.detach().contiguous().view(torch.int64)


def set_gate(module, bias, weight=None):
    """Fixes the bias of every gate, and its weights to 0 or to those given."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.endswith("gate.bias"):
                parameter.fill_(bias)
            elif name.endswith("gate.weight"):
                parameter.copy_(torch.zeros_like(parameter) if weight is None else weight)
    return module


@pytest.fixture
def skip_model(make_model):
    """A bare encoder with one layer unless told otherwise; reads features of 5."""

    def make(**fields):
        base = {"policy": "skip", "input_size": 5}
        return make_model(SkimRNNModel, **{**base, **fields})

    return make


def looking_ahead(reader, torch_step, inputs, state):
    """Skips in one go as many tokens as the increment of the state allows; never looks at those.

    Returns:
        Whether each token was read, and h after every token.
    """
    used, hidden, t = [], [], 0
    while t < len(inputs):
        state = torch_step(reader.cells[0], inputs[t], state)
        increment = float(torch.sigmoid(reader.policy.gate(state[-1])).detach())
        total, gap = increment, 1
        while total <= 0.5:
            total, gap = total + min(increment, 1 - total), gap + 1
        gap = min(gap, len(inputs) - t)
        used += [1] + [0] * (gap - 1)
        hidden += [state[0]] * gap
        t += gap
    return used, torch.stack(hidden)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_k1_always_updating_is_the_plain_network(cell_type, layers, training, skip_model, make_batch):
    model = set_gate(skip_model(cell_type=cell_type, num_hidden_layers=layers), 50.0).train(training)
    inputs, _ = make_batch([11, 11, 11])
    start = torch.zeros(3, model.parts, layers, 7, dtype=torch.float64)
    result = model(inputs_embeds=inputs, initial_state=start)
    expected, final = model.to_torch()(inputs)
    final = torch.stack(final) if model.parts == 2 else final[None]
    assert bool((result.decisions == 0).all())
    torch.testing.assert_close(result.last_hidden_state, expected, **EXACT)
    torch.testing.assert_close(result.final_state, final.permute(2, 0, 1, 3), **EXACT)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("bias", "gap"), [(1.0, 1), (0.0, 2), (-1.0, 2), (-2.5, 7), (-4.0, 28)])
def test_k2_a_constant_increment_gives_constant_gaps(bias, gap, training, skip_model, make_batch):
    model = set_gate(skip_model(num_hidden_layers=2), bias).train(training)
    inputs, _ = make_batch([60])
    decisions = model(inputs_embeds=inputs).decisions[0]
    assert (decisions[:, 0] == 0).nonzero().flatten().tolist() == list(range(0, 60, gap))
    assert torch.equal(decisions[:, 0], decisions[:, 1])


@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_k3_the_loop_is_the_engine_that_looks_ahead(cell_type, make_reader, packed, torch_step):
    reader = make_reader(policy="skip", cell_type=cell_type)
    inputs, packing, start = packed([40], reader)
    set_gate(reader, -0.7, 0.8 * torch.randn(1, 7, dtype=torch.float64))
    state = tuple(part[0] for part in start)
    used, hidden = looking_ahead(reader, torch_step, inputs, state)
    reading = reader(inputs, packing, start, None, Setting())
    assert (1 - reading.choices).tolist() == used
    assert 3 < sum(used) < 35
    torch.testing.assert_close(reading.hidden, hidden, **EXACT)
    spoilt = inputs.masked_fill((reading.choices == 1)[:, None], torch.nan)
    assert torch.equal(looking_ahead(reader, torch_step, spoilt, state)[1], hidden)
    torch.testing.assert_close(reader(spoilt, packing, start, None, Setting()).hidden, hidden, **EXACT)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("fields", [{}, {"num_hidden_layers": 2}, {"bidirectional": True}], ids=str)
def test_k4_decisions_look_back_and_the_first_token_is_used(fields, training, skip_model, make_batch):
    model = set_gate(skip_model(**fields), -1.5, 2 * torch.randn(1, 7, dtype=torch.float64)).train(training)
    inputs, mask = make_batch([12, 5])
    decisions = model(inputs_embeds=inputs, attention_mask=mask).decisions
    assert bool((decisions[:, 0, 0] == 0).all())
    for t in range(12):
        changed = inputs.clone()
        changed[:, t] += 3
        again = model(inputs_embeds=changed, attention_mask=mask).decisions
        assert torch.equal(again[:, : t + 1, 0], decisions[:, : t + 1, 0])
    if model.config.bidirectional:
        assert decisions[0, 11, 1] == decisions[1, 4, 1] == 0


def sum_of_updates(gradient, bias, length=17):
    """d(sum u)/d b_p of a gate without weights."""
    torch.manual_seed(0)
    config = SkimRNNConfig(
        vocab_size=None, input_size=3, hidden_size=4, policy="skip", skip_gradient=gradient
    )
    model = set_gate(SkimRNNModel(config).double().train(), bias)
    inputs = torch.randn(1, length, 3, dtype=torch.float64)
    effort = model(inputs_embeds=inputs, output_log_probabilities=True).effort
    effort.sum().backward()
    return float(model.layers[0].readers[0].policy.gate.bias.grad)


@pytest.mark.parametrize(
    ("gradient", "bias", "expected"),
    [
        ("official", 1.0, 1.8649115590895498),
        ("equation", 1.0, 2.5119056857396167),
        ("official", -2.5, 2.048788803293775),
        ("equation", -2.5, 2.048788803293775),
    ],
)
def test_k5_both_straight_through_gradients(gradient, bias, expected):
    assert sum_of_updates(gradient, bias) == pytest.approx(expected, rel=0, abs=1e-12)


@pytest.mark.parametrize("gradient", ["official", "equation"])
def test_k5_rounding_alone_has_no_gradient(gradient, monkeypatch):
    monkeypatch.setattr(policy_skip_skim_rnn, "pass_gradient", lambda hard, soft: hard + 0 * soft)
    assert sum_of_updates(gradient, 1.0) == 0


@pytest.mark.parametrize("training", [False, True])
def test_k6_the_budget_counts_updates(training, make_model, make_batch):
    model = make_model(policy="skip", input_size=5, num_hidden_layers=2, budget_weight=0.3)
    set_gate(model, -1.5, 2 * torch.randn(1, 7, dtype=torch.float64)).train(training)
    inputs, mask = make_batch([9, 4, 0])
    labels = torch.tensor([0, 1, 1])
    result = model(inputs_embeds=inputs, attention_mask=mask, labels=labels)
    updates = (result.decisions[..., 0] == 0).sum()
    torch.testing.assert_close(float(result.budget_loss), 0.3 * float(updates) / 3)
    wider = nn.functional.pad(inputs, (0, 0, 0, 9)), nn.functional.pad(mask, (0, 9))
    again = model(inputs_embeds=wider[0], attention_mask=wider[1], labels=labels)
    torch.testing.assert_close(again.budget_loss, result.budget_loss, **EXACT)
    torch.testing.assert_close(result.loss, result.task_loss + result.budget_loss, **EXACT)


@pytest.mark.parametrize("relaxed", [False, True])
@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_k7_what_is_skipped_keeps_its_bits(cell_type, relaxed, make_reader, packed, monkeypatch):
    reader = make_reader(policy="skip", cell_type=cell_type)
    set_gate(reader, -2.0, torch.randn(1, 7, dtype=torch.float64))
    states, memories = [], []
    original = policy_skip_skim_rnn.SkipPolicy.observe

    def noted(self, action, candidate, state, setting):
        memory = original(self, action, candidate, state, setting)
        states.append(state)
        memories.append(memory[0])
        return memory

    monkeypatch.setattr(policy_skip_skim_rnn.SkipPolicy, "observe", noted)
    inputs, packing, start = packed([25], reader)
    choices = reader(inputs, packing, start, None, Setting(relaxed)).choices.tolist()
    assert 0 < sum(choices) < 25
    for t in range(1, 25):
        accumulated, increment = memories[t]
        if choices[t] == 0:
            assert float(accumulated.detach()) == 0
            continue
        for now, before in zip(states[t], states[t - 1], strict=True):
            assert torch.equal(bits(now), bits(before))
        assert torch.equal(bits(increment), bits(memories[t - 1][1]))
        total = memories[t - 1][0]
        assert torch.equal(accumulated, total + torch.minimum(increment, 1 - total))


@pytest.mark.parametrize("gradient", ["official", "equation"])
def test_training_and_inference_make_the_same_decisions(gradient, skip_model, make_batch):
    model = skip_model(skip_gradient=gradient, num_hidden_layers=2)
    set_gate(model, -1.5, 2 * torch.randn(1, 7, dtype=torch.float64))
    inputs, mask = make_batch([14, 9, 0])
    soft, hard = (model.train(on)(inputs_embeds=inputs, attention_mask=mask) for on in (True, False))
    assert torch.equal(soft.decisions, hard.decisions)
    torch.testing.assert_close(soft.last_hidden_state, hard.last_hidden_state, **EXACT)
    torch.testing.assert_close(soft.probabilities, hard.probabilities, **EXACT)


def test_the_dial(skip_model, make_batch):
    # A constant increment, because with states that differ a dial need not be monotonic.
    model = set_gate(skip_model(), -2.5)
    inputs, _ = make_batch([30])
    rates = [float(model(inputs_embeds=inputs, skim_threshold=t).skim_rate) for t in (1, 0.9, 0.5, 0.1, 0)]
    assert rates == sorted(rates)
    assert (rates[0], rates[-1]) == (0, 1)
    assert 0 < rates[2] < rates[3] < 1
    assert torch.equal(
        model(inputs_embeds=inputs, skim_threshold=0).final_state[0, :, 0],
        model.layers[0].readers[0].initial_state,
    )


@pytest.mark.parametrize("policy", ["random", "periodic"])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
def test_k8_the_controls_without_skipping_are_the_plain_network(
    layers, training, policy, make_model, make_batch
):
    model = make_model(
        SkimRNNModel, policy=policy, skip_rate=0.0, input_size=5, num_hidden_layers=layers
    ).train(training)
    inputs, _ = make_batch([11, 11])
    torch.testing.assert_close(
        model(inputs_embeds=inputs).last_hidden_state, model.to_torch()(inputs)[0], **EXACT
    )


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("policy", ["random", "periodic"])
@pytest.mark.parametrize("rate", [0.2, 0.5, 0.9])
def test_k8_the_controls_keep_their_rate(rate, policy, training, make_model):
    model = make_model(SkimRNNModel, policy=policy, skip_rate=rate, input_size=1, hidden_size=1).train(
        training
    )
    used = float((model(inputs_embeds=torch.zeros(1, 4000, 1, dtype=torch.float64)).decisions == 0).sum())
    # Four standard deviations of a coin; the clock is exact.
    spread = 4 * (rate * (1 - rate) / 4000) ** 0.5 if policy == "random" else 1 / 4000
    assert abs(used / 4000 - (1 - rate)) <= spread


def test_coins_are_those_of_splitmix64():
    # The first outputs of the published generator, seeded with 0.
    outputs = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert [uniform(step) for step in range(3)] == [(z >> 11) * 2.0**-53 for z in outputs]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("policy", ["random", "periodic"])
@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_reading_the_kept_tokens_alone_is_the_loop(cell_type, policy, training, make_reader, packed):
    reader = make_reader(policy=policy, cell_type=cell_type, skip_rate=0.6)
    inputs, packing, start = packed([9, 0, 12, 5, 5], reader)
    noise = reader.policy.draw_noise(inputs) if training else None
    inputs.requires_grad_(training)
    fast = reader(inputs, packing, start, noise, Setting(training))
    if training:
        noise = reader.policy.clock(packing) if noise is None else noise
        slow = read_relaxed(reader, inputs, packing, start, noise, Setting(True))
        gradients = [torch.autograd.grad(r.hidden.square().sum(), inputs)[0] for r in (fast, slow)]
        torch.testing.assert_close(*gradients, **EXACT)
    else:
        slow = read_hard(reader, inputs, packing, start, Setting())
    assert torch.equal(fast.choices, slow.choices)
    assert 0 < int(fast.choices.sum()) < len(inputs)
    for a, b in ((fast.hidden, slow.hidden), (fast.probabilities, slow.probabilities)):
        torch.testing.assert_close(a, b, **EXACT)
    for a, b in zip(fast.state, slow.state, strict=True):
        torch.testing.assert_close(a, b, **EXACT)


@pytest.mark.parametrize("policy", ["random", "periodic"])
def test_layers_of_a_direction_skip_the_same_tokens(policy, make_model, make_batch):
    model = make_model(
        SkimRNNModel,
        policy=policy,
        input_size=5,
        num_hidden_layers=2,
        bidirectional=True,
    )
    inputs, mask = make_batch([9, 6])
    for training in (False, True):
        decisions = model.train(training)(inputs_embeds=inputs, attention_mask=mask).decisions
        assert torch.equal(decisions[..., :2], decisions[..., 2:])
    decisions = model.eval()(inputs_embeds=inputs, attention_mask=mask).decisions
    # Each direction counts from where it begins.
    assert torch.equal(decisions[0, :, 0], decisions[0, :, 1].flip(0))
    assert torch.equal(decisions[1, :6, 0], decisions[1, :6, 1].flip(0))


def test_one_gate_serves_the_stack(skip_model, make_batch):
    model = skip_model(num_hidden_layers=3)
    gates = [name for name, _ in model.named_parameters() if "gate" in name]
    assert gates == [f"layers.2.readers.0.policy.gate.{part}" for part in ("weight", "bias")]
    set_gate(model, -1.5, 2 * torch.randn(1, 7, dtype=torch.float64))
    inputs, _ = make_batch([12])
    result = model(inputs_embeds=inputs, output_hidden_states=True)
    # Every layer copies its state where the stack does.
    skipped = result.decisions[0, 1:, 0] == 1
    assert 0 < int(skipped.sum()) < 11
    for states in result.hidden_states[1:]:
        assert torch.equal(states[0, 1:][skipped], states[0, :-1][skipped])
        assert not (states[0, 1:][~skipped] == states[0, :-1][~skipped]).any()
