"""Models whose decisions are sampled: gradients against enumeration, rollouts, and learning a tiny task."""

import itertools

import pytest
import torch
from torch.nn import functional

from skim_hf import SkimRNNForSequenceClassification, SkimRNNForTokenClassification, SkimRNNModel
from skim_hf.modeling.reinforce_skim_rnn import text_rewards

EXACT = {"rtol": 0, "atol": 1e-12}
JUMPS = {"policy": "full", "jump_every": 1, "jump_size": 2, "jump_limit": 2}
SAMPLED = [
    JUMPS,
    {**JUMPS, "bidirectional": True},
    {**JUMPS, "num_hidden_layers": 2},
    {"estimator": "reinforce", "skim_sizes": [3, 0], "num_hidden_layers": 2},
    {"estimator": "reinforce", "skim_sizes": [0], "bidirectional": True},
    {**JUMPS, "policy": "skim", "estimator": "reinforce"},
    {**JUMPS, "policy": "skim", "estimator": "gumbel"},
    {**JUMPS, "policy": "skim", "estimator": "straight_through"},
]


def decisions_of(model):
    """Weights of whatever is learned by REINFORCE alone."""
    return [p for name, p in model.named_parameters() if "jump.head" in name or "decision" in name]


@torch.no_grad()
def balance(model, inputs, paths, choose):
    """Moves the bias of the classifier to where some paths of one text end right and others wrong."""
    margins = []
    for path in paths:
        choose(path)
        logits = model(inputs_embeds=inputs).logits[0]
        margins.append(float(logits[0] - logits[1]))
    margins.sort()
    model.classifier.bias[0] -= (margins[len(paths) // 2 - 1] + margins[len(paths) // 2]) / 2


def enumerated(model, inputs, labels, paths, choose):
    """Probabilities, and gradients of the loss and of minus the expected reward, of all paths of one text."""
    weights = decisions_of(model)
    total, expected, gradient = 0.0, 0.0, None
    for path in paths:
        choose(path)
        result = model(inputs_embeds=inputs, labels=labels)
        encoded = model.skim_rnn(inputs_embeds=inputs, output_log_probabilities=True)
        log = encoded.sampled_log_probabilities.sum()
        probability = log.exp().detach()
        reward = text_rewards(result.logits, labels, "single_label_classification")[0]
        gradients = torch.autograd.grad(result.loss - result.task_loss, weights)
        flat = torch.cat([g.flatten() for g in gradients])
        gradient = probability * flat + (0 if gradient is None else gradient)
        total, expected = total + float(probability), expected - log.exp() * reward
    exact = torch.cat([g.flatten() for g in torch.autograd.grad(expected, weights)])
    return total, gradient, exact


@pytest.mark.parametrize("layers", [1, 2])
def test_jumps_have_the_enumerated_gradient(layers, make_model, make_batch, monkeypatch):
    model = make_model(input_size=5, num_hidden_layers=layers, **JUMPS).train()
    head = model.skim_rnn.layers[-1].readers[0].jump
    inputs, _ = make_batch([4])
    greedy, forced = head.decide, []

    def decide(hidden, noise=None):
        if len(hidden) == 0:
            return greedy(hidden)
        below = head.head(hidden).softmax(-1).cumsum(-1)[0]
        jump = forced.pop(0)
        middle = (below[jump] + (below[jump - 1] if jump else 0)) / 2
        return greedy(hidden, middle.detach().reshape(1))

    monkeypatch.setattr(head, "decide", decide)
    # Paths of four tokens: a jump of 2 from the second token is the end of the text, and so is any after it.
    paths = [(0,), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)]

    def choose(path):
        # Two passes are made along every path.
        forced[:] = path * 2

    balance(model, inputs, paths, choose)
    total, gradient, exact = enumerated(model, inputs, torch.tensor([0]), paths, choose)
    assert total == pytest.approx(1.0, abs=1e-12)
    assert exact.abs().max() > 1e-3
    torch.testing.assert_close(gradient, exact, **EXACT)


@pytest.mark.parametrize("sizes", [[3], [3, 0]], ids=str)
def test_skimming_has_the_enumerated_gradient(sizes, make_model, make_batch, monkeypatch):
    model = make_model(input_size=5, estimator="reinforce", skim_sizes=sizes, budget_weight=0.0).train()
    policy = model.skim_rnn.layers[0].readers[0].policy
    inputs, _ = make_batch([3])
    paths = list(itertools.product(range(len(sizes) + 1), repeat=3))
    chosen = {}
    monkeypatch.setattr(
        policy,
        "draw_noise",
        lambda tokens, generator=None: 1e6 * torch.eye(len(sizes) + 1).double()[chosen["path"]],
    )

    def choose(path):
        chosen["path"] = list(path)

    balance(model, inputs, paths, choose)
    total, gradient, exact = enumerated(model, inputs, torch.tensor([0]), paths, choose)
    assert total == pytest.approx(1.0, abs=1e-12)
    assert exact.abs().max() > 1e-3
    torch.testing.assert_close(gradient, exact, **EXACT)


@pytest.mark.parametrize("fields", SAMPLED, ids=str)
def test_training_gives_every_weight_a_gradient_and_evaluation_no_policy_loss(fields, make_model, make_batch):
    model = make_model(input_size=5, num_rollouts=2, reinforce_weight=0.5, **fields).train()
    inputs, mask = make_batch([9, 5, 0, 7])
    batch = {"inputs_embeds": inputs, "attention_mask": mask, "labels": torch.tensor([0, 1, 1, 0])}
    result = model(**batch)
    parts = result.task_loss + result.budget_loss + result.policy_loss
    torch.testing.assert_close(result.loss.detach(), parts, **EXACT)
    assert result.policy_loss != 0
    result.loss.backward()
    missing = [name for name, p in model.named_parameters() if p.grad is None]
    assert not missing
    evaluated = model.eval()(**batch)
    assert evaluated.policy_loss is None
    torch.testing.assert_close(evaluated.loss.detach(), evaluated.task_loss + evaluated.budget_loss, **EXACT)


def test_the_weight_scales_the_policy_loss_alone(make_model, make_batch):
    inputs, _ = make_batch([9, 9])
    results = []
    for weight in (1.0, 0.25, 0.0):
        model = make_model(input_size=5, reinforce_weight=weight, **JUMPS).train()
        generator = torch.Generator().manual_seed(1)
        results.append(model(inputs_embeds=inputs, labels=torch.tensor([0, 1]), generator=generator))
    assert results[0].policy_loss != 0
    torch.testing.assert_close(results[1].policy_loss, 0.25 * results[0].policy_loss)
    assert results[2].policy_loss == 0
    assert results[0].task_loss == results[1].task_loss == results[2].task_loss


def test_nothing_sampled_means_no_policy_loss(make_model, make_batch):
    model = make_model(input_size=5, num_rollouts=3).train()
    inputs, _ = make_batch([4, 4])
    assert model(inputs_embeds=inputs, labels=torch.tensor([0, 1])).policy_loss is None


@pytest.mark.parametrize("head", [SkimRNNForSequenceClassification, SkimRNNForTokenClassification])
@pytest.mark.parametrize("fields", [JUMPS, {"estimator": "reinforce"}], ids=str)
def test_rollouts_are_the_batch_again_and_again(fields, head, make_model, make_batch):
    model = make_model(head, input_size=5, num_rollouts=3, **fields).train()
    inputs, mask = make_batch([9, 5, 7])
    labels = torch.tensor([0, 1, 1])
    if head is SkimRNNForTokenClassification:
        labels = torch.where(mask, labels[:, None], -100)
    state = torch.randn(3, 2, 1, 7, dtype=torch.float64)
    batch = {"inputs_embeds": inputs, "attention_mask": mask, "labels": labels, "initial_state": state}
    result = model(**batch, output_hidden_states=True, generator=torch.Generator().manual_seed(1))
    for name, value in result.items():
        if name == "hidden_states":
            assert all(len(hidden) == 3 for hidden in value)
        elif value.dim():
            assert len(value) == 3, name
    thrice = {name: torch.cat([tensor] * 3) for name, tensor in batch.items()}
    model.config.num_rollouts = 1
    large = model(**thrice, generator=torch.Generator().manual_seed(1))
    for name in ("loss", "task_loss", "budget_loss", "policy_loss"):
        torch.testing.assert_close(result[name], large[name], **EXACT)
    assert torch.equal(result.logits, large.logits[:3])
    assert torch.equal(result.decisions, large.decisions[:3])
    assert not torch.equal(large.decisions[:3], large.decisions[3:6])
    # Neither without labels nor in evaluation is anything repeated.
    del batch["labels"]
    model.config.num_rollouts = 50
    assert len(model(**batch).logits) == len(model.eval()(**batch, labels=labels).logits) == 3


def test_checkpointing_takes_the_same_decisions_again(make_model, make_batch):
    inputs, mask = make_batch([9, 5, 7])
    for fields in SAMPLED:
        gradients = []
        for checkpointed in (False, True):
            model = make_model(input_size=5, **fields).train()
            if checkpointed:
                model.gradient_checkpointing_enable()
            generator = torch.Generator().manual_seed(1)
            batch = {"inputs_embeds": inputs, "attention_mask": mask, "labels": torch.tensor([0, 1, 1])}
            model(**batch, generator=generator).loss.backward()
            gradients.append({name: p.grad for name, p in model.named_parameters()})
        for name, gradient in gradients[0].items():
            torch.testing.assert_close(gradients[1][name], gradient, **EXACT, msg=name)


@pytest.mark.parametrize("fields", [JUMPS, {**JUMPS, "policy": "skim"}], ids=str)
def test_only_visited_tokens_are_pooled(fields, make_model, make_batch):
    inputs, mask = make_batch([9, 5, 7])
    for pooling in ("mean", "max"):
        model = make_model(input_size=5, pooling=pooling, **fields)
        result = model(inputs_embeds=inputs, attention_mask=mask, output_hidden_states=True)
        assert (result.decisions[mask] == -1).any()
        for row in range(3):
            visited = result.decisions[row, :, 0] >= 0
            states = result.hidden_states[-1][row][visited]
            pooled = states.mean(0) if pooling == "mean" else states.amax(0)
            torch.testing.assert_close(result.logits[row], model.classifier(pooled), **EXACT)


def test_a_passed_over_token_is_labelled_by_the_state_before_it(make_model, make_batch):
    model = make_model(SkimRNNForTokenClassification, input_size=5, **JUMPS)
    inputs, _ = make_batch([9])
    result = model(inputs_embeds=inputs)
    passed = (result.decisions[0, :, 0] == -1).nonzero().flatten()
    assert len(passed)
    assert torch.equal(result.logits[0, passed], result.logits[0, passed - 1])
    with pytest.raises(ValueError, match="bidirectional"):
        make_model(SkimRNNForTokenClassification, input_size=5, bidirectional=True, **JUMPS)


def answer_ahead(count, generator):
    """Texts of three tokens: the first says whether the second or the third is the answer (0 or 1)."""
    where = torch.randint(0, 2, (count,), generator=generator)
    answers = torch.randint(0, 2, (count, 2), generator=generator)
    labels = answers.gather(1, where[:, None]).squeeze(1)
    return torch.cat((1 + where[:, None], 3 + answers), 1), labels


def train(model, data, steps, learning_rate=0.05):
    optimizer = torch.optim.Adam(model.parameters(), learning_rate)
    generator = torch.Generator().manual_seed(3)
    model.train()
    for _ in range(steps):
        input_ids, labels = data(64, generator)
        optimizer.zero_grad()
        model(input_ids=input_ids, labels=labels, generator=generator).loss.backward()
        optimizer.step()
    return model.eval()


def accuracy(model, data):
    input_ids, labels = data(200, torch.Generator().manual_seed(9))
    result = model(input_ids=input_ids, labels=labels)
    return float((result.logits.argmax(1) == labels).float().mean()), result


@pytest.mark.parametrize("rollouts", [1, 3])
def test_reinforce_learns_where_to_jump(rollouts, make_config):
    # One jump, and one token after it: only whoever jumps to the right one knows the answer.
    fields = {**JUMPS, "jump_limit": 1, "num_rollouts": rollouts}
    model = SkimRNNForSequenceClassification(make_config(**fields))
    before, _ = accuracy(model.eval(), answer_ahead)
    after, result = accuracy(train(model, answer_ahead, 40), answer_ahead)
    assert before < 0.8
    assert after == 1.0
    assert ((result.decisions >= 0).sum(1) == 2).all()


def word_among_noise(count, generator):
    """Texts of five tokens, one of which is 1 or 2: the label; the others are noise."""
    texts = torch.randint(3, 9, (count, 5), generator=generator)
    labels = torch.randint(0, 2, (count,), generator=generator)
    place = torch.randint(0, 5, (count,), generator=generator)
    return texts.scatter(1, place[:, None], 1 + labels[:, None]), labels


def test_reinforce_learns_what_to_skim(make_config):
    model = SkimRNNForSequenceClassification(
        make_config(estimator="reinforce", skim_sizes=[0], budget_weight=0.1)
    )
    after, result = accuracy(train(model, word_among_noise, 50), word_among_noise)
    assert after > 0.97
    assert float(result.skim_rate.mean()) > 0.6


def test_the_task_loss_is_the_mean_over_rollouts(make_model, make_batch):
    model = make_model(input_size=5, num_rollouts=4, **JUMPS).train()
    inputs, _ = make_batch([9, 9])
    labels = torch.tensor([0, 1])
    result = model(inputs_embeds=inputs, labels=labels, generator=torch.Generator().manual_seed(1))
    encoder: SkimRNNModel = model.skim_rnn
    encoded = encoder(inputs_embeds=inputs.repeat(4, 1, 1), generator=torch.Generator().manual_seed(1))
    logits = model.classifier(encoded.final_state[:, 0, -1])
    losses = [functional.cross_entropy(chunk, labels) for chunk in logits.split(2)]
    torch.testing.assert_close(result.task_loss, torch.stack(losses).mean().detach(), **EXACT)
