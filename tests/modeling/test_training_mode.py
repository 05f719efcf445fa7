"""The relaxed pass of whole models: noise, dropout, memory, and what the Trainer relies on."""

import pytest
import torch

from skim_hf import SkimRNNForSequenceClassification, SkimRNNModel

CELL_TYPES = ("lstm", "gru", "tanh")
IDS = torch.tensor([[1, 2, 3, 4, 5], [6, 7, 0, 0, 0], [0, 0, 0, 0, 0]])
LABELS = torch.tensor([0, 1, 1])


def generator():
    return torch.Generator().manual_seed(9)


@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_one_generator_one_result(cell_type, make_model):
    model = make_model(cell_type=cell_type, bidirectional=True, num_hidden_layers=2).train()
    torch.manual_seed(1)
    first = model(IDS, labels=LABELS, generator=generator())
    torch.manual_seed(2)
    second = model(IDS, labels=LABELS, generator=generator())
    other = model(IDS, labels=LABELS, generator=torch.Generator().manual_seed(10))
    assert torch.equal(first.loss, second.loss)
    assert torch.equal(first.logits, second.logits)
    assert not torch.equal(first.logits, other.logits)


def test_the_global_seed_is_the_default_source(make_model):
    model = make_model().train()
    results = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        results.append(model(IDS).logits)
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_frozen_word_vectors_stay_frozen(make_model, tmp_path):
    make_model(freeze_embeddings=True).save_pretrained(tmp_path)
    model = SkimRNNForSequenceClassification.from_pretrained(tmp_path).train()
    model(IDS, labels=LABELS).loss.backward()
    still = [name for name, parameter in model.named_parameters() if not parameter.requires_grad]
    assert still == ["skim_rnn.embed_tokens.weight"]
    assert model.skim_rnn.embed_tokens.weight.grad is None
    assert not SkimRNNModel(model.config).embed_tokens.weight.requires_grad
    thawed = SkimRNNForSequenceClassification.from_pretrained(tmp_path, freeze_embeddings=False)
    assert thawed.skim_rnn.embed_tokens.weight.requires_grad


def test_evaluation_draws_nothing(make_model):
    model = make_model(dropout=0.5)
    source = generator()
    before, state = torch.get_rng_state(), source.get_state()
    logits = model(IDS, generator=source).logits
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(source.get_state(), state)
    assert torch.equal(model(IDS).logits, logits)


def test_readers_draw_noise_of_their_own(make_model):
    model = make_model(SkimRNNModel, bidirectional=True, input_size=5).train()
    readers = model.layers[0].readers
    readers[1].load_state_dict(readers[0].state_dict())
    # A text of one token reads the same in both directions, but for the noise.
    result = model(inputs_embeds=torch.randn(1, 1, 5, dtype=torch.float64))
    assert torch.equal(result.probabilities[0, 0, 0], result.probabilities[0, 0, 1])
    assert not torch.allclose(result.last_hidden_state[..., :7], result.last_hidden_state[..., 7:])


def test_the_temperature_reaches_the_mixture(make_model, force):
    model = make_model(gumbel_temperature=0.7).train()
    default = model(IDS, generator=generator()).logits
    assert torch.equal(model(IDS, generator=generator(), temperature=0.7).logits, default)
    assert not torch.allclose(model(IDS, generator=generator(), temperature=5.0).logits, default)


def test_the_threshold_has_no_part_in_training(make_model):
    model = make_model().train()
    low, high = (model(IDS, generator=generator(), skim_threshold=t).logits for t in (0.0, 1.0))
    assert torch.equal(low, high)


def test_dropout_on_vectors_between_layers_and_before_the_classifier(make_model):
    model = make_model(policy="full", num_hidden_layers=2, dropout=0.5)
    assert not torch.equal(model.train()(IDS).logits, model(IDS).logits)
    everything = make_model(policy="full", num_hidden_layers=2, dropout=1.0).train()
    zeros = torch.zeros(3, 5, 5, dtype=torch.float64)
    result = everything.skim_rnn(IDS, output_hidden_states=True)
    first = make_model(SkimRNNModel, policy="full", num_hidden_layers=2)
    first.load_state_dict(everything.skim_rnn.state_dict())
    expected = first(inputs_embeds=zeros, attention_mask=IDS != 0, output_hidden_states=True)
    torch.testing.assert_close(result.hidden_states[1], expected.hidden_states[1])
    assert torch.equal(result.last_hidden_state[0, 0], result.last_hidden_state[1, 0])
    torch.testing.assert_close(everything(IDS).logits, everything.classifier.bias.expand(3, 2))


@pytest.mark.parametrize("policy", ["full", "skim"])
@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_recomputing_gates_keeps_less_and_changes_no_gradient(cell_type, policy, make_model):
    ids = torch.randint(1, 23, (4, 50))
    kept, gradients = {}, {}
    for recompute in (False, True):
        model = make_model(cell_type=cell_type, policy=policy, recompute_gates=recompute).train()
        storages = {}

        def note(tensor, storages=storages):
            storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            loss = model(ids, labels=LABELS.repeat(2)[:4], generator=generator()).loss
        kept[recompute] = sum(storage.nbytes() for storage in storages.values())
        loss.backward()
        gradients[recompute] = [p.grad for p in model.parameters()]
    columns = (1 if cell_type == "tanh" else 4) * (7 if policy == "full" else 7 + 3)
    # Gates and logits of 200 tokens, in float64.
    assert kept[False] - kept[True] == 200 * 8 * (columns + (0 if policy == "full" else 2))
    for got, want in zip(gradients[True], gradients[False], strict=True):
        torch.testing.assert_close(got, want, rtol=0, atol=1e-14)


def test_checkpointing_a_model_of_features(make_model, make_batch):
    model = make_model(input_size=5).train()
    getattr(model, "activation_checkpointing_enable", model.gradient_checkpointing_enable)()
    inputs, mask = make_batch([4, 2, 1])
    model(inputs_embeds=inputs, attention_mask=mask, labels=LABELS).loss.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_the_trainer_has_to_average_over_accumulation_steps(make_model):
    # With this flag off, the Trainer divides the loss of every micro-batch by their number.
    assert make_model().accepts_loss_kwargs is False
    model = make_model().train()
    result = model(IDS, labels=LABELS, num_items_in_batch=torch.tensor(3), generator=generator())
    assert torch.equal(result.loss, model(IDS, labels=LABELS, generator=generator()).loss)


def test_a_few_steps_of_training_lower_the_loss(make_config):
    model = SkimRNNForSequenceClassification(make_config(dropout=0.1)).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    source = torch.Generator().manual_seed(0)
    ids = torch.randint(1, 23, (16, 6), generator=source)
    labels = (ids[:, 0] > 11).long()
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        result = model(ids, labels=labels, generator=source)
        result.loss.backward()
        optimizer.step()
        losses.append(result.task_loss.item())
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])
