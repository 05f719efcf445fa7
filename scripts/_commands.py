"""Commands that train a model, as one would type them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def training_command(fields: Mapping[str, Any], *flags: str) -> list[str]:
    """What one types to run run_classification.py.

    Args:
        fields: Options by name; a list gives an option with several values.
        *flags: Options without values, and whatever else comes last.
    """
    script = os.path.relpath(Path(__file__).with_name("run_classification.py"))
    words = [sys.executable, script]
    for name, value in fields.items():
        words += [f"--{name}", *map(str, value if isinstance(value, (list, tuple)) else [value])]
    return [*words, *flags]
