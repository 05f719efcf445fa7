"""The torch-free promise, in child processes with nothing loaded before."""

import subprocess
import sys

import pytest

# Packages of the extras and of the command line, and what a model in a folder needs no network for.
HEAVY = [
    *("torch", "transformers", "datasets", "evaluate", "accelerate", "sklearn", "scipy"),
    *("typer", "rich", "pydantic", "huggingface_hub"),
]


def run(code, *arguments):
    subprocess.run([sys.executable, "-c", code, *map(str, arguments)], check=True)


def test_importing_the_runtime_loads_nothing_heavy():
    run(f"import sys, skim_hf.runtime\nfound = set({HEAVY}) & set(sys.modules)\nassert not found, found")


def test_predicting_from_a_folder_loads_nothing_heavy(folder):
    run(
        "import sys\n"
        "from skim_hf.runtime import SkimRuntime\n"
        "clf = SkimRuntime.from_pretrained(sys.argv[1])\n"
        "clf('a good film'), clf.trace('a good film').to_html(), clf.count_operations(['a'])\n"
        f"found = set({HEAVY}) & set(sys.modules)\n"
        "assert not found, found\n",
        folder,
    )


@pytest.mark.parametrize("name", HEAVY)
def test_the_runtime_works_where_a_heavy_package_cannot_be_imported(folder, name):
    run(
        "import sys\n"
        "sys.modules[sys.argv[2]] = None\n"
        "from skim_hf import SkimRuntime\n"
        "SkimRuntime.from_pretrained(sys.argv[1])('a good film')\n",
        folder,
        name,
    )
