#!/usr/bin/env bash
# Sets itself up and runs the whole path on real reviews: train, save, load three ways, compare.
# Options are passed on: bash scripts/quickstart.sh --help
set -euo pipefail
SKIM_HF_STARTED="$(date +%s)"
export SKIM_HF_STARTED
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/_setup.sh
setup_environment quickstart
exec "$PYTHON" scripts/quickstart.py "$@"
