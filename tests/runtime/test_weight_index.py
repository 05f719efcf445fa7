import json

import pytest

from skim_hf.runtime.weight_index import read_index, shard_names

NAME = "model-00001-of-00002.safetensors"


@pytest.fixture
def index(tmp_path):
    """Writes an index; what comes back is its path."""

    def write(content):
        path = tmp_path / "model.safetensors.index.json"
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_an_index_says_where_each_tensor_lies(index):
    files = {"b": NAME, "a": "other_1.fp16.safetensors", "c": NAME}
    path = index({"metadata": {"total_size": 3}, "weight_map": files})
    assert read_index(path) == files
    assert shard_names(path) == [NAME, "other_1.fp16.safetensors"]


@pytest.mark.parametrize(
    "name",
    [
        f"../{NAME}",
        f"/{NAME}",
        f"sub/{NAME}",
        f"sub\\{NAME}",
        f"C:{NAME}",
        f"./{NAME}",
        "..",
        "",
        ".safetensors",
        "..safetensors",
        f"{NAME}/",
        f"{NAME}\n",
        f"a\0{NAME}",
        "a b.safetensors",
        "é.safetensors",
        "pytorch_model.bin",
        "x" * 300 + ".safetensors",
        None,
        3,
        [NAME],
    ],
)
def test_a_file_is_named_without_a_path(index, name):
    path = index({"weight_map": {"a": NAME, "tensor": name}})
    with pytest.raises(ValueError, match=r"index\.json: 'tensor' must lie in .* named without a path; got "):
        read_index(path)


@pytest.mark.parametrize(
    "content",
    [{}, {"weight_map": {}}, {"weight_map": [NAME]}, {"weight_map": None}, {"weights": {"a": NAME}}],
)
def test_an_index_without_tensors_is_refused(index, content):
    with pytest.raises(ValueError, match=r"index\.json: weight_map must say"):
        read_index(index(content))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not valid JSON"),
        ("[]", "must hold a JSON object; got list"),
        ('{"weight_map": {"a": NaN}}', "holds NaN"),
        (f'{{"weight_map": {{"a": "{NAME}", "b": "{NAME}", "a": "{NAME}"}}}}', "key 'a' twice"),
        ("[" * 100_000, "not valid JSON"),
    ],
    ids=["empty", "list", "nan", "double", "deep"],
)
def test_what_is_no_json_object_is_refused(index, text, message):
    with pytest.raises(ValueError, match=rf"index\.json .*{message}"):
        read_index(index(text))
