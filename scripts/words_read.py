r"""Shows where a model reads: by place in the text, by how common words are, by what they say of the label.

    python scripts/words_read.py model_cards/skim-lstm-imdb \
        --train outputs/skim-lstm-imdb/data/train.parquet \
        --file outputs/skim-lstm-imdb/data/validation.parquet

Numbers and figure go to docs/results/figures, from where `render_results.py` takes them into docs/results.md.
How common a word is, and how strongly it speaks for a label, is counted in the training texts alone.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _figures_report import FOLDER, words_name
from _lexicon import FEWEST_TEXTS, learn_lexicon
from _readers_runs import read_split
from _words import most_and_least, show_reading, tally_reading
from _words_plot import KINDS, plot_words
from model_figures import RESULTS

from skim_hf.results import RESULTS_NAME, ModelResults, describe_machine, write_json
from skim_hf.runtime import SkimRuntime

# Longer examples would fill the page.
EXAMPLE_WORDS = 40


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads texts, and writes a JSON file and its figure.

    Args:
        arguments: The command line; that of the process if None.
    """
    options = parse(arguments)
    runtime = SkimRuntime.from_pretrained(options.folder)
    if runtime.config.policy == "full":
        raise SystemExit(f"{options.folder} reads every word; give the folder of a model that skims.")
    results = measure(runtime, options)
    path = options.output / words_name(options.folder.name)
    write_json(path, results)
    print(f"Written to {path}")
    try:
        plot_words(results, path.with_suffix(".png"))
    except ImportError:
        print("(No figure: it needs matplotlib, which the extra `plots` installs.)")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add("folder", type=Path, help="model that skims")
    add("--train", type=Path, required=True, help="its training texts, Parquet with text and label")
    add("--file", type=Path, required=True, help="texts that are read, Parquet with text and label")
    add("--split", default="validation", help="the part of the data that they are")
    add("--texts", type=int, default=2000, help="how many are read, chosen by chance")
    add("--seed", type=int, default=1, help="of that choice")
    add("--fewest", type=int, default=20, help="occurrences that make a word frequent")
    add("--words", type=int, default=15, help="of the words read most and least often")
    add("--examples", type=int, default=3, help="texts that are shown")
    add("--output", type=Path, default=RESULTS / FOLDER, help="folder of numbers and figure")
    options = parser.parse_args(arguments)
    if min(options.texts, options.fewest, options.words) < 1 or options.examples < 0:
        parser.error("counts must be at least 1")
    return options


def measure(runtime: SkimRuntime, options: argparse.Namespace) -> dict[str, Any]:
    """What was read, as the figure and the document show it."""
    trained, labels = read_split(options.train)
    lexicon = learn_lexicon(runtime.encoder, trained, labels)
    texts, truth = read_split(options.file)
    rows = np.random.default_rng(options.seed).permutation(len(texts))[: options.texts].tolist()
    tallies = tally_reading(runtime, [texts[row] for row in rows], lexicon)
    short = [row for row in rows if len(texts[row].split()) <= EXAMPLE_WORDS][: options.examples]
    return {
        "what": "words by groups: `probability` is the mean probability of reading one in full, `read` the "
        "share that was; log-odds of words in training texts, of those in at least so many texts",
        "model": options.folder.name,
        "command": told_command(options),
        "machine": describe_machine(),
        "data": {"name": options.file.name, "split": options.split, "texts": len(rows), "of": len(texts)},
        "training_texts": len(trained),
        "seed": options.seed,
        "model_seed": model_seed(options.folder),
        "threshold": runtime.threshold,
        "fewest": options.fewest,
        "fewest_texts": FEWEST_TEXTS,
        **{kind: {name: tally.means() for name, tally in tallies[kind].items()} for kind in KINDS},
        "frequent": most_and_least(tallies["word"], lexicon, fewest=options.fewest, count=options.words),
        "examples": [
            {
                "label": truth[row],
                "predicted": runtime.predict(texts[row]),
                "read": show_reading(runtime, texts[row]),
            }
            for row in short
        ],
    }


def model_seed(folder: Path) -> int | None:
    """The seed that a model was trained with, where its result file tells it."""
    training = ModelResults.load(folder).training if (folder / RESULTS_NAME).exists() else None
    seed: int | None = (training or {}).get("seed")
    return seed


def told_command(options: argparse.Namespace) -> str:
    """The command without where things lie on this machine."""
    words = ["python", "scripts/words_read.py", options.folder.name, "--train", options.train.name]
    words += ["--file", options.file.name, "--split", options.split]
    return shlex.join([*words, "--texts", str(options.texts), "--seed", str(options.seed)])


if __name__ == "__main__":
    main()
