"""Tiny saved models, built in code with NumPy, safetensors and tokenizers alone."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase, Replace, Sequence
from tokenizers.pre_tokenizers import Split

from skim_hf.runtime.config import RuntimeConfig
from skim_hf.runtime.splitting import APOSTROPHE, PATTERN
from skim_hf.runtime.weights import expected_shapes, load_weights

# fmt: off
WORDS = [
    "[PAD]", "[UNK]", "a", "the", "film", "was", "good", "bad", "very", "dull", ",", ".", "not", "i̇", "fine",
]
# fmt: on


def config_values(**overrides):
    """A valid config.json of a tiny classifier, with odd sizes."""
    policy = overrides.get("policy", "skim")
    values = {
        "architectures": ["SkimRNNForSequenceClassification"],
        "bidirectional": False,
        "cell_type": "lstm",
        "embedding_size": 5,
        "hidden_size": 7,
        "input_size": None,
        "model_type": "skim_rnn",
        "num_hidden_layers": 1,
        "pad_token_id": 0,
        "policy": policy,
        "pooling": "last",
        "skim_sizes": [3] if policy == "skim" else [],
        "skim_threshold": 0.5,
        "small_input": "own_slice",
        "transformers_version": "5.0.0",
        "vocab_size": len(WORDS),
    }
    return {**values, **overrides}


def random_tensors(config, seed=0, dtype=np.float32):
    """Tensors of a classifier under their names without prefix.

    Large enough that decisions vary, and not so large that rounding errors grow from token to token.
    """
    generator = np.random.default_rng(seed)
    tensors = {}
    for name, shape in expected_shapes(config):
        width = 1 if name.startswith("embed") else shape[-1]
        scale = 0.2 if len(shape) == 1 else 3 if "decision" in name or "head" in name else 1
        tensors[name] = (scale / width**0.5 * generator.standard_normal(shape)).astype(dtype)
    return tensors


def save_tensors(path, tensors):
    """Writes tensors as a classifier's file: everything but the head belongs to the encoder."""
    save_file(
        {
            name if name.startswith("classifier") else f"skim_rnn.{name}": value
            for name, value in tensors.items()
        },
        path,
        metadata={"format": "pt"},
    )


def save_bfloat16(path, tensors):
    """Writes the upper halves of float32 tensors, under their names, as bfloat16."""
    halves = {name: (value.view(np.uint32) >> 16).astype("<u2").tobytes() for name, value in tensors.items()}
    header, offset = {}, 0
    for name, data in halves.items():
        entry = {"dtype": "BF16", "shape": list(tensors[name].shape)}
        header[name] = {**entry, "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(halves.values()))


def split_weights(folder, shards=3):
    """Splits a folder's weights as transformers does, tensors in turn; the names of the files come back."""
    whole = folder / "model.safetensors"
    tensors = load_file(whole)
    files = [f"model-{number + 1:05}-of-{shards:05}.safetensors" for number in range(shards)]
    index = {name: files[number % shards] for number, name in enumerate(sorted(tensors))}
    for file in files:
        save_file({name: tensors[name] for name in tensors if index[name] == file}, folder / file)
    size = sum(value.nbytes for value in tensors.values())
    text = json.dumps({"metadata": {"total_size": size}, "weight_map": index})
    (folder / "model.safetensors.index.json").write_text(text, encoding="utf-8")
    whole.unlink()
    return files


def word_tokenizer(words=WORDS):
    """A tokenizer of the kind that this project makes."""
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer = Sequence([Lowercase(), Replace(APOSTROPHE, "'")])
    tokenizer.pre_tokenizer = Split(Regex(PATTERN), behavior="removed", invert=True)
    tokenizer.add_special_tokens(["[PAD]", "[UNK]"])
    return tokenizer


class ModelMaker:
    """Writes saved models into numbered folders of their own."""

    values = staticmethod(config_values)
    tensors = staticmethod(random_tensors)
    save_tensors = staticmethod(save_tensors)
    save_bfloat16 = staticmethod(save_bfloat16)
    split = staticmethod(split_weights)
    tokenizer = staticmethod(word_tokenizer)

    def __init__(self, root):
        self.root = root
        self.count = 0

    def folder(self, *, seed=0, dtype=np.float32, change=None, **overrides):
        """Writes a model; `change` may edit its tensors in place."""
        self.count += 1
        folder = self.root / f"model{self.count}"
        folder.mkdir()
        values = config_values(**overrides)
        tensors = random_tensors(RuntimeConfig.from_dict(values), seed, dtype)
        if change is not None:
            change(tensors)
        (folder / "config.json").write_text(json.dumps(values), encoding="utf-8")
        save_tensors(folder / "model.safetensors", tensors)
        word_tokenizer().save(str(folder / "tokenizer.json"))
        return folder

    def loaded(self, *, dtype=np.float32, **kwargs):
        """Writes a model and loads it: its configuration and weights."""
        folder = self.folder(dtype=dtype, **kwargs)
        config = RuntimeConfig.load(folder / "config.json")
        return config, load_weights(folder / "model.safetensors", config, dtype=dtype)


@pytest.fixture(scope="module", params=["native", "numpy"])
def backend(request):
    """Runs the tests of a module with either engine."""
    if request.param == "native":
        pytest.importorskip("skim_hf.native._runtime", reason="skim_hf was installed without its C extension")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKIM_HF_BACKEND", request.param)
        yield request.param


@pytest.fixture
def models(tmp_path):
    return ModelMaker(tmp_path)


@pytest.fixture(scope="session")
def shared_models(tmp_path_factory):
    """For models that a test only reads."""
    return ModelMaker(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def folder(shared_models):
    """A small Skim-LSTM with two labels with names."""
    return shared_models.folder(id2label={"0": "negative", "1": "positive"})
