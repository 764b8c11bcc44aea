"""The settings of the test run: production's, with test secrets and a data directory that goes away.

The environment is set before `deltastrangle.settings` reads it, and whatever the developer's shell says about
databases, Redis or exchange keys is dropped first, so that no test can touch them.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

DATA = tempfile.mkdtemp(prefix="strangle-tests-")
OWNER = os.getpid()


def _remove() -> None:
    # A forked child must not take its parent's directory with it.
    if os.getpid() == OWNER:
        shutil.rmtree(DATA, ignore_errors=True)


atexit.register(_remove)

OURS = (
    "DATABASE_URL",
    "REDIS_URL",
    "DELTA_",
    "SIMULATED_VENUE_",
    "ENGINE_",
    "STRANGLE_",
    "INITIAL_SUPERUSER_",
    "ALERT_",
    "GATE_",
    "BACKEND_LOG_",
    "LOG_INGEST_",
)
for name in [name for name in os.environ if name.startswith(OURS)]:
    del os.environ[name]

os.environ.update(
    DEBUG="false",
    SECRET_KEY="test-secret-key-of-fifty-characters-or-more-for-signing",
    JWT_SECRET_KEY="test-jwt-secret-key-of-fifty-characters-or-more-for-hs256",
    DATA_DIR=DATA,
    BACKEND_LOG_PATH=os.path.join(DATA, "logs", "backend.log"),
    STATIC_MANIFEST="false",
    SQLITE_SYNCHRONOUS="OFF",
    ALERT_WORKER_SILENT_SECONDS="0",
    BACKEND_LOG_INGEST_ENABLED="false",
)
if os.environ.get("SUITE_ON_POSTGRES") and os.environ.get("TEST_DATABASE_URL"):
    os.environ["DATABASE_URL"] = os.environ["TEST_DATABASE_URL"]

from deltastrangle.settings import *  # noqa: E402, F403
from deltastrangle.settings import ALLOWED_HOSTS, DATABASES  # noqa: E402

ALLOWED_HOSTS += ["testserver"]
# Tests sign in and command more often than any operator; those of the throttles set their own.
API_LOGIN_RATE = API_CONTROL_RATE = LOG_INGEST_RATE = None
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, as in production: an in-memory database shared by threads locks tables instead of waiting.
    DATABASES["default"]["TEST"] = {"NAME": os.path.join(DATA, "test.sqlite3")}
