"""The code that travels with a model: one flat set of modules, joined by `from .sibling import name`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import skim_hf.modeling
from skim_hf.modeling.auto_map_skim_rnn import AUTO_MAP

PACKAGE = Path(skim_hf.modeling.__file__).parent

_SAVING = "Save the model again with model.save_pretrained(folder), in a process that has imported skim_hf."
# What transformers finds, by the same search of the text: it copies and loads nothing else.
_RELATIVE = re.compile(r"^\s*from\s+\.(\S*)\s+import", re.MULTILINE)
_MODULE = re.compile(r"[A-Za-z_]\w*", re.ASCII)


def full_auto_map(folder: Path, config: Mapping[str, Any]) -> dict[str, str]:
    """The classes of a model's code by Auto class: those that its configuration names, and ours.

    Args:
        folder: Of the saved model; what an older version of its code has not is left out.
        config: What its `config.json` holds.

    Raises:
        ValueError: The configuration's own map is not one of names.
    """
    stored = config.get("auto_map", {})
    if not isinstance(stored, dict) or not all(isinstance(name, str) for name in stored.values()):
        raise ValueError(f"auto_map in config.json must map Auto classes to names; got {stored!r}. {_SAVING}")
    return {**{auto: name for auto, name in AUTO_MAP.items() if _defines(folder, name)}, **stored}


def code_files(folder: Path, config: Mapping[str, Any]) -> dict[str, Path]:
    """Finds the code that a model needs where skim_hf is not installed.

    Args:
        folder: Of the saved model.
        config: What its `config.json` holds.

    Returns:
        The files by name: those of the folder, and what it lacks from the installed package, which is
        done only if the folder's own are of the same version.

    Raises:
        ValueError: Code that is incomplete and of another version, or that transformers could not load.
    """
    found = _closure(_roots(folder, config), folder)
    missing = sorted(name for name, path in found.items() if path.parent == PACKAGE)
    own = sorted(set(found) - set(missing))
    differing = [name for name in own if missing and not _is_of_the_package(found[name])]
    if differing:
        raise ValueError(
            f"{folder} lacks the code {', '.join(missing)}, and its {', '.join(differing)} differ from those "
            f"of the installed skim_hf, so that they cannot be completed from it. {_SAVING}"
        )
    return dict(sorted(found.items()))


def _defines(folder: Path, name: str) -> bool:
    """Whether the folder's code, completed from the package, has a class."""
    module, _, cls = name.partition(".")
    path = folder / f"{module}.py"
    return not path.is_file() or f"\nclass {cls}(" in path.read_text(encoding="utf-8")


def _roots(folder: Path, config: Mapping[str, Any]) -> list[str]:
    """Modules that the configuration names; classes of other repositories have `--` in their names."""
    pipelines = config.get("custom_pipelines", {})
    try:
        names = [*full_auto_map(folder, config).values(), *(entry["impl"] for entry in pipelines.values())]
        return sorted({name.rpartition(".")[0] for name in names if "--" not in name})
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(
            f"custom_pipelines in config.json must map tasks to entries with a class as 'impl'; got "
            f"{pipelines!r}. {_SAVING}"
        ) from error


def _closure(modules: Iterable[str], folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        name = f"{module}.py"
        if name in found:
            continue
        if not _MODULE.fullmatch(module):
            raise ValueError(
                f"The model's code imports or names the module {module!r}, but code on the Hub is one flat "
                "folder of modules joined by `from .sibling import name`."
            )
        path = next((place / name for place in (folder, PACKAGE) if (place / name).is_file()), None)
        if path is None:
            raise ValueError(f"{folder} lacks the code {name}, and skim_hf has no such file. {_SAVING}")
        found[name] = path
        waiting += _RELATIVE.findall(path.read_text(encoding="utf-8"))
    return found


def _is_of_the_package(path: Path) -> bool:
    original = PACKAGE / path.name
    return original.is_file() and original.read_bytes() == path.read_bytes()
