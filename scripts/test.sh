#!/usr/bin/env bash
# Sets itself up on a bare machine and runs every check: bash scripts/test.sh [arguments for pytest]
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/_setup.sh"

setup_environment dev
cd -- "$SKIM_HF_ROOT"
check "lint" "$PYTHON" -m ruff check .
check "format" "$PYTHON" -m ruff format --check .
check "types" "$PYTHON" -m mypy
# A process per core, of four at most, since each needs about a gigabyte; -n 0 among the arguments runs all in one.
check "tests" "$PYTHON" -m pytest -q -n logical --maxprocesses 4 --dist worksteal "$@"
