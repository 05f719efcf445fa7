"""Sentences of a card, made from results and configuration."""

from __future__ import annotations

from collections.abc import Sequence

from skim_hf.hub.card_formats import code, megabytes, percent, plain, score_title, score_value
from skim_hf.results.files import ModelResults
from skim_hf.results.schema import Block
from skim_hf.results.scores import MULTI, REGRESSION
from skim_hf.results.targets import kind_of
from skim_hf.runtime.config import RuntimeConfig

_CELLS = {"lstm": "LSTM", "gru": "GRU", "tanh": "RNN"}
_SHOWN_LABELS = 4
# What has a part in our figures; a machine may have the packages of a benchmark's peers as well.
_NAMED = ("Python", "skim-hf", "numpy", "tokenizers", "torch", "transformers")


def kind_of_cell(config: RuntimeConfig) -> str:
    """What models of this kind are called, such as Skim-LSTM."""
    return f"{'Skim-' if config.policy == 'skim' else ''}{_CELLS[config.cell_type]}"


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
    skims = config.policy == "skim"
    reads, saves = "", ""
    if skims and "skim_rate_micro" in evaluation:
        reads = f", reading {percent(1 - evaluation['skim_rate_micro'])} of the words in full"
    if skims and "macs_ratio" in evaluation:
        saves = f", with {evaluation['macs_ratio']:.1f} times less arithmetic than reading every word"
    name, value = next(iter(evaluation["metrics"].items()))
    return (
        f"{does}{reads}: {plain(score_title(name))} {score_value(name, value)} on {evaluation['texts']:,} "
        f"{plain(evaluation['split'])} texts{saves}."
    )


def describe_reading(config: RuntimeConfig) -> str:
    """How the model reads, in a sentence or two."""
    size, kind = config.hidden_size, kind_of_cell(config)
    form = [f"{config.num_hidden_layers} layers"] if config.num_hidden_layers > 1 else []
    form += ["both directions"] if config.bidirectional else []
    shape = f" ({', '.join(form)})" if form else ""
    if config.policy == "full":
        return f"A plain {kind} of {size} units{shape}, which reads every word."
    small = [f"only the first {units}" if units else "none" for units in config.skim_sizes]
    return (
        f"A {kind}{shape} after Seo et al., *Neural Speed Reading via Skim-RNN* (ICLR 2018): at every word a "
        f"softmax over the word and the state decides whether all {size} units of the state are updated, or "
        f"{_either(small)}. What is not chosen is not computed."
    )


def describe_training(training: Block) -> str:
    """On what and how long the model was trained, in a sentence or two.

    Args:
        training: The block of a result file.
    """
    data, splits = training["data"], training["splits"]
    source = f" ({plain(data['source'])})" if "source" in data else ""
    parts = ", ".join(f"{texts:,} {plain(split)} texts" for split, texts in splits.items())
    machine = plain(training["machine"]["processor"])
    time = f", {training['seconds']:,.0f} seconds on {machine}" if "seconds" in training else ""
    return f"On {plain(data['name'])}{source}: {parts}. Seed {training['seed']}{time}."


def highlighted(example: Block) -> str:
    """A text in Markdown, the words that were read in full in bold.

    By tags, because asterisks mark nothing where a bold comma touches a word.

    Args:
        example: The block of a result file.
    """
    text, position, pieces = example["text"], 0, []
    for word in example["read"]:
        start = max(word["start"], position)
        if start < word["end"]:
            pieces += [_part(text[position:start]), f"<b>{_part(text[start : word['end']])}</b>"]
            position = word["end"]
    return "".join([*pieces, _part(text[position:])]).strip()


def own_labels(config: RuntimeConfig) -> str:
    """Labels of two texts as the training takes them, in Python."""
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
    kind = kind_of(config)
    if kind == REGRESSION:
        return "Gives texts a number"
    whose = "the words of texts" if config.labels_tokens else "texts"
    if len(config.labels) > _SHOWN_LABELS:
        return f"Labels {whose} with {'any' if kind == MULTI else 'one'} of {len(config.labels)} labels"
    names = _either([f'"{plain(name)}"' for name in config.labels])
    return f"Labels {whose} {'with any of' if kind == MULTI else 'as'} {names}"


def _either(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
