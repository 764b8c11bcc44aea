"""Reading the environment: types, files, and messages that name the variable and keep its content to themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from deltastrangle import env


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (env.env_str, " words ", "words"),
        (env.env_bool, "Yes", True),
        (env.env_bool, "0", False),
        (env.env_int, "42", 42),
        (env.env_float, "0.25", 0.25),
        (env.env_list, "a, b,,c", ["a", "b", "c"]),
        (env.env_list, '["http://a", " http://b ", ""]', ["http://a", "http://b"]),
        (env.env_list, "[::1]", ["[::1]"]),
        (env.env_secret, "s3cret", "s3cret"),
    ],
)
def test_it_reads_each_type(
    monkeypatch: pytest.MonkeyPatch, read: Callable[..., Any], text: str, value: object
) -> None:
    monkeypatch.setenv("THING", text)
    assert read("THING") == value


@pytest.mark.parametrize(
    ("read", "text", "expected"),
    [
        (env.env_bool, "perhaps", "THING must be true or false"),
        (env.env_int, "1.5", "THING must be a whole number"),
        (env.env_float, "fast", "THING must be a number"),
        (lambda name: env.env_str(name, choices=("a", "b")), "c", "THING must be one of a, b"),
    ],
)
def test_it_names_the_variable_and_not_its_content(
    monkeypatch: pytest.MonkeyPatch, read: Callable[[str], object], text: str, expected: str
) -> None:
    monkeypatch.setenv("THING", text)
    with pytest.raises(ImproperlyConfigured) as caught:
        read("THING")
    assert str(caught.value) == expected


def test_an_empty_value_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THING", "  ")
    assert env.env_int("THING", 7) == 7
    assert env.env_secret("THING") is None


def test_it_reads_a_value_from_the_file_a_container_mounts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "thing").write_text("from the file\n")
    monkeypatch.setenv("THING_FILE", str(tmp_path / "thing"))
    assert env.env_secret("THING") == "from the file"
    monkeypatch.setenv("THING", "from the variable")
    assert env.env_secret("THING") == "from the variable"


def test_it_says_which_file_it_cannot_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("THING_FILE", str(tmp_path / "gone"))
    with pytest.raises(ImproperlyConfigured, match=r"THING_FILE: cannot read .*gone"):
        env.env_secret("THING")


def test_it_finds_the_secrets_start_local_keeps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JWT_SECRET_KEY", raising=False)
    (tmp_path / "jwt_secret_key").write_text("kept\n")
    assert env.require_secret("JWT_SECRET_KEY", directory=tmp_path, debug=False) == "kept"


def test_a_missing_secret_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JWT_SECRET_KEY", raising=False)
    with pytest.raises(ImproperlyConfigured, match=r"Set JWT_SECRET_KEY or JWT_SECRET_KEY_FILE, or run .*start_local"):
        env.require_secret("JWT_SECRET_KEY", directory=tmp_path, debug=False)
    assert env.require_secret("JWT_SECRET_KEY", directory=tmp_path, debug=True).startswith("debug-only-")


def test_a_relative_path_becomes_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("THING", "data")
    assert env.env_path("THING", Path("/elsewhere")) == tmp_path / "data"


def test_it_parses_a_postgresql_url() -> None:
    url = "postgres://trader:p%40ss%2Fword@db.example:6432/strangle?sslmode=require"
    assert env.parse_database_url(url) == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "strangle",
        "USER": "trader",
        "PASSWORD": "p@ss/word",
        "HOST": "db.example",
        "PORT": "6432",
        "OPTIONS": {"sslmode": "require"},
    }


def test_it_parses_sqlite_urls_as_everyone_does(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert env.parse_database_url("sqlite:///a.db")["NAME"] == str(tmp_path / "a.db")
    assert env.parse_database_url("sqlite:////var/lib/a.db")["NAME"] == "/var/lib/a.db"


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:hidden@h/n",
        "sqlite+aiosqlite:///./a.db",
        "postgres://u:hidden@h:port/n",
        "postgres://u:hidden@h",
        "a.db",
    ],
)
def test_it_refuses_another_url_without_showing_the_password(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL") as caught:
        env.parse_database_url(url)
    assert "hidden" not in str(caught.value)


@given(st.lists(st.text(st.characters(blacklist_characters=",", blacklist_categories=("Cs", "Cc")), min_size=1)))
def test_a_list_survives_being_written_with_commas(words: list[str]) -> None:
    stripped = [word.strip() for word in words if word.strip()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THING", " , ".join(stripped))
        assert env.env_list("THING") == stripped


@pytest.mark.parametrize(("text", "rate"), [("5/s", "5/s"), ("30/min", "30/min"), ("off", None), ("", "9/h")])
def test_a_rate_is_a_number_per_time_or_off(monkeypatch: pytest.MonkeyPatch, text: str, rate: str | None) -> None:
    monkeypatch.setenv("A_RATE", text)
    assert env.env_rate("A_RATE", "9/h") == rate


@pytest.mark.parametrize("text", ["30", "0/min", "5/week", "-1/s", "5/min/s"])
def test_what_is_no_rate_stops_the_start(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("A_RATE", text)
    with pytest.raises(ImproperlyConfigured, match="A_RATE must be a rate"):
        env.env_rate("A_RATE", "9/h")
