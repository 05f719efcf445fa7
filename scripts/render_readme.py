"""Writes the quickstart's table into README.md from the committed result file.

python scripts/render_readme.py                                # after a new result file
python scripts/render_readme.py --take outputs/quickstart.json # takes over a new result first
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from _report import render_headline, render_table

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "model_cards" / "skim-lstm-imdb" / "quickstart.json"
README = ROOT / "README.md"


def main() -> None:
    """Renders the README in place."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--take", type=Path, help="result file to copy into model_cards/ first")
    options = parser.parse_args()
    if options.take is not None:
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(options.take, RESULTS)
    README.write_text(render(README.read_text(encoding="utf-8")), encoding="utf-8")


def render(text: str) -> str:
    """The README with its marked parts taken from the result file."""
    for name, part in (("headline", render_headline(RESULTS)), ("quickstart", render_table(RESULTS))):
        text = replace_between(text, f"<!-- {name}:start -->", f"<!-- {name}:end -->", part)
    return text


def replace_between(text: str, start: str, end: str, content: str) -> str:
    """Replaces what stands between two marks, which stay."""
    before, found_start, rest = text.partition(start)
    _, found_end, after = rest.partition(end)
    if not (found_start and found_end):
        raise ValueError(f"README.md must hold the marks {start} and {end}, in this order.")
    return f"{before}{start}\n{content}\n{end}{after}"


if __name__ == "__main__":
    main()
