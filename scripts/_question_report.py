"""Markdown of trained question readers, for docs/questions.md."""

from __future__ import annotations

from typing import Any

from _question_contestants import TORCH

Figures = dict[str, Any]

_OURS = "native_float32"
_CONTESTANTS = {
    _OURS: "C, float32",
    "native_int8": "C, int8",
    "numpy_float32": "NumPy",
    TORCH: "torch, step by step",
    "torch_scan": "torch, fused scan",
    "torch_lstm": "torch.nn.LSTM",
}


def render_runs(runs: dict[str, Figures], latency: Figures | None) -> list[str]:
    """The table of trained readers, what its columns mean, and the command of each.

    Args:
        runs: What `render_questions.take` made of each folder, by its name.
        latency: What bench_question.py measured; None where it did not.
    """
    heads = (
        ("run", "---"),
        ("questions: train / select / report", "---:"),
        ("steps", "---:"),
        ("seed", "---:"),
        ("EM", "---:"),
        ("F1", "---:"),
        ("words skimmed, layer by layer", "---"),
        ("true cost", "---:"),
        ("an answer", "---:"),
    )
    rows = [_run(name, run, latency) for name, run in runs.items()]
    machines = ", ".join(sorted({run["machine"]["processor"] for run in runs.values()}))
    notes = (
        "Exact match and F1 are those of the reporting part. Steps are those after which the selecting part "
        "had the best F1, where that model was kept, of all that were made. True cost is what the layers "
        "that read the context multiply, next to the same model when it reads everything. An answer is the "
        "median from strings, on one core, by the C kernels in float32. One run each, trained on "
        f"{machines}:"
    )
    commands = "\n".join(f"- {name}, seed {run['seed']}: `{run['command']}`" for name, run in runs.items())
    return [_table(heads, rows), notes, commands]


def render_latency(latency: Figures) -> list[str]:
    """The table of answer latencies next to torch, and how it was made."""
    models = latency["models"]
    shown = [name for name in _CONTESTANTS if any(name in model["answer"] for model in models.values())]
    heads = (
        ("from strings to the answer", "---"),
        ("tokens", "---:"),
        ("skimmed", "---:"),
        *((_CONTESTANTS[name], "---:") for name in shown),
        ("C is faster than torch by", "---:"),
    )
    rows = [
        (
            name,
            f"{model['tokens_per_context']:.0f}",
            f"{model['skim_rate_micro']:.0%}",
            *(_milliseconds(model["answer"].get(each)) for each in shown),
            _gain(model["answer"].get(_OURS)),
        )
        for name, model in models.items()
    ]
    words = next(iter(models.values()))["words_per_context"]
    note = (
        f"Milliseconds, medians of {latency['rounds']} interleaved turns on contexts of about {words:.0f} "
        f"words, {latency['weights']} weights, {latency['machine']['processor']}, one core, one thread. "
        "torch has the runtime's own splitting and search. The last column has torch step by step first, and "
        f"then the fastest of the columns of torch. Command: `{latency['command']}`."
    )
    return [_table(heads, rows), note]


def render_training(training: Figures) -> list[str]:
    """The table of training steps next to `torch.nn.LSTM`, and how it was made."""
    heads = (
        ("a training step", "---"),
        ("torch.nn.LSTM", "---:"),
        ("plain", "---:"),
        ("skimming", "---:"),
        ("examples per second: torch.nn.LSTM / plain / skimming", "---:"),
    )
    rows = [_step(reader, measured["models"]) for reader, measured in training["readers"].items()]
    batch, context, question = (training[name] for name in ("batch", "context", "question"))
    note = (
        f"Forward, backward and update on {batch} rows of {context} tokens of context and {question} of "
        f"question, d = {training['width']}, "
        f"d' = {training['skim_size']}; medians of {training['rounds']} interleaved rounds and, in brackets, "
        f"median ratios to the same model with layers of `torch.nn.LSTM`; {training['threads']} threads, "
        f"{training['machine']['processor']}. Command: `{training['command']}`."
    )
    return [_table(heads, rows), note]


def render_summary(results: Figures) -> str:
    """The README's paragraph and example: the runs `plain` and `skim` next to each other.

    Args:
        results: With both runs and their latency.
    """
    plain, skim = (results["runs"][name] for name in ("plain", "skim"))
    times = results["latency"]["models"]["skim"]["answer"][_OURS]
    ratios, example = times["times_faster_than"], skim["example"]
    shown = {name: example[name] for name in ("answer", "score", "start", "end")}
    shown["score"] = round(shown["score"], 3)
    questions = skim["questions"]
    return (
        f"On SQuAD articles that it has not seen, a reader that skims {skim['test']['skim_rate_micro']:.0%} "
        f"of the words has F1 {skim['test']['f1']:.1f} (reading all of them: {plain['test']['f1']:.1f}) and "
        f"needs {skim['test']['macs_ratio']:.1f} times less arithmetic to read. From strings to the answer "
        f"it takes {_milliseconds(times)} ms on one core, {ratios[TORCH]:.0f} times faster than the same "
        f"model step by step in torch, and {min(ratios.values()):.1f} times faster than its fastest form "
        f"there. It learnt from {questions['train']:,} questions, a seventh of what published scores come "
        f"from, and was asked {questions['test']:,}.\n\n"
        "```python\n"
        'reader = SkimRuntime.from_pretrained("outputs/skim")\n'
        f'context = "{example["context"]}"\n'
        f'reader.answer("{example["question"]}", context)\n'
        f"# {shown}\n"
        "```"
    )


def _step(reader: str, models: Figures) -> tuple[str, ...]:
    times = [f"{each['median_ms']:,.0f} ms ({each['ratio']:.2f}x)" for each in models.values()]
    speeds = " / ".join(f"{each['examples_per_second']:.0f}" for each in models.values())
    return (reader, *times, speeds)


def _run(name: str, run: Figures, latency: Figures | None) -> tuple[str, ...]:
    test, kept = run["test"], run["kept_step"]
    steps = f"{kept:,}" if kept == run["steps"] else f"{kept:,} of {run['steps']:,}"
    timed = (latency or {"models": {}})["models"].get(name, {"answer": {}})["answer"].get(_OURS)
    is_plain = run["policy"] == "full"
    return (
        name,
        " / ".join(f"{run['questions'][part]:,}" for part in ("train", "validation", "test")),
        steps,
        str(run["seed"]),
        f"{test['exact_match']:.1f}",
        f"{test['f1']:.1f}",
        "none"
        if is_plain
        else ", ".join(f"{key} {rate:.0%}" for key, rate in run["layer_skim_rates"].items()),
        f"{1 / test['macs_ratio']:.0%}" if "macs_ratio" in test else "0%",
        "-" if timed is None else f"{_milliseconds(timed)} ms",
    )


def _milliseconds(times: Figures | None) -> str:
    return "-" if times is None else f"{times['median_us'] / 1000:.3g}"


def _gain(times: Figures | None) -> str:
    ratios = {} if times is None else times["times_faster_than"]
    if TORCH not in ratios:
        return "-"
    return f"{ratios[TORCH]:.1f}x, {min(ratios.values()):.1f}x"


def _table(heads: tuple[tuple[str, str], ...], rows: list[tuple[str, ...]]) -> str:
    lines = [tuple(head for head, _ in heads), tuple(rule for _, rule in heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
