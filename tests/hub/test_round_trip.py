"""Trained, pushed and pulled by id in a fresh process: the same numbers, with and without the package."""

import numpy as np
import pytest

from skim_hf.hub import push_folder
from skim_hf.modeling.auto_map_skim_rnn import AUTO_MAP

from .loopback import LoopbackHub
from .tiny import make_folder

TEXTS = ["A good film.", "an awful, awful plot", "it was"]
LABELS = [1, 0, 1]
ASKED = {"question": "What was good?", "context": "A good 😀 film, an awful plot."}

# What a child reports of the models on the Hub; `skim_hf` is imported in one that has it.
PULL = """
import os
import torch
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification
from transformers import AutoModelForTokenClassification, AutoTokenizer, pipeline

repos, texts, asked, old, options = args
if not options:
    import skim_hf
tokenizer = AutoTokenizer.from_pretrained(repos["texts"], **options)
encoded = tokenizer(texts, padding=True, return_tensors="pt")
found = {"ids": encoded["input_ids"].tolist(), "modules": {}}

def run(name, auto_class, repo, **kwargs):
    model = auto_class.from_pretrained(repo, **options, **kwargs)
    found["modules"][name] = type(model).__module__
    with torch.no_grad():
        found[name] = model(**encoded)[0].tolist()

run("texts", AutoModelForSequenceClassification, repos["texts"])
run("tokens", AutoModelForTokenClassification, repos["tokens"])
run("encoder", AutoModel, repos["texts"])
run("bare", AutoModel, repos["bare"])
for name, revision in (("commit", old), ("tag", "v1"), ("branch", "next/one")):
    run(name, AutoModelForSequenceClassification, repos["texts"], revision=revision)
run("code", AutoModelForSequenceClassification, repos["texts"], code_revision="v1")
config = AutoConfig.from_pretrained(repos["texts"], revision="v1", **options)
found["config"] = [type(config).__name__, config.hidden_size, sorted(config.auto_map)]
for name, task in (("texts", "text-classification"), ("tokens", "token-classification")):
    found[task] = pipeline(task, model=repos[name], **options)(texts)
skims = pipeline("skim-text-classification", model=repos["texts"], **options)(texts[0])
found["skims"] = [word["word"] for word in skims[0]["words"]]
reader = pipeline("skim-question-answering", model=repos["answers"], **options)
found["modules"]["answers"], found["answers"] = type(reader.model).__module__, reader(**asked, top_k=3)
if "HF_HUB_OFFLINE" not in os.environ:
    # Without a task it is what the card says, which only the Hub can tell.
    pipeline(model=repos["texts"], **options)
    pipeline(model=repos["tokens"], **options)
if not options:
    from skim_hf import SkimRuntime
    for name in ("texts", "tokens"):
        clf = SkimRuntime.from_pretrained(repos[name], dtype="float32")
        found["runtime " + name] = [clf.read_ids(clf.encode(text)).logits.tolist() for text in texts]
    clf = SkimRuntime.from_pretrained(repos["texts"], revision="v1")
    found["runtime answers"] = SkimRuntime.from_pretrained(repos["answers"]).answer(**asked, top_k=3)
    found["runtime v1"] = [clf.read_ids(clf.encode(text)).logits.tolist() for text in texts]
found["package"] = any(name.split(".")[0] == "skim_hf" for name in __import__("sys").modules)
report(json.loads(json.dumps(found, default=float)))
"""


def train(folder, head, seed):
    """Trains a little, and saves with tokenizer and results."""
    import datasets
    import torch
    from transformers import DataCollatorForTokenClassification

    import skim_hf
    from skim_hf.training import TextCollator, build_tokenizer

    tokenizer = build_tokenizer(TEXTS, min_frequency=1, progress=False)
    torch.manual_seed(seed)
    config = skim_hf.SkimRNNConfig(
        vocab_size=len(tokenizer), embedding_size=5, hidden_size=7, skim_sizes=[3], bidirectional=True
    )
    ids = tokenizer(TEXTS)["input_ids"]
    by_token = head == "SkimRNNForTokenClassification"
    labels = [[n % 2 for n in text] for text in ids] if by_token else LABELS
    trainer = skim_hf.SkimTrainer(
        getattr(skim_hf, head)(config),
        skim_hf.SkimTrainingArguments(
            str(folder), max_steps=3, learning_rate=0.05, use_cpu=True, disable_tqdm=True, save_strategy="no"
        ),
        train_dataset=datasets.Dataset.from_dict({"input_ids": ids, "labels": labels}),
        processing_class=tokenizer,
        data_collator=(DataCollatorForTokenClassification if by_token else TextCollator)(tokenizer),
    )
    trainer.train()
    trainer.save_model()
    return trainer.model.eval()


