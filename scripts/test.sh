#!/usr/bin/env bash
# Sets itself up on a bare machine and runs every check: bash scripts/test.sh [arguments for pytest]
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/_setup.sh"

setup_environment dev
cd -- "$SKIM_HF_ROOT"
check "lint" "$PYTHON" -m ruff check .
check "format" "$PYTHON" -m ruff format --check .
check "types" "$PYTHON" -m mypy
check "tests" "$PYTHON" -m pytest -q "$@"
