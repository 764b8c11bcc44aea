# Sourced by the other scripts: makes .venv and keeps it in step with a locked requirements file.

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

# The newest Python of 3.11 or later on the PATH.
find_python() {
  local candidate
  for candidate in python3 python3.13 python3.12 python3.11; do
    if command -v "$candidate" >/dev/null 2>&1 &&
      "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  fail "Python 3.11 or newer is needed; found: $(python3 --version 2>&1 || echo none)."
}

create_venv() {
  local python
  python=$(find_python)
  if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
      echo "Installing python3-venv ..."
      apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null
    else
      fail "Python's venv module is missing. On Debian or Ubuntu: sudo apt-get install python3-venv"
    fi
  fi
  echo "Creating .venv with $("$python" --version) ..."
  "$python" -m venv .venv
}

# install_locked FILE: installs FILE into .venv unless that very file was installed before.
install_locked() {
  local file=$1 stamp=.venv/installed-$1.sha256 digest
  [ -x .venv/bin/python ] || create_venv
  digest=$(.venv/bin/python -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$file")
  if [ "$(cat "$stamp" 2>/dev/null)" = "$digest" ]; then
    return
  fi
  echo "Installing $file (once, a minute or two) ..."
  # Doubly quiet, for errors only: some indexes come with a warning for every package.
  .venv/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r "$file"
  echo "$digest" >"$stamp"
}
