"""Rules of the source that a reader relies on, checked on its syntax trees."""

import ast
import re
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "skim_hf"
FILES = sorted(PACKAGE.rglob("*.py"))
TRAVELLING = sorted(PACKAGE.glob("modeling/*_skim_rnn.py"))
STANDARD = sys.stdlib_module_names

# Strata have one direction of dependency: what the files of a folder may not import.
HEAVY = ("torch", "transformers", "datasets", "evaluate", "accelerate")
FORBIDDEN = {
    "costs": (*HEAVY, "numpy", "skim_hf.modeling", "skim_hf.training", "skim_hf.runtime"),
    "tables": (*HEAVY, "numpy", "skim_hf.modeling", "skim_hf.training", "skim_hf.runtime", "skim_hf.results"),
    "runtime": (*HEAVY, "skim_hf.modeling", "skim_hf.training", "skim_hf.results", "skim_hf.hub"),
    "hub": (*HEAVY, "skim_hf.training"),
    "results": (*HEAVY, "skim_hf.modeling", "skim_hf.training", "skim_hf.hub"),
    "cli": (*HEAVY, "skim_hf.modeling", "skim_hf.training"),
    "modeling": ("skim_hf.training", "skim_hf.runtime", "skim_hf.costs", "skim_hf.results", "skim_hf.hub"),
}


def name_of(path):
    return str(path.relative_to(PACKAGE))


def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports_of(path):
    """Absolute names of all modules that a file imports, also inside functions."""
    package = ("skim_hf", *path.relative_to(PACKAGE).parent.parts)
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [*package[: len(package) + 1 - node.level]] if node.level else []
            base += [node.module] if node.module else []
            # `from package import module` may name a module as well.
            yield ".".join(base)
            yield from (".".join([*base, alias.name]) for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_the_library_neither_prints_nor_asserts(path):
    for node in ast.walk(tree_of(path)):
        assert not isinstance(node, ast.Assert), f"assert in line {node.lineno}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"print", "breakpoint"}, f"{node.func.id} in line {node.lineno}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_module_says_what_it_is_for(path):
    assert ast.get_docstring(tree_of(path))


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_dependencies_have_one_direction(folder):
    for path in sorted((PACKAGE / folder).rglob("*.py")):
        for module in imports_of(path):
            for forbidden in FORBIDDEN[folder]:
                assert module != forbidden, f"{name_of(path)} imports {module}"
                assert not module.startswith(forbidden + "."), f"{name_of(path)} imports {module}"


def test_costs_need_nothing_but_python():
    for path in sorted((PACKAGE / "costs").rglob("*.py")):
        for module in imports_of(path):
            assert module.split(".")[0] in STANDARD or module.startswith("skim_hf.costs"), module


def test_the_files_that_travel_are_all_there_is_in_their_folder():
    others = {path.name for path in (PACKAGE / "modeling").glob("*.py")} - {p.name for p in TRAVELLING}
    assert others <= {"__init__.py"}
    assert not [path for path in (PACKAGE / "modeling").rglob("*.py") if path.parent.name != "modeling"]


@pytest.mark.parametrize("path", TRAVELLING, ids=name_of)
def test_travelling_files_import_only_what_the_hub_can_resolve(path):
    siblings = {sibling.stem for sibling in TRAVELLING}
    tree = tree_of(path)
    # What a file tries to import, and does without, it may name.
    tried = [n for t in ast.walk(tree) if isinstance(t, ast.Try) for b in t.body for n in ast.walk(b)]
    for node in ast.walk(tree):
        allowed = {"torch", "transformers"} | STANDARD | ({"triton"} if node in tried else set())
        if isinstance(node, ast.Import):
            for alias in node.names:
                assert alias.name.split(".")[0] in allowed, f"line {node.lineno} imports {alias.name}"
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            assert node.module.split(".")[0] in allowed, f"line {node.lineno} imports {node.module}"
        elif isinstance(node, ast.ImportFrom):
            # `from . import x` is not copied when a model is saved, and deeper names break saving.
            assert node.level == 1, f"line {node.lineno} leaves the folder"
            assert node.module in siblings, f"line {node.lineno} is not `from .sibling import name`"


@pytest.mark.parametrize("path", TRAVELLING, ids=name_of)
def test_text_that_looks_like_an_import_is_one(path):
    # transformers searches the text for relative imports, docstrings included.
    looks = re.findall(r"^\s*from\s+\.(\S+)\s+import", path.read_text(encoding="utf-8"), re.MULTILINE)
    nodes = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.ImportFrom) and node.level]
    assert sorted(looks) == sorted(node.module or "" for node in nodes)


def test_the_models_file_keeps_its_annotations():
    # transformers reads the class annotation `config: SkimRNNConfig`, which would become a string.
    path = PACKAGE / "modeling" / "pretrained_skim_rnn.py"
    assert "__future__.annotations" not in set(imports_of(path))
