"""Sentences of a card, made from results and configuration."""

from __future__ import annotations

from skim_hf.hub.card_formats import code, megabytes, plain, score_title, score_value
from skim_hf.hub.card_policies import describe_share, either, is_adaptive, things, words
from skim_hf.results.files import ModelResults
from skim_hf.results.schema import Block
from skim_hf.results.scores import MULTI, REGRESSION
from skim_hf.results.targets import kind_of
from skim_hf.runtime.config import RuntimeConfig

_SHOWN_LABELS = 4
# What has a part in our figures; a machine may have the packages of a benchmark's peers as well.
_NAMED = ("Python", "skim-hf", "numpy", "tokenizers", "torch", "transformers")


def summary(results: ModelResults, config: RuntimeConfig) -> str:
    """What the model does, in a sentence with the numbers that matter most.

    Args:
        results: Of the model.
        config: Of the model.
    """
    does, evaluation = _what_it_does(config), results.evaluation
    if evaluation is None:
        size = megabytes(sum(results.model["bytes"].values()))
        return f"{does}, with {results.model['parameters']:,} parameters in {size}."
    adaptive = is_adaptive(config)
    reads, saves = "", ""
    if adaptive and "skim_rate_micro" in evaluation:
        reads = f", {describe_share(1 - evaluation['skim_rate_micro'], config)}"
    if adaptive and "macs_ratio" in evaluation:
        less = f"{evaluation['macs_ratio']:.1f} times less arithmetic"
        saves = f", with {less} than reading every {words(config)[:-1]}"
    name, value = next(iter(evaluation["metrics"].items()))
    return (
        f"{does}{reads}: {plain(score_title(name))} {score_value(name, value)} on {evaluation['texts']:,} "
        f"{plain(evaluation['split'])} {things(config)}{saves}."
    )


def describe_training(training: Block, config: RuntimeConfig) -> str:
    """On what and how long the model was trained, in a sentence or two.

    Args:
        training: The block of a result file.
        config: Of the model.
    """
    data, splits = training["data"], training["splits"]
    source = f" ({plain(data['source'])})" if "source" in data else ""
    parts = ", ".join(f"{texts:,} {plain(split)} {things(config)}" for split, texts in splits.items())
    machine = plain(training["machine"]["processor"])
    time = f", {training['seconds']:,.0f} seconds on {machine}" if "seconds" in training else ""
    return f"On {plain(data['name'])}{source}: {parts}. Seed {training['seed']}{time}."


def highlighted(results: ModelResults) -> str | None:
    """The text of the example in Markdown, the words that were read in full in bold; None without one.

    By tags, because asterisks mark nothing where a bold comma touches a word.

    Args:
        results: Of the model.
    """
    example = results.answer or results.example
    if example is None:
        return None
    text, position, pieces = example["context" if results.answer else "text"], 0, []
    for word in example["read"]:
        start = max(word["start"], position)
        if start < word["end"]:
            pieces += [_part(text[position:start]), f"<b>{_part(text[start : word['end']])}</b>"]
            position = word["end"]
    return "".join([*pieces, _part(text[position:])]).strip()


def own_labels(config: RuntimeConfig) -> str:
    """Labels of two texts as the training takes them, in Python; empty of a model that has none."""
    if config.reader is not None:
        return ""
    kind, count = kind_of(config), len(config.labels)
    if kind == REGRESSION:
        return repr([0.5, 1.5] if count == 1 else [[0.5] * count, [1.5] * count])
    first_and_last = (0, count - 1)
    if kind == MULTI:
        return repr([[float(number == chosen) for number in range(count)] for chosen in first_and_last])
    return repr(list(first_and_last))


def data_name(results: ModelResults) -> str | None:
    """What the model was trained on, or else evaluated on."""
    block = results.training or results.evaluation
    return block["data"]["name"] if block else None


def origins(results: ModelResults) -> list[str]:
    """With which command, on what machine and with which versions the figures were made."""
    blocks = {
        "training": results.training,
        "scores": results.evaluation,
        "the dial": (results.evaluation or {}).get("curve"),
        "times": results.latency,
    }
    made: dict[str, list[str]] = {}
    for what, block in blocks.items():
        if block:
            made.setdefault(_origin(block), []).append(what)
    return [f"{', '.join(what).capitalize()}: {origin}." for origin, what in made.items()]


def _origin(block: Block) -> str:
    machine = block["machine"]
    found = {"Python": machine["python"], **machine["versions"]}
    versions = ", ".join(f"{name} {plain(found[name])}" for name in _NAMED if name in found)
    computer = f"{plain(machine['processor'])} ({machine['cores']} cores)"
    return f"{code(block['command'])} on {computer} with {versions}"


def _part(text: str) -> str:
    """A piece of a text for Markdown, with the blanks at its ends."""
    inner = plain(text)
    if not inner:
        return " " if text else ""
    return f"{' ' * text[0].isspace()}{inner}{' ' * text[-1].isspace()}"


def _what_it_does(config: RuntimeConfig) -> str:
    if config.reader is not None:
        return "Finds the answer to a question in a text"
    kind = kind_of(config)
    texts = "sequences of features" if config.reads_features else "texts"
    if kind == REGRESSION:
        return f"Gives {texts} a number"
    whose = f"the {words(config)} of {texts}" if config.labels_tokens else texts
    if len(config.labels) > _SHOWN_LABELS:
        return f"Labels {whose} with {'any' if kind == MULTI else 'one'} of {len(config.labels)} labels"
    names = either([f'"{plain(name)}"' for name in config.labels])
    return f"Labels {whose} {'with any of' if kind == MULTI else 'as'} {names}"
