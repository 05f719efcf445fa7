"""The reproduce script of the question readers: what it trains, chooses, publishes and takes over."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from datasets import Dataset

from skim_hf.results import from_training
from skim_hf.runtime import SkimRuntime
from skim_hf.tables import read_questions

QUESTIONS = Path(__file__).parents[1] / "data" / "questions.json"
SPLITS = {"train": slice(None), "validation": slice(0, 4), "test": slice(4, 9)}


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A folder of the three parts."""
    folder = tmp_path_factory.mktemp("given") / "squad"
    folder.mkdir()
    questions = read_questions(QUESTIONS)
    for name, rows in SPLITS.items():
        columns = [
            {
                "id": each.id,
                "title": each.title,
                "context": each.context,
                "question": each.question,
                "answers": {
                    "text": [answer.text for answer in each.answers],
                    "answer_start": [answer.start for answer in each.answers],
                },
            }
            for each in questions[rows]
        ]
        Dataset.from_list(columns).to_parquet(str(folder / f"{name}.parquet"))
    return folder


@pytest.fixture(scope="module")
def trained(question_reader):
    """Folders as run_qa.py leaves them, with random weights."""
    fields = {"plain": {"policy": "full"}, "skim": {"skim_sizes": [2], "skim_threshold": 0.9}}
    folders = {}
    for kind, options in fields.items():
        folder = folders[kind] = question_reader(read_questions(QUESTIONS), kind, **options)
        command = "python scripts/run_qa.py --do_train"
        sizes = {"train": 9, "validation": 4}
        recipe = {"learning_rate": 0.1}
        from_training(folder, data={"name": "x"}, splits=sizes, recipe=recipe, seed=3, command=command).save(
            folder
        )
        (folder / "train_results.json").write_text(json.dumps({"train_runtime": 1.5}))
    return folders


@pytest.fixture
def study(script, monkeypatch):
    monkeypatch.setattr(script("_one_core"), "pin", lambda: None)
    return script("reproduce_skim_reader_squad").STUDY


@pytest.fixture
def line(given, tmp_path):
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("heron 0.5 1\n", encoding="utf-8")
    places = {"data": given, "glove": vectors, "output": tmp_path / "out"}
    return [*(f"--{name}={place}" for name, place in places.items()), "--rounds=1", "--timed-questions=2"]


def test_recipes_are_trainings_that_are_not_repeated(script, study, line, trained, tmp_path, monkeypatch):
    module, commands = script("_reproduce_questions"), []

    def train(words, log, threads):
        commands.append(words)
        shutil.copytree(trained[log.stem], log.with_suffix(""), dirs_exist_ok=True)

    monkeypatch.setattr(module, "train", train)
    for _ in range(2):
        module.reproduce_readers(study, [*line, "--only=plain"])
    (plain,) = commands
    assert not (tmp_path / "out" / "study.json").exists()
    options = module.parse_options(study, line)
    told = module.reader(study, options, "skim").training["command"]
    assert told.startswith("python scripts/run_qa.py --train_file train.parquet")
    assert str(tmp_path) not in told
    parse = script("run_qa").parse
    model, data, args = parse(plain[2:])
    assert (model.policy, model.hidden_size, model.glove_words) == ("full", 100, 60_000)
    assert args.do_train
    assert args.do_predict
    assert Path(data.test_file[0]).name == "test.parquet"
    model, _, args = parse(commands[1][2:])
    assert Path(model.warm_start_from).is_dir()
    assert (model.small_cells, args.budget_weight, args.num_train_epochs) == ("slice", 0.5, 6)
    assert args.load_best_model_at_end


def test_taken_models_are_measured_published_and_taken_over(
    script, study, line, trained, load_published, tmp_path, monkeypatch
):
    reproduce, render = script("_reproduce_questions").reproduce_readers, script("_reproduce_render")
    take = [f"--take-{kind}={folder}" for kind, folder in trained.items()]
    reproduce(study, [*line, *take])
    results = json.loads((tmp_path / "out" / "study.json").read_text(encoding="utf-8"))
    assert str(tmp_path) not in json.dumps(results)
    assert "--data squad --glove vectors.txt --take-plain plain --take-skim skim" in results["command"]
    assert results["data"]["splits"] == {"train": len(read_questions(QUESTIONS)), "validation": 4, "test": 5}
    check_choice(results["threshold"])
    for kind in ("plain", "skim"):
        folder = tmp_path / "out" / "published" / f"{kind}-reader-squad"
        stored, reader = load_published(folder), results["readers"][kind]
        check_published(stored)
        assert reader["after"]["float32"]["metrics"] == stored.evaluation["metrics"]
        assert stored.training["seconds"] == 1.5
        assert ("dense" in stored.evaluation) == (kind == "skim")
        if kind == "skim":
            assert SkimRuntime.from_pretrained(folder).threshold == results["threshold"]["chosen"]
    assert results["readers"]["plain"]["before"]["cost"] == 1.0
    assert results["readers"]["skim"]["before"]["cost"] < 1.0
    redirect(script("render_results"), render, tmp_path, monkeypatch)
    reproduce(study, [*line, "--render"])
    page = (tmp_path / "documents" / "results.md").read_text(encoding="utf-8")
    assert "| **skimming, published** |" in page
    assert "In int8 skimming changes F1 by " in page
    check_published(load_published(tmp_path / "cards" / "skim-reader-squad"))
    check_summary(script("_results_questions").summarize_reader(results), results["readers"])


