"""Helpers for tests that need a fresh interpreter or the files of the repository."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def root():
    """The root of the repository."""
    return ROOT


@pytest.fixture
def run_python(tmp_path):
    """Runs code in a fresh interpreter and returns what it prints; its failure fails the test."""

    def run(code):
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT / "src"),
            "HF_HOME": str(tmp_path / "hf"),
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
            # What we warn about is a failed registration.
            "PYTHONWARNINGS": "error::RuntimeWarning",
        }
        result = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)],
            env=environment,
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout.strip()

    return run
