"""Reproduce scripts: what is asked for, what a study holds, what is published, and what is taken over."""

import json
import random
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from datasets import Dataset

from skim_hf.hub.card import OWN_END

WORDS = ["the", "film", "was", "a", "fine", "plot", "of", "dull", "actors", "and", "great", "scenes"]
SCRIPTS = ("imdb", "rotten_tomatoes", "sst2", "ag_news")


@pytest.fixture
def texts():
    source = random.Random(4)
    return [" ".join(source.choices(WORDS, k=source.randint(3, 20))) for _ in range(30)]


@pytest.fixture
def line(tmp_path, texts):
    """Options of a script, with data and word vectors that are there."""
    given = tmp_path / "given"
    given.mkdir()
    for name, part in {"train": texts[:13], "validation": texts[13:20], "test": texts[20:]}.items():
        rows = {"text": part, "label": [number % 2 for number in range(len(part))]}
        Dataset.from_dict(rows).to_parquet(str(given / f"{name}.parquet"))
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("film 0.5 1\n", encoding="utf-8")
    places = {"data": given, "glove": vectors, "output": tmp_path / "out"}
    words = [f"--{name}={place}" for name, place in places.items()]
    return [*words, "--seeds=2", "--rounds=1", "--timed-texts=2"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_recipe_is_a_training(script, name):
    study = script(f"reproduce_skim_lstm_{name}").STUDY
    assert study.model == f"skim-lstm-{name.replace('_', '-')}"
    options, runs = script("run_classification"), script("_readers_runs")
    done = {"validation": {"macs_per_text": 5.0}, "hidden_size": 100, "input_width": 100}
    comparison = SimpleNamespace(
        readers=study.readers,
        shared={**script("_reproduce").KEEPING, **study.shared, "glove": "x.txt"},
        budget={},
        data=Path("data"),
        model=lambda reader, _: Path(reader),
        load=lambda *_: done,
    )
    for reader in study.readers:
        fields = runs.training_fields(comparison, reader, 1)
        model, _, args = options.parse(script("_commands").training_command(fields, "--do_train")[2:])
        # Of a model that skims the most accurate epoch may be one that still reads most words.
        keeps_last = name == "imdb" and reader in ("skim", "skim_cold")
        assert args.load_best_model_at_end is not keeps_last
        is_paper = reader.startswith("paper")
        assert (args.ema_decay is None) == is_paper
        assert (args.adversarial_epsilon is None) == (is_paper or name != "imdb" or reader == "frozen")
        assert (model.glove is None) == (study.readers[reader].starts_from is not None)
    assert {"plain", "skim", "skim_cold", "paper_plain", "paper_5_01", "paper_10_02", "small", "mean"} <= set(
        study.readers
    )


def test_what_is_missing_is_asked_for(script, tmp_path):
    module = script("reproduce_skim_lstm_imdb")
    reproduce = script("_reproduce").reproduce
    with pytest.raises(SystemExit, match=r"no word vectors in .*absent\.txt.*glove\.6B\.zip"):
        reproduce(module.STUDY, ["--glove", str(tmp_path / "absent.txt")])
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("film 1 2\n", encoding="utf-8")
    line = [f"--glove={vectors}", f"--data={tmp_path}", f"--output={tmp_path / 'out'}"]
    with pytest.raises(SystemExit, match=r"no train\.parquet or train_partial\.parquet.*stanfordnlp/imdb"):
        reproduce(module.STUDY, line)
    with pytest.raises(SystemExit, match="run the script without --render first"):
        reproduce(module.STUDY, [*line, "--render"])
    with pytest.raises(SystemExit):
        reproduce(module.STUDY, [*line, "--only", "skimm"])


def test_a_study_is_trained_measured_published_and_taken_over(
    script, line, texts, tmp_path, random_training, load_published, monkeypatch
):
    study = script("reproduce_skim_lstm_rotten_tomatoes").STUDY
    commands = random_training(texts, ("negative", "positive"))
    reproduce, render = script("_reproduce").reproduce, script("_reproduce_render")
    # Of two of the training texts, and of one that is tested.
    rows = {"text": [texts[0], texts[1], texts[-1]], "label": ["negative", "positive", "negative"]}
    Dataset.from_dict({**rows, "teacher": [[0.75, 0.25]] * 3}).to_parquet(str(tmp_path / "taught.parquet"))
    line = [*line, f"--taught={tmp_path / 'taught.parquet'}"]
    only = "--only=skim,small,mean,fasttext"
    reproduce(study, [*line, only])
    results = json.loads((tmp_path / "out" / "study.json").read_text(encoding="utf-8"))
    assert list(results["readers"]) == ["plain", "skim", "small", "mean"]
    assert str(tmp_path) not in json.dumps(results["published"]) + results["command"]
    assert "--data given --taught taught.parquet" in results["command"]
    assert results["data"]["taught"]["texts"] == 2
    for name, reader in results["readers"].items():
        assert len(reader["runs"]) == 2
        for run in reader["runs"]:
            assert run["options"]["glove" if name != "skim" else "policy"] in ("vectors.txt", "skim")
            assert ("curve" in run) == (name == "skim")
            assert {"accuracy", "macs_per_text", "read", "cost"} <= set(run["validation"])
    # Kept as it is told, whoever reads it later.
    kept = json.loads((tmp_path / "out" / "runs" / "skim-1.json").read_text(encoding="utf-8"))
    assert kept["curve"]["command"] == results["command"]
    skim = results["readers"]["skim"]["runs"]
    best = max(skim, key=lambda run: run["validation"]["accuracy"])
    assert results["published"]["skim"]["seed"] == best["seed"]
    after = results["published"]["skim"]["after"]
    assert after["float32"]["test"]["accuracy"] == pytest.approx(best["test"]["accuracy"], abs=0.11)
    timed = set(results["latency"]["contestants"])
    assert {f"native_{dtype}_{kind}" for dtype in ("float32", "int8") for kind in ("plain", "skim")} <= timed
    # A second time nothing is trained.
    count = len(commands)
    reproduce(study, [*line, only])
    assert len(commands) == count
    document = script("render_results")
    page = tmp_path / "documents" / "results.md"
    page.parent.mkdir()
    for path in (document.DOCUMENT, document.RESULTS / document.PUBLISHED):
        shutil.copyfile(path, page.parent / path.name)
    for module in (render, script("_reproduce")):
        monkeypatch.setattr(module, "RESULTS", page.parent)
        monkeypatch.setattr(module, "CARDS", tmp_path / "cards")
    monkeypatch.setattr(document, "RESULTS", page.parent)
    monkeypatch.setattr(document, "DOCUMENT", page)
    reproduce(study, [*line, "--render"])
    assert "| **plain LSTM** |" in page.read_text(encoding="utf-8")
    # What somebody wrote into a card stays when the model is taken over again.
    card = tmp_path / "cards" / study.model / "README.md"
    card.write_text(card.read_text(encoding="utf-8").replace(OWN_END, f"Own words.\n{OWN_END}"), "utf-8")
    reproduce(study, [*line, "--render"])
    assert "Own words." in card.read_text(encoding="utf-8")
    kept = json.loads((tmp_path / "documents" / f"{study.model}.json").read_text(encoding="utf-8"))
    assert kept["model"] == study.model
    untaught = [word for word in line if "taught" not in word]
    check_extended(script, study, untaught, tmp_path, commands)
    check_timed_again(script, study, line, tmp_path, commands, monkeypatch)
    # After a change of the package, or by hand, the folders are made again what a push would send.
    (tmp_path / "cards" / study.model / "modeling_skim_rnn.py").write_text("old = 1\n", encoding="utf-8")
    names = ["plain-lstm-rotten-tomatoes", "skim-lstm-rotten-tomatoes"]
    assert script("refresh_cards").refresh(tmp_path / "cards") == names
    assert "Own words." in card.read_text(encoding="utf-8")
    for name in names:
        check_published(load_published(tmp_path / "cards" / name))


def check_extended(script, study, line, tmp_path, commands):
    """Elsewhere, with no model at hand, rows are added to a study, and what was published stays."""
    reproduce, count = script("_reproduce").reproduce, len(commands)
    old = json.loads((tmp_path / "documents" / f"{study.model}.json").read_text(encoding="utf-8"))
    elsewhere = [word for word in line if "--output" not in word] + [f"--output={tmp_path / 'else'}"]
    with pytest.raises(SystemExit, match="of a teacher for small"):
        reproduce(study, [*elsewhere, "--extend", "--only=small"])
    # Who is not timed needs none of the others.
    reproduce(study, [*elsewhere, "--extend", "--only=paper_plain"])
    assert len(commands) == count + 2
    new = json.loads((tmp_path / "else" / "study.json").read_text(encoding="utf-8"))
    assert new["readers"].keys() == {*old["readers"], "paper_plain"}
    for name in ("plain", "skim"):
        assert new["readers"][name] == old["readers"][name]
    for name in ("published", "data", "latency", "machine", "instructions", "environment", "baselines"):
        assert new[name] == old[name]
    assert new["command"].endswith("--extend")
    path = tmp_path / "documents" / f"{study.model}.json"
    for change, told in (
        ({"data": {"files": {}}}, "on other data"),
        ({"published": None}, "no published pair"),
    ):
        changed = {key: value for key, value in {**old, **change}.items() if value is not None}
        path.write_text(json.dumps(changed), encoding="utf-8")
        with pytest.raises(SystemExit, match=told):
            reproduce(study, [*elsewhere, "--extend"])
    path.unlink()
    with pytest.raises(SystemExit, match="run the script without --extend first"):
        reproduce(study, [*elsewhere, "--extend"])
    path.write_text(json.dumps(old), encoding="utf-8")


def check_timed_again(script, study, line, tmp_path, commands, monkeypatch):
    """With somebody who is timed, all that are timed are there, those of the published seed."""
    reproduce, count = script("_reproduce").reproduce, len(commands)
    path = tmp_path / "documents" / f"{study.model}.json"
    old = json.loads(path.read_text(encoding="utf-8"))
    # Where runs were taken from the results before, without their models.
    timed = [word for word in line if "--output" not in word] + [f"--output={tmp_path / 'else'}", "--extend"]
    reproduce(study, [*timed, "--only=small,paper_plain"])
    assert len(commands) == count + 2
    new = json.loads((tmp_path / "else" / "study.json").read_text(encoding="utf-8"))
    added = {"native_float32_paper_plain", "native_int8_paper_plain"}
    assert new["latency"]["contestants"].keys() == old["latency"]["contestants"].keys() | added
    assert new["readers"].keys() == {*old["readers"], "paper_plain"}
    assert new["published"] == old["published"]
    counts = [{name: len(each["runs"]) for name, each in held["baselines"].items()} for held in (old, new)]
    assert counts[0] == counts[1]
    # A baseline that cannot be timed here would be lost.
    old_times = {**old["latency"], "contestants": {**old["latency"]["contestants"], "model2vec": {}}}
    more = {"baselines": {"model2vec": {"runs": []}}, "latency": old_times}
    path.write_text(json.dumps({**old, **more}), encoding="utf-8")
    monkeypatch.setattr(script("_reproduce_peers"), "_finish", raise_import_error)
    with pytest.raises(SystemExit, match="timed here:\nmodel2vec: none"):
        reproduce(study, [*timed, "--only=small"])
    path.write_text(json.dumps(old), encoding="utf-8")


def raise_import_error(*_):
    raise ImportError("none")


def test_baselines_get_their_texts_in_no_order(script):
    texts, labels = script("_reproduce_peers").shuffled([f"text {n}" for n in range(20)], list(range(20)), 3)
    assert labels != sorted(labels)
    assert sorted(labels) == list(range(20))
    assert texts == [f"text {n}" for n in labels]


def check_published(stored):
    """Results of a folder tell how it was made and measured."""
    assert len(stored.predictions["texts"]) == 10
    assert stored.training["command"].startswith("python scripts/run_classification.py")
    assert stored.evaluation["split"] == "test"