@pytest.fixture(scope="module")
def pushed(shared_hub, tmp_path_factory):
    """Repositories, the commit of an older model in one of them, and what every model says of `TEXTS`."""
    import torch

    from skim_hf import SkimRuntime
    from skim_hf.training import build_tokenizer

    root = tmp_path_factory.mktemp("models")
    old = train(root / "old", "SkimRNNForSequenceClassification", seed=0)
    texts = train(root / "texts", "SkimRNNForSequenceClassification", seed=1)
    tokens = train(root / "tokens", "SkimRNNForTokenClassification", seed=2)
    tokens.skim_rnn.save_pretrained(root / "bare")
    tokenizer = build_tokenizer(TEXTS, min_frequency=1, progress=False)
    tokenizer.save_pretrained(root / "bare")
    reader = {"reader": "attention", "char_vocab_size": 300, "char_filters": 4}
    make_folder(root / "answers", "SkimRNNForQuestionAnswering", **reader)
    repos = {name: shared_hub.repo_id(f"tiny-{name}.1") for name in ("texts", "tokens", "bare", "answers")}

    def push(name, repo, **options):
        options = {"endpoint": shared_hub.endpoint, "token": shared_hub.token, **options}
        return push_folder(root / name, repos[repo], **options)

    first = push("old", "texts").oid
    shared_hub.api.create_tag(repos["texts"], tag="v1")
    for name in repos:
        push(name, name)
    push("old", "texts", revision="next/one")
    encoded = tokenizer(TEXTS, padding=True, return_tensors="pt")
    models = {"old": old, "texts": texts, "tokens": tokens}
    models |= {"encoder": texts.skim_rnn, "bare": tokens.skim_rnn}
    with torch.no_grad():
        values = {name: model(**encoded)[0].numpy() for name, model in models.items()}
    values["answers"] = SkimRuntime.from_pretrained(root / "answers").answer(**ASKED, top_k=3)
    return repos, first, encoded, values


@pytest.fixture(scope="module", params=[True, False], ids=["package", "remote code"])
def found(request, shared_hub, pushed, run_shared, tmp_path_factory):
    """What a fresh process found, online and again offline, and how many requests the second time took."""
    repos, first, _, _ = pushed
    options = {} if request.param else {"trust_remote_code": True}
    home = tmp_path_factory.mktemp("home")
    settings = {"package": request.param, "home": home}
    online = run_shared(PULL, repos, TEXTS, ASKED, first, options, **settings)
    counts = isinstance(shared_hub, LoopbackHub)
    before = shared_hub.count() if counts else 0
    offline = run_shared(PULL, repos, TEXTS, ASKED, first, options, offline=True, **settings)
    return request.param, online, offline, shared_hub.count() - before if counts else 0


def close(got, expected):
    # Not bit for bit: the sums of a matrix product depend on where its operands lie in memory.
    np.testing.assert_allclose(np.array(got), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["texts", "tokens", "encoder", "bare"])
def test_every_class_gives_the_numbers_of_the_model_that_was_trained(found, pushed, name):
    _, online, _, _ = found
    _, _, encoded, values = pushed
    assert online["ids"] == encoded["input_ids"].tolist()
    close(online[name], values[name])


@pytest.mark.parametrize("name", ["commit", "tag", "branch"])
def test_a_revision_is_pinned(found, pushed, name):
    _, online, _, _ = found
    _, _, _, values = pushed
    close(online[name], values["old"])
    assert np.abs(values["old"] - values["texts"]).max() > 1e-3
    assert online["config"][:2] == ["SkimRNNConfig", 7]
    assert len(online["config"][2]) == len(AUTO_MAP)


def test_a_question_is_answered(found, pushed):
    has_package, online, _, _ = found
    _, _, _, values = pushed
    expected = [{**each, "score": pytest.approx(each["score"], abs=1e-6)} for each in values["answers"]]
    assert online["answers"] == expected
    assert online.get("runtime answers", values["answers"]) == expected
    assert ("runtime answers" in online) == has_package


def test_the_code_is_the_package_s_or_that_of_the_pinned_commit(shared_hub, found, pushed):
    has_package, online, _, _ = found
    repos, first, _, values = pushed
    close(online["code"], values["texts"])
    modules = online["modules"]
    assert online["package"] == has_package
    if has_package:
        ours = "skim_hf.modeling.question_skim_rnn", "skim_hf.modeling.modeling_skim_rnn"
        assert set(modules.values()) == set(ours)
        return
    assert all(module.startswith("transformers_modules.") for module in modules.values())
    newest = shared_hub.head(repos["texts"])
    commits = {"texts": newest, "encoder": newest, "commit": first, "tag": first, "code": first}
    commits["answers"] = shared_hub.head(repos["answers"])
    commits["branch"] = shared_hub.head(repos["texts"], "next/one")
    assert {name: modules[name].split(".")[-2] for name in commits} == commits


def test_pipelines_find_tokenizer_and_labels(found, pushed):
    _, online, _, _ = found
    _, _, encoded, values = pushed
    odds = np.exp(values["texts"]) / np.exp(values["texts"]).sum(-1, keepdims=True)
    close([result["score"] for result in online["text-classification"]], odds.max(-1))
    assert [result["label"] for result in online["text-classification"]] == [
        f"LABEL_{number}" for number in values["texts"].argmax(-1)
    ]
    entities = online["token-classification"]
    assert [len(text) for text in entities] == encoded["attention_mask"].sum(1).tolist()
    assert online["skims"] == ["A", "good", "film", "."]


def test_the_runtime_agrees(found, pushed):
    has_package, online, _, _ = found
    assert has_package == ("runtime texts" in online)
    if not has_package:
        return
    _, _, encoded, values = pushed
    close(online["runtime texts"], values["texts"])
    close(online["runtime v1"], values["old"])
    for got, expected, length in zip(
        online["runtime tokens"], values["tokens"], encoded["attention_mask"].sum(1), strict=True
    ):
        close(got, expected[:length])


def test_offline_everything_is_the_same_without_a_request(found):
    _, online, offline, requests = found
    assert offline == online
    assert requests == 0