def check_choice(threshold):
    """It skims most of those that cost little F1 on validation questions."""
    points = {point["threshold"]: point for point in threshold["points"]}
    assert list(points) == [0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.9]
    least = threshold["plain"]["metrics"]["f1"] - threshold["most_lost"]
    enough = [point for point in points.values() if point["metrics"]["f1"] >= least]
    chosen = points[threshold["chosen"]]
    best = max(points.values(), key=lambda point: point["metrics"]["f1"])
    rates = [point["skim_rate_micro"] for point in enough or [best]]
    assert chosen["skim_rate_micro"] == max(rates)


def check_summary(text, readers):
    """The sentence of the README has the published figures."""
    skim, plain = (readers[kind]["after"]["float32"] for kind in ("skim", "plain"))
    assert text.startswith("[skim-reader-squad](model_cards/skim-reader-squad) answers questions: ")
    assert f"F1 {skim['metrics']['f1']:.1f} with {skim['skim_rate_micro']:.1%} of the words skimmed" in text
    assert f"(plain {plain['metrics']['f1']:.1f})" in text
    assert "on 5 questions of SQuAD 1.1, split by article." in text


def check_published(stored):
    """Results of a folder tell how it was made and measured."""
    assert len(stored.predictions["questions"]) == 5
    assert stored.training["data"]["hub_id"] == "rajpurkar/squad"
    # Figures of another split than the official one are not listed as such.
    assert "hub_id" not in stored.evaluation["data"]


def redirect(document, render, tmp_path, monkeypatch):
    """Lets documents and cards be written elsewhere."""
    page = tmp_path / "documents" / "results.md"
    page.parent.mkdir()
    for path in (document.DOCUMENT, document.RESULTS / document.PUBLISHED):
        shutil.copyfile(path, page.parent / path.name)
    monkeypatch.setattr(render, "RESULTS", page.parent)
    monkeypatch.setattr(render, "CARDS", tmp_path / "cards")
    monkeypatch.setattr(document, "RESULTS", page.parent)
    monkeypatch.setattr(document, "DOCUMENT", page)


def test_words_are_kept_by_either_frequency(script, trained):
    words = script("_publish_questions").words_by_rank(trained["plain"], ["saw", "heron", "unheard"])
    vocabulary = json.loads((trained["plain"] / "tokenizer.json").read_text(encoding="utf-8"))["model"][
        "vocab"
    ]
    assert sorted(words) == sorted(vocabulary)
    late = max(vocabulary, key=vocabulary.__getitem__)
    ranked = script("_publish_questions").words_by_rank(trained["plain"], ["unheard", late])
    assert (words[-1], ranked.index(late)) == (late, 2)


def test_the_threshold_skims_most_of_those_that_cost_little(script, study, monkeypatch):
    module, why = script("_publish_questions"), script("_results_questions")._why
    f1 = {1.0: 60.0, 0.3: 58.9, 0.4: 59.2, 0.5: 59.8}

    def dial(threshold):
        return SimpleNamespace(threshold=threshold, with_threshold=dial)

    def measure(runtime, _):
        at = runtime.threshold
        return {"threshold": at, "metrics": {"f1": f1[at]}, "skim_rate_micro": 1 - at}

    monkeypatch.setattr(module, "measure_point", measure)
    runtimes = {"plain": dial(1.0), "skim": dial(0.5)}
    within = "of the 60.0 of the plain one there"
    for most, chosen, told in (
        (1.0, 0.4, f"of those with an F1 within 1 {within} it skims most (F1 59.2, 60.0%"),
        (0.1, 0.5, f"none has an F1 within 0.1 {within}, and this one has the best"),
    ):
        tried = module.dataclasses.replace(study, thresholds=(0.3, 0.4), most_lost=most)
        found = module.choose_threshold(tried, runtimes, [])
        assert [point["threshold"] for point in found["points"]] == [0.3, 0.4, 0.5]
        assert found["chosen"] == chosen
        assert told in why(next(each for each in found["points"] if each["threshold"] == chosen), found)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (["--data=absent"], r"absent has no train, validation, test\. .*datasets/rajpurkar/squad"),
        (["--glove=absent.txt"], r"no word vectors in absent\.txt"),
        (["--take-plain=absent", "--take-skim={skim}"], r"absent lacks train_results\.json"),
        (["--take-plain={skim}", "--take-skim={skim}"], "of policy 'full'; got .* of policy 'skim'"),
    ],
)
def test_what_is_missing_is_asked_for(script, study, line, trained, changed, message):
    words = [word.format(**trained) for word in changed]
    with pytest.raises(SystemExit, match=message):
        script("_reproduce_questions").reproduce_readers(study, [*line, *words])


def test_contradictions_are_refused(script, study, line):
    reproduce = script("_reproduce_questions").reproduce_readers
    with pytest.raises(SystemExit, match=r"There is no --data\. .*split_squad\.py"):
        reproduce(study, [])
    for words in (["--only=skimm"], ["--take-plain=x"], ["--rounds=0"]):
        with pytest.raises(SystemExit):
            reproduce(study, [*line, *words])
    with pytest.raises(SystemExit, match="without --render first"):
        reproduce(study, [*line, "--render"])
