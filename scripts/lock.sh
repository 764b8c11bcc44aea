#!/usr/bin/env bash
# Rewrites requirements.txt and requirements-dev.txt from their .in files, with hashes. --upgrade takes newer versions.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

uv=.venv/bin/uv
[ -x "$uv" ] || uv=uv
for name in requirements requirements-dev; do
  "$uv" pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet \
    --output-file "$name.txt" "$@" "$name.in"
done
