"""Runs the command line in this process and in real ones."""

import json
import os
import select
import signal
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from skim_hf.cli.app import app

from ..runtime.conftest import folder, models, shared_models  # noqa: F401, fixtures

SOURCES = Path(__file__).resolve().parents[2] / "src"
ENVIRONMENT = {"PYTHONPATH": str(SOURCES), "OMP_NUM_THREADS": "1", "COLUMNS": "100", "TERM": "xterm"}
PATIENCE = 60
"""Seconds after which what should come at once counts as never coming."""


@pytest.fixture
def cli():
    """Runs a command in this process; gives its exit code, `stdout` and `stderr`."""

    def run(*arguments, **options):
        found = CliRunner(env={"COLUMNS": "100"}).invoke(app, list(map(str, arguments)), **options)
        # Anything else would be a traceback.
        assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
        return found

    return run


@pytest.fixture
def records(cli):
    """Runs a command that succeeds; gives the values of its lines of JSON."""

    def run(*arguments, **options):
        found = cli(*arguments, **options)
        assert found.exit_code == 0, found.stderr
        return [json.loads(line) for line in found.stdout_bytes.decode("utf-8").splitlines()]

    return run


@pytest.fixture
def start():
    """Starts a command in a process of its own, whose streams are pipes unless given."""
    started = []
    # Tests that run in the background of a shell ignore interruptions, which their children would inherit.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def run(*arguments, environment=None, **streams):
        command = [sys.executable, "-m", "skim_hf.cli", *map(os.fspath, arguments)]
        # What the user of the terminal, or another test, has set must not change what is tested.
        foreign = ("NO_COLOR", "SKIM_HF_BACKEND", "HF_HUB_DISABLE_PROGRESS_BARS")
        own = {name: value for name, value in os.environ.items() if name not in foreign}
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        child = subprocess.Popen(
            command, env={**own, **ENVIRONMENT, **(environment or {})}, **{**pipes, **streams}
        )
        started.append(child)
        return child

    yield run
    signal.signal(signal.SIGINT, before)
    for child in started:
        child.kill()
        child.wait()
        for stream in (child.stdin, child.stdout, child.stderr):
            if stream is not None:
                stream.close()


@pytest.fixture
def ask():
    """Sends bytes to a child, and gives the next line that it writes."""

    def send(child, content):
        child.stdin.write(content)
        child.stdin.flush()
        # Unbuffered, or a line that came along with another one would not be seen as waiting.
        assert select.select([child.stdout], [], [], PATIENCE)[0], "nothing came"
        return child.stdout.readline()

    return send


@pytest.fixture
def on_terminal(start):
    """Runs a command whose standard output and error are terminals; gives exit code and what they show."""
    fcntl, pty, termios = map(pytest.importorskip, ("fcntl", "pty", "termios"))

    def run(*arguments, **environment):
        primary, secondary = pty.openpty()
        # Rows and columns; without any, progress bars have no place.
        fcntl.ioctl(secondary, termios.TIOCSWINSZ, struct.pack("4H", 24, 100, 0, 0))
        child = start(
            *arguments,
            environment=environment,
            stdin=subprocess.DEVNULL,
            stdout=secondary,
            stderr=secondary,
        )
        os.close(secondary)
        shown = b""
        try:
            while piece := os.read(primary, 1 << 16):
                shown += piece
        except OSError:
            pass  # how Linux says that the other side has closed the terminal
        os.close(primary)
        return child.wait(PATIENCE), shown.decode("utf-8").replace("\r\n", "\n")

    return run


@pytest.fixture
def write(tmp_path):
    """Writes a file of texts, by columns as its extension says, or of lines."""

    def write_file(name, **columns):
        path = tmp_path / name
        rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        if path.suffix == ".parquet":
            arrow = pytest.importorskip("pyarrow")
            pytest.importorskip("pyarrow.parquet").write_table(arrow.table(columns), path)
            return path
        separator = "\t" if path.suffix == ".tsv" else ","
        lines = {
            ".json": [json.dumps(rows)],
            ".jsonl": map(json.dumps, rows),
            ".txt": next(iter(columns.values())),
        }.get(path.suffix)
        if lines is None:
            lines = [separator.join(columns), *(separator.join(f'"{v}"' for v in r.values()) for r in rows)]
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return path

    return write_file
