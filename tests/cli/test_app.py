"""The command line as a whole: help, version, and what it loads."""

import importlib
import subprocess
import sys

import pytest

import skim_hf
from skim_hf.cli.app import app

COMMANDS = ["predict", "trace", "evaluate", "bench", "info", "card", "push"]
HEAVY = ["torch", "transformers", "datasets", "evaluate", "accelerate", "sklearn", "scipy", "pandas"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(cli, command):
    found = cli(command, "--help")
    assert found.exit_code == 0
    assert f"$ skim-hf {command} " in found.stdout
    # Every option says what it is for.
    rows = [line.strip("│ ").split() for line in found.stdout.splitlines() if line.startswith("│ --")]
    assert rows
    assert all(len(row) > 3 for row in rows)


def test_the_list_of_commands_tells_the_exit_codes(cli):
    found = cli("--help")
    assert all(f"│ {command} " in found.stdout for command in COMMANDS)
    for code in ("0", "1", "2", "3", "130"):
        assert f" {code}  " in found.stdout


def test_the_version(cli):
    assert cli("--version").stdout == f"skim-hf {skim_hf.__version__}\n"


def test_without_a_command_there_is_help(cli):
    found = cli()
    assert "Usage: skim-hf" in found.output
    assert found.exit_code == 2


def test_the_console_script_is_the_app(root_scripts):
    module, _, name = root_scripts["skim-hf"].partition(":")
    assert getattr(importlib.import_module(module), name) is app


def test_help_loads_no_runtime_and_predicting_nothing_heavy(run_python, folder):
    run_python(
        "import sys\n"
        "from skim_hf.cli.app import app\n"
        "later = {'numpy', 'skim_hf.runtime', 'huggingface_hub', 'rich.console'}\n"
        "assert not later & set(sys.modules), later & set(sys.modules)\n"
        "app(['predict', sys.argv[1], 'a film', '--format', 'jsonl'], standalone_mode=False)\n"
        f"found = set({HEAVY}) & set(sys.modules)\n"
        "assert not found, found\n",
        folder,
    )


@pytest.mark.parametrize("name", ["torch", "transformers", "jinja2", "pyarrow"])
def test_predicting_works_where_an_extra_is_missing(run_python, folder, name):
    run_python(
        "import sys\n"
        "sys.modules[sys.argv[2]] = None\n"
        "from skim_hf.cli.app import app\n"
        "app(['predict', sys.argv[1], 'a film'], standalone_mode=False)\n",
        folder,
        name,
    )


@pytest.fixture
def run_python():
    """Runs code in an interpreter that has loaded nothing yet."""

    def run(code, *arguments):
        subprocess.run([sys.executable, "-c", code, *map(str, arguments)], check=True)

    return run


@pytest.fixture
def root_scripts(request):
    """The console scripts of the package."""
    toml = pytest.importorskip("tomllib")
    return toml.loads((request.config.rootpath / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "scripts"
    ]
