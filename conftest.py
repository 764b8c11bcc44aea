"""What every test has: hypothesis profiles, services by marker, the distribution's Chromium.

A test marked `browser`, `postgres` or `redis` is skipped where that is missing; with `REQUIRE_SERVICES=1` it fails
instead, so that a green run in CI means that everything ran.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from hypothesis import settings as hypothesis_settings

hypothesis_settings.register_profile("dev", deadline=None, derandomize=False, max_examples=50)
hypothesis_settings.register_profile("ci", deadline=None, derandomize=True, max_examples=100)
hypothesis_settings.register_profile("fresh", deadline=None, derandomize=False, max_examples=400, print_blob=True)
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@cache
def chromium() -> str | None:
    """The path of the distribution's Chromium, or `None`."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@cache
def missing_browser() -> str:
    """Why the browser tests cannot run; empty when they can."""
    return "" if chromium() else "no Chromium on the PATH"


@cache
def missing_postgres() -> str:
    """Why the PostgreSQL tests cannot run; empty when they can."""
    url = os.environ.get("TEST_DATABASE_URL")
    if not url:
        return "TEST_DATABASE_URL is not set"
    try:
        psycopg.connect(url, connect_timeout=3).close()
    except psycopg.OperationalError:
        return "PostgreSQL does not answer at TEST_DATABASE_URL"
    return ""


@cache
def missing_redis() -> str:
    """Why the Redis tests cannot run; empty when they can."""
    url = os.environ.get("TEST_REDIS_URL")
    if not url:
        return "TEST_REDIS_URL is not set"
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=3) as client:
            client.ping()
    except redis.RedisError:
        return "Redis does not answer at TEST_REDIS_URL"
    return ""


SERVICES: dict[str, Callable[[], str]] = {
    "browser": missing_browser,
    "postgres": missing_postgres,
    "redis": missing_redis,
}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, or fail where services are required, a test whose service is missing."""
    for marker, missing in SERVICES.items():
        if item.get_closest_marker(marker) is None or not (reason := missing()):
            continue
        if os.environ.get("REQUIRE_SERVICES") == "1":
            pytest.fail(f"REQUIRE_SERVICES=1, and {reason}", pytrace=False)
        pytest.skip(reason)


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """The URL of an empty PostgreSQL database of this test's own, dropped afterwards."""
    server = os.environ["TEST_DATABASE_URL"]
    name = f"strangle_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield urlsplit(server)._replace(path=f"/{name}").geturl()
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def redis_url() -> str:
    """The URL of the Redis the tests may use."""
    return os.environ["TEST_REDIS_URL"]


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Launch the distribution's Chromium; as root it runs only without its sandbox."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    return {**browser_type_launch_args, "executable_path": chromium(), "args": arguments}
