"""Cards: what they say, what they leave out, what they refuse, and that their code runs."""

import json
import re
import shutil
import sys

import pytest
import yaml
from huggingface_hub import ModelCard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skim_hf import SkimRuntime
from skim_hf.hub import card as card_module
from skim_hf.hub import render_card, write_card
from skim_hf.hub.card import OWN_END, OWN_START, make_card
from skim_hf.hub.card_formats import plain
from skim_hf.results import (
    ADAPTIVE,
    DENSE,
    ModelResults,
    describe_example,
    evaluate,
    from_training,
    measure_latency,
)
from skim_hf.runtime import RuntimeConfig
from skim_hf.training import LabelSchema

TEXTS = ["a good film", "a bad film, a bad one!", "good", "", "bad words only"]
SINGLE = LabelSchema("single_label_classification", ("negative", "positive"))
LABELS = ["positive", "negative", "positive", "negative", "negative"]
DATA = {"name": "Film reviews", "hub_id": "owner/films", "language": "en"}
SECTIONS = {
    "training": ["## Training"],
    "evaluation": ["words skimmed", "Scores and shares:", "## One dial, no retraining"],
    "latency": ["string to label, median (p50)", "Times:"],
    "example": ["In bold what was read in full"],
}


@pytest.fixture(scope="session")
def make_folder(save_varied, tmp_path_factory):
    """Saves a tiny model of five words whose decisions vary."""

    def make(labels=SINGLE, *, name="films", **options):
        return save_varied(tmp_path_factory.mktemp("models") / name, TEXTS, labels, **options)

    return make


def trained(folder):
    """Results of a training alone."""
    splits = {"train": 90, "validation": 10}
    return from_training(folder, data=DATA, splits=splits, recipe={"lr": 0.1, "skim_sizes": [3]}, seed=42)


def measured(folder):
    """Results with every block."""
    clf = SkimRuntime.from_pretrained(folder)
    found = trained(folder)
    evaluation = evaluate(clf, TEXTS, LABELS, thresholds=[0.5, 1.0], data=DATA, split="test")
    evaluation["dense"] = {"what": "plain LSTM", "metrics": {"accuracy": 1.0, "macro_f1": 1.0}}
    return ModelResults(
        found.weights,
        {**found.model, "license": "mit"},
        training=found.training,
        evaluation=evaluation,
        latency=measure_latency({ADAPTIVE: clf, DENSE: clf.with_threshold(1.0)}, TEXTS, rounds=1),
        example=describe_example(clf, "A good film, not a bad one!", widget=["good *words*"]),
    )


@pytest.fixture(scope="session")
def complete(make_folder):
    """A folder whose results have every block."""
    folder = make_folder()
    measured(folder).save(folder)
    return folder


@pytest.fixture
def folder(complete, tmp_path):
    """A copy of it to be changed."""
    return shutil.copytree(complete, tmp_path / "films")


def test_every_figure_stands_in_the_card(complete):
    results = ModelResults.load(complete)
    text = str(render_card(complete))
    for lines in SECTIONS.values():
        assert all(line in text for line in lines)
    evaluation, latency = results.evaluation, results.latency
    shown = [
        f"{evaluation['metrics']['accuracy']:.1%}",
        f"{evaluation['skim_rate_micro']:.1%}",
        f"{evaluation['skim_rate_macro']:.1%}",
        f"{evaluation['macs_ratio']:.1f}x",
        f"{evaluation['flop_ratio_paper']:.1f}x",
        f"{latency['contestants']['adaptive']['median_us']:,.0f} \u00b5s",
        f"{latency['contestants']['adaptive']['p99_us']:,.0f} \u00b5s",
        f"{latency['texts']} texts of {latency['words_per_text']:.0f} words",
        plain(latency["machine"]["processor"]),
        "one thread",
        "test split of Film reviews",
        "Here the plain LSTM is better: accuracy 100.0%",
        "| `skim_sizes` | 3 |",
        "Seed 42",
        "90 train texts, 10 validation texts.",
        results.weights,
        *(f"| {point['threshold']:g} | " for point in evaluation["curve"]["points"]),
    ]
    assert [figure for figure in shown if figure not in text] == []


@pytest.mark.parametrize(
    ("ratio", "told"),
    [
        (2.5, "saves time on a CPU, one text at a time. On a GPU"),
        (0.8, "saves arithmetic here, but no time in float32. On a GPU"),
    ],
)
def test_where_skimming_saves_no_time_the_card_says_so(complete, ratio, told):
    results = ModelResults.load(complete)
    results.latency["contestants"]["adaptive"]["times_faster_than"]["dense"] = ratio
    text = str(make_card(results, RuntimeConfig.load(complete / "config.json"), name="films"))
    assert f"- Skimming {told} that reads large batches" in text
    assert f"Turn by turn {ratio:.1f} times as fast as" in text


def test_the_read_words_are_bold(complete):
    results = ModelResults.load(complete)
    words = [word["token"] for word in results.example["read"]]
    (quoted,) = re.findall(r"^> (.*)$", str(render_card(complete)), re.MULTILINE)
    assert words
    assert re.findall("<b>(.*?)</b>", quoted.lower()) == words
    assert re.sub("</?b>", "", quoted) == results.example["text"]


