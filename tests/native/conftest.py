"""A compiler whose sanitizers work, for the drivers in C."""

import shutil
import subprocess
from pathlib import Path

import pytest

NATIVE = Path(__file__).resolve().parents[2] / "src" / "skim_hf" / "native"
SANITIZERS = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


@pytest.fixture(scope="session")
def compile_sanitized(tmp_path_factory):
    """Compiles C11 sources, after options, into a program that two sanitizers watch."""
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("there is no C compiler")

    def compile_sources(*arguments):
        program = tmp_path_factory.mktemp("driver") / "driver"
        warnings = ("-std=c11", "-Wall", "-Wextra", "-Werror", f"-I{NATIVE}")
        subprocess.run([compiler, *warnings, *SANITIZERS, *arguments, "-lm", "-o", program], check=True)
        return program

    empty = tmp_path_factory.mktemp("empty") / "empty.c"
    empty.write_text("int main(void) { return 0; }\n", encoding="ascii")
    try:
        compile_sources(empty)
    except subprocess.CalledProcessError:
        pytest.skip("the compiler has no sanitizers")
    return compile_sources
