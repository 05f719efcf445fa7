# Sourced by the other scripts: finds Python, makes a virtual environment and installs skim_hf into it.
#
#     source "$(dirname -- "${BASH_SOURCE[0]}")/_setup.sh"
#     setup_environment dev
#
# Afterwards $PYTHON is that environment's interpreter, its commands come first on PATH, and
# $SKIM_HF_ROOT is the root of the repository. Choices of the caller:
#     SKIM_HF_VENV    folder of the environment to use or make
#     VIRTUAL_ENV     an active environment, used if SKIM_HF_VENV is not set
#     SKIM_HF_PYTHON  the interpreter that makes a new environment
# Without the first two the environment is .venv in the root of the repository.

SKIM_HF_ROOT="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"

# The package runs on Python 3.10; the versions pinned in constraints.txt do not.
readonly OLDEST_PYTHON="3.11"

readonly IMPORTED="
import datasets, evaluate
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline
from skim_hf import SkimRuntime, SkimTrainer
from skim_hf.training import build_tokenizer, new_classifier
"

say() { printf '== %s\n' "$*"; }

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Runs a command under a name that its failure is reported by.
check() {
    local name="$1"
    shift
    say "$name"
    "$@" || fail "$name failed; to run it alone: $*"
}

is_new_enough() {
    "$1" -c "import sys; sys.exit(sys.version_info < tuple(map(int, '$OLDEST_PYTHON'.split('.'))))" 2>/dev/null
}

find_python() {
    local candidate
    for candidate in "${SKIM_HF_PYTHON:-python3}" python3.13 python3.12 python3.11 python; do
        if is_new_enough "$candidate"; then
            printf '%s\n' "$candidate"
            return 0
        fi
    done
    return 1
}

# Makes the environment in folder $1, unless it is there and complete.
make_environment() {
    local python
    if "$1/bin/python" -c 'import pip' 2>/dev/null; then
        return 0
    fi
    if [ "$1" = "${VIRTUAL_ENV:-}" ]; then
        fail "the active environment $1 has no pip; run: python -m ensurepip, or deactivate it"
    fi
    python="$(find_python)" ||
        fail "no Python $OLDEST_PYTHON or newer found; install one, or name it in SKIM_HF_PYTHON"
    say "making a virtual environment in $1"
    "$python" -m venv "$1" ||
        fail "$python could not make a virtual environment; on Debian and Ubuntu install python3-venv"
}

# Prints what an installation depends on; an environment that has seen it needs no other.
fingerprint() {
    "$PYTHON" - "$SKIM_HF_ROOT" <<'PROGRAM'
import hashlib, pathlib, sys

root = pathlib.Path(sys.argv[1])
digest = hashlib.sha256(f"{root} {sys.version}".encode())
compiled = sorted((root / "src/skim_hf/native").glob("*.[ch]"))
for path in (root / "pyproject.toml", root / "constraints.txt", *compiled):
    digest.update(path.read_bytes())
print(digest.hexdigest())
PROGRAM
}

install_package() {
    say "installing skim-hf[$1]; the first time takes a few minutes"
    (
        cd -- "$SKIM_HF_ROOT" || exit 1
        # The build backend goes first and is used as installed, so that constraints.txt holds for it too.
        "$PYTHON" -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt setuptools &&
            "$PYTHON" -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt \
                --no-build-isolation -e ".[$1]"
    ) || fail "installing skim-hf[$1] failed; pip says above why"
    # Compiling every module of every package takes longer than the rest of the installation, and most
    # are never imported. One import compiles those that are, also where the environment forbids it.
    PYTHONDONTWRITEBYTECODE='' "$PYTHON" -c "$IMPORTED" || fail "what was installed cannot be imported"
}

setup_environment() {
    local extra="$1" venv stamp wanted
    venv="${SKIM_HF_VENV:-${VIRTUAL_ENV:-$SKIM_HF_ROOT/.venv}}"
    case "$venv" in
        /*) ;;
        *) venv="$PWD/$venv" ;;
    esac
    make_environment "$venv"
    PYTHON="$venv/bin/python"
    is_new_enough "$PYTHON" ||
        fail "the environment $venv has an older Python than $OLDEST_PYTHON; set SKIM_HF_VENV to another folder"
    stamp="$venv/.skim-hf-$extra"
    wanted="$(fingerprint)" || fail "pyproject.toml, constraints.txt or src/skim_hf/native of $SKIM_HF_ROOT cannot be read"
    if [ "$(cat -- "$stamp" 2>/dev/null)" != "$wanted" ]; then
        install_package "$extra"
        printf '%s\n' "$wanted" >"$stamp"
    fi
    export VIRTUAL_ENV="$venv" PATH="$venv/bin:$PATH"
}
