"""What a card calls the ways of reading, and how it explains them."""

from __future__ import annotations

from collections.abc import Sequence

from skim_hf.runtime.config import RuntimeConfig

_CELLS = {"lstm": "LSTM", "gru": "GRU", "tanh": "RNN"}
_NAMES = {
    "full": "",
    "skim": "Skim-",
    "skip": "Skip-",
    "selective": "Selective-",
    "random": "Random-Skip-",
    "periodic": "Periodic-Skip-",
}
_READERS = {"attention": "Attention", "bidaf": "BiDAF"}


def is_adaptive(config: RuntimeConfig) -> bool:
    """Whether there are words that the model may not read in full."""
    return config.policy != "full" or config.jumps


def kind_of_cell(config: RuntimeConfig) -> str:
    """What models of this kind are called, such as Skim-LSTM or LSTM-Jump."""
    if not config.num_hidden_layers:
        return "Pooled-Features" if config.reads_features else "Pooled-Embeddings"
    cell = _CELLS[config.cell_type]
    if config.reader is not None:
        cell = "BiDAF" if config.reader == "bidaf" and cell == "LSTM" else f"{cell}+{_READERS[config.reader]}"
    return f"{_NAMES[config.policy]}{cell}{'-Jump' if config.jumps else ''}"


def words(config: RuntimeConfig) -> str:
    """What the model reads one by one."""
    return "steps" if config.reads_features else "words"


def things(config: RuntimeConfig) -> str:
    """What the model is measured on, one by one."""
    return "texts" if config.reader is None else "questions"


def not_read(config: RuntimeConfig) -> str:
    """What a skim rate counts, such as `words skimmed`."""
    if config.policy == "selective":
        return "units not updated"
    if config.policy == "full":
        return f"{words(config)} passed over"
    verb = "skimmed" if config.policy == "skim" else "skipped"
    return f"{words(config)} {verb}{' or passed over' * config.jumps}"


def marked(config: RuntimeConfig) -> str:
    """What the words in bold of an example have in common."""
    return "at which units were updated" if config.policy == "selective" else "what was read in full"


def describe_share(share: float, config: RuntimeConfig) -> str:
    """How much was read, within a sentence.

    Args:
        share: As a percentage, of what `not_read` counts the rest of.
        config: Of the model.
    """
    if config.policy == "selective":
        return f"updating {share:.1%} of its units on average"
    return f"reading {share:.1%} of the {words(config)} in full"


def describe_reading(config: RuntimeConfig) -> str:
    """How the model reads, in a few sentences that name whose method it is."""
    if not config.num_hidden_layers:
        inputs = "features" if config.reads_features else "word vectors"
        pooled = "mean" if config.pooling == "mean" else "maximum"
        return f"The {pooled} of the {inputs} and a classifier, without recurrence: their order has no part."
    return f"{_describe_policy(config)}{_describe_jumps(config)}{_describe_question(config)}"


def describe_dial(config: RuntimeConfig) -> str:
    """What `threshold=0.3` does to the model, as the end of a sentence that begins with the call."""
    if config.policy == "skip":
        word = words(config)[:-1]
        return f"reads a {word} only where the signal that has added up is above 0.7, which is 1 - 0.3"
    if config.policy == "selective":
        return "updates only the units whose likelihood is above 0.7, which is 1 - 0.3"
    return f"skims every {words(config)[:-1]} that the model would skim with a\nprobability above 0.3"


def _describe_policy(config: RuntimeConfig) -> str:
    size, shape, word = config.hidden_size, _shape(config), words(config)[:-1]
    # The jumps have a sentence of their own.
    kind = kind_of_cell(config).removesuffix("-Jump")
    if config.policy == "full":
        return (
            f"A plain {kind} of {size} units{shape}, which reads every {word}{' it visits' * config.jumps}."
        )
    if config.policy == "skim":
        small = [f"only the first {units}" if units else "none" for units in config.skim_sizes]
        return (
            f"A {kind}{shape} after Seo et al., *Neural Speed Reading via Skim-RNN* (ICLR 2018): at every "
            f"{word} a softmax over the {word} and the state decides whether all {size} units of the state "
            f"are updated, or {either(small)}. What is not chosen is not computed."
        )
    if config.policy == "skip":
        gate = " of the top layer, for all layers" if config.num_hidden_layers > 1 else ""
        return (
            f"A {kind} of {size} units{shape} after Campos et al., Skip RNN (ICLR 2018): after every {word} "
            f"that it reads, a gate on the state{gate} says how soon it reads again. The {word}s until then "
            "leave the state as it is; they are not even looked up."
        )
    if config.policy == "selective":
        return (
            f"A {kind}{shape} after Hartvigsen et al., SA-RNN (CIKM 2020): at every {word} each of the "
            f"{size} units of the state decides by the {word} and its own value whether it is updated. Units "
            "that are not are not computed."
        )
    how = "by a fixed random choice" if config.policy == "random" else "in regular turn"
    return (
        f"A {kind} of {size} units{shape}, a control: it skips {config.skip_rate:.0%} of the {word}s "
        f"{how}, whatever they are."
    )


def _describe_jumps(config: RuntimeConfig) -> str:
    if not config.jumps:
        return ""
    what = words(config)
    return (
        f" As LSTM-Jump does (Yu et al., ACL 2017), after every {config.jump_every} {what} that it visits it "
        f"decides whether it stops, or jumps up to {config.jump_size} {what} ahead, at most "
        f"{config.jump_limit} times. {what.capitalize()} that are passed over are not even looked up."
    )


def _describe_question(config: RuntimeConfig) -> str:
    if config.reader is None:
        return ""
    if config.policy == "full":
        return " So it reads the question and, with attention to it, the context."
    return (
        f" All {config.num_readers} recurrent readers of the context decide so, each for itself; the "
        "question is always read in full."
    )


def _shape(config: RuntimeConfig) -> str:
    form = [f"{config.num_hidden_layers} layers"] if config.num_hidden_layers > 1 else []
    form += ["both directions"] if config.bidirectional else []
    return f" ({', '.join(form)})" if form else ""


def either(words: Sequence[str]) -> str:
    """Some words as alternatives: `a, b or c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
