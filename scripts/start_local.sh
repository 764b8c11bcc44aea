#!/usr/bin/env bash
# Sets up and runs the whole platform on this machine, trading on the simulated venue.
# PORT (8001), SIMULATED_VENUE_SPEED (60) and everything in docs/configuration.md can be set from outside.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/python_env.sh
source scripts/python_env.sh

PORT=${PORT:-8001}
export SIMULATED_VENUE_SPEED=${SIMULATED_VENUE_SPEED:-60}
export DATA_DIR=${DATA_DIR:-$PWD/data}
# The terminal is for people; logs/backend.log has everything.
export CONSOLE_LOG_LEVEL=${CONSOLE_LOG_LEVEL:-WARNING}
# What is printed shows at once, also in a file or a journal.
export PYTHONUNBUFFERED=1

make_secret() {
  local file=$DATA_DIR/secrets/$1
  [ -s "$file" ] && return
  (umask 077 && mkdir -p "$DATA_DIR/secrets" &&
    .venv/bin/python -c 'import secrets; print(secrets.token_urlsafe(50))' >"$file")
}

port_is_taken() {
  .venv/bin/python - "$PORT" <<'PY'
import socket, sys
try:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", int(sys.argv[1])))
except OSError:
    sys.exit(0)
sys.exit(1)
PY
}

install_locked requirements.txt
if port_is_taken; then
  fail "Port $PORT is taken (is the platform already running?). Choose another: PORT=8002 scripts/start_local.sh"
fi
make_secret secret_key
make_secret jwt_secret_key

echo "Preparing the database ..."
.venv/bin/python manage.py migrate --verbosity 0
.venv/bin/python manage.py collectstatic --noinput --verbosity 0
echo
.venv/bin/python manage.py bootstrap_local
exec .venv/bin/python manage.py serve --host 127.0.0.1 --port "$PORT"
