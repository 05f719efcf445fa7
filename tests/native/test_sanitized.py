"""The runtime's C extension under the address and undefined-behaviour sanitizers.

All of it is compiled anew, and the tests of its kernels are run with what comes out in the extension's place.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
NAME = "skim_hf.native._runtime"
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
QUICK = ["tests/native/test_reader.py", "tests/native/test_reader_parts.py"]
ALL = [
    *QUICK,
    "tests/native/test_text.py",
    "tests/runtime/test_fuzz_folders.py",
    "tests/runtime/test_fuzz_texts.py",
    "tests/runtime/test_fuzz_threads.py",
    "tests/runtime/test_native.py",
    "tests/runtime/test_native_readers.py",
]
# What reads beyond the end of an allocation is found; what is never freed belongs to Python, mostly.
OPTIONS = {
    "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=1:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}


@pytest.fixture(scope="module")
def libraries():
    """The sanitizers' libraries, which have to be there before Python is."""
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no gcc")
    found = []
    for name in ("libasan.so", "libubsan.so"):
        command = [compiler, f"-print-file-name={name}"]
        found.append(Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()))
    if not all(path.is_absolute() and path.exists() for path in found):
        pytest.skip("gcc has no sanitizers")
    return " ".join(map(str, found))


def build(folder, *options):
    """Compiles the extension as pyproject.toml says, but for these options."""
    content = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (extension,) = (e for e in content["tool"]["setuptools"]["ext-modules"] if e["name"] == NAME)
    target = folder / f"_runtime{sysconfig.get_config_var('EXT_SUFFIX')}"
    headers = [f"-I{sysconfig.get_path(name)}" for name in ("include", "platinclude")]
    flags = [*extension["extra-compile-args"], *SANITIZERS, "-g", "-fPIC", "-shared", *options]
    subprocess.run(["gcc", *flags, *headers, *extension["sources"], "-o", target], cwd=ROOT, check=True)
    assert b"__asan_report" in target.read_bytes()
    assert b"__ubsan_handle" in target.read_bytes()
    return target


def run(module, libraries, *arguments):
    """Runs pytest in a process in which the sanitized module is the extension."""
    environment = {
        **os.environ,
        **OPTIONS,
        "LD_PRELOAD": libraries,
        "SKIM_HF_TEST_EXTENSION": str(module),
        "PYTHONPATH": os.pathsep.join([str(FOLDER), str(ROOT / "src")]),
    }
    # Not captured, because what is captured is lost where the process is aborted.
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "sanitized_plugin", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=1800
    )


def assert_passed(done):
    said = done.stdout[-5000:] + done.stderr[-10_000:]
    assert done.returncode == 0, said
    assert " passed" in done.stdout, said


def test_kernels(libraries, tmp_path):
    # Not optimised, because that takes most of the time of compiling.
    assert_passed(run(build(tmp_path, "-O0"), libraries, *QUICK))


@pytest.mark.slow
def test_everything_that_reaches_the_extension(libraries, tmp_path):
    assert_passed(run(build(tmp_path, "-O1"), libraries, *ALL))
