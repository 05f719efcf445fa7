"""Writes src/skim_hf/native/text_tables.h, the data of the splitting rule for C.

Run it as `python scripts/_text_tables.py`. A test compares the header with what this file writes, so run it
after every change of the rule.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from skim_hf.runtime.splitting import SPACE, SYMBOL, WORD, char_class, lower

HEADER = Path(__file__).resolve().parents[1] / "src" / "skim_hf" / "native" / "text_tables.h"

_NAMES = {SPACE: "TEXT_SPACE", SYMBOL: "TEXT_SYMBOL", WORD: "TEXT_WORD"}
_TEMPLATE = """\
/* Classes and lower case of all code points. Written by scripts/_text_tables.py; do not edit. */
#ifndef SKIM_HF_TEXT_TABLES_H
#define SKIM_HF_TEXT_TABLES_H

#include <stdint.h>

enum {{ TEXT_SPACE, TEXT_SYMBOL, TEXT_WORD }};

/* The first 128 code points: TEXT_SPACE, TEXT_SYMBOL or, of a WORD, its lower case. */
static const unsigned char text_ascii[128] = {{
{ascii}
}};

/* The others: each row holds from `first` until the next row. Of the code points in it, every `every`-th one
   from `first` on lies `distance` below its lower case, and the others are lower case. All are of one class,
   after lower-casing. U+0130 becomes two code points, of which this is the first. */
typedef struct {{
    uint32_t first;
    int32_t distance;
    uint8_t kind, every;
}} text_row;

static const text_row text_rows[{count}] = {{
{rows}
}};

#endif
"""


def header() -> str:
    """The text of the header."""
    values = [_ascii(chr(code)) for code in range(128)]
    ascii_lines = [
        "    " + " ".join(f"{value}," for value in values[at : at + 16]) for at in range(0, 128, 16)
    ]
    rows = [
        f"{{0x{first:X}, {distance}, {_NAMES[kind]}, {every}}}," for first, distance, kind, every in _rows()
    ]
    row_lines = ["    " + " ".join(rows[at : at + 3]) for at in range(0, len(rows), 3)]
    return _TEMPLATE.format(ascii="\n".join(ascii_lines), rows="\n".join(row_lines), count=len(rows))


def _ascii(char: str) -> int:
    low = lower(char)
    return {SPACE: 0, SYMBOL: 1, WORD: ord(low)}[char_class(low)]


def _rows() -> Iterator[tuple[int, int, str, int]]:
    """(first, distance, class, every) of all rows, ascending from U+0080 on."""
    codes = [_below_and_class(chr(code)) for code in range(sys.maxunicode + 1)]
    at = 0x80
    while at < len(codes):
        distance, kind = codes[at]
        pattern = [codes[at], codes[at]]
        # Capitals often alternate with their small letters.
        if codes[at : at + 2] == [(1, WORD), (0, WORD)]:
            pattern = codes[at : at + 2]
        end = at + 1
        while end < len(codes) and codes[end] == pattern[(end - at) % 2]:
            end += 1
        yield at, distance, kind, 1 if pattern[0] == pattern[1] else 2
        at = end


def _below_and_class(char: str) -> tuple[int, str]:
    """How far a character lies below its lower case, and its class."""
    if "\ud800" <= char <= "\udfff":
        return 0, WORD  # C replaces surrogates before it looks here
    low = lower(char)[0]
    return ord(low) - ord(char), char_class(low)


if __name__ == "__main__":
    HEADER.write_text(header(), encoding="utf-8")
