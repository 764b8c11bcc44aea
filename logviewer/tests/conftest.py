"""A log file to write to, callers of the API, and the browser and the site of the live page's tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import Group
from rest_framework.test import APIClient

from accounts.models import User
from trading.tests.test_browser_live import browser, complaints, page  # noqa: F401 - fixtures


@pytest.fixture
def log_path(tmp_path: Path) -> Path:
    """Where the log of this test is; nothing is there yet."""
    return tmp_path / "backend.log"


def a_user(role: str = "viewer") -> User:
    """A user of a role, or of none."""
    user = User.objects.create_user(email=f"{role or 'nobody'}@example.com", password="correct horse battery")
    if role:
        user.groups.add(Group.objects.get(name=role))
    return user


@pytest.fixture
def api() -> APIClient:
    """A program of a viewer."""
    client = APIClient()
    client.force_authenticate(a_user())
    return client
