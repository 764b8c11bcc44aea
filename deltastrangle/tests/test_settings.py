"""Settings as separate processes see them: roles, layouts, secrets, databases."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from deltastrangle.tests.house import ROOT

SECRETS = {"SECRET_KEY": "s" * 50, "JWT_SECRET_KEY": "j" * 50}
SHOW = "import json; from django.conf import settings; print(json.dumps({expression}, default=str))"


def run(tmp_path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the project with only this environment."""
    base = {"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "deltastrangle.settings"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=base | environment, capture_output=True, text=True, check=False
    )


def show(tmp_path: Path, expression: str, **environment: str) -> object:
    """The value of an expression over `settings`, in a process of its own."""
    result = run(tmp_path, "-c", SHOW.format(expression=expression), **{**SECRETS, **environment})
    assert result.returncode == 0, result.stderr
    value: object = json.loads(result.stdout)
    return value


def test_the_web_does_not_know_the_exchange_keys_even_when_they_are_there(tmp_path: Path) -> None:
    keys = {"DELTA_API_KEY": "key-of-mine", "DELTA_API_SECRET": "secret-of-mine", "DELTA_TESTNET_API_KEY": "test-key"}
    named = "[name for name in dir(settings) if name.startswith('DELTA_') and '_API_' in name]"
    assert show(tmp_path, named, STRANGLE_ROLE="web", **keys) == []
    assert show(tmp_path, "settings.DELTA_API_SECRET", STRANGLE_ROLE="worker", **keys) == "secret-of-mine"
    result = run(tmp_path, "manage.py", "check", STRANGLE_ROLE="web", **SECRETS, **keys)
    assert result.returncode != 0
    assert "deltastrangle.E002" in result.stderr
    assert "secret-of-mine" not in result.stderr
    assert run(tmp_path, "manage.py", "check", STRANGLE_ROLE="worker", **SECRETS, **keys).returncode == 0


@pytest.mark.parametrize("missing", ["SECRET_KEY", "JWT_SECRET_KEY"])
def test_it_does_not_start_without_a_secret(tmp_path: Path, missing: str) -> None:
    given = {name: value for name, value in SECRETS.items() if name != missing}
    result = run(tmp_path, "manage.py", "check", **given)
    assert result.returncode != 0
    assert f"{missing} is not set" in result.stderr


def test_a_second_terminal_finds_the_secrets_of_the_first(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    for name, value in SECRETS.items():
        (tmp_path / "secrets" / name.lower()).write_text(value)
    assert run(tmp_path, "manage.py", "check").returncode == 0


def test_sqlite_is_durable_in_the_worker_and_quick_in_the_web(tmp_path: Path) -> None:
    options = "settings.DATABASES['default']['OPTIONS']"
    web = show(tmp_path, options)
    worker = show(tmp_path, options, STRANGLE_ROLE="worker")
    assert web == {
        "timeout": 5,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
    assert isinstance(worker, dict)
    assert "synchronous=FULL" in worker["init_command"]


def test_a_tokens_life_may_have_the_references_other_name(tmp_path: Path) -> None:
    minutes = "settings.SIMPLE_JWT['ACCESS_TOKEN_LIFETIME'].total_seconds() / 60"
    assert show(tmp_path, minutes, JWT_EXPIRES_MINUTES="5") == 5
    assert show(tmp_path, minutes, JWT_EXPIRES_MINUTES="5", ACCESS_TOKEN_EXPIRE_MINUTES="20") == 20


def test_the_references_list_of_origins_is_understood(tmp_path: Path) -> None:
    assert show(tmp_path, "settings.ALLOWED_ORIGINS", ALLOWED_ORIGINS='["https://desk.example"]') == [
        "https://desk.example"
    ]


def test_installations_that_share_a_redis_keep_apart_by_a_prefix(tmp_path: Path) -> None:
    config = "settings.CHANNEL_LAYERS['default']['CONFIG']['prefix']"
    assert show(tmp_path, config, REDIS_URL="redis://cache:6379/0") == "strangle"
    assert show(tmp_path, config, REDIS_URL="redis://cache:6379/0", REDIS_PREFIX="desk-two") == "desk-two"


def test_redis_and_postgresql_are_a_matter_of_two_urls(tmp_path: Path) -> None:
    given = {"DATABASE_URL": "postgres://u:p@db/strangle", "REDIS_URL": "redis://cache:6379/0"}
    chosen = "[settings.DATABASES['default']['HOST'], settings.CHANNEL_LAYERS['default']['BACKEND']]"
    assert show(tmp_path, chosen, **given) == ["db", "channels_redis.pubsub.RedisPubSubChannelLayer"]
    assert show(tmp_path, "settings.CHANNEL_LAYERS['default']") == {
        "BACKEND": "channels.layers.InMemoryChannelLayer",
        "CONFIG": {"capacity": 1000},
    }


def test_no_call_waits_for_hours_for_a_postgresql_that_is_gone_and_the_url_has_the_last_word(tmp_path: Path) -> None:
    options = "settings.DATABASES['default']['OPTIONS']"
    patient: Any = show(tmp_path, options, DATABASE_URL="postgres://u:p@db/strangle")
    assert (patient["connect_timeout"], patient["tcp_user_timeout"]) == (5, 10_000)
    given: Any = show(tmp_path, options, DATABASE_URL="postgres://u:p@db/strangle?connect_timeout=30&sslmode=require")
    assert (given["connect_timeout"], given["sslmode"], given["keepalives_idle"]) == ("30", "require", 5)


def test_production_passes_the_deployment_checks(tmp_path: Path) -> None:
    given = {"SECURE": "true", "STRANGLE_LAYOUT": "split", "REDIS_URL": "redis://cache:6379/0"}
    secrets = {"SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRS", "JWT_SECRET_KEY": "j" * 50}
    ask = ("check", "--deploy", "--tag", "security", "--fail-level", "WARNING")
    result = run(tmp_path, "manage.py", *ask, **secrets, **given)
    assert result.returncode == 0, result.stderr


def test_the_api_describes_itself_without_a_warning(tmp_path: Path) -> None:
    ask = ("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yaml"))
    result = run(tmp_path, "manage.py", *ask, **SECRETS)
    assert result.returncode == 0, result.stderr


@pytest.mark.skipif(not settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"), reason="about SQLite")
@pytest.mark.django_db
def test_the_connection_has_the_measured_options() -> None:
    with connection.cursor() as cursor:
        journal = cursor.execute("PRAGMA journal_mode").fetchone()
        timeout = cursor.execute("PRAGMA busy_timeout").fetchone()
    assert (journal, timeout) == (("wal",), (5000,))


@pytest.mark.postgres
def test_every_migration_runs_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    result = run(tmp_path, "manage.py", "migrate", "--verbosity", "0", DATABASE_URL=postgres_url, **SECRETS)
    assert result.returncode == 0, result.stderr
    assert run(tmp_path, "manage.py", "migrate", "--check", DATABASE_URL=postgres_url, **SECRETS).returncode == 0


@pytest.mark.redis
async def test_the_channel_layer_of_production_carries_a_message(redis_url: str) -> None:
    from channels_redis.pubsub import RedisPubSubChannelLayer

    layer = RedisPubSubChannelLayer(hosts=[redis_url], prefix="strangle-test")
    try:
        channel = await layer.new_channel()
        await layer.group_add("runtime", channel)
        await layer.group_send("runtime", {"type": "runtime.changed", "sequence": 1})
        assert await layer.receive(channel) == {"type": "runtime.changed", "sequence": 1}
    finally:
        await layer.flush()
