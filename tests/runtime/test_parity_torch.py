"""Torch's hard evaluation and the runtime say the same of the same saved folder."""

import shutil

import numpy as np
import pytest

from skim_hf.runtime import SkimRuntime
from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.engine import NumpyEngine
from skim_hf.runtime.weights import load_weights

pytestmark = pytest.mark.usefixtures("backend")

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
modeling = pytest.importorskip("skim_hf.modeling.modeling_skim_rnn")

GENERATOR = np.random.default_rng(11)
IDS = [GENERATOR.integers(1, 15, length) for length in (1, 2, 17, 63)]
TEXTS = [
    "A good film.",
    "the film was very, very dull",
    "",
    "a",
    "zebra [PAD] quagga",
    "fine , not good ! 🎬",
]
SHAPES = [
    {"policy": "full"},
    {"skim_sizes": [3]},
    {"skim_sizes": [3], "small_input": "full_h"},
    {"skim_sizes": [0]},
    {"skim_sizes": [4, 2, 0]},
    {"skim_sizes": [7, 2], "small_input": "full_h"},
]
STACKS = [(1, False), (1, True), (2, False), (2, True)]


def torch_reading(folder, ids, dtype, **kwargs):
    """What torch says of one text: decisions, probabilities, logits and the final state of every reader."""
    model = modeling.SkimRNNForSequenceClassification.from_pretrained(folder, dtype=dtype).eval()
    ids = torch.as_tensor(np.asarray(ids), dtype=torch.int64)[None]
    with torch.inference_mode():
        output = model(input_ids=ids, attention_mask=torch.ones_like(ids), **kwargs)
    return model.config, output


def assert_parity(folder, ids, *, dtype=np.float32, tolerance=1e-5, threshold=0.5):
    config = RuntimeConfig.load(folder / "config.json")
    weights = load_weights(folder / "model.safetensors", config, dtype=dtype)
    torch_dtype = torch.float64 if dtype == np.float64 else torch.float32
    _, output = torch_reading(folder, ids, torch_dtype, skim_threshold=threshold)
    reading = NumpyEngine(config, weights, threshold).read(ids)
    assert np.array_equal(reading.decisions, output.decisions[0].numpy())
    assert reading.skim_rate == pytest.approx(float(output.skim_rate[0]))
    final = output.final_state[0].numpy()
    pairs = [
        (reading.probabilities, output.probabilities[0].numpy()),
        (reading.logits, output.logits[0].numpy()),
        (reading.hidden, final[0]),
    ]
    if reading.memory is not None:
        pairs.append((reading.memory, final[1]))
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance)
    return reading


@pytest.mark.parametrize(("layers", "bidirectional"), STACKS)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "-".join(map(str, shape.values())))
@pytest.mark.parametrize("cell_type", ["lstm", "gru", "tanh"])
def test_decisions_probabilities_and_states(models, cell_type, shape, layers, bidirectional):
    fields = {"cell_type": cell_type, "num_hidden_layers": layers, "bidirectional": bidirectional, **shape}
    fields["pooling"] = ["last", "mean", "max"][len(cell_type) % 3]
    narrow, wide = models.folder(**fields), models.folder(dtype=np.float64, **fields)
    reading = assert_parity(narrow, IDS[2])
    assert_parity(wide, IDS[3], dtype=np.float64, tolerance=1e-10, threshold=0.4)
    if "skim_sizes" in shape:
        # Otherwise the test would compare one branch only.
        assert 0 < reading.skim_rate < 1


@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
@pytest.mark.parametrize("ids", IDS, ids=len)
def test_pooling(models, pooling, ids):
    folder = models.folder(pooling=pooling, bidirectional=True, dtype=np.float64)
    assert_parity(folder, ids, dtype=np.float64, tolerance=1e-10)


@pytest.mark.parametrize("threshold", [0, 0.1, 0.5, 0.9, 1])
@pytest.mark.parametrize("sizes", [[3], [4, 2, 0]])
def test_thresholds(models, sizes, threshold):
    folder = models.folder(skim_sizes=sizes, dtype=np.float64)
    assert_parity(folder, IDS[3], dtype=np.float64, tolerance=1e-10, threshold=threshold)


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_padded_batch_reads_each_text_as_the_runtime_does(models, side):
    folder = models.folder(num_hidden_layers=2, bidirectional=True, skim_sizes=[4, 0], pooling="mean")
    model = modeling.SkimRNNForSequenceClassification.from_pretrained(folder).eval()
    width = max(map(len, IDS))
    batch, mask = torch.zeros(len(IDS), width, dtype=torch.int64), torch.zeros(len(IDS), width)
    places = [slice(width - len(ids), width) if side == "left" else slice(len(ids)) for ids in IDS]
    for row, (ids, place) in enumerate(zip(IDS, places, strict=True)):
        batch[row, place], mask[row, place] = torch.as_tensor(ids), 1
    with torch.inference_mode():
        output = model(input_ids=batch, attention_mask=mask)
    clf = SkimRuntime.from_pretrained(folder)
    for row, (ids, place) in enumerate(zip(IDS, places, strict=True)):
        reading = clf.read_ids(ids)
        assert np.array_equal(reading.decisions, output.decisions[row, place].numpy())
        np.testing.assert_allclose(reading.logits, output.logits[row].numpy(), rtol=0, atol=1e-5)


