"""The splitter under the address and undefined-behaviour sanitizers, fed with random code points."""

import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent
NATIVE = FOLDER.parents[1] / "src" / "skim_hf" / "native"
SOURCES = [FOLDER / "text_driver.c", *(NATIVE / name for name in ("text.c", "text_state.c", "vocabulary.c"))]


@pytest.fixture(scope="module")
def driver(compile_sanitized):
    return compile_sanitized("-O1", *SOURCES)


@pytest.mark.parametrize("seed", range(3))
def test_random_texts_in_random_pieces(driver, seed):
    done = subprocess.run([driver, str(seed), "1500"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "ok\n"
