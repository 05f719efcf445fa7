"""Commands that train a model, as one would type them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def training_command(
    fields: Mapping[str, Any], *flags: str, script: str = "run_classification.py"
) -> list[str]:
    """What one types to run a training script.

    Args:
        fields: Options by name; a list gives an option with several values.
        *flags: Options without values, and whatever else comes last.
        script: Which of those beside this file.
    """
    words = [sys.executable, os.path.relpath(Path(__file__).with_name(script))]
    for name, value in fields.items():
        words += [f"--{name}", *map(str, value if isinstance(value, (list, tuple)) else [value])]
    return [*words, *flags]
