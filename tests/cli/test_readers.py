"""Every command works with every way of reading."""

import pytest

from skim_hf import costs
from skim_hf.results import ModelResults
from skim_hf.runtime import SkimRuntime
from skim_hf.runtime.calibration import has_dial

TEXTS = ["a good film", "", "very bad, not fine, a dull film, was it not", "a dull film " * 4]
LABELS = ["negative", "positive", "negative", "positive"]


@pytest.fixture(scope="module")
def reader(shared_models, reader_fields):
    """A tiny model of every way of reading."""
    return shared_models.folder(id2label={"0": "negative", "1": "positive"}, **reader_fields)


@pytest.fixture(scope="module")
def loaded(reader):
    return SkimRuntime.from_pretrained(reader)


def test_texts_are_labelled(records, reader, loaded):
    found = records("predict", reader, *TEXTS)
    assert [row["label"] for row in found] == loaded.predict(TEXTS)


def test_a_trace_says_what_every_reader_did(records, cli, reader, loaded):
    (found,) = records("trace", reader, TEXTS[2], "--json")
    decisions = loaded.read_ids(loaded.encode(TEXTS[2])).decisions
    assert [token["decisions"] for token in found["tokens"]] == decisions.tolist()
    passed = sum((row == -1).all() and row.size > 0 for row in decisions)
    assert (f", {passed} passed over" in cli("trace", reader, TEXTS[2]).stdout) == (passed > 0)
    assert all(0 <= token["p_skim"] <= 1 for token in found["tokens"])


def test_scores_and_costs(records, cli, write, tmp_path, reader, loaded):
    data, kept = write("data.csv", text=TEXTS, label=LABELS), tmp_path / "results.json"
    (found,) = records("evaluate", reader, data, "--results", kept)
    assert ModelResults.load(kept).evaluation == found
    config = loaded.config
    assert ("curve" in found) == has_dial(config.policy)
    assert ("macs_ratio" in found) == (config.num_hidden_layers > 0)
    published = not config.jumps and config.policy not in ("random", "periodic") and config.num_hidden_layers
    assert ("flop_ratio_paper" in found) == bool(published)
    assert ("visited_rate" in found) == config.jumps
    shown = cli("evaluate", reader, data, "--no-curve", "--format", "table").stdout
    assert ("units not updated" in shown) == (config.policy == "selective")
    assert ("jump decisions" in shown) == config.jumps


def test_what_a_model_is(records, cli, write, reader, loaded):
    (found,) = records("info", reader, "--input", write("texts.txt", text=TEXTS))
    assert found["policy"] == loaded.config.policy
    assert ("jump_limit" in found) == loaded.config.jumps
    assert ("skip_rate" in found) == (found["policy"] in ("random", "periodic"))
    done = {row["choice"]: row["multiply_adds"] for row in found["costs"]}
    shapes = costs.reader_shapes(loaded.config)
    if not shapes:
        assert done == {}
        assert "Cost of a token" not in cli("info", reader, "--format", "table").stdout
        return
    assert done.pop("plain") == sum(costs.step_macs(shape, 0) for shape in shapes)
    if found["policy"] == "selective":
        assert done["a unit"] - done["no unit"] == sum(
            costs.step_macs(shape, 0) // shape.hidden_size for shape in shapes
        )
    elif found["policy"] == "skip":
        assert done == {"read": sum(costs.macs(shape, [1, 0]) for shape in shapes), "skip": 0}
    assert done.get("jump decision", 0) == sum(map(costs.jump_macs, shapes))
    assert "multiply-adds" in cli("info", reader, "--format", "table").stdout


def test_times_stand_beside_reading_everything_where_a_model_can(records, write, reader, loaded):
    texts = write("texts.txt", text=TEXTS)
    (found,) = records("bench", reader, "--input", texts, "--rounds", "1")
    (block,) = found["latency"]
    can = has_dial(loaded.config.policy) or loaded.config.jumps
    assert ("dense" in block["contestants"]) == can


def test_a_budget_is_for_models_that_decide(records, cli, write, reader, loaded):
    texts = write("texts.txt", text=TEXTS)
    options = ["--budget", "0.5", "--calibration", texts]
    if has_dial(loaded.config.policy):
        (found,) = records("info", reader, *options)
        twin = loaded.with_threshold(found["threshold"])
        readings = [twin.read_ids(twin.encode(text)) for text in TEXTS]
        tokens = sum(len(reading.decisions) for reading in readings)
        read = sum((1 - reading.skim_rate) * len(reading.decisions) for reading in readings)
        assert read / tokens <= 0.5 + 1e-9
    else:
        found = cli("info", reader, *options)
        assert found.exit_code == 1
        assert f"policy {loaded.config.policy!r}" in found.stderr


def test_models_of_features_read_no_texts(cli, records, write, shared_models):
    folder = shared_models.folder(vocab_size=None, input_size=4, policy="skip")
    for command in (["predict", folder, "a text"], ["trace", folder, "a text"], ["bench", folder]):
        found = cli(*command)
        assert found.exit_code == 1
        assert "reads continuous features, 4 at each step, and no text" in found.stderr
