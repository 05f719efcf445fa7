"""Torch's hard evaluation and the NumPy engine say the same of every reader."""

import numpy as np
import pytest

from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.engine import NumpyEngine
from skim_hf.runtime.weights import load_weights

from .readers import FEATURES, READERS, TOKENS, fields_of, inputs_of

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
modeling = pytest.importorskip("skim_hf.modeling.modeling_skim_rnn")


def torch_output(folder, inputs, threshold):
    """What torch says of one text in float64."""
    name = RuntimeConfig.load(folder / "config.json").architecture
    model = getattr(modeling, name).from_pretrained(folder, dtype=torch.float64).eval()
    batch = torch.as_tensor(inputs)[None]
    name = "input_ids" if batch.ndim == 2 else "inputs_embeds"
    with torch.inference_mode():
        return model(**{name: batch}, attention_mask=torch.ones(batch.shape[:2]), skim_threshold=threshold)


def assert_parity(folder, length=47, threshold=0.5):
    config = RuntimeConfig.load(folder / "config.json")
    weights = load_weights(folder / "model.safetensors", config, dtype=np.float64)
    inputs = inputs_of(config, length)
    reading = NumpyEngine(config, weights, threshold).read(inputs)
    output = torch_output(folder, inputs, threshold)
    assert np.array_equal(reading.decisions, output.decisions[0].numpy())
    assert reading.skim_rate == pytest.approx(float(output.skim_rate[0]))
    final, visited = output.final_state[0].numpy(), reading.decisions >= 0
    pairs = [
        (reading.probabilities[visited], output.probabilities[0].numpy()[visited]),
        (reading.logits, output.logits[0].numpy()),
        (reading.hidden, final[0]),
    ]
    if reading.memory is not None:
        pairs.append((reading.memory, final[1]))
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-10)
    return reading


@pytest.mark.parametrize("cell_type", ["lstm", "gru", "tanh"])
@pytest.mark.parametrize(("policy", "jumps", "stack"), READERS)
def test_decisions_probabilities_and_states(models, policy, jumps, stack, cell_type):
    number = READERS.index((policy, jumps, stack))
    fields = {
        **fields_of(policy, jumps, stack),
        "cell_type": cell_type,
        "learned_initial_state": number % 2 > 0,
    }
    fields |= FEATURES if number % 4 == 1 else {}
    fields["pooling"] = ["last", "mean", "max"][number % 3]
    folder = models.folder(dtype=np.float64, **fields)
    for threshold in (0.0, 0.4, 0.5, 1.0):
        assert_parity(folder, threshold=threshold)
    assert_parity(folder, length=1)


@pytest.mark.parametrize(("policy", "jumps", "stack"), [reader for reader in READERS if not reader[2][1]])
def test_labels_of_tokens(models, policy, jumps, stack):
    assert_parity(models.folder(dtype=np.float64, **fields_of(policy, jumps, stack), **TOKENS))


@pytest.mark.parametrize("pooling", ["mean", "max"])
@pytest.mark.parametrize("features", [{}, FEATURES], ids=["words", "features"])
def test_no_layers(models, pooling, features):
    fields = {"policy": "full", "num_hidden_layers": 0, "pooling": pooling, **features}
    folder = models.folder(dtype=np.float64, **fields)
    config = RuntimeConfig.load(folder / "config.json")
    weights = load_weights(folder / "model.safetensors", config, dtype=np.float64)
    inputs = inputs_of(config, 9)
    theirs = torch_output(folder, inputs, 0.5).logits[0].numpy()
    np.testing.assert_allclose(NumpyEngine(config, weights, 0.5).read(inputs).logits, theirs, atol=1e-12)
