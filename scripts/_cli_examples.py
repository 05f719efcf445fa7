"""What the README shows of the command line: commands, and what they print for the quickstart's model.

python scripts/_cli_examples.py outputs/skim-lstm-imdb outputs/cli.json
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

from _report_latency import load

from skim_hf.results import command_line, describe_machine, write_json

# Typed in a shell; {model} is the folder.
COMMANDS = (
    'skim-hf predict {model} "Funny and moving, one of the best films of the year." "Dull." --format table',
    'echo "I loved every minute." | skim-hf predict {model}',
    'NO_COLOR=1 skim-hf trace {model} "The trailer was great. The film itself is a dull waste of two hours."',
)
# The command as it is in this environment, installed or not.
_SHELL = 'skim-hf() {{ {python} -m skim_hf.cli "$@"; }}; {command}'


def write_examples(model: Path, path: Path) -> None:
    """Runs the commands and keeps them with their output.

    Args:
        model: Folder of the quickstart's skimming model.
        path: The result file.
    """
    commands = [command.format(model=shlex.quote(str(model))) for command in COMMANDS]
    examples = [{"command": command, "output": _run(command)} for command in commands]
    write_json(path, {"examples": examples, "machine": describe_machine(), "command": command_line()})


def render_examples(path: Path) -> str:
    """A code block of commands and what they print.

    Args:
        path: A `cli.json`.
    """
    shown = "".join(f"$ {example['command']}\n{example['output']}" for example in load(path)["examples"])
    return f"```console\n{shown}```"


def _run(command: str) -> str:
    line = _SHELL.format(python=shlex.quote(sys.executable), command=command)
    environment = {**os.environ, "COLUMNS": "100"}
    done = subprocess.run(["bash", "-c", line], env=environment, stdout=subprocess.PIPE, check=True)
    return done.stdout.decode("utf-8")


if __name__ == "__main__":
    write_examples(*map(Path, sys.argv[1:3]))