TASKS = [
    {},
    {"id2label": {"0": "bad", "1": "good", "2": "fine"}},
    {"id2label": {"0": "bad", "1": "good"}, "problem_type": "multi_label_classification"},
    {"id2label": {"0": "quality"}},
    {"id2label": {"0": "stars"}, "problem_type": "regression"},
]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: "-".join(map(str, task.values())) or "two labels")
@pytest.mark.parametrize("policy", ["skim", "full"])
def test_a_folder_that_torch_saved_gives_the_labels_of_a_pipeline(models, tmp_path, task, policy):
    source, folder = models.folder(policy=policy, **task), tmp_path / "saved"
    model = modeling.SkimRNNForSequenceClassification.from_pretrained(source).eval()
    model.save_pretrained(folder)
    shutil.copy(source / "tokenizer.json", folder)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"), pad_token="[PAD]", unk_token="[UNK]"
    )
    tokenizer.split_special_tokens = True
    pipe = transformers.pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu")
    clf = SkimRuntime.from_pretrained(folder)
    for text in TEXTS:
        ours = clf(text)
        if text:
            (theirs,) = pipe([text])
            assert ours["label"] == theirs["label"]
            assert ours["score"] == pytest.approx(theirs["score"], abs=1e-5)
        encoded = tokenizer(text)["input_ids"]
        assert clf.encode(text).tolist() == encoded


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64], ids=str)
@pytest.mark.parametrize("max_shard_size", ["1KB", "1GB"])
def test_what_torch_saved_in_another_dtype_or_in_pieces(models, tmp_path, dtype, max_shard_size):
    source, folder = models.folder(), tmp_path / "saved"
    model = modeling.SkimRNNForSequenceClassification.from_pretrained(source, dtype=dtype).eval()
    model.save_pretrained(folder, max_shard_size=max_shard_size)
    shutil.copy(source / "tokenizer.json", folder)
    assert (len(list(folder.glob("*.safetensors"))) > 1) == (max_shard_size == "1KB")
    clf = SkimRuntime.from_pretrained(folder)
    assert np.array_equal(clf._model.weights.embedding, model.skim_rnn.embed_tokens.weight.float().detach())
    with torch.inference_mode():
        output = model.float()(input_ids=torch.as_tensor(IDS[3])[None])
    np.testing.assert_allclose(clf.read_ids(IDS[3]).logits, output.logits[0].numpy(), rtol=0, atol=1e-5)


def test_a_bare_encoder_that_torch_saved_is_told_what_it_lacks(models, tmp_path):
    source, folder = models.folder(), tmp_path / "saved"
    modeling.SkimRNNModel.from_pretrained(source).save_pretrained(folder)
    shutil.copy(source / "tokenizer.json", folder)
    with pytest.raises(ValueError, match="bare encoder, SkimRNNModel: it has no classifier"):
        SkimRuntime.from_pretrained(folder)
    shutil.copy(source / "config.json", folder)
    with pytest.raises(ValueError, match="bare encoder: it lacks the classifier"):
        SkimRuntime.from_pretrained(folder)


@pytest.mark.parametrize("cell_type", ["lstm", "gru", "tanh"])
def test_a_plain_reader_is_the_network_of_torch(models, cell_type):
    folder = models.folder(
        policy="full", cell_type=cell_type, num_hidden_layers=2, bidirectional=True, dtype=np.float64
    )
    config = RuntimeConfig.load(folder / "config.json")
    weights = load_weights(folder / "model.safetensors", config, dtype=np.float64)
    kind = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "tanh": torch.nn.RNN}[cell_type]
    network = kind(5, 7, num_layers=2, bidirectional=True, dtype=torch.float64)
    with torch.no_grad():
        for number, reader in enumerate(weights.readers):
            layer, direction = divmod(number, 2)
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                target = getattr(network, f"{name}_l{layer}{'_reverse' * direction}")
                target.copy_(torch.from_numpy(getattr(reader.cells[0], name)))
        _, final = network(torch.from_numpy(weights.embedding[IDS[3]]))
    hidden = final[0] if cell_type == "lstm" else final
    reading = NumpyEngine(config, weights, 0.5).read(IDS[3])
    np.testing.assert_allclose(reading.hidden, hidden.numpy(), rtol=0, atol=1e-13)