def test_the_hub_gets_metadata_and_figures(complete):
    card = render_card(complete, repo_id="owner/skim-films")
    metadata = yaml.safe_load(str(card).split("\n---\n")[0])
    assert metadata["license"] == "mit"
    assert (metadata["language"], metadata["datasets"]) == ("en", ["owner/films"])
    assert (metadata["library_name"], metadata["pipeline_tag"]) == ("transformers", "text-classification")
    assert metadata["metrics"] == ["accuracy", "f1"]
    assert [entry["text"] for entry in metadata["widget"]] == ["A good film, not a bad one!", "good *words*"]
    evaluation = ModelResults.load(complete).evaluation
    assert {result.metric_type: result.metric_value for result in card.data.eval_results} == pytest.approx(
        {
            "accuracy": evaluation["metrics"]["accuracy"],
            "f1": evaluation["metrics"]["macro_f1"],
            **{key: evaluation[key] for key in ("skim_rate_micro", "skim_rate_macro", "macs_ratio")},
            "flop_ratio_paper": evaluation["flop_ratio_paper"],
        },
        abs=1e-4,
    )
    assert {
        (result.dataset_type, result.dataset_name, result.dataset_split) for result in card.data.eval_results
    } == {("owner/films", "Film reviews", "test")}
    assert card.data.model_name == "skim-films"
    assert 'from_pretrained("owner/skim-films")\n' in card.text


@pytest.mark.parametrize("missing", SECTIONS)
def test_sections_whose_block_is_missing_are_left_out(complete, missing):
    values = json.loads((complete / "results.json").read_text(encoding="utf-8"))
    del values[missing]
    del values["format"]
    text = str(render_card(complete, results=ModelResults(**values)))
    for block, lines in SECTIONS.items():
        assert [line in text for line in lines] == [block != missing] * len(lines), block
    assert "## Limits" in text


def test_a_threshold_other_than_the_model_s_is_said(complete):
    results = ModelResults.load(complete)
    assert "threshold 0.5, " in str(render_card(complete))
    results.evaluation["threshold"] = 0.25
    assert "threshold 0.25 (the model's own is 0.5), " in str(render_card(complete, results=results))


def test_a_training_alone_makes_a_card(complete):
    text = str(render_card(complete, results=trained(complete)))
    assert "parameters in" in text
    assert "model-index" not in text
    assert "## Figures" not in text
    assert text.count("```python") == 2


def test_a_plain_model_boasts_of_no_skimming(make_folder):
    folder = make_folder(policy="full")
    clf = SkimRuntime.from_pretrained(folder)
    values = vars(trained(folder)) | {
        "evaluation": evaluate(clf, TEXTS, LABELS, data=DATA, split="test"),
        "example": describe_example(clf, TEXTS[0]),
    }
    card = render_card(folder, results=ModelResults(**values))
    assert not re.search("skimmed|saved|threshold|bold", str(card))
    assert {result.metric_type for result in card.data.eval_results} == {"accuracy", "f1"}


MULTI = LabelSchema("multi_label_classification", ("a", "b", "c"))
MANY = LabelSchema("single_label_classification", tuple("abcde"))


@pytest.mark.parametrize(
    ("labels", "fields", "summary"),
    [
        (SINGLE, {"skim_sizes": [3, 0]}, 'Labels texts as "negative" or "positive"'),
        (MULTI, {"bidirectional": True, "num_hidden_layers": 2}, 'Labels texts with any of "a", "b" or "c"'),
        (MANY, {"cell_type": "gru"}, "Labels texts with one of 5 labels"),
        (LabelSchema("regression"), {"policy": "full"}, "Gives texts a number"),
        (SINGLE, {"tokens": True}, 'Labels the words of texts as "negative" or "positive"'),
    ],
)
def test_both_blocks_of_code_run(make_folder, monkeypatch, labels, fields, summary):
    folder = make_folder(labels, **fields)
    text = str(render_card(folder, results=trained(folder)))
    assert f"**{summary}" in text
    monkeypatch.chdir(folder.parent)
    predict, train = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    exec(predict, {})
    # The defaults of a training are those of a machine with time and a GPU.
    quick = '"fine-tuned", report_to="none", disable_tqdm=True, use_cpu=True,'
    assert '"fine-tuned",' in train
    exec(train.replace('"fine-tuned",', quick), {})
    tuned = SkimRuntime.from_pretrained("fine-tuned")
    assert tuned.labels == SkimRuntime.from_pretrained(folder).labels
    tuned("a good film")


def test_what_the_code_shows_is_what_it_gives(complete, monkeypatch):
    monkeypatch.chdir(complete.parent)
    predict = re.findall(r"^```python\n(.*?)^```", str(render_card(complete)), re.MULTILINE | re.DOTALL)[0]
    names, last = {}, None
    for line in predict.splitlines():
        if line.startswith("# "):
            shown = eval(line.removeprefix("# "))
            assert shown == (last if isinstance(last, list) else {**last, "score": round(last["score"], 3)})
        elif line.startswith(("clf(", "[")):
            last = eval(line, names)
        else:
            exec(line, names)
    assert isinstance(last, list)


