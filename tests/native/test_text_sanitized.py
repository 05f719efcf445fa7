"""The splitter under the address and undefined-behaviour sanitizers, fed with random code points."""

import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent
NATIVE = FOLDER.parents[1] / "src" / "skim_hf" / "native"
SOURCES = [FOLDER / "text_driver.c", *(NATIVE / name for name in ("text.c", "text_state.c", "vocabulary.c"))]
OPTIONS = ["-std=c11", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("there is no C compiler")
    folder = tmp_path_factory.mktemp("driver")
    empty = folder / "empty.c"
    empty.write_text("int main(void) { return 0; }\n", encoding="ascii")
    program = folder / "driver"
    if subprocess.run([compiler, *OPTIONS, empty, "-o", program], capture_output=True).returncode:
        pytest.skip("the compiler has no sanitizers")
    warnings = ["-Wall", "-Wextra", "-Werror", f"-I{NATIVE}"]
    subprocess.run([compiler, *OPTIONS, *warnings, *SOURCES, "-o", program], check=True)
    return program


@pytest.mark.parametrize("seed", range(3))
def test_random_texts_in_random_pieces(driver, seed):
    done = subprocess.run([driver, str(seed), "1500"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "ok\n"
