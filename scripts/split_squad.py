"""Splits SQuAD's dev set by article, for training where the official training set is not at hand.

    python scripts/split_squad.py data/squad outputs/squad

The first folder holds validation.parquet (SQuAD's dev set as the Hub has it), dev_article_split.json (the
titles of each part) and train_partial.parquet (further questions to train on). Scores on such a split are not
comparable with published ones, which come from the whole of both official sets.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from datasets import Dataset, concatenate_datasets

PARTS = ("train", "validation", "test")
DEV, TITLES, MORE = "validation.parquet", "dev_article_split.json", "train_partial.parquet"


def main(arguments: list[str] | None = None) -> None:
    """Writes train, validation and test.parquet.

    Args:
        arguments: The command line; that of the process if None.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("data", type=Path, help="folder of the files")
    parser.add_argument("output", type=Path, help="folder that gets the parts")
    options = parser.parse_args(arguments)
    missing = [name for name in (DEV, TITLES, MORE) if not (options.data / name).is_file()]
    if missing:
        parser.error(f"{options.data} has no {', '.join(missing)}")
    options.output.mkdir(parents=True, exist_ok=True)
    for name, part in split(options.data).items():
        part.to_parquet(str(options.output / f"{name}.parquet"))
        print(f"{options.output / name}.parquet: {len(part):,} questions")


def split(folder: Path) -> dict[str, Dataset]:
    """The questions of each part; no article is in two of them.

    Raises:
        ValueError: An article in no part, or in several.
    """
    dev, more = (Dataset.from_parquet(str(folder / name)) for name in (DEV, MORE))
    titles = json.loads((folder / TITLES).read_text(encoding="utf-8"))["titles"]
    places = [title for part in PARTS for title in titles[part]]
    if sorted(places) != sorted(set(dev["title"])):
        raise ValueError(f"Expected every article of {DEV} in one part of {TITLES}.")
    parts = {name: dev.filter(set(titles[name]).__contains__, input_columns="title") for name in PARTS}
    parts["train"] = concatenate_datasets([more, parts["train"]])
    return parts


if __name__ == "__main__":
    main()