def test_own_words_are_kept_and_nothing_else(folder):
    path = write_card(folder)
    first = path.read_text(encoding="utf-8")
    assert ModelCard.load(path).data.model_name == "films"
    own = "## Notes\n\nMade for *us*, {{ and }} nobody else."
    edited = first.replace(f"{OWN_START}\n", f"{OWN_START}\n{own}\n").replace("## Limits", "## No limits")
    path.write_text(edited, encoding="utf-8")
    write_card(folder)
    assert path.read_text(encoding="utf-8") == first.replace(f"{OWN_START}\n", f"{OWN_START}\n{own}\n")
    write_card(folder)
    assert path.read_text(encoding="utf-8").count(own) == 1
    # Without its end the part goes on to the end of the file.
    path.write_text(f"# films\n{OWN_START}\nmy words", encoding="utf-8")
    assert write_card(folder).read_text(encoding="utf-8").endswith(f"{OWN_START}\nmy words\n{OWN_END}\n")


def test_a_card_written_by_hand_is_not_touched(folder):
    path = folder / "README.md"
    path.write_text("# My model", encoding="utf-8")
    with pytest.raises(ValueError, match="Move it away"):
        write_card(folder)
    assert path.read_text(encoding="utf-8") == "# My model"
    assert not [name for name in folder.iterdir() if name.suffix == ".tmp"]


def test_a_card_that_a_trainer_generated_is_replaced(folder):
    transformers = pytest.importorskip("transformers.modelcard")
    path = folder / "README.md"
    path.write_text(f"---\n---\n{transformers.AUTOGENERATED_TRAINER_COMMENT}\n# films", encoding="utf-8")
    assert "## Figures" in write_card(folder).read_text(encoding="utf-8")


def test_without_results_there_is_no_card(folder):
    (folder / "results.json").unlink()
    with pytest.raises(ValueError, match=r"has no results\.json.*skim-hf evaluate"):
        write_card(folder)
    ModelResults.of(folder).save(folder)
    with pytest.raises(ValueError, match="none but the size of the model"):
        write_card(folder)
    assert not (folder / "README.md").exists()


def test_results_of_other_weights_are_refused(folder, make_folder):
    other = make_folder(cell_type="tanh")
    shutil.copy(other / "model.safetensors", folder)
    shutil.copy(other / "config.json", folder)
    with pytest.raises(ValueError, match="belong to the weights"):
        write_card(folder)
    assert not (folder / "README.md").exists()
    assert "## Training" in str(render_card(folder, results=trained(folder)))


@pytest.mark.parametrize("repo_id", ["a/b/c", "owner/..", "", "two words"])
def test_a_name_that_the_hub_refuses_is_refused(complete, repo_id):
    with pytest.raises(ValueError, match=r"repo|Repo"):
        render_card(complete, repo_id=repo_id)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="elsewhere"):
        render_card(tmp_path / "elsewhere")


def test_a_missing_extra_is_named(complete, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ImportError, match=r"pip install 'skim-hf\[hub\]'"):
        render_card(complete)


def test_a_name_that_the_template_does_not_know_is_an_error(complete, monkeypatch, tmp_path):
    jinja2 = pytest.importorskip("jinja2")
    template = tmp_path / "template.md"
    template.write_text(card_module.TEMPLATE.read_text(encoding="utf-8") + "{{ misspelt }}", encoding="utf-8")
    monkeypatch.setattr(card_module, "TEMPLATE", template)
    with pytest.raises(jinja2.UndefinedError, match="misspelt"):
        render_card(complete)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(text=TEXT, name=TEXT.filter(bool), start=st.integers(0, 40), length=st.integers(0, 40))
def test_no_text_breaks_a_card(complete, text, name, start, length):
    values = json.loads((complete / "results.json").read_text(encoding="utf-8"))
    del values["format"]
    read = [{"token": text, "start": start, "end": start + length}]
    values["example"] = {"text": text, "label": name, "score": 0.5, "read": read, "widget": [text]}
    values["training"]["data"] = values["evaluation"]["data"] = {"name": name}
    config = RuntimeConfig.load(complete / "config.json")
    card = make_card(ModelResults(**values), config, name="films")
    again = ModelCard(str(card))
    assert again.data.to_dict() == card.data.to_dict()
    assert [entry["text"] for entry in again.data.widget] == [" ".join(text.split())] * 2
    assert again.data.eval_results[0].dataset_name == " ".join(name.split())
    # Every section and both blocks of code are where they were.
    assert len(re.findall("^#+ [A-Za-z]", again.text, re.MULTILINE)) == 8
    assert again.text.count("\n```python\n") == 2
    block = re.findall(r"^```python\n(.*?)^```", again.text, re.MULTILINE | re.DOTALL)[0]
    names = {}
    exec(next(line for line in block.split("\n") if line.startswith("text = ")), names)
    assert names["text"] == text
