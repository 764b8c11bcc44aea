#!/usr/bin/env bash
# Style, types and tests. Arguments go to pytest: scripts/test.sh accounts -k lockout
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/python_env.sh
source scripts/python_env.sh

install_locked requirements-dev.txt

.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy .
.venv/bin/python -m pytest -n "${TEST_PROCESSES:-$(($(nproc) + 1))}" "$@"
