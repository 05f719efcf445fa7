"""The readers' C kernels against each other without Python: here under sanitizers, and for arm64 emulated."""

import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent
NATIVE = FOLDER.parents[1] / "src" / "skim_hf" / "native"
SOURCES = [
    FOLDER / "reader_driver.c",
    *(NATIVE / name for name in ("model.c", "model_memory.c", "model_state.c", "model_walk.c")),
    *sorted(NATIVE.glob("reader_*.c")),
]
ARM, EMULATOR = "aarch64-linux-gnu-gcc", "qemu-aarch64"


def compile_driver(compiler, folder, *options, sources=SOURCES):
    program = folder / "driver"
    warnings = ["-std=c11", "-Wall", "-Wextra", "-Werror", f"-I{NATIVE}"]
    subprocess.run([compiler, *warnings, *options, *sources, "-lm", "-o", program], check=True)
    return program


def checked(*command):
    """The best kernels, and all that the driver has checked."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    best, names = done.stdout.split(":")
    return best, names.split()


@pytest.fixture(scope="module")
def driver(compile_sanitized):
    return compile_sanitized("-O0", *SOURCES)


@pytest.fixture(scope="module")
def arm_driver(tmp_path_factory):
    if not (shutil.which(ARM) and shutil.which(EMULATOR)):
        pytest.skip(f"{ARM} and {EMULATOR} are not both installed")
    # As the extension is compiled, but static: the emulator has no libraries of that processor to offer.
    options = ["-O3", "-fno-math-errno", "-fno-trapping-math", "-static"]
    return compile_driver(ARM, tmp_path_factory.mktemp("arm"), *options)


@pytest.mark.parametrize("seed", range(3))
def test_all_kernels_of_this_processor_agree(driver, seed):
    best, names = checked(driver, str(seed))
    assert names[0] == "portable"
    assert best == names[-1]


@pytest.mark.parametrize(
    ("processor", "names"),
    [("max", ["portable", "neon", "neon_dot"]), ("cortex-a53", ["portable", "neon"])],
)
@pytest.mark.parametrize("seed", range(2))
def test_an_arm_processor_takes_the_best_that_it_has(arm_driver, processor, names, seed):
    assert checked(EMULATOR, "-cpu", processor, arm_driver, str(seed)) == (names[-1], names)


@pytest.mark.parametrize("source", ["reader_layout.c", "reader_neon_dot.c", "scan_portable.c", "scan_avx2.c"])
@pytest.mark.parametrize("architecture", ["armv8-a", "armv8.2-a+dotprod", "armv9-a"])
def test_sources_compile_for_arm_without_a_warning(tmp_path, source, architecture):
    if not shutil.which(ARM):
        pytest.skip(f"{ARM} is not installed")
    options = ["-O1", "-fopenmp-simd", "-c", f"-march={architecture}"]
    compile_driver(ARM, tmp_path, *options, sources=[NATIVE / source])
