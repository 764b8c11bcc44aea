from __future__ import annotations

import getpass
import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from accounts.models import AuditEvent, User
from accounts.permissions import role_of
from accounts.tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


def _create(*options: str) -> str:
    out = io.StringIO()
    call_command("create_user", "--email", "ann@example.com", *options, stdout=out)
    return out.getvalue()


@pytest.fixture
def password_file(tmp_path: Path) -> str:
    path = tmp_path / "password"
    path.write_text(f"{PASSWORD}\n", encoding="utf-8")
    return str(path)


def test_it_makes_a_user_with_the_password_of_a_file(password_file: str) -> None:
    assert "ann@example.com (operator)" in _create("--role", "operator", "--password-file", password_file)
    user = User.objects.get()
    assert user.check_password(PASSWORD)
    assert role_of(user) == "operator"
    assert AuditEvent.objects.get(action="user.create").source == "command"


def test_it_makes_a_viewer_unless_told_otherwise(password_file: str) -> None:
    _create("--password-file", password_file)
    assert role_of(User.objects.get()) == "viewer"


def test_it_reads_the_password_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
    _create("--password-file", "-")
    assert User.objects.get().check_password(PASSWORD)


def test_it_asks_twice_for_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getpass", lambda prompt: PASSWORD)
    _create()
    assert User.objects.get().check_password(PASSWORD)


def test_two_different_answers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([PASSWORD, "another password 9"])
    monkeypatch.setattr(getpass, "getpass", lambda prompt: next(answers))
    with pytest.raises(CommandError, match="differ"):
        _create()


def test_it_says_what_is_wrong(tmp_path: Path, password_file: str) -> None:
    with pytest.raises(CommandError, match="Cannot read the password"):
        _create("--password-file", str(tmp_path / "absent"))
    Path(password_file).write_text("short", encoding="utf-8")
    with pytest.raises(CommandError, match="8 to 128 characters"):
        _create("--password-file", password_file)
    with pytest.raises(CommandError, match="invalid choice"):
        _create("--role", "emperor", "--password-file", password_file)
    assert not User.objects.exists()


def _ensure() -> str:
    out = io.StringIO()
    call_command("ensure_superuser", stdout=out)
    return out.getvalue()


def test_it_makes_the_first_admin_of_the_settings_once(settings: Settings) -> None:
    settings.INITIAL_SUPERUSER_EMAIL, settings.INITIAL_SUPERUSER_PASSWORD = "root@example.com", PASSWORD
    first, second = _ensure(), _ensure()
    assert first == "Made the admin root@example.com.\n"
    assert second == "root@example.com exists already.\n"
    assert User.objects.get().is_superuser


def test_it_prints_a_generated_password_once(settings: Settings) -> None:
    settings.INITIAL_SUPERUSER_EMAIL, settings.INITIAL_SUPERUSER_PASSWORD = "root@example.com", ""
    printed = _ensure().splitlines()[-1].removeprefix("Password (shown this once): ")
    assert User.objects.get().check_password(printed)
    assert "Password" not in _ensure()


def test_it_names_the_missing_setting(settings: Settings) -> None:
    settings.INITIAL_SUPERUSER_EMAIL = ""
    with pytest.raises(CommandError, match="INITIAL_SUPERUSER_EMAIL"):
        _ensure()


def test_it_refuses_the_placeholder_of_a_template(settings: Settings) -> None:
    settings.INITIAL_SUPERUSER_EMAIL, settings.INITIAL_SUPERUSER_PASSWORD = "root@example.com", "change-me"
    with pytest.raises(CommandError, match="placeholder"):
        _ensure()
